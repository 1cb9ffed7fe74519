"""Shapes between two planes: signed-distance interpolation of masks."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import center_of_mass, distance_transform_edt, shift

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["bounding_slices", "gaps_around", "interpolate_shapes", "planes_around", "signed_distance"]

# How much of the way of its centre a shape moves before it is averaged. On planes left out of five sets of volumes
# (every 2nd to 10th known; hippocampi, neurons, cords, spleen, lesions) a quarter to three quarters were best.
_SHARE_OF_WAY = 0.5


def signed_distance(mask: NDArray[np.bool_], pixel_size: Sequence[float] = (1.0, 1.0)) -> NDArray[np.float32]:
    """Return the distance of every pixel to the outline of a mask, positive inside.

    Parameters
    ----------
    mask
        (H, W) bool. Of an empty mask every distance is minus infinity, of a full one plus infinity.
    pixel_size
        (row, column) size of a pixel, the unit of the distances.

    Returns
    -------
    numpy.ndarray
        (H, W) float32; the outline lies half a pixel beside the outermost pixel centres, where it is 0.
    """
    if not mask.any() or mask.all():
        return np.full(mask.shape, np.inf if mask.any() else -np.inf, np.float32)
    half = min(pixel_size) / 2
    inside = distance_transform_edt(mask, sampling=pixel_size) - half
    outside = distance_transform_edt(~mask, sampling=pixel_size) - half
    distance: NDArray[np.float32] = np.where(mask, inside, -outside).astype(np.float32)
    return distance


def interpolate_shapes(
    known: Mapping[int, NDArray[np.bool_]],
    position: float,
    pixel_size: Sequence[float] = (1.0, 1.0),
) -> NDArray[np.bool_]:
    """Return the shape of an object between planes where its shape is known.

    Signed distances are interpolated (Raya and Udupa, IEEE TMI 1990) by the monotone cubic of Fritsch and Carlson (SIAM
    J. Numer. Anal. 1980) through two planes on either side, so that the surface bends as it does there; linearly where
    no more than two are known. Before, the shapes move half of the way to where the centre of mass is at the position,
    or all of it between two planes only, and where they would not overlap otherwise: an object that moves faster than
    its own width does not vanish.

    Parameters
    ----------
    known
        Position to mask, (H, W) bool, with planes on either side of ``position`` or there. Those beyond a plane without
        the object do not count.
    position
        Where, on the same axis.
    pixel_size
        (row, column) size of a pixel.

    Returns
    -------
    numpy.ndarray
        (H, W) bool; where one of the two planes beside the position is empty, the other one up to half of the way.

    Raises
    ------
    ValueError
        If the masks differ in shape, or there is no plane on one of the sides.
    """
    if len({mask.shape for mask in known.values()}) > 1:
        raise ValueError(f"the masks have the shapes {sorted({mask.shape for mask in known.values()})}")
    first = max((place for place in known if place <= position), default=None)
    last = min((place for place in known if place >= position), default=None)
    if first is None or last is None:
        raise ValueError(f"plane {position} does not lie between known planes")
    if first == last or not known[first].any() or not known[last].any():
        return known[last if position - first >= last - position else first].copy()
    places = [place for place in planes_around(known, (first, last)) if known[place].any()]
    return _between([known[place] for place in places], places, position, pixel_size)


def planes_around(known: Iterable[int], gap: tuple[int, int]) -> list[int]:
    """Return the planes that :func:`interpolate_shapes` looks at for positions between two neighbouring known ones.

    Parameters
    ----------
    known
        All known positions.
    gap
        Two of them with no other one between.
    """
    places = sorted(known)
    at = places.index(gap[0])
    return places[max(at - 1, 0) : at + 3]


def gaps_around(known: Iterable[int], position: int) -> list[tuple[int, int]]:
    """Return the pairs of neighbouring known positions between which shapes change with the one at a known position."""
    pairs = pairwise(sorted(known))
    return [pair for pair in pairs if position in planes_around(known, pair)]


def _between(
    masks: Sequence[NDArray[np.bool_]], places: Sequence[int], position: float, pixel_size: Sequence[float]
) -> NDArray[np.bool_]:
    """Interpolate shapes on two planes, or smoothly on more; none is empty."""
    # All of it happens in the box of all and what they move.
    rows, columns = bounding_slices(np.any(masks, axis=0), margin=2)
    parts = [mask[rows, columns] for mask in masks]
    centres = np.array([center_of_mass(part) for part in parts])
    distances = [_finite_distance(part, pixel_size) for part in parts]
    ways = _along(places, centres, position) - centres
    moved = _moved(distances, ways if len(places) == 2 else _SHARE_OF_WAY * ways)
    at = bisect_right(places, position)
    if not (moved[at - 1 : at + 1] > 0).all(axis=0).any():
        moved = _moved(distances, ways)
    between = np.zeros(masks[0].shape, bool)
    between[rows, columns] = _along(places, moved, position) > 0
    return between


def _moved(distances: Sequence[NDArray[np.float32]], ways: NDArray[np.float64]) -> NDArray[np.float32]:
    moved = [shift(one, way, order=1, mode="nearest") for one, way in zip(distances, ways, strict=True)]
    return np.stack(moved)


def _along(places: Sequence[int], values: NDArray[np.floating], position: float) -> NDArray[np.floating]:
    """Interpolate values along their first axis: linearly between two places, smoothly through more."""
    found: NDArray[np.floating]
    if len(places) > 2:
        found = PchipInterpolator(places, values)(position)
    else:
        fraction = (position - places[0]) / (places[1] - places[0])
        found = (1 - fraction) * values[0] + fraction * values[1]
    return found


def _finite_distance(part: NDArray[np.bool_], pixel_size: Sequence[float]) -> NDArray[np.float32]:
    distance = signed_distance(part, pixel_size)
    if np.isinf(distance).any():
        # The object fills its box: the shape of one pixel more has an outline.
        distance = signed_distance(np.pad(part, 1), pixel_size)[1:-1, 1:-1]
    return distance


def bounding_slices(mask: NDArray[np.bool_], margin: int = 0) -> tuple[slice, slice]:
    """Return the rows and columns of the box of a mask, (H, W) bool, with a margin in pixels, inside the plane.

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("an empty mask has no box")
    return (
        slice(max(int(rows[0]) - margin, 0), min(int(rows[-1]) + 1 + margin, mask.shape[0])),
        slice(max(int(columns[0]) - margin, 0), min(int(columns[-1]) + 1 + margin, mask.shape[1])),
    )
