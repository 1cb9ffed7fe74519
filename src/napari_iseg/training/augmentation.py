"""Random changes of a crop that leave its objects what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["augment"]


def augment(rgb: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Flip, turn and recolour a crop; one that is not square is only turned upside down.

    Parameters
    ----------
    rgb
        (H, W, 3) float32 in [0, 1].
    target
        (H, W) or (H, W, maps) of any dtype, moved with the image.

    Returns
    -------
    tuple
        New arrays of the same shapes and dtypes.
    """
    if rng.random() < 0.5:
        rgb, target = rgb[:, ::-1], target[:, ::-1]
    if rng.random() < 0.3:
        turns = int(rng.integers(1, 4)) if rgb.shape[0] == rgb.shape[1] else 2
        rgb, target = np.rot90(rgb, turns), np.rot90(target, turns)
    for share, change in _CHANGES:
        if rng.random() < share:
            rgb = change(rgb, rng)
    return np.clip(rgb, 0, 1).astype(np.float32), target


def _contrast(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    mean = rgb.mean()
    return (rgb - mean) * rng.uniform(0.6, 1.4) + mean + rng.uniform(-0.2, 0.2)


def _gamma(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(rgb, 0, 1) ** np.exp(rng.uniform(-0.6, 0.6))


def _shift(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rgb + rng.normal(0, 0.05, 3)


def _mix(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make it grey, or swap its channels: microscopes colour by filter, not by nature."""
    if rng.random() < 0.6:
        return np.repeat((rgb @ rng.dirichlet((2, 2, 2)))[..., None], 3, axis=2)
    return rgb[..., rng.permutation(3)]


def _invert(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 1 - rgb


def _noise(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rgb + rng.normal(0, rng.uniform(0.01, 0.08), (*rgb.shape[:2], 1))


def _blur(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sigma = rng.uniform(0.3, 1.2)
    return ndimage.gaussian_filter(rgb, (sigma, sigma, 0))


_CHANGES: tuple[tuple[float, Callable[[np.ndarray, np.random.Generator], np.ndarray]], ...] = (
    (0.7, _contrast),
    (0.3, _gamma),
    (0.3, _shift),
    (0.25, _mix),
    (0.1, _invert),
    (0.2, _noise),
    (0.15, _blur),
)
