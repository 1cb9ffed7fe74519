"""The parts of napari's viewer that moved in 0.9, wherever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["camera_of", "text_overlay_of"]


def camera_of(viewer: Viewer) -> Any:
    """Return the viewer's camera."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera


def text_overlay_of(viewer: Viewer) -> Any:
    """Return the text that lies over the viewer's canvas."""
    canvas = getattr(viewer, "canvas", None)
    return viewer.text_overlay if canvas is None else canvas.overlays.text
