"""Which part of a plane to keep where the whole is too large."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.training.cutting import object_boxes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["windows"]

# What a plane that is too large is cropped to: its objects and this much around them, of their box and in pixels.
_MARGIN, _LEAST_MARGIN = 0.25, 32
# Where the middle object would be smaller than this after reduction, a plane is cut into windows instead.
_SMALL = 24


def windows(
    labels: Sequence[NDArray[np.int32]], max_side: int
) -> Iterator[tuple[str, tuple[slice, slice], tuple[int, int]]]:
    """Say what of a plane to keep.

    A plane that is not larger than ``max_side`` is kept whole. Another is cropped to its objects with a margin; where
    that is still larger, it is reduced, or, where this would leave small objects with nothing, cut into windows.

    Parameters
    ----------
    labels
        (H, W) each: the plane's references.
    max_side
        Longest side in pixels.

    Yields
    ------
    tuple
        What to put behind the plane's name (``""``, or such as ``".r0c512"`` with the first row and column), the rows
        and columns to cut out, and the size (rows, columns) to reduce them to.
    """
    shape = labels[0].shape
    if max(shape) <= max_side:
        yield "", (slice(0, shape[0]), slice(0, shape[1])), (shape[0], shape[1])
        return
    boxes = [box for layer in labels for box in object_boxes(layer).values()]
    if not boxes:
        return
    ends = np.array(boxes)
    spans = []
    for axis in range(2):
        start, stop = int(ends[:, 2 * axis].min()), int(ends[:, 2 * axis + 1].max())
        margin = max(round(_MARGIN * (stop - start)), _LEAST_MARGIN)
        spans.append((max(start - margin, 0), min(stop + margin, shape[axis])))
    (top, bottom), (left, right) = spans
    size = (bottom - top, right - left)
    scale = min(max_side / max(size), 1.0)
    middle = float(np.median(np.maximum(ends[:, 1] - ends[:, 0], ends[:, 3] - ends[:, 2])))
    if scale == 1.0 or middle * scale >= _SMALL:
        cropped = "" if size == shape else f".r{top}c{left}"
        final = (max(round(size[0] * scale), 2), max(round(size[1] * scale), 2))
        yield cropped, (slice(top, bottom), slice(left, right)), final
        return
    for row, below in _parts(top, bottom, max_side):
        for column, beyond in _parts(left, right, max_side):
            yield f".r{row}c{column}", (slice(row, below), slice(column, beyond)), (below - row, beyond - column)


def _parts(start: int, stop: int, longest: int) -> list[tuple[int, int]]:
    """Cut a span into parts of about the same length, none longer than ``longest``."""
    count = -(-(stop - start) // longest)
    ends = [start + (stop - start) * i // count for i in range(count + 1)]
    return list(pairwise(ends))
