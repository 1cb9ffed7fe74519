"""One undo for everything: prompts and choices, acceptances, edits of finished objects, strokes in Labels layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project

__all__ = ["Undoing"]


class Undoing:
    """Takes back what was done last, and does it again.

    Parameters
    ----------
    controller
        The dock's.
    viewer
        napari's viewer.
    edited
        Called with a project and a work after a step, to bring request, layers and dock in step.
    """

    def __init__(self, controller: Controller, viewer: Viewer, edited: Callable[[Project, PlaneWork], None]) -> None:
        self._controller = controller
        self._viewer = viewer
        self._edited = edited
        # In Labels layers since the last acceptance, which is older than they are.
        self._strokes = 0
        viewer.layers.events.inserted.connect(self._on_inserted)

    @property
    def can_undo(self) -> bool:
        """Whether there is something of the plugin's own to take back."""
        controller = self._controller
        project, work = controller.project, controller.work
        if project is None or work is None:
            return False
        if controller.objects.can_undo:
            return True
        return work.can_undo or project.objects_removed or project.finished.last_on(work.plane) is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is a step forward."""
        work = self._controller.work
        return work is not None and (work.can_redo or work.taken_back is not None or self._controller.objects.can_redo)

    def undo(self) -> None:
        """Take back what was done last: a click, else the acceptance on this plane, else a stroke in a Labels layer."""
        controller = self._controller
        project, work = controller.project, controller.work
        if project is not None and work is not None and self._step_back(project, work):
            return
        labels = self._active_labels()
        if labels is not None and self._strokes > 0:
            self._strokes -= 1
            labels.undo()
            controller.objects.painted()
        elif project is not None and work is not None and (record := project.take_back(work.plane)) is not None:
            if record.session is None:
                self._ask_as_then(project, record)
            controller.changed.emit()
        elif labels is not None:
            labels.undo()

    def redo(self) -> None:
        """Do again what undo took back."""
        controller = self._controller
        project, work = controller.project, controller.work
        if project is not None and work is not None:
            if controller.objects.redo():
                return
            again = work.taken_back
            if again is not None and work.prompts == again.finished.prompts:
                if work.pending:
                    controller.accept()
                else:
                    controller.accepting.finish(project, work, overwrite=again.finished.overwrite)
                return
            if work.step(+1):
                self._edited(project, work)
                return
        labels = self._active_labels()
        if labels is not None:
            labels.redo()

    def accepted(self) -> None:
        """Take note that an object was accepted: strokes before it are older than it is."""
        self._strokes = 0

    def close(self) -> None:
        """Listen to the viewer no longer."""
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)

    def _step_back(self, project: Project, work: PlaneWork) -> bool:
        """Take back the last step of the plane's own work, if there is one."""
        if self._acceptance_to_come(project, work):
            return True
        if self._controller.objects.undo():
            self._strokes = 0
            return True
        if work.step(-1):
            self._edited(project, work)
            return True
        if project.objects_removed:
            project.layers.restore_objects()
            self._controller.changed.emit()
            return True
        return False

    def _acceptance_to_come(self, project: Project, work: PlaneWork) -> bool:
        if not work.accept_on_answer:
            return False
        if work.next_clicks:
            work.next_clicks.pop()
        else:
            work.accept_on_answer = False
        project.draw_prompts()
        self._controller.changed.emit()
        return True

    def _ask_as_then(self, project: Project, record: FinishedObject) -> None:
        """Have an object from a file, which was taken back, answered by the method that made it."""
        self._controller.use(record.choice)
        self._edited(project, project.work_on(record.plane))

    def _active_labels(self) -> Any:
        """Return the active layer if it is a Labels layer that can be edited, else None."""
        active = self._viewer.layers.selection.active
        return active if isinstance(active, Labels) and active.editable else None

    def _on_inserted(self, event: Any) -> None:
        if isinstance(event.value, Labels):
            event.value.events.paint.connect(self._on_paint)

    def _on_paint(self, _event: Any) -> None:
        self._strokes += 1
        self._controller.objects.painted()
