"""Zoom-in: where the network looks once a first mask is there (RITM, section 3.5; also SimpleClick and CFR-ICL)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.inference.prediction import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.interactions import Box, Click
    from napari_iseg.zoo import ClickOptions, DISNetOptions

__all__ = ["box_window", "choose_window", "object_window", "scaled"]

# A pixel counts as object for the zoom above this probability, whatever the threshold of the mask.
_OBJECT = 0.5
# Fewer pixels of a plane than this show nothing of an object's surroundings.
_LEAST_VIEW = 32


def choose_window(
    probability: np.ndarray, clicks: Sequence[Click], stored: Window | None, options: ClickOptions | DISNetOptions
) -> Window:
    """Return the window to look at next.

    Parameters
    ----------
    probability
        (H, W) of the previous answer; zeros before the first.
    clicks
        Every click so far.
    stored
        The window of the previous answer, kept while it still fits: it holds every positive click and overlaps the
        wanted window by at least ``options.recompute_iou``.
    options
        ``expansion_ratio``, ``min_crop``, ``first_crop`` and ``recompute_iou``.
    """
    wanted = object_window(
        probability, clicks, options.expansion_ratio, options.min_crop, first_crop=options.first_crop
    )
    if stored is None or not _holds(stored, clicks) or _overlap(wanted, stored) < options.recompute_iou:
        return wanted
    return stored


def object_window(
    probability: np.ndarray, clicks: Sequence[Click], expansion: float, min_crop: int, *, first_crop: str = "whole"
) -> Window:
    """Return the expanded box of the object and its positive clicks.

    Where there is no object yet it is the whole plane, or unless ``first_crop`` is ``"whole"`` the view that the first
    click was given in: what is small on a large plane would be lost in the few pixels that the network sees of it.
    """
    shape = (probability.shape[0], probability.shape[1])
    inside = probability > _OBJECT
    rows = np.flatnonzero(inside.any(axis=1)).tolist()
    columns = np.flatnonzero(inside.any(axis=0)).tolist()
    positive = [click for click in clicks if click.positive]
    if not rows:
        view = clicks[0].view if clicks and first_crop != "whole" else None
        if view is None:
            return Window.whole(shape)
        expansion, min_crop = 1.0, _LEAST_VIEW
        for axis, places in enumerate((rows, columns)):
            places += [max(math.floor(view.start[axis]), 0), min(math.ceil(view.stop[axis]), shape[axis]) - 1]
    rows += [int(click.row) for click in positive]
    columns += [int(click.column) for click in positive]
    row_start, row_stop = _expanded(min(rows), max(rows), expansion, min_crop, shape[0])
    column_start, column_stop = _expanded(min(columns), max(columns), expansion, min_crop, shape[1])
    return Window(row_start, row_stop, column_start, column_stop)


def box_window(box: Box, shape: tuple[int, int], expansion: float, min_crop: int) -> Window:
    """Return the expanded window of a box on a plane of ``shape``, as :func:`object_window` does of an object's."""
    first = [min(max(math.floor(start), 0), side - 1) for start, side in zip(box.start, shape, strict=True)]
    last = [
        min(max(math.ceil(stop) - 1, low), side - 1) for stop, low, side in zip(box.stop, first, shape, strict=True)
    ]
    row_start, row_stop = _expanded(first[0], last[0], expansion, min_crop, shape[0])
    column_start, column_stop = _expanded(first[1], last[1], expansion, min_crop, shape[1])
    return Window(row_start, row_stop, column_start, column_stop)


def scaled(size: tuple[int, int], longest: int, *, enlarge: bool = True) -> tuple[int, int]:
    """Return a size scaled so that its longer side is ``longest``, or where it is longer if not to ``enlarge``."""
    scale = longest / max(size)
    if scale >= 1 and not enlarge:
        return size
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def _expanded(first: int, last: int, expansion: float, min_crop: int, limit: int) -> tuple[int, int]:
    """Expand an inclusive span about its centre and clamp it; return it half-open. ``round`` is to even, as theirs."""
    centre = 0.5 * (first + last)
    side = max(expansion * (last - first + 1), min_crop)
    start = max(round(centre - 0.5 * side), 0)
    return start, min(round(centre + 0.5 * side), limit - 1) + 1


def _holds(window: Window, clicks: Sequence[Click]) -> bool:
    # Upstream's upper bound is exclusive of the last row and column; so is this one.
    return all(
        window.row_start <= click.row < window.row_stop - 1
        and window.column_start <= click.column < window.column_stop - 1
        for click in clicks
        if click.positive
    )


def _overlap(one: Window, other: Window) -> float:
    """Return the product of the two axes' intersection over union."""
    rows = _segment_iou(one.row_start, one.row_stop, other.row_start, other.row_stop)
    return rows * _segment_iou(one.column_start, one.column_stop, other.column_start, other.column_stop)


def _segment_iou(start: int, stop: int, other_start: int, other_stop: int) -> float:
    shared = max(min(stop, other_stop) - max(start, other_start), 0)
    return shared / max(max(stop, other_stop) - min(start, other_start), 1e-6)
