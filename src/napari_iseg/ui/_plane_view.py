"""Which plane of an image the user looks at, and where in it the mouse points: world to data, converted once, here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.planes import PlaneAddress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

__all__ = [
    "full_data",
    "grid_shape",
    "locate",
    "on_screen",
    "pixels_between",
    "plane_shape",
    "plane_to_world",
    "shown_plane",
]


def full_data(image: Any) -> Any:
    """Return the array of an Image layer at full resolution."""
    return image.data[0] if image.multiscale else image.data


def grid_shape(image: Any) -> tuple[int, ...]:
    """Return the shape of an Image layer without its colour axis: the grid of its labels."""
    return tuple(int(size) for size in full_data(image).shape[: image.ndim])


def plane_shape(image: Any, plane: PlaneAddress) -> tuple[int, int]:
    """(rows, columns) of a plane of an Image layer."""
    shape = grid_shape(image)
    return shape[plane.rows], shape[plane.columns]


def shown_plane(dims: Any, image: Any) -> PlaneAddress | None:
    """Find the plane of an image that is on the canvas.

    Parameters
    ----------
    dims
        The viewer's dims.
    image
        An Image layer.

    Returns
    -------
    PlaneAddress or None
        Rows are always the earlier axis, so that a transposed display shows the same plane. None if the display is 3-D,
        shows an axis that the image lacks, or stands beside the image.
    """
    missing = dims.ndim - image.ndim
    if missing < 0:
        # The image is being removed: the viewer has forgotten its axes already.
        return None
    axes = sorted(axis - missing for axis in dims.displayed)
    if dims.ndisplay != 2 or axes[0] < 0:
        return None
    linear, offset = _world_to_data(image)
    hidden = [axis for axis in range(image.ndim) if axis not in axes]
    point = np.asarray(dims.point[missing:], float)[hidden]
    # As napari slices: the submatrix of the hidden axes alone, also where an oblique affine mixes them with the others.
    positions = np.round(linear[np.ix_(hidden, hidden)] @ point + offset[hidden]).astype(int)
    if any(not 0 <= p < size for p, size in zip(positions, np.array(grid_shape(image))[hidden], strict=True)):
        return None
    return PlaneAddress(axes[0], axes[1], tuple(int(p) for p in positions), bool(image.rgb))


def locate(image: Any, plane: PlaneAddress, position: Sequence[float]) -> tuple[float, float]:
    """Find where on a plane a point of the world lies.

    Parameters
    ----------
    image
        An Image layer.
    plane
        The plane of it that is shown.
    position
        World coordinates along all of the viewer's axes.

    Returns
    -------
    tuple of float
        (row, column) in pixels, pixel centres at whole numbers; may lie outside.
    """
    linear, offset = _drawn(image, plane)
    world = np.asarray(position, float)[-image.ndim :][[plane.rows, plane.columns]]
    row, column = np.linalg.solve(linear, world - offset)
    return float(row), float(column)


def _drawn(image: Any, plane: PlaneAddress) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (linear, offset) from (row, column) on a plane to the world as napari draws it.

    That is the submatrix of the displayed axes alone, also where an oblique affine mixes them with others.
    """
    linear, offset = _data_to_world(image)
    axes = [plane.rows, plane.columns]
    return linear[np.ix_(axes, axes)], offset[axes]


def _data_to_world(image: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (linear, offset) of the image's affine, from public calls only."""
    offset = np.asarray(image.data_to_world(np.zeros(image.ndim)), np.float64)
    columns = [np.asarray(image.data_to_world(unit)) - offset for unit in np.eye(image.ndim)]
    return np.stack(columns, axis=1).astype(np.float64), offset.astype(np.float64)


def _world_to_data(image: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    linear, offset = _data_to_world(image)
    inverse = np.linalg.inv(linear)
    return inverse.astype(np.float64), np.asarray(-inverse @ offset, np.float64)


def on_screen(image: Any, plane: PlaneAddress, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find where places on a plane lie in the world, as napari draws them.

    Parameters
    ----------
    image
        An Image layer.
    plane
        The plane of it that is shown.
    places
        (n, 2) rows and columns in pixels.

    Returns
    -------
    numpy.ndarray
        (n, 2) world coordinates along the plane's row axis and column axis.
    """
    linear, offset = _drawn(image, plane)
    return np.asarray(places @ linear.T + offset)


def plane_to_world(image: Any, plane: PlaneAddress, corner: tuple[int, int]) -> NDArray[np.float64]:
    """Return the affine of a piece of a plane, given as an array with one entry along every axis that is not shown.

    Parameters
    ----------
    image
        An Image layer.
    plane
        A plane of it.
    corner
        (row, column) of the piece's first pixel.

    Returns
    -------
    numpy.ndarray
        (n + 1, n + 1) for the n axes of the image's grid: from the piece's pixels to the world.
    """
    linear, offset = _data_to_world(image)
    affine = np.eye(len(offset) + 1)
    affine[:-1, :-1] = linear
    affine[:-1, -1] = offset + linear @ np.array(plane.point(*corner))
    return affine


def pixels_between(image: Any, plane: PlaneAddress, layer: Any, point: Sequence[float]) -> NDArray[np.float64]:
    """Return where the pixels of a plane lie in another layer.

    Parameters
    ----------
    image
        An Image layer.
    plane
        A plane of it.
    layer
        Any layer.
    point
        A position in world coordinates along all of the viewer's axes, for axes that the image lacks.

    Returns
    -------
    numpy.ndarray
        (n, 3) for the layer's n axes: its pixel along axis k is ``m[k] @ (row, column, 1)``.
    """
    linear, offset = _data_to_world(image)
    world = np.zeros((len(point), 3))
    world[:, 2] = point
    world[-image.ndim :, :2] = linear[:, [plane.rows, plane.columns]]
    world[-image.ndim :, 2] = offset + linear @ np.array(plane.point(0, 0))
    inverse, back = _world_to_data(layer)
    there = inverse @ world[-layer.ndim :]
    there[:, 2] += back
    return np.asarray(there)
