"""The mouse on the canvas, whichever layer is active: clicks and the tools' drags; other drags stay napari's own.

Left-drag pans where no tool draws, right-drag zooms, and middle-drag pans always. A click with Ctrl held is on the next
object: the present one is accepted first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.ui._telling import told
from napari_iseg.ui._viewer_parts import camera_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer

    from napari_iseg.ui._prompting import Prompting
    from napari_iseg.ui._strokes import Stroke

__all__ = ["CanvasClicks"]

_SLACK = 4.0
"""How far, in screen pixels, the mouse may move between press and release of a click."""

_LEFT, _RIGHT, _MIDDLE = 1, 2, 3


class CanvasClicks:
    """Tells clicks, the tools' drags and napari's drags apart.

    Parameters
    ----------
    viewer
        Whose canvas.
    prompting
        The tools.
    wanted
        Asked at each press: whether a tool has the mouse now.
    """

    def __init__(self, viewer: Viewer, prompting: Prompting, wanted: Callable[[], bool]) -> None:
        self._viewer = viewer
        self._prompting = prompting
        self._wanted = wanted
        viewer.mouse_drag_callbacks.append(self._on_press)

    def close(self) -> None:
        """Let go of the canvas."""
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def _on_press(self, _viewer: Any, event: Any) -> Iterator[None]:
        held = set(event.modifiers)
        shift = held == {"Shift"}
        if not self._wanted():
            return
        if held == {"Control"} and event.button == _LEFT:
            yield from self._follow(event, None, swapped=False, on_next=True)
        # With another modifier held the mouse means something else: selecting, zooming, transforming.
        if held and not shift:
            return
        if event.button == _MIDDLE and not shift:
            yield from self._pan(event)
        elif event.button == _LEFT:
            yield from self._left(event, shift)
        elif event.button == _RIGHT and not shift:
            yield from self._follow(event, None, swapped=False)

    def _left(self, event: Any, shift: bool) -> Iterator[None]:
        strokes: list[Stroke | None] = []
        self._begin(event, shift, strokes)
        stroke = strokes[0] if strokes else None
        # Without a tool that draws, Shift means something of napari's own.
        if stroke is not None or not shift:
            yield from self._follow(event, stroke, swapped=shift)

    def _follow(self, event: Any, stroke: Stroke | None, *, swapped: bool, on_next: bool = False) -> Iterator[None]:
        """Follow the mouse to its release: a click if it hardly moved, else the end of the stroke."""
        start, position, left = tuple(event.pos), tuple(event.position), (event.button == _LEFT) != swapped
        # Else napari pans.
        event.handled = stroke is not None or event.handled
        moved = 0.0
        yield
        while event.type == "mouse_move":
            moved = max(moved, math.dist(start, event.pos))
            if stroke is not None:
                event.handled = True
                if moved > _SLACK:
                    self._move(stroke, event)
            yield
        if max(moved, math.dist(start, event.pos)) <= _SLACK:
            if stroke is not None:
                stroke.give_up()
            self._click(position, left, on_next)
        elif stroke is not None:
            # The canvas leaves out moves that follow each other quickly, so also the last one.
            self._move(stroke, event)
            self._end(stroke)

    def _pan(self, event: Any) -> Iterator[None]:
        """Move what is under the mouse along with it."""
        camera, shown = camera_of(self._viewer), list(self._viewer.dims.displayed)
        start = np.array(event.position)[shown]
        yield
        while event.type == "mouse_move":
            center = np.array(camera.center, float)
            center[-len(shown) :] += start - np.array(event.position)[shown]
            camera.center = tuple(center)
            event.handled = True
            yield

    @told
    def _begin(self, event: Any, shift: bool, strokes: list[Stroke | None]) -> None:
        strokes.append(self._prompting.begin(tuple(event.position), swapped=shift))

    @told
    def _move(self, stroke: Stroke, event: Any) -> None:
        stroke.move(self._prompting.place(tuple(event.position)))

    @told
    def _end(self, stroke: Stroke) -> None:
        stroke.end()

    @told
    def _click(self, position: tuple[float, ...], left: bool, on_next: bool) -> None:
        act = self._prompting.click_next if on_next else self._prompting.click
        act(position, left=left)
