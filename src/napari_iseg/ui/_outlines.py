"""How a mask is drawn: a tint with a contour, in the smallest box that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.inference.click_consistency import contradicted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.inference.prediction import Window
    from napari_iseg.inference.session import Session

__all__ = ["grown", "mask_colours", "outlined", "union"]

_TINT, _EDGE = 1, 2


def mask_colours(colour: str) -> dict[int | None, NDArray[np.float64]]:
    """Return the RGBA colours of an outlined mask's values, from ``#rrggbb``: nothing, a tint, and the full colour."""
    rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    nothing = np.zeros(4)
    return {None: nothing, 0: nothing, _TINT: np.array([*rgb, 0.3]), _EDGE: np.array([*rgb, 1.0])}


def grown(window: Window, session: Session) -> tuple[slice, slice]:
    """Return a window with what the refinement may add to a mask around it, as far as the plane goes."""
    if 0 in window.shape:
        return window.slices
    refinement = session.refinement
    # A click that the smoothing contradicts lies within its reach of the edge, and turns no more than that beyond it.
    margin = int(np.ceil(3 * refinement.smoothing)) * (2 if refinement.keep_clicks else 1)
    ends = np.array([[window.row_start, window.column_start], [window.row_stop, window.column_stop]])
    ends += [[-margin], [margin]]
    if refinement.keep_clicks:
        # No click turns more than a disc as large as the object.
        reach = int(np.ceil(np.sqrt(window.shape[0] * window.shape[1] / np.pi))) + 1
        for click in contradicted(session.probability > session.threshold, session.prompts):
            ends[0], ends[1] = np.minimum(ends[0], np.subtract(click, reach)), np.maximum(ends[1], np.add(click, reach))
    (top, left), (bottom, right) = np.clip(ends, 0, session.shape)
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def union(box: tuple[slice, slice], other: tuple[slice, slice]) -> tuple[slice, slice]:
    """Return the smallest box that holds two boxes."""
    rows, columns = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(box, other, strict=True))
    return rows, columns


def outlined(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return 0 outside, 1 inside and 2 on the inner edge of a mask."""
    inside = mask.copy()
    inside[1:] &= mask[:-1]
    inside[:-1] &= mask[1:]
    inside[:, 1:] &= mask[:, :-1]
    inside[:, :-1] &= mask[:, 1:]
    return np.where(inside, np.uint8(_TINT), mask.astype(np.uint8) * np.uint8(_EDGE))
