"""Heads as magnetic resonance shows them: scalp, skull, brain, its structures, lesions and tumours."""

from __future__ import annotations

import numpy as np

from napari_iseg.training.procedural.fields import fractal, grid, log_uniform, smooth
from napari_iseg.training.procedural.generated import GeneratedImage, nested
from napari_iseg.training.procedural.outlines import Canvas, blob
from napari_iseg.training.procedural.phantoms import Placing, scanned

__all__ = ["head"]

_AIR, _SCALP, _SKULL, _FLUID, _GREY, _WHITE, _VENTRICLE, _DEEP, _LESION, _OEDEMA, _CORE = range(11)

# Rows: T1, T2, FLAIR, proton density; columns: the tissues above.
_SIGNALS = np.array(
    (
        (0.01, 0.85, 0.10, 0.12, 0.48, 0.72, 0.10, 0.55, 0.40, 0.38, 0.80),
        (0.01, 0.60, 0.08, 0.95, 0.55, 0.38, 0.98, 0.45, 0.80, 0.85, 0.65),
        (0.01, 0.55, 0.06, 0.08, 0.55, 0.44, 0.06, 0.50, 0.90, 0.85, 0.70),
        (0.01, 0.70, 0.10, 0.75, 0.72, 0.55, 0.78, 0.65, 0.80, 0.82, 0.75),
    )
)


def head(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw a slice of a head. Whole: the brain, or the head with it; parts: grey and white matter, ventricles and more.

    Parts are the ventricles, deep nuclei, lesions, a tumour's core and oedema, the white matter and the cortex.
    """
    radius = size * log_uniform(rng, 0.22, 0.62)
    centre = size / 2 + rng.normal(0, 0.08 * size, 2)
    place = Placing(centre, radius, rng.normal(0, 0.15) + rng.integers(4) * (np.pi / 2) * (rng.random() < 0.3))
    long, short = 1.0, rng.uniform(0.75, 0.95)
    canvas, parts = Canvas(size), Canvas(size)
    stripped = rng.random() < 0.4
    shell = blob(rng, np.zeros(2), (long, short), wobble=0.02, points=72)
    brain = shell * rng.uniform(0.82, 0.88)
    if not stripped:
        canvas.fill(place(shell), _SCALP)
        canvas.fill(place(shell * 0.95), _SKULL)
        canvas.fill(place(shell * rng.uniform(0.88, 0.91)), _FLUID)
    outline = Canvas(size)
    outline.fill(place(brain), 1)
    inside = outline.numbers > 0
    tissue = _folded(rng, place, brain, canvas.numbers, inside)
    number = _structures(rng, size, place, parts, tissue, inside)
    numbers = parts.numbers
    numbers[~inside] = 0
    _add_cortex(tissue, numbers, number)
    wholes = inside.astype(np.int32)
    if not stripped and rng.random() < 0.5:
        wholes = (canvas.numbers > 0).astype(np.int32)
    signals = _SIGNALS[rng.integers(len(_SIGNALS))] * rng.uniform(0.8, 1.1) + rng.normal(0, 0.03, _SIGNALS.shape[1])
    image = scanned(rng, tissue, np.maximum(signals, 0), fine=radius / 60)
    return nested(image, wholes, numbers, rest=False)


def _folded(
    rng: np.random.Generator, place: Placing, brain: np.ndarray, around: np.ndarray, inside: np.ndarray
) -> np.ndarray:
    """Return tissue numbers with white matter, a folded cortex and fluid in its furrows."""
    size = len(inside)
    rows, columns = grid(size)
    back = np.stack([rows - np.float32(place.centre[0]), columns - np.float32(place.centre[1])], axis=-1)
    own = back.reshape(-1, 2) @ place.frame.astype(np.float32)
    down, across = (own / np.float32(place.radius)).T.reshape(2, size, size)
    angle = np.arctan2(across, down)
    rim = np.hypot(*brain.T)
    turns = np.arctan2(brain[:, 1], brain[:, 0]) % (2 * np.pi)
    order = np.argsort(turns)
    depth = np.hypot(down, across) / np.interp(angle % (2 * np.pi), turns[order], rim[order], period=2 * np.pi)
    scale = place.radius * rng.uniform(0.09, 0.15)
    warp = smooth(rng, inside.shape, 0.5 * place.radius)
    # Furrows are where the noise changes its sign: fluid along them, a ribbon of cortex around, both narrower inside.
    folds = np.abs(fractal(rng, inside.shape, scale, octaves=2) + 0.3 * warp)
    tissue = np.where(inside, _WHITE, around)
    ribbon = folds < rng.uniform(1.2, 1.7) * np.clip(depth - rng.uniform(0.4, 0.55), 0, 1)
    tissue[inside & (ribbon | (depth > 0.94))] = _GREY
    tissue[inside & (folds < rng.uniform(0.2, 0.6) * np.clip(depth - 0.6, 0, 1))] = _FLUID
    fissure = np.abs(across + 0.012 * warp) < 0.012
    tissue[inside & (np.abs(across) < 0.05) & (np.abs(down) > 0.35)] = _GREY
    tissue[inside & fissure & (np.abs(down) > 0.33)] = _FLUID
    return tissue


def _structures(
    rng: np.random.Generator, size: int, place: Placing, parts: Canvas, tissue: np.ndarray, inside: np.ndarray
) -> int:
    """Draw ventricles, deep nuclei, lesions and a tumour into ``parts`` and ``tissue``; return the next number."""
    drawn, kinds = Canvas(size), []
    wide = rng.uniform(0.7, 1.6)

    def add(kind: int, centre: tuple[float, float], radii: tuple[float, float], angle: float = 0.0) -> None:
        kinds.append(kind)
        outline = place(blob(rng, np.array(centre), radii, angle, wobble=0.05))
        parts.fill(outline, len(kinds))
        drawn.fill(outline, kind)

    apart = rng.uniform(0.3, 0.4)
    for side in (-1, 1):
        add(_DEEP, (0.03, side * apart * 0.85), (0.2, 0.07 * rng.uniform(0.8, 1.3)), side * 0.35)
        add(_DEEP, (0.12, side * 0.13), (0.13, 0.1))
        add(_DEEP, (-0.2, side * 0.17), (0.11, 0.05), side * 0.4)
        add(_VENTRICLE, (-0.16, side * 0.08), (0.2, 0.035 * wide), side * 0.35)
        add(_VENTRICLE, (0.24, side * 0.15), (0.17, 0.035 * wide), -side * 0.45)
    for _ in range(int(rng.choice((0, 0, 3, 8)))):
        spot = rng.normal(0, 0.3, 2)
        add(
            _LESION, (float(spot[0]), float(spot[1])), (log_uniform(rng, 0.02, 0.09), log_uniform(rng, 0.02, 0.06)), 1.0
        )
    if rng.random() < 0.35:
        spot, reach = rng.normal(0, 0.3, 2), rng.uniform(0.12, 0.35)
        middle = (float(spot[0]), float(spot[1]))
        add(_OEDEMA, middle, (reach, reach * rng.uniform(0.6, 1.0)), rng.uniform(0, 3))
        add(_CORE, middle, (0.55 * reach, 0.5 * reach), rng.uniform(0, 3))
        add(_LESION, middle, (0.25 * reach, 0.2 * reach), rng.uniform(0, 3))
    over = drawn.numbers
    tissue[inside & (over > 0)] = over[inside & (over > 0)]
    return len(kinds) + 1


def _add_cortex(tissue: np.ndarray, parts: np.ndarray, number: int) -> None:
    """Give white and grey matter, where nothing else is drawn, numbers of their own."""
    parts[(tissue == _WHITE) & (parts == 0)] = number
    parts[(tissue == _GREY) & (parts == 0)] = number + 1
