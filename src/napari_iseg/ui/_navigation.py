"""Where the viewer looks: its plane, and the middle of its canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.ui._viewer_parts import camera_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer

    from napari_iseg.planes import PlaneAddress

__all__ = ["look_at", "show_plane"]


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
