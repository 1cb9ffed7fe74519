"""The parts of napari's viewer that moved in 0.9, wherever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["camera_of", "canvas_size_of", "text_overlay_of"]


def camera_of(viewer: Viewer) -> Any:
    """Return the viewer's camera."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera


def text_overlay_of(viewer: Viewer) -> Any:
    """Return the text that lies over the viewer's canvas."""
    canvas = getattr(viewer, "canvas", None)
    return viewer.text_overlay if canvas is None else canvas.overlays.text


def canvas_size_of(viewer: Viewer) -> tuple[int, int]:
    """Return height and width of the viewer's canvas in screen pixels."""
    size = getattr(getattr(viewer, "canvas", None), "size", None)
    # Before napari 0.9 nobody outside may ask; this is the size that a new window has.
    height, width = size if size is not None else (600, 800)
    return int(height), int(width)
