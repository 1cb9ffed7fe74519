"""Defective masks to start from, as in DAVIS-585: superpixels taken away or added (FocalClick, Algorithm 1)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
from skimage.segmentation import slic

from napari_iseg.interactions.kernels import dilated, eroded
from napari_iseg.interactions.simulated_masks import mask_iou

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DEFECT_IOU", "SMALLEST", "defect_seed", "defective_mask"]

DEFECT_IOU = (0.75, 0.85)
"""The range of IoU with the reference that a defective mask has, both ends included."""

SMALLEST = 300
"""Objects of fewer pixels have no defective mask."""

_TRIES = 30
_MOST_DEFECTS = 10
# Along the boundary, within the object, outside of it. (The paper's text has the last two the other way round.)
_CHANCES = (0.65, 0.25, 0.1)
_SEGMENTS = (50, 100, 200, 300, 500, 700)
_COMPACTNESS = 10
_FEWEST_PIXELS = 5
# Three times a kernel of five.
_BAND = 13


def defect_seed(image: str, index: int) -> int:
    """Return the seed of the evaluation's defective mask of one object of an image, so that every run has the same."""
    return zlib.crc32(f"defect-{image}-{index}".encode())


def defective_mask(
    image: NDArray[np.uint8],
    truth: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    ignored: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_] | None:
    """Return a mask with the errors that people find in the masks of a method.

    Up to ten superpixels of random sizes, most of them at the boundary, change sides.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB; superpixels are compact clusters of it in CIE Lab.
    truth
        (H, W) bool.
    rng
        Where the chance comes from.
    ignored
        (H, W) bool: pixels outside of the object that the IoU does not look at; None for none.

    Returns
    -------
    numpy.ndarray or None
        (H, W) bool with an IoU of 0.75 to 0.85; None for objects of fewer than 300 pixels and where thirty tries found
        no such mask.
    """
    if np.count_nonzero(truth) < SMALLEST:
        return None
    wide, core = dilated(truth, "rect", _BAND), eroded(truth, "rect", _BAND)
    regions = [np.flatnonzero(region) for region in (wide & ~core, core, ~wide)]
    inside = np.flatnonzero(truth)
    regions = [region if region.size >= _FEWEST_PIXELS else inside for region in regions]
    superpixels: dict[int, NDArray[np.integer]] = {}
    for _ in range(_TRIES):
        mask = truth.copy()
        for _ in range(_MOST_DEFECTS):
            pixel = int(rng.choice(regions[rng.choice(len(regions), p=_CHANCES)]))
            segments = int(rng.choice(_SEGMENTS))
            if segments not in superpixels:
                superpixels[segments] = slic(image, n_segments=segments, compactness=_COMPACTNESS)
            parts = superpixels[segments]
            mask[parts == parts.flat[pixel]] = not mask.flat[pixel]
            found = mask_iou(mask if ignored is None else mask & ~ignored, truth)
            if found <= DEFECT_IOU[1]:
                break
        if DEFECT_IOU[0] <= found <= DEFECT_IOU[1]:
            return mask
    return None
