"""Coarse masks (FocalClick-XL): rough versions of a reference, random for training, of a wanted IoU for evaluation."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
from skimage.transform import resize

from napari_iseg.interactions.kernels import KERNELS, dilated, eroded

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COARSE_LEVELS", "coarse_mask", "coarse_mask_of_level", "coarse_seed", "mask_iou"]

COARSE_LEVELS = ((0.85, 0.90), (0.75, 0.80), (0.65, 0.70), (0.55, 0.60), (0.45, 0.50))
"""IoU ranges of the evaluation's five levels, level 1 first, both ends included."""

_FROM_PREDICTION = 0.2
_MOST_CHANGES = 6
_LOCAL = 0.5
_REDUCED = 0.5
_LEAST_IOU = 0.3
_TRIES = 20
_LEVEL_SIZES = (3, 5, 7)
_LEVEL_STEPS = 200
_LEVEL_RESTARTS = 20


def coarse_mask(
    truth: NDArray[np.bool_], prediction: NDArray[np.bool_] | None, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return a rough mask to train the correction of masks with.

    One to six erosions or dilations of random shapes and sizes, some of them only somewhere, and perhaps a coarser
    grid; of the reference, or in one of five cases of the present prediction.

    Parameters
    ----------
    truth
        (H, W) bool, not empty.
    prediction
        (H, W) bool, or None where there is none.
    rng
        Where the chance comes from.

    Returns
    -------
    numpy.ndarray
        (H, W) bool with an IoU of 0.3 or more; the reference itself where twenty tries made nothing of that kind.
    """
    for _ in range(_TRIES):
        from_prediction = prediction is not None and rng.random() < _FROM_PREDICTION
        mask = _roughened(prediction if from_prediction and prediction is not None else truth, rng)
        if mask.any() and mask_iou(mask, truth) >= _LEAST_IOU:
            return mask
    return truth.copy()


def coarse_seed(dataset: str, index: int, level: int) -> int:
    """Return the seed of the evaluation's coarse mask: of one object of a dataset, at a level from 1 to 5."""
    return zlib.crc32(f"coarse-{dataset}-{index}-{level}".encode())


def coarse_mask_of_level(
    truth: NDArray[np.bool_], level: int, seed: int, *, ignored: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Return a mask whose IoU with the reference lies in a level's range, the same for the same seed.

    Small erosions and dilations are made until the IoU is in the range; one that goes past it is taken back and a
    smaller kernel is tried. Each attempt prefers one of the two by chance, so that large objects get there as well.

    Parameters
    ----------
    truth
        (H, W) bool, not empty.
    level
        1 to 5, the number of the range in :data:`COARSE_LEVELS`.
    seed
        As :func:`coarse_seed` makes it.
    ignored
        (H, W) bool: pixels outside of the object that the IoU does not look at, such as the band around GrabCut's
        objects; None for none.

    Returns
    -------
    numpy.ndarray
        (H, W) bool; the mask closest to the range where 20 attempts of 200 steps found none in it, as with objects of
        a few pixels.

    Raises
    ------
    ValueError
        If the level is not one of the five.
    """
    if not 1 <= level <= len(COARSE_LEVELS):
        raise ValueError(f"coarse masks have levels 1 to {len(COARSE_LEVELS)}, not {level}")
    low, high = COARSE_LEVELS[level - 1]
    rng = np.random.default_rng(seed)
    cut = _surroundings(truth)
    counted = np.ones_like(truth[cut]) if ignored is None else ~ignored[cut]
    best, distance = truth[cut], 1.0 - high
    for _ in range(_LEVEL_RESTARTS):
        mask = _worn_down(truth[cut], counted, low, high, rng)
        found = mask_iou(mask & counted, truth[cut])
        if max(found - high, low - found) < distance:
            best, distance = mask, max(found - high, low - found)
        if distance <= 0:
            break
    whole = np.zeros_like(truth)
    whole[cut] = best
    return whole


def mask_iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the intersection over union of two masks of a shape; 1 where both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0


def _roughened(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    for _ in range(int(rng.integers(1, _MOST_CHANGES + 1))):
        if not mask.any():
            return mask
        largest = int(0.03 * np.sqrt(np.count_nonzero(mask)))
        mask = _changed(mask, 3 + 2 * int(rng.integers(largest + 1)), rng, dilate=rng.random() < 0.5)
    if rng.random() < _REDUCED:
        factor = rng.uniform(4, 16)
        size = [max(round(side / factor), 1) for side in mask.shape]
        small = resize(mask.astype(np.float32), size, order=1, anti_aliasing=False)
        mask = resize(small, mask.shape, order=1, anti_aliasing=False) > 0.5
    return mask


def _worn_down(
    truth: NDArray[np.bool_], counted: NDArray[np.bool_], low: float, high: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Make one attempt at a mask between two IoUs; it ends in the range, or above it after 200 steps."""
    mask, largest = truth, len(_LEVEL_SIZES)
    share = rng.random()
    for _ in range(_LEVEL_STEPS):
        size = _LEVEL_SIZES[int(rng.integers(largest))]
        tried = _changed(mask, size, rng, dilate=rng.random() < share)
        found = mask_iou(tried & counted, truth)
        if found < low:
            largest = max(_LEVEL_SIZES.index(size), 1)
            continue
        mask, largest = tried, len(_LEVEL_SIZES)
        if found <= high:
            break
    return mask


def _changed(mask: NDArray[np.bool_], size: int, rng: np.random.Generator, *, dilate: bool) -> NDArray[np.bool_]:
    """Erode or dilate a mask that is not empty by a kernel of random shape, everywhere or in one place."""
    kernel = KERNELS[int(rng.integers(len(KERNELS)))]
    changed = (dilated if dilate else eroded)(mask, kernel, size)
    if rng.random() < _LOCAL:
        changed = np.where(_place(mask, rng), changed, mask)
    return changed


def _place(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return an upright ellipse, (H, W), of a tenth to half of the area of the mask's box, with its centre in it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    radius = np.sqrt(rng.uniform(0.1, 0.5) * height * width / np.pi)
    stretch = np.sqrt(height / width) * np.exp(rng.uniform(-0.35, 0.35))
    row, column = rng.uniform(rows[0], rows[-1] + 1), rng.uniform(columns[0], columns[-1] + 1)
    down = (np.arange(mask.shape[0])[:, np.newaxis] - row) / (radius * stretch)
    across = (np.arange(mask.shape[1]) - column) / (radius / stretch)
    return np.asarray(down**2 + across**2 <= 1)


def _surroundings(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the mask's box, wider by its longer side: no coarse mask reaches further."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise ValueError("an empty mask has no coarse versions")
    margin = int(max(np.ptp(rows), np.ptp(columns))) + 8
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )
