"""Where the viewer looks: its plane, and the middle of its canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.ui._plane_view import on_screen
from napari_iseg.ui._viewer_parts import camera_of, canvas_size_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_iseg.planes import PlaneAddress

__all__ = ["frame_object", "look_at", "show_plane", "show_whole_plane"]

# An object is shown with its surroundings: so many times its size, and at least so many pixels.
_AROUND = 1.8
_FEWEST_PIXELS = 32


def show_plane(viewer: Viewer, image: Any, plane: PlaneAddress) -> None:
    """Move the sliders to a plane of an Image layer."""
    dims = viewer.dims
    world = image.data_to_world(plane.point(0, 0))
    for axis in plane.other_axes:
        dims.set_point(axis + dims.ndim - image.ndim, world[axis])


def look_at(viewer: Viewer, image: Any, point: Sequence[float]) -> None:
    """Move the camera to a point, in pixels of an Image layer along every axis, if that is out of sight."""
    if viewer.dims.ndisplay != 2:
        return
    shown = [axis - viewer.dims.ndim + image.ndim for axis in viewer.dims.displayed]
    first, last = image.corner_pixels[:, shown]
    place = [point[axis] for axis in shown]
    if any(not low <= at <= high for low, at, high in zip(first, place, last, strict=True)):
        world = image.data_to_world(point)
        camera_of(viewer).center = tuple(world[axis] for axis in shown)


def show_whole_plane(viewer: Viewer, image: Any, plane: PlaneAddress) -> None:
    """Move the sliders to a plane of an Image layer, also from 3-D or from a view along another axis."""
    dims = viewer.dims
    dims.ndisplay = 2
    missing = dims.ndim - image.ndim
    axes = {plane.rows + missing, plane.columns + missing}
    if set(dims.displayed) != axes:
        dims.order = (*(axis for axis in range(dims.ndim) if axis not in axes), *sorted(axes))
    show_plane(viewer, image, plane)


def frame_object(viewer: Viewer, image: Any, plane: PlaneAddress, mask: NDArray[np.bool_]) -> None:
    """Move and zoom the camera so that an object fills a good part of the canvas, and little lies beside the image.

    Parameters
    ----------
    viewer
        Shows the plane already.
    image
        An Image layer.
    plane
        The plane of it that is shown.
    mask
        (H, W) bool; nothing happens where it is empty.
    """
    spans = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    if not len(spans[0]):
        return
    middle = np.array([(span[0] + span[-1]) / 2 for span in spans])
    wanted = np.array([max(_AROUND * (span[-1] - span[0] + 1), _FEWEST_PIXELS) for span in spans])
    missing = viewer.dims.ndim - image.ndim
    upright = tuple(viewer.dims.displayed) == (plane.rows + missing, plane.columns + missing)
    canvas = np.array(canvas_size_of(viewer)[:: 1 if upright else -1], float)
    # Lengths of one step along rows and along columns, in the world.
    places = on_screen(image, plane, np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]))
    steps = np.linalg.norm(places[1:] - places[0], axis=1)
    zoom = float(np.min(canvas / (wanted * steps)))
    half = canvas / (zoom * steps) / 2
    last = np.array(mask.shape) - 1.0
    middle = np.where(2 * half < last, np.clip(middle, half, last - half), np.where(half > last, last / 2, middle))
    center = on_screen(image, plane, middle[np.newaxis])[0]
    camera = camera_of(viewer)
    camera.center = tuple(float(place) for place in (center if upright else center[::-1]))
    camera.zoom = zoom
