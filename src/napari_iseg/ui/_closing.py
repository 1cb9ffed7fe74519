"""Asks once, when the window is closed with work that lies in no file of the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_iseg.errors import IsegError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
        unsaved = [project for project in self._controller.projects if self._autosaver.has_unsaved(project)]
        if unsaved:
            answer = self._ask(unsaved)
            if answer == QMessageBox.StandardButton.Cancel:
                return False
            if answer == QMessageBox.StandardButton.Save and not all(self._save(project) for project in unsaved):
                return False
        self._autosaver.clear(self._controller.projects)
        return True

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

    def _save(self, project: Project) -> bool:
        """Write one project's session; False if that could not be done, and the window stays open."""
        self._controller.choose_image(project.image)
        path: Path | str | None = self._files.proposed_session()
        if path is None:
            path, _ = QFileDialog.getSaveFileName(
                self._dock, "Save session", "session.iseg.json", "Sessions (*.iseg.json *.json)"
            )
        if not path:
            return False
        try:
            self._files.save_now(path)
        except IsegError as error:
            self._controller.failed.emit(str(error))
            return False
        return True
