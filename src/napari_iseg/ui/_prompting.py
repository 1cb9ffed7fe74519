"""The prompt tools: which one is chosen, what a click or a drag begins with it, and which prompt is touched."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_iseg.errors import ImageError, IsegError, PromptError
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.interactions.prompts import without
from napari_iseg.ui._label_picking import pick_label
from napari_iseg.ui._plane_view import locate, on_screen
from napari_iseg.ui._strokes import BoxStroke, BrushStroke, MoveStroke, ScribbleStroke, Stroke
from napari_iseg.ui._tools import Tool
from napari_iseg.ui._viewer_parts import camera_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Workers

__all__ = ["Prompting"]

_NEAR = 9.0
"""How near to a prompt, in screen pixels, the mouse must be to touch it."""


class Prompting:
    """The tools of one dock.

    Parameters
    ----------
    viewer
        napari's viewer.
    controller
        Takes the prompts.
    workers
        Looks labels up in threads.

    Attributes
    ----------
    changed
        Another tool or width was chosen.
    tool
        The tool that has the mouse.
    width
        Of scribbles and of the brush, in pixels of the image.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, controller: Controller, workers: Workers) -> None:
        self.tool = Tool.CLICK
        self.width = 5.0
        self._viewer = viewer
        self._controller = controller
        self._workers = workers
        # The prompt that was moved last; the newest one otherwise.
        self._touched: Prompt | None = None

    def choose(self, tool: Tool) -> None:
        """Give the mouse to a tool."""
        self.tool = tool
        self.changed.emit()

    def set_width(self, width: float) -> None:
        """Draw scribbles and paint with this width, in pixels of the image, from now on."""
        self.width = width
        self.changed.emit()

    def click(self, position: Sequence[float], *, left: bool) -> None:
        """Take a click without a drag.

        Parameters
        ----------
        position
            World coordinates along all of the viewer's axes.
        left
            Whether it was the left button.

        Raises
        ------
        ImageError
            If there is no image, or no plane of it on the canvas.
        PromptError
            If the click lies outside the image, or on no label with the label tool.
        """
        include = left == self._controller.include
        if self.tool is Tool.LABEL:
            self._take_label(position, include=include)
        elif self.tool is Tool.BRUSH:
            stroke = self._paint(position, positive=include)
            if stroke is not None:
                stroke.end()
        else:
            self._touched = None
            self._controller.click(position, include=include)

    def click_next(self, position: Sequence[float], *, left: bool) -> None:
        """Accept the present object, if there is one, and begin another with this click.

        Parameters
        ----------
        position, left
            As for :meth:`click`.

        Raises
        ------
        ImageError
            As for :meth:`click`.
        PromptError
            As for :meth:`click`, or if finished objects cover all of it, or the object before it is still awaited.
        """
        project = self._controller.project
        with project.layers.prompts_drawn_once() if project is not None else nullcontext():
            if self._accepted():
                self.click(position, left=left)

    def _accepted(self) -> bool:
        """Accept the present object, if there is one, and return whether the next click begins another."""
        controller, work = self._controller, self._controller.work
        if work is not None and work.accept_on_answer and work.next_clicks:
            raise PromptError("The object before this one is still being computed; click the next one in a moment.")
        if work is None or not work.prompts or work.accept_on_answer:
            return True
        controller.accept()
        # Not where the user is asked first whether it may overwrite others.
        return controller.guard.question_on(work) is None

    def begin(self, position: Sequence[float], *, swapped: bool) -> Stroke | None:
        """Begin a drag with the left button.

        Parameters
        ----------
        position
            World coordinates along all of the viewer's axes.
        swapped
            Whether it excludes where it would include, and the other way round.

        Returns
        -------
        Stroke or None
            None if a drag means nothing here: it is napari's own then.
        """
        controller, project, work = self._controller, self._controller.project, self._controller.work
        if project is None or work is None:
            return None
        place = locate(project.image, work.plane, position)
        positive = controller.include != swapped
        match self.tool:
            case Tool.CLICK if not swapped:
                index = self.at(position)
                if index is None or not isinstance(work.prompts[index], Click) or work.accept_on_answer:
                    return None
                self._touched = work.prompts[index]
                return MoveStroke(controller, project, work, index)
            case Tool.BOX if not swapped:
                return BoxStroke(controller, project, work, place)
            case Tool.SCRIBBLE:
                return ScribbleStroke(controller, project, work, place, self.width, positive=positive)
            case Tool.BRUSH:
                return self._paint(position, positive=positive)
        return None

    def place(self, position: Sequence[float]) -> tuple[float, float]:
        """Return the (row, column) of a world position on the plane that is shown.

        Raises
        ------
        ImageError
            If there is no such plane any more.
        """
        project, work = self._controller.project, self._controller.work
        if project is None or work is None:
            raise ImageError("The image is not on the canvas any more; what was being drawn is dropped.")
        return locate(project.image, work.plane, position)

    def at(self, position: Sequence[float]) -> int | None:
        """Return the index of the present object's prompt under a world position, the newest first, or None."""
        project, work = self._controller.project, self._controller.work
        if project is None or work is None:
            return None
        mouse = on_screen(project.image, work.plane, np.array([locate(project.image, work.plane, position)]))[0]
        zoom = camera_of(self._viewer).zoom
        for index in reversed(range(len(work.prompts))):
            line = _line(work.prompts[index])
            if line is None:
                continue
            if _distance(mouse, on_screen(project.image, work.plane, line)) * zoom <= _NEAR:
                return index
        return None

    def remove(self) -> None:
        """Take one prompt away, as one step: the one under the mouse, else the one touched last."""
        work = self._controller.work
        if work is None or not work.prompts or work.accept_on_answer:
            return
        index = self.at(self._viewer.cursor.position)
        if index is None:
            touched = [number for number, prompt in enumerate(work.prompts) if prompt is self._touched]
            index = touched[-1] if touched else len(work.prompts) - 1
        self._controller.change(without(work.prompts, index), work)

    def _paint(self, position: Sequence[float], *, positive: bool) -> BrushStroke | None:
        project, work = self._controller.project, self._controller.work
        if project is None or work is None:
            raise ImageError(self._controller.no_plane_reason)
        if work.accept_on_answer:
            return None
        work = self._controller.slices.opened(work)
        place = locate(project.image, work.plane, position)
        return BrushStroke(self._controller, project, work, place, self.width, positive=positive)

    def _take_label(self, position: Sequence[float], *, include: bool) -> None:
        project, work = self._controller.project, self._controller.work
        if project is None or work is None:
            raise ImageError(self._controller.no_plane_reason)
        work = self._controller.slices.opened(work)
        place = locate(project.image, work.plane, position)
        others = [layer for layer in reversed(list(self._viewer.layers)) if not project.layers.is_live_mask(layer)]
        picked = pick_label(others, project.image, work.plane, work.shape, place, position)
        self._workers.start(
            lambda _cancelled: picked.mask(), partial(self._label_taken, project, work, include), self._not_taken
        )

    def _label_taken(self, project: Project, work: PlaneWork, include: bool, mask: NDArray[np.bool_]) -> None:
        if not project.owns(work) or work.accept_on_answer:
            return
        shown = project.layers.shown_mask(work.plane)
        try:
            self._controller.give(MaskPrompt(shown | mask if include else shown & ~mask), work)
        except PromptError as error:
            self._not_taken(error)

    def _not_taken(self, error: Exception) -> None:
        if not isinstance(error, IsegError):
            raise error
        self._controller.failed.emit(str(error))


def _line(prompt: Prompt) -> NDArray[np.float64] | None:
    """Return the places of a prompt, (n, 2) rows and columns; None where it has none."""
    match prompt:
        case Click(row=row, column=column):
            return np.array([(row, column)])
        case Box(start=start, stop=stop):
            (top, left), (bottom, right) = np.array(start) - 0.5, np.array(stop) - 0.5
            return np.array([(top, left), (top, right), (bottom, right), (bottom, left), (top, left)])
        case Scribble(points=points):
            return np.array(points)
    return None


def _distance(point: NDArray[np.float64], line: NDArray[np.float64]) -> float:
    """Return the distance of a point from a line of corners, (n, 2)."""
    if len(line) == 1:
        return float(np.hypot(*(line[0] - point)))
    starts, steps = line[:-1], np.diff(line, axis=0)
    along = ((point - starts) * steps).sum(axis=1) / np.maximum((steps**2).sum(axis=1), 1e-12)
    nearest = starts + np.clip(along, 0, 1)[:, np.newaxis] * steps
    return float(np.hypot(*(nearest - point).T).min())
