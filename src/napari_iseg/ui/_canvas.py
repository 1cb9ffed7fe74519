"""Clicks on the canvas, whichever layer is active; drags stay napari's own (left pans, right zooms)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari.viewer import Viewer

__all__ = ["CanvasClicks", "camera_of"]

_SLACK = 4.0
"""How far, in screen pixels, the mouse may move between press and release of a click."""

_LEFT, _RIGHT = 1, 2


def camera_of(viewer: Viewer) -> Any:
    """Return the viewer's camera; napari 0.9 moved it."""
    return getattr(viewer, "scene", viewer).camera


class CanvasClicks:
    """Tells clicks from drags on a viewer's canvas.

    Parameters
    ----------
    viewer
        Whose canvas.
    clicked
        Called with the position in world coordinates and whether it was the left button.
    wanted
        Asked at each press: whether the click tool has the mouse now.
    """

    def __init__(
        self,
        viewer: Viewer,
        clicked: Callable[[Sequence[float], bool], None],
        wanted: Callable[[], bool],
    ) -> None:
        self._viewer = viewer
        self._clicked = clicked
        self._wanted = wanted
        viewer.mouse_drag_callbacks.append(self._on_press)

    def close(self) -> None:
        """Let go of the canvas."""
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def _on_press(self, _viewer: Any, event: Any) -> Iterator[None]:
        # With a modifier held the mouse means something else: selecting, zooming, transforming.
        if event.button not in (_LEFT, _RIGHT) or event.modifiers or not self._wanted():
            return
        start, position, left = tuple(event.pos), tuple(event.position), event.button == _LEFT
        moved = 0.0
        yield
        while event.type == "mouse_move":
            moved = max(moved, math.dist(start, event.pos))
            yield
        if max(moved, math.dist(start, event.pos)) <= _SLACK:
            self._clicked(position, left)
