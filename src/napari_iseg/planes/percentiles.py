"""Between which values a plane, or a whole volume, is stretched; of a volume a few planes tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.planes.address import PlaneAddress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["limits_between", "limits_of_volume", "planes_across"]

# So many planes tell the percentiles of a volume; each is read from where it lies, be it a disk or a network.
_PLANES = 5
# Of each plane so many values: they tell percentiles well enough.
_SAMPLED = 2**19


def limits_between(
    planes: Iterable[NDArray[Any]], percentiles: tuple[float, float], *, without_zero: bool = False
) -> tuple[float, float] | None:
    """Return the values at two percentiles.

    Parameters
    ----------
    planes
        (H, W) each, of any real type; values that are not finite do not count. They are gone through once.
    percentiles
        (low, high), from 0 to 100.
    without_zero
        Whether values of 0 do not count either.

    Returns
    -------
    tuple or None
        (low, high); None where there is no contrast, or nothing that counts.
    """
    exact = percentiles == (0, 100)
    samples = [_sample(plane, without_zero=without_zero, whole=exact) for plane in planes]
    values = np.concatenate(samples) if samples else np.zeros(0)
    if not values.size:
        return None
    low, high = (float(value) for value in np.percentile(values, percentiles))
    if not low < high:
        # A few bright things on an even background lie beyond the percentiles, yet they are all there is to see.
        low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else None


def limits_of_volume(
    array: Any, plane: PlaneAddress, percentiles: tuple[float, float], *, without_zero: bool = False
) -> tuple[float, float] | None:
    """Estimate the percentiles of a volume from a few of its planes; of a lazy array nothing else is read.

    Parameters
    ----------
    array
        n-D, as for :meth:`PlaneAddress.take`.
    plane
        A plane of the volume, see :func:`planes_across`.
    percentiles, without_zero
        As for :func:`limits_between`.

    Returns
    -------
    tuple or None
        As of :func:`limits_between`.
    """
    planes = (each.take(array) for each in planes_across(tuple(array.shape), plane))
    return limits_between(planes, percentiles, without_zero=without_zero)


def planes_across(shape: tuple[int, ...], plane: PlaneAddress) -> list[PlaneAddress]:
    """Return a few planes, evenly through the volume that a plane belongs to; a flat image has one.

    They lie along the last two axes, as files are stored, whichever way the volume is looked at: a sagittal plane of a
    lazy stack would need every piece of it.

    Parameters
    ----------
    shape
        Of the array, colours included.
    plane
        One of its planes. Of the axes that remain, the longest is gone through; on the others, which are channels and
        moments, its position is kept, so that nothing is mixed.
    """
    grid = shape[:-1] if plane.rgb else shape
    rest = range(len(grid) - 2)
    if not rest:
        return [PlaneAddress(rgb=plane.rgb)]
    known = dict(zip(plane.other_axes, plane.index, strict=True))
    index = [known.get(axis, grid[axis] // 2) for axis in rest]
    longest = max(rest, key=lambda axis: grid[axis])
    # In the middle of equal parts: the first and last planes are often empty.
    positions = sorted({int((number + 0.5) * grid[longest] / _PLANES) for number in range(_PLANES)})
    return [
        PlaneAddress(len(grid) - 2, len(grid) - 1, (*index[:longest], position, *index[longest + 1 :]), plane.rgb)
        for position in positions
    ]


def _sample(plane: NDArray[Any], *, without_zero: bool, whole: bool) -> NDArray[np.float64]:
    # An odd step does not fall into the rhythm of the columns.
    step = 1 if whole else (plane.size // _SAMPLED) | 1
    values = plane.ravel()[::step].astype(np.float64)
    keep = np.isfinite(values)
    if without_zero:
        keep &= values != 0
    return values[keep]
