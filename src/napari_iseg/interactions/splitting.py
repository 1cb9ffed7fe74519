"""Cutting an object into pieces along a line that somebody drew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt
from skimage.measure import label

from napari_iseg.errors import PromptError
from napari_iseg.interactions.drawing import draw_stroke

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["split_mask"]

# As narrow as separates pixels that touch at a corner only.
_CUT = 2.0
# What the shaky edge of a line cuts off is no piece of its own.
_FEWEST_PIXELS = 5
# The direction of an end is that of its last pixels.
_END = 4


def split_mask(mask: NDArray[np.bool_], points: ArrayLike) -> NDArray[np.int32]:
    """Split a mask along a line.

    A line that ends inside the object is prolonged straight on at both ends. The pixels under the line go to the
    nearest piece, so that nothing of the object is lost. A closed line cuts out what it encloses.

    Parameters
    ----------
    mask
        (H, W) bool.
    points
        (n, 2) rows and columns of the line, in pixels; it may leave the image.

    Returns
    -------
    numpy.ndarray
        (H, W) int32: 0 outside the mask, and the pieces from 1, the largest first.

    Raises
    ------
    PromptError
        If the mask is empty, the line does not touch it, or it does not come apart.
    """
    line = np.asarray(points, np.float64).reshape(-1, 2)
    if not mask.any():
        raise PromptError("There is no object to split; choose one that has pixels.")
    if not len(line) or not (draw_stroke(line, _CUT, _shape(mask)) & mask).any():
        raise PromptError("The line does not touch the object; draw it across the object that is chosen.")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    inside = mask[box]
    line = line - (rows[0], columns[0])
    before = _count(label(inside, connectivity=2))
    for way in (line, _prolonged(line, float(np.hypot(*inside.shape)))):
        parts = label(inside & ~draw_stroke(way, _CUT, _shape(inside)), connectivity=2)
        if _count(parts) > before:
            pieces = np.zeros(mask.shape, np.int32)
            pieces[box] = _filled(parts, inside)
            return pieces
    raise PromptError("The line does not cut the object in two; draw it from one side of the object to the other.")


def _shape(mask: NDArray[np.bool_]) -> tuple[int, int]:
    return mask.shape[0], mask.shape[1]


def _count(parts: NDArray[np.integer]) -> int:
    return int((np.bincount(parts.ravel())[1:] >= _FEWEST_PIXELS).sum())


def _prolonged(line: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Return the line with both ends carried on straight."""
    ends = []
    for end in (line[::-1], line):
        step = end[-1] - end[max(len(end) - 1 - _END, 0)]
        size = float(np.hypot(*step))
        ends.append(end[-1] + step / size * length if size > 0 else end[-1])
    return np.concatenate([ends[:1], line, ends[1:]])


def _filled(parts: NDArray[np.integer], inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Give the pixels under the line, and crumbs, to the nearest piece; number the pieces by size."""
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    sizes[sizes < _FEWEST_PIXELS] = 0
    order = np.argsort(-sizes, kind="stable")
    number = np.zeros(len(sizes), np.int32)
    count = int((sizes > 0).sum())
    number[order[:count]] = np.arange(1, count + 1)
    pieces = number[parts]
    nearest = distance_transform_edt(pieces == 0, return_distances=False, return_indices=True)
    return np.where(inside, pieces[tuple(nearest)], 0).astype(np.int32)
