"""Steps of edits: made, undone and made again on the work that is on the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iseg.errors import ImageError, PromptError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._edit_history import Edit
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project

__all__ = ["ObjectSteps"]


class ObjectSteps:
    """Undo and redo of edits of the finished objects of the chosen image.

    Parameters
    ----------
    controller
        The dock's.
    edited
        Called with the project and the work on the canvas after an edit, to bring layers and dock in step.
    """

    def __init__(self, controller: Controller, edited: Callable[[Project, PlaneWork], None]) -> None:
        self._controller = controller
        self._edited = edited

    @property
    def can_undo(self) -> bool:
        """Whether an edit is what undo takes back next."""
        found = self._found()
        return found is not None and found[0].edits.to_undo(found[1]) is not None

    @property
    def can_redo(self) -> bool:
        """Whether an edit is what redo does next."""
        found = self._found()
        return found is not None and found[0].edits.to_redo(found[1]) is not None

    def undo(self) -> bool:
        """Undo the last edit if nothing was done since; return whether there was one."""
        found = self._found()
        if found is None or found[0].edits.to_undo(found[1]) is None:
            return False
        found[0].edits.undo()
        self._show(found[0])
        return True

    def redo(self) -> bool:
        """Make the edit again that was undone last, if nothing was done since; return whether there was one."""
        found = self._found()
        if found is None or found[0].edits.to_redo(found[1]) is None:
            return False
        found[0].edits.redo()
        self._show(found[0])
        return True

    def _do(self, project: Project, work: PlaneWork, edit: Edit) -> None:
        project.edits.do(edit, work)
        self._show(project)

    def _show(self, project: Project) -> None:
        work = self._controller.work
        if work is not None:
            self._edited(project, work)

    def _found(self) -> tuple[Project, PlaneWork] | None:
        project, work = self._controller.project, self._controller.work
        return (project, work) if project is not None and work is not None else None

    def _needed(self) -> tuple[Project, PlaneWork]:
        project = self._controller.project
        if project is None:
            raise ImageError("There is no image; open one first.")
        work = self._controller.work
        if work is None:
            raise ImageError(self._controller.no_plane_reason)
        return project, work

    def _records(self, project: Project, labels: Iterable[int]) -> tuple[FinishedObject, ...]:
        """Return the records of some objects in the order asked for."""
        have = {record.label: record for record in project.finished.records} if project.layers.has_objects else {}
        wanted = list(dict.fromkeys(labels))
        missing = [label for label in wanted if label not in have]
        if missing or not wanted:
            raise PromptError(
                f"There is no finished object {missing[0]}; choose one of the list."
                if missing
                else "No object is chosen; select one in the list first."
            )
        return tuple(have[label] for label in wanted)
