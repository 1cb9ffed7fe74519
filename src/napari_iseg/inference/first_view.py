"""The geometry of the first look: which part of a plane is looked at before there is a mask.

Without torch, so that a window can show the part before anything is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.interactions import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.interactions import Click

__all__ = ["ENOUGH_OBJECTS", "prior_side", "prior_view", "scales", "square_view"]

ENOUGH_OBJECTS = 3
"""So many finished objects say how large the next one will be."""

# Side of the crop over the usual longer side of an object: the object and as much around it on every side.
_SURROUNDINGS = 3.0
# Crops halve until a side would have fewer pixels than this.
_LEAST_SIDE = 48


def prior_view(
    click: Click, sizes: Sequence[float], shape: tuple[int, int], aspect: tuple[float, float] = (1.0, 1.0)
) -> Box | None:
    """Return the view that the sizes of earlier objects suggest.

    Parameters
    ----------
    click
        In its middle.
    sizes
        The longer side of each finished object of the same kind, in pixels.
    shape
        (rows, columns) of the plane; the view lies on it.
    aspect
        Height and width of a pixel, in which sizes and sides are measured.

    Returns
    -------
    Box or None
        None while there are fewer than :data:`ENOUGH_OBJECTS`.
    """
    if len(sizes) < ENOUGH_OBJECTS:
        return None
    return square_view((click.row, click.column), prior_side(sizes), shape, aspect)


def prior_side(sizes: Sequence[float]) -> float:
    """Return the side of the view that the sizes of earlier objects suggest, in pixels."""
    return _SURROUNDINGS * float(np.median(sizes))


def scales(click: Click, shape: tuple[int, int], aspect: tuple[float, float] = (1.0, 1.0)) -> list[Box]:
    """Return the views of ``multi-scale``: the whole plane, then squares about the click, each half as large."""
    views = [Box((0.0, 0.0), (float(shape[0]), float(shape[1])))]
    side = min(shape[0] * aspect[0], shape[1] * aspect[1]) / 2
    while side >= _LEAST_SIDE:
        views.append(square_view((click.row, click.column), side, shape, aspect))
        side /= 2
    return views


def square_view(
    middle: tuple[float, float], side: float, shape: tuple[int, int], aspect: tuple[float, float] = (1.0, 1.0)
) -> Box:
    """Return a square on a plane, moved to lie on it as far as it is large enough.

    Parameters
    ----------
    middle
        (row, column) in pixels.
    side
        In pixels; along an axis that is shorter the square is as long as the axis.
    shape
        (rows, columns) of the plane.
    aspect
        Height and width of a pixel where these differ, the shorter 1: the square is one to the eye, not in pixels.
    """
    starts, stops = [], []
    for place, length, size in zip(middle, shape, aspect, strict=True):
        span = side / size
        start = min(max(place + 0.5 - span / 2, 0.0), max(length - span, 0.0))
        starts.append(start)
        stops.append(min(start + span, float(length)))
    return Box((starts[0], starts[1]), (stops[0], stops[1]))
