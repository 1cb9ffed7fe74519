"""Shapes between two planes: signed-distance interpolation of masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import center_of_mass, distance_transform_edt, shift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["bounding_slices", "interpolate_shapes", "signed_distance"]


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
    first: NDArray[np.bool_],
    last: NDArray[np.bool_],
    fraction: float,
    pixel_size: Sequence[float] = (1.0, 1.0),
) -> NDArray[np.bool_]:
    """Return the shape that lies between two shapes.

    The signed distances of the two are averaged after their centres of mass have been brought to the place between
    (Raya and Udupa, IEEE TMI 1990; the shift keeps objects that move faster than their own width from vanishing).

    Parameters
    ----------
    first, last
        (H, W) bool, on the planes before and after.
    fraction
        Where it lies: 0 at ``first``, 1 at ``last``; in physical distance where planes are not equally far apart.
    pixel_size
        (row, column) size of a pixel.

    Returns
    -------
    numpy.ndarray
        (H, W) bool; empty where one of the two is empty and ``fraction`` is nearer to that one, else the other.

    Raises
    ------
    ValueError
        If the masks differ in shape or ``fraction`` is outside [0, 1].
    """
    if first.shape != last.shape:
        raise ValueError(f"the masks have the shapes {first.shape} and {last.shape}")
    if not 0 <= fraction <= 1:
        raise ValueError(f"the fraction must lie in [0, 1], not {fraction}")
    if not first.any() or not last.any():
        return (first if fraction < 0.5 else last).copy()
    # All of it happens in the box of both and what they move.
    rows, columns = bounding_slices(first | last, margin=2)
    centres = [np.asarray(center_of_mass(mask[rows, columns])) for mask in (first, last)]
    middle = (1 - fraction) * centres[0] + fraction * centres[1]
    blended = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    for mask, centre, weight in ((first, centres[0], 1 - fraction), (last, centres[1], fraction)):
        distance = signed_distance(mask[rows, columns], pixel_size)
        if np.isinf(distance).any():
            # The object fills its box: the shape of one pixel more has an outline.
            distance = signed_distance(np.pad(mask[rows, columns], 1), pixel_size)[1:-1, 1:-1]
        blended += weight * shift(distance, middle - centre, order=1, mode="nearest")
    between = np.zeros(first.shape, bool)
    between[rows, columns] = blended > 0
    return between


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
