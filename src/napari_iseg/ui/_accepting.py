"""From an unfinished object to a finished one: now, when its answer comes, or after a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iseg.errors import ImageError, PromptError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project

__all__ = ["Accepting"]


class Accepting:
    """Accepts objects, as the rule of protection says.

    Parameters
    ----------
    controller
        The dock's.
    edited
        Called with a project and a work after a step, to bring request, layers and dock in step.
    """

    def __init__(self, controller: Controller, edited: Callable[[Project, PlaneWork], None]) -> None:
        self._controller = controller
        self._edited = edited

    def accept(self) -> None:
        """Write the unfinished object into the Objects layer and begin the next one.

        If its answer is still awaited, this happens when it comes; clicks until then belong to the next object.

        Raises
        ------
        PromptError
            If there is no object yet, or finished objects cover all of it.
        """
        controller = self._controller
        project, work = controller.project, controller.work
        if project is None or work is None or not work.prompts:
            raise PromptError("There is no object to accept yet; click one first.")
        if work.pending:
            work.accept_on_answer = True
            if work.job is None:
                controller.answering.ask(project, work)
            controller.changed.emit()
        else:
            self._finish_if_allowed(project, work)

    def answer(self, *, overwrite: bool) -> None:
        """Answer the question whether the object may take pixels from finished ones, and accept it.

        Raises
        ------
        PromptError
            If finished objects cover all of it and keep their pixels.
        """
        project, work = self._controller.project, self._controller.work
        if project is not None and work is not None and self._controller.guard.question_on(work) is not None:
            self.finish(project, work, overwrite=overwrite)

    def finish_or_go_on(self, project: Project, work: PlaneWork) -> None:
        """Finish what was accepted early; if that cannot be, the clicks for the next object are given to this one."""
        try:
            self._finish_if_allowed(project, work)
        except (PromptError, ImageError) as error:
            clicks, work.next_clicks = work.next_clicks, []
            for click in clicks:
                work.edit((*work.prompts, click))
            self._edited(project, work)
            self._controller.failed.emit(str(error))

    def finish(self, project: Project, work: PlaneWork, *, overwrite: bool) -> None:
        """Finish an object whose answer has come.

        Parameters
        ----------
        project, work
            The object.
        overwrite
            Whether it may take pixels from finished objects.

        Raises
        ------
        PromptError
            If finished objects cover all of it and keep their pixels.
        """
        controller = self._controller
        if work.target is not None:
            controller.objects.write_back(project, work, overwrite=overwrite)
            return
        if work.class_name is None:
            work.class_name = controller.classes.current
        record = project.finish(work, controller.answering.choice, overwrite=overwrite)
        controller.undoing.accepted()
        self._edited(project, project.work_on(record.plane))

    def _finish_if_allowed(self, project: Project, work: PlaneWork) -> None:
        """Finish an object, or ask first whether it may overwrite others."""
        overwrite = self._controller.guard.decide(project, work)
        if overwrite is not None:
            self.finish(project, work, overwrite=overwrite)
        self._controller.changed.emit()
