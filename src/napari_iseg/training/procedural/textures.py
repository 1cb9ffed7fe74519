"""Surfaces of things: a colour with noise, stripes, spots, checks or a shade on it."""

from __future__ import annotations

import numpy as np

from napari_iseg.training.procedural.fields import fractal, log_uniform, smooth

__all__ = ["colour", "texture"]


def colour(rng: np.random.Generator) -> np.ndarray:
    """Return an RGB colour, (3,) float32 in [0, 1]; a third of them are greys."""
    value = rng.uniform(0.05, 0.95) + rng.normal(0, rng.choice((0.0, 0.1, 0.25)), 3)
    return np.clip(value, 0.02, 0.98).astype(np.float32)


def texture(rng: np.random.Generator, shape: tuple[int, int], base: np.ndarray | None = None) -> np.ndarray:
    """Return a surface.

    Parameters
    ----------
    shape
        Rows and columns.
    base
        Its colour, (3,); None for any.

    Returns
    -------
    numpy.ndarray
        (rows, columns, 3) float32, about [0, 1].
    """
    base = colour(rng) if base is None else base
    pattern = _PATTERNS[int(rng.choice(len(_PATTERNS), p=_SHARES))](rng, shape)
    other = colour(rng) if rng.random() < 0.4 else np.clip(base * rng.uniform(0.3, 1.7), 0, 1)
    strength = rng.uniform(0.05, 0.6)
    surface = base + (strength * pattern)[..., None] * (other - base).astype(np.float32)
    if rng.random() < 0.6:
        # Light falls from one side.
        rows, _ = _turned(rng, shape)
        shade = 1 + rng.uniform(0, 0.6) / max(shape) * rows
        surface *= shade[..., None]
    return surface


def _turned(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns around the middle after a random turn."""
    angle = rng.uniform(0, 2 * np.pi)
    down = (np.arange(shape[0], dtype=np.float32) - shape[0] / 2)[:, None]
    across = (np.arange(shape[1], dtype=np.float32) - shape[1] / 2)[None]
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * down + sin * across, cos * across - sin * down


def _rough(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.clip(0.5 * fractal(rng, shape, log_uniform(rng, 2, 0.6 * max(shape) + 3)), -1.5, 1.5)


def _flat(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return 0.3 * smooth(rng, shape, max(shape) / 2)


def _stripes(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    rows, _ = _turned(rng, shape)
    period = log_uniform(rng, 4, 30)
    bend = smooth(rng, shape, max(shape) / 3) * float(rng.choice((0.0, 1.0, 2.5)))
    waves = np.sin(rows * np.float32(2 * np.pi / period) + np.float32(bend))
    return np.sign(waves) * 0.7 if rng.random() < 0.4 else waves


def _checks(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    rows, columns = _turned(rng, shape)
    period = log_uniform(rng, 4, 24)
    return 0.7 * np.sign(np.sin(rows * np.float32(np.pi / period)) * np.sin(columns * np.float32(np.pi / period)))


def _spots(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    field = smooth(rng, shape, log_uniform(rng, 3, 16))
    return (field > rng.uniform(0.3, 1.2)).astype(np.float32)


def _grain(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Return wood- or hair-like streaks: noise that is long in one direction."""
    streaks = smooth(rng, (shape[0], max(shape[1] // int(rng.integers(4, 12)), 1)), 2)
    wide = np.repeat(streaks, -(-shape[1] // streaks.shape[1]), axis=1)[:, : shape[1]]
    return 0.6 * (wide if rng.random() < 0.5 or shape[0] != shape[1] else wide.T)


_PATTERNS = (_rough, _flat, _stripes, _checks, _spots, _grain)
_SHARES = (0.4, 0.25, 0.12, 0.05, 0.1, 0.08)
