"""FocalClick's training geometry and loss: random target crops, simulated focus crops, and the sum that is learnt from.

Boxes are (row start, row stop, column start, column stop) in whole pixels, half-open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.ndimage import binary_erosion, label
from torch import Tensor
from torch.nn import functional

from napari_iseg.training.boundary import boundary_target
from napari_iseg.training.losses import (
    boundary_weighted_focal_loss,
    normalized_focal_loss,
    sigmoid_cross_entropy,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Box = tuple[int, int, int, int]

__all__ = [
    "crop_image",
    "crop_mask",
    "focal_click_loss",
    "focus_points",
    "random_target_crop",
    "simulated_focus",
    "worth_training_on",
]

# Below this area, in pixels, and else with this chance the focus is on the whole object.
_SMALL_AREA = 3600
_WHOLE_SHARE = 0.6
_SHORTEST = 32
_BIAS = 0.3
_AUXILIARY_WEIGHT = 0.4


def simulated_focus(mask: NDArray[np.bool_], rng: np.random.Generator) -> Box:
    """Return a focus crop as inference might choose it, without an answer to choose it by.

    Small objects, and six of ten others, are shown whole: the box of the largest part, 1.1 to 1.6 times as large and
    at least 32 pixels, moved by up to 0.3 of its size. The rest show a piece of the outline: 1/3.9 to 1/1.5 of the
    mask's height and width around a random pixel of the rim.

    Parameters
    ----------
    mask
        (H, W) bool, the target, not empty.
    rng
        Where the chance comes from.

    Returns
    -------
    tuple
        The box, clipped to the mask.

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    if not mask.any():
        raise ValueError("an empty mask has no focus; draw another sample")
    rows, columns = mask.shape
    if np.count_nonzero(mask) < _SMALL_AREA or rng.random() < _WHOLE_SHARE:
        return _around_largest_part(mask, rng)
    rim = np.argwhere(mask & ~binary_erosion(mask, np.ones((3, 3)), border_value=1))
    if not len(rim):  # The object fills the mask.
        rim = np.argwhere(mask)
    centre = rim[rng.integers(len(rim))]
    ratios = rng.integers(15, 40, 2) / 10
    return _clipped(centre, np.array([rows, columns]) / ratios, mask.shape)


def _around_largest_part(mask: NDArray[np.bool_], rng: np.random.Generator) -> Box:
    parts, _ = label(mask, structure=np.ones((3, 3)))
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    places = np.argwhere(parts == areas.argmax())
    start, stop = places.min(axis=0), places.max(axis=0) + 1
    size = np.maximum((stop - start) * rng.integers(11, 17) / 10, _SHORTEST)
    centre = (start + stop) / 2 + rng.uniform(-_BIAS, _BIAS, 2) * size
    return _clipped(centre, size, mask.shape)


def _clipped(centre: NDArray[np.floating], size: NDArray[np.floating], shape: tuple[int, ...]) -> Box:
    start = np.clip((centre - size / 2).astype(int), 0, np.array(shape) - 1)
    stop = np.clip((centre + size / 2).astype(int), start + 1, shape)
    return int(start[0]), int(stop[0]), int(start[1]), int(stop[1])


def random_target_crop(
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    centre: float = 0.8,
    deviation: float = 0.4,
    limits: tuple[float, float] = (0.3, 1.3),
) -> Box:
    """Return a random part of an image to train on as if it were a target crop.

    Parameters
    ----------
    shape
        (rows, columns) of the image.
    rng
        Where the chance comes from.
    centre, deviation, limits
        Of the normal distribution, cut off at the limits, of the crop's height and width as shares of the image's.
        FocalClick's combined data sets have centre 1 and limits (0.5, 1.3).

    Returns
    -------
    tuple
        The box, at a random place; where a share is above 1 it reaches beyond the image, which is to be padded.
    """
    spans = []
    for side in shape:
        share = rng.normal(centre, deviation)
        while not limits[0] <= share <= limits[1]:
            share = rng.normal(centre, deviation)
        length = max(round(share * side), 1)
        low, high = sorted((0, side - length))
        first = int(rng.integers(low, high + 1))
        spans += [first, first + length]
    return spans[0], spans[1], spans[2], spans[3]


def worth_training_on(mask: NDArray[np.bool_]) -> bool:
    """Return whether an object, (H, W) bool in its crop of 256 pixels, is neither too small nor nearly all there is."""
    return bool(1000 < np.count_nonzero(mask) < 0.85 * mask.size)


def crop_image(image: Tensor, box: Box, size: tuple[int, int]) -> Tensor:
    """Return (C, rows, columns): a box of an image, (C, H, W), resized bilinearly, zero where it leaves the image."""
    top, bottom, left, right = box
    rows, columns = image.shape[-2:]
    inside = image[:, max(top, 0) : min(bottom, rows), max(left, 0) : min(right, columns)]
    margins = (max(-left, 0), max(right - columns, 0), max(-top, 0), max(bottom - rows, 0))
    cut = functional.pad(inside, margins)
    return functional.interpolate(cut[None], size=list(size), mode="bilinear", align_corners=False)[0]


def crop_mask(mask: Tensor, box: Box, size: tuple[int, int]) -> Tensor:
    """Return (C, rows, columns) 0 and 1 of the dtype float32: masks, (C, H, W), cut and resized as grey images are."""
    return (crop_image((mask > 0.5).float() * 255, box, size).round() > 128).float()


def focus_points(points: NDArray[np.floating], box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return clicks, (..., 3) rows, columns and orders, in the frame of a box that was resized to ``size``.

    Clicks outside the box get coordinates outside the frame; unused slots stay negative.
    """
    moved = points.astype(np.float32)
    moved[..., 0] = (points[..., 0] - box[0]) * (size[0] / (box[1] - box[0]))
    moved[..., 1] = (points[..., 1] - box[2]) * (size[1] / (box[3] - box[2]))
    moved[points[..., 2] < 0] = -1
    return moved


def focal_click_loss(
    coarse: Tensor,
    refined: Tensor,
    boundary: Tensor,
    target: Tensor,
    boxes: list[Box],
    *,
    auxiliary: Tensor | None = None,
    coarse_loss: Callable[[Tensor, Tensor], Tensor] = normalized_focal_loss,
) -> Tensor:
    """Return what FocalClick learns from: the segmentor's and the refiner's masks and the refiner's boundary.

    Parameters
    ----------
    coarse
        (B, 1, H, W) logits of the segmentor.
    refined, boundary
        (B, 1, h, w) logits of the refiner over each sample's focus crop.
    target
        (B, 1, H, W): 1 object, 0 background, -1 ignored (which the refiner takes for background).
    boxes
        Each sample's focus crop in the frame of the target.
    auxiliary
        (B, 1, H, W) logits of the HRNet's auxiliary head, or None.
    coarse_loss
        The segmentor's loss: logits and target to (B,) losses.

    Returns
    -------
    Tensor
        Scalar: the segmentor's loss (normalised focal as published), cross entropy of the boundary, and
        boundary-weighted focal loss, each with weight 1; the auxiliary cross entropy with 0.4.
    """
    size = (refined.shape[-2], refined.shape[-1])
    fine = boundary_target(target.float())
    wanted = torch.stack([crop_mask(mask, box, size) for mask, box in zip(target, boxes, strict=True)])
    rim = torch.stack([crop_mask(mask, box, size) for mask, box in zip(fine, boxes, strict=True)])
    total = coarse_loss(coarse, target).mean()
    total = total + functional.binary_cross_entropy_with_logits(boundary, rim)
    total = total + boundary_weighted_focal_loss(refined, wanted, rim)
    if auxiliary is not None:
        total = total + _AUXILIARY_WEIGHT * sigmoid_cross_entropy(auxiliary, target).mean()
    return total
