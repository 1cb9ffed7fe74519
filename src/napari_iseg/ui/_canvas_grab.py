"""Takes the next click or line on the canvas for a tool of the dock, and gives the mouse back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.errors import PromptError
from napari_iseg.ui._viewer_parts import camera_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari.viewer import Viewer

    from napari_iseg.ui._controller import Controller

__all__ = ["CanvasGrab"]

_LEFT = 1


class CanvasGrab:
    """Has the left mouse button until one line was drawn or one place clicked.

    Parameters
    ----------
    viewer
        Whose canvas.
    controller
        Tells whether a layer's own tool has the mouse.
    """

    def __init__(self, viewer: Viewer, controller: Controller) -> None:
        self._viewer = viewer
        self._controller = controller
        self._taken: Callable[[list[Sequence[float]]], None] | None = None
        self._moved: Callable[[list[Sequence[float]]], None] | None = None
        self._panned = True
        self._drawing = False

    @property
    def active(self) -> bool:
        """Whether the next click is for this tool, or was a moment ago."""
        return self._taken is not None or self._drawing

    def take(
        self,
        taken: Callable[[list[Sequence[float]]], None],
        moved: Callable[[list[Sequence[float]]], None] | None = None,
    ) -> None:
        """Take the mouse.

        Parameters
        ----------
        taken
            Called once with the world positions from press to release; one for a click.
        moved
            Called with those so far while the mouse moves.

        Raises
        ------
        PromptError
            If a tool of the active layer has the mouse.
        """
        busy = self._controller.busy_tool
        if busy:
            raise PromptError(f"A tool of the layer {busy!r} has the mouse; choose its pan/zoom tool first.")
        self.let_go()
        self._taken, self._moved = taken, moved
        self._panned = camera_of(self._viewer).mouse_pan
        camera_of(self._viewer).mouse_pan = False
        self._viewer.mouse_drag_callbacks.insert(0, self._on_press)

    def let_go(self) -> None:
        """Give the mouse back."""
        if self._taken is not None:
            camera_of(self._viewer).mouse_pan = self._panned
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)
        self._taken = self._moved = None

    def _on_press(self, _viewer: Any, event: Any) -> Iterator[None]:
        if event.button != _LEFT:
            return
        self._drawing = True
        points = [tuple(event.position)]
        yield
        while event.type == "mouse_move":
            points.append(tuple(event.position))
            if self._moved is not None:
                self._moved(list(points))
            yield
        taken = self._taken
        self.let_go()
        self._drawing = False
        if taken is not None:
            taken(list(points))
