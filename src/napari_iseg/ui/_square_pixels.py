"""How large the pixels of a plane of a layer are, and whether the method sees it resampled to square ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.planes import SquarePixels
from napari_iseg.ui._plane_view import plane_shape

if TYPE_CHECKING:
    from napari_iseg.planes import PlaneAddress

__all__ = ["NOT_SPACE", "aspect_of", "plane_pixel_size", "square_pixels"]

# Along these axes a step has no size, whatever the scale says.
NOT_SPACE = ("t", "time", "c", "channel", "channels", "s", "sample")


def square_pixels(image: Any, plane: PlaneAddress) -> SquarePixels | None:
    """Return how a plane of an Image layer is shown to the method; None where it is shown as it is.

    Parameters
    ----------
    image
        An Image layer. Its scale, affine and units say how large a pixel is in the world.
    plane
        A plane of it.
    """
    return SquarePixels.of(plane_shape(image, plane), plane_pixel_size(image, plane))


def aspect_of(image: Any, plane: PlaneAddress) -> tuple[float, float]:
    """Return height and width of a pixel of a plane, the shorter 1; both 1 where the method sees it as it is."""
    square = square_pixels(image, plane)
    return (1.0, 1.0) if square is None else square.aspect


def plane_pixel_size(image: Any, plane: PlaneAddress) -> tuple[float, float] | None:
    """Return height and width of a pixel of a plane in one unit; None where an axis is no space or units differ."""
    axes = (plane.rows, plane.columns)
    if any(str(image.axis_labels[axis]).lower() in NOT_SPACE for axis in axes):
        return None
    units = [image.units[axis] for axis in axes]
    if units[0].dimensionality != units[1].dimensionality:
        return None
    origin = np.asarray(image.data_to_world(np.zeros(image.ndim)), float)
    sizes = [float(np.linalg.norm(np.asarray(image.data_to_world(_step(axis, image.ndim))) - origin)) for axis in axes]
    if units[0] != units[1]:
        sizes = [float((size * (1 * unit).to_base_units()).magnitude) for size, unit in zip(sizes, units, strict=True)]
    return sizes[0], sizes[1]


def _step(axis: int, ndim: int) -> np.ndarray:
    step = np.zeros(ndim)
    step[axis] = 1
    return step
