"""What a drag on the canvas becomes: a box, a scribble, a moved click, a painted mask; drawn live meanwhile."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_iseg.errors import PromptError
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.interactions.drawing import draw_stroke
from napari_iseg.interactions.prompts import with_replaced

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project

__all__ = ["BoxStroke", "BrushStroke", "MoveStroke", "ScribbleStroke", "Stroke"]

Place = tuple[float, float]


class Stroke(Protocol):
    """A drag in the making; places are (row, column) on the plane where it began."""

    def move(self, place: Place) -> None:
        """Follow the mouse."""

    def end(self) -> None:
        """Hand over what was drawn."""

    def give_up(self) -> None:
        """Take away what was drawn."""


class BoxStroke:
    """A box from corner to corner, in whole pixels."""

    def __init__(self, controller: Controller, project: Project, work: PlaneWork, place: Place) -> None:
        self._controller, self._project, self._work = controller, project, work
        self._start = self._stop = place

    def move(self, place: Place) -> None:
        """Follow the mouse."""
        self._stop = place
        self._project.layers.shapes.draft(self._work.plane, self._box())

    def end(self) -> None:
        """Give the box.

        Raises
        ------
        PromptError
            If it encloses nothing of the image.
        """
        self.give_up()
        box = self._box()
        if box is None:
            raise PromptError("The box encloses nothing of the image; drag from one corner to the opposite one.")
        self._controller.give(box, self._work)

    def give_up(self) -> None:
        """Take the draft away."""
        self._project.layers.shapes.draft(self._work.plane, None)

    def _box(self) -> Box | None:
        # Half a pixel further: pixel centres are at whole numbers, the edges of a box between pixels.
        corners = np.rint(np.array([self._start, self._stop]) + 0.5)
        low, high = np.clip(corners.min(axis=0), 0, self._work.shape), np.clip(corners.max(axis=0), 0, self._work.shape)
        if (low >= high).any():
            return None
        return Box((float(low[0]), float(low[1])), (float(high[0]), float(high[1])))


class ScribbleStroke:
    """A freehand line."""

    def __init__(
        self, controller: Controller, project: Project, work: PlaneWork, place: Place, width: float, *, positive: bool
    ) -> None:
        self._controller, self._project, self._work = controller, project, work
        self._points = [_rounded(place)]
        self._width, self._positive = width, positive
        # Closer points would make the line no better, and slower to draw.
        self._apart = max(0.5, width / 4)

    def move(self, place: Place) -> None:
        """Follow the mouse."""
        if math.dist(place, self._points[-1]) >= self._apart:
            self._points.append(_rounded(place))
            self._project.layers.shapes.draft(self._work.plane, self._scribble())

    def end(self) -> None:
        """Give the scribble."""
        self.give_up()
        self._controller.give(self._scribble(), self._work)

    def give_up(self) -> None:
        """Take the draft away."""
        self._project.layers.shapes.draft(self._work.plane, None)

    def _scribble(self) -> Scribble:
        return Scribble(tuple(self._points), self._width, self._positive)


class MoveStroke:
    """A click that is moved to another place."""

    def __init__(self, controller: Controller, project: Project, work: PlaneWork, index: int) -> None:
        self._controller, self._project, self._work = controller, project, work
        self._index = index
        self._prompts = work.prompts

    def move(self, place: Place) -> None:
        """Follow the mouse, as far as the image goes."""
        row, column = np.clip(_rounded(place), 0, np.array(self._work.shape) - 1)
        click = self._work.prompts[self._index]
        if isinstance(click, Click):
            moved = replace(click, row=float(row), column=float(column))
            self._prompts = with_replaced(self._work.prompts, self._index, moved)
            self._project.draw_prompts({self._work.plane: self._prompts})

    def end(self) -> None:
        """Have the moved click answered."""
        self._controller.change(self._prompts, self._work)

    def give_up(self) -> None:
        """Put the click back."""
        self._project.draw_prompts()


class BrushStroke:
    """Painting on the mask that is shown, or erasing."""

    def __init__(
        self, controller: Controller, project: Project, work: PlaneWork, place: Place, width: float, *, positive: bool
    ) -> None:
        self._controller, self._project, self._work = controller, project, work
        self._width, self._positive = width, positive
        self._mask = project.layers.shown_mask(work.plane)
        self._last = place
        self._paint(place)

    def move(self, place: Place) -> None:
        """Follow the mouse."""
        self._paint(place)

    def end(self) -> None:
        """Give the painted mask as a prompt that every method takes as it is; later prompts change what they mean."""
        self._controller.give(MaskPrompt(self._mask, keep=True, source="brush"), self._work)

    def give_up(self) -> None:
        """Draw the mask as it was."""
        session = self._work.session
        self._project.layers.draw_mask(self._work.plane, session)

    def _paint(self, place: Place) -> None:
        ends = np.array([self._last, place])
        self._last = place
        reach = self._width / 2 + 2
        low = np.maximum(np.floor(ends.min(axis=0) - reach), 0).astype(int)
        high = np.minimum(np.ceil(ends.max(axis=0) + reach) + 1, self._work.shape).astype(int)
        if (low >= high).any():
            return
        box = slice(low[0], high[0]), slice(low[1], high[1])
        painted = draw_stroke(ends - low, self._width, (int(high[0] - low[0]), int(high[1] - low[1])))
        self._mask[box][painted] = self._positive
        self._project.layers.draw_painted(self._work.plane, self._mask, box)


def _rounded(place: Place) -> Place:
    # A hundredth of a pixel is finer than any mouse, and keeps session files short.
    return round(place[0], 2), round(place[1], 2)
