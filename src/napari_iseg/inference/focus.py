"""Where FocalClick looks for what a click changes, and how much of it is taken over.

Chen et al., FocalClick: Towards Practical Interactive Image Segmentation, CVPR 2022, sections 3.1 and 3.3, with the
rules and constants of the released code. Masks are (H, W) bool on the image plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage.segmentation import flood

from napari_iseg.inference.prediction import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.interactions import Click

__all__ = ["click_pixel", "component_at", "focus_window", "merge_region"]

# A mask of fewer pixels than this has no box of its own; the whole plane's stands for it.
_FEWEST_PIXELS = 10
# A change whose box is narrower than this share of the object's is looked at with more around it: a box about the
# click that reaches the second share of the object's longer side in each direction.
_SMALL_CHANGE = 3
_REACH = 0.2


def click_pixel(click: Click, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the (row, column) of the pixel that a click lies in, on a plane of ``shape``."""
    row, column = int(np.floor(click.row + 0.5)), int(np.floor(click.column + 0.5))
    return min(max(row, 0), shape[0] - 1), min(max(column, 0), shape[1] - 1)


def component_at(mask: NDArray[np.bool_], pixel: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Return the 8-connected component that holds a pixel, (H, W) bool; None if the pixel is not in the mask."""
    if not mask[pixel]:
        return None
    # On the mask's own box: a flood's cost is that of the array it runs on.
    rows, columns = _window(mask).slices
    component = np.zeros_like(mask)
    seed = pixel[0] - rows.start, pixel[1] - columns.start
    component[rows, columns] = flood(mask[rows, columns].view(np.uint8), seed, connectivity=2)
    return component


def focus_window(
    coarse: NDArray[np.bool_], previous: NDArray[np.bool_], click: Click, target: Window, ratio: float
) -> Window:
    """Return the focus crop: the expanded box of what the newest click changes.

    Parameters
    ----------
    coarse
        The new coarse mask.
    previous
        The mask before the click; with none there the box of ``coarse`` is looked at.
    click
        The newest.
    target
        The target crop, which the focus crop does not leave.
    ratio
        Side of the crop over side of the box.

    Returns
    -------
    Window
        Never empty: ``target`` where the rule would leave nothing (the released code fails there).
    """
    if previous.any():
        box = _changed_box(coarse, previous, click)
    else:
        box = _box(coarse)
    height, width = coarse.shape
    row_start, row_stop = _expanded(box[0], box[1], ratio, height)
    column_start, column_stop = _expanded(box[2], box[3], ratio, width)
    window = Window(
        min(max(row_start, target.row_start), target.row_stop),
        min(max(row_stop, target.row_start), target.row_stop),
        min(max(column_start, target.column_start), target.column_stop),
        min(max(column_stop, target.column_start), target.column_stop),
    )
    return window if min(window.shape) > 0 else target


def merge_region(
    new: NDArray[np.bool_], shown: NDArray[np.bool_], pixel: tuple[int, int], *, safe: bool
) -> NDArray[np.bool_]:
    """Return the pixels that a progressive merge takes over: they get what ``shown`` has not at the click.

    Parameters
    ----------
    new
        The new mask.
    shown
        The mask before the click.
    pixel
        (row, column) of the click.
    safe
        Whether nothing is taken over if the new mask is the old one at the click. The released code then takes
        everything that has *not* changed for the change, which destroys the mask.
    """
    difference = new ^ shown
    component = component_at(difference, pixel)
    if component is None:
        component = np.zeros_like(shown) if safe else ~difference
    region: NDArray[np.bool_] = component & (shown == shown[pixel])
    return region


def _changed_box(
    coarse: NDArray[np.bool_], previous: NDArray[np.bool_], click: Click
) -> tuple[float, float, float, float]:
    """Return the box of the change that the click lies in, or one about the click if that is small."""
    difference = coarse ^ previous
    component = component_at(difference, click_pixel(click, difference.shape))
    # A click outside every change makes everything unchanged the component, as in the released code.
    changed = _box(~difference if component is None else component)
    whole = _box(coarse)
    sides = [stop - start for start, stop in (changed[:2], changed[2:])]
    whole_sides = [stop - start for start, stop in (whole[:2], whole[2:])]
    if any(side < other / _SMALL_CHANGE for side, other in zip(sides, whole_sides, strict=True)):
        reach = _REACH * max(whole_sides)
        return click.row - reach, click.row + reach, click.column - reach, click.column + reach
    return changed


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return (first row, last row, first column, last column), both in the mask; of few pixels the plane's sides."""
    if np.count_nonzero(mask) < _FEWEST_PIXELS:
        return 0, mask.shape[0], 0, mask.shape[1]
    window = _window(mask)
    return window.row_start, window.row_stop - 1, window.column_start, window.column_stop - 1


def _window(mask: NDArray[np.bool_]) -> Window:
    """Return the box of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Window(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def _expanded(first: float, last: float, ratio: float, limit: int) -> tuple[int, int]:
    """Expand a span about its centre; ends are cut to whole numbers, not rounded, as in the released code."""
    centre, side = 0.5 * (first + last), ratio * (last - first + 1)
    start, stop = int(centre - side / 2), int(centre + side / 2)
    return min(max(start, 0), limit), min(max(stop, 0), limit)
