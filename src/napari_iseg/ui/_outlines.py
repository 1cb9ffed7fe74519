"""How a mask is drawn: a tint with a contour, in the smallest box that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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
    """Return a window with the margin that smoothing may add to a mask, as far as the plane goes."""
    margin = int(np.ceil(3 * session.refinement.smoothing)) if 0 not in window.shape else 0
    return (
        slice(max(window.row_start - margin, 0), min(window.row_stop + margin, session.shape[0])),
        slice(max(window.column_start - margin, 0), min(window.column_stop + margin, session.shape[1])),
    )


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
