"""Asks once, when the window is closed with work that lies in no file of the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_iseg.io import session_path
from napari_iseg.ui._closing_save import ClosingSave

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_iseg.ui._autosave import Autosaver
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._files import Files
    from napari_iseg.ui._project import Project

__all__ = ["ClosingQuestion"]


class ClosingQuestion(QObject):
    """Watches the window that the dock is in.

    A script that calls ``viewer.close()`` is not asked: napari removes the layers first, and what was not saved stays
    in the autosave.

    Parameters
    ----------
    dock
        The widget; its window is watched from when it is shown.
    controller, files, autosaver
        Whose work is saved, how, and what is deleted then.
    """

    def __init__(self, dock: QWidget, controller: Controller, files: Files, autosaver: Autosaver) -> None:
        super().__init__(dock)
        self._dock = dock
        self._controller = controller
        self._files = files
        self._autosaver = autosaver
        # Not held: the window must go when it is closed.
        self._window: Callable[[], QWidget | None] = lambda: None
        dock.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Follow the dock into its window, and keep that open if the user wishes."""
        if watched is self._dock and event.type() in (QEvent.Type.Show, QEvent.Type.ParentChange):
            self._follow()
        elif watched is self._window() and event.type() == QEvent.Type.Close and not self._may_close():
            event.ignore()
            return True
        return False

    def _follow(self) -> None:
        window = self._main_window()
        before = self._window()
        if window is not before:
            if before is not None:
                before.removeEventFilter(self)
            self._window = ref(window) if window is not None else lambda: None
            if window is not None:
                window.installEventFilter(self)

    def _main_window(self) -> QWidget | None:
        """Return the outermost window, also while the dock floats in one of its own."""
        widget: Any = self._dock
        while widget.parentWidget() is not None:
            widget = widget.parentWidget()
        return None if widget is self._dock else widget

    def _may_close(self) -> bool:
        if not self._is_settled():
            return False
        self._autosaver.clear(self._controller.projects)
        return True

    def _is_settled(self) -> bool:
        """Whether everything is saved, or the user does not want it."""
        unsaved = [project for project in self._controller.projects if self._autosaver.has_unsaved(project)]
        if not unsaved:
            return True
        answer = self._ask(unsaved)
        if answer == QMessageBox.StandardButton.Save:
            return self._save(unsaved)
        return bool(answer == QMessageBox.StandardButton.Discard)

    def _ask(self, unsaved: list[Project]) -> Any:
        names = ", ".join(project.image.name for project in unsaved)
        objects = sum(len(project.finished.records) for project in unsaved)
        box = QMessageBox(self._dock.window())
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("Unsaved objects")
        box.setText(f"Save the objects of {names} before closing?")
        kind = f"{objects} object{'' if objects == 1 else 's'}" if objects else "An unfinished object"
        box.setInformativeText(f"{kind} would be lost. Save writes a session file and the labels beside the image.")
        buttons = QMessageBox.StandardButton
        box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
        box.setDefaultButton(buttons.Save)
        answer = box.exec()
        box.deleteLater()
        return QMessageBox.StandardButton(answer)

    def _save(self, unsaved: list[Project]) -> bool:
        """Write the sessions; False if that was cancelled or could not be done, and the window stays open."""
        wanted = []
        for project in unsaved:
            path = self._files.proposed_session(project.image)
            if path is None:
                given, _ = QFileDialog.getSaveFileName(
                    self._dock, "Save session", f"{project.image.name}.iseg.json", "Sessions (*.iseg.json *.json)"
                )
                if not given:
                    return False
                path = session_path(given)
            wanted.append((project, path))
        dialog = ClosingSave(self._files, wanted, self._dock.window())
        done = dialog.save()
        if dialog.failure:
            self._controller.failed.emit(
                f"{dialog.failure} The window stays open and nothing is lost; 'Save session…' writes to another place."
            )
        dialog.deleteLater()
        return done
