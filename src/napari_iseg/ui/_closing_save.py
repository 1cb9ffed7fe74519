"""Writes sessions while the window waits to be closed: in a thread, under a dialog that moves and can be cancelled."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QProgressBar, QVBoxLayout

from napari_iseg.errors import IsegError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qtpy.QtWidgets import QWidget

    from napari_iseg.ui._files import Files
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Job

__all__ = ["ClosingSave"]


class ClosingSave(QDialog):
    """Says what is being written, one session after the other.

    Accepted when all are written; rejected when the user cancels or one cannot be written. Sessions that were written
    before that stay; of the one that was not, what was there before stays.

    Parameters
    ----------
    files
        Writes them.
    wanted
        Each project with its session file.
    parent
        The window that waits.

    Attributes
    ----------
    failure
        Why a session was not written, as a sentence; empty if none failed.
    """

    def __init__(self, files: Files, wanted: Sequence[tuple[Project, Path]], parent: QWidget | None) -> None:
        super().__init__(parent)
        self.failure = ""
        self._files = files
        self._wanted = list(wanted)
        self._written = 0
        self._job: Job | None = None
        self.setWindowTitle("Saving")
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.label = QLabel()
        bar = QProgressBar()
        # How long a file takes is not known before: it moves, and tells no part.
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setAccessibleName("Saving")
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for part in (self.label, bar, self._buttons):
            layout.addWidget(part)

    def save(self) -> bool:
        """Write them; returns when that is done, while the window goes on being drawn.

        Returns
        -------
        bool
            Whether all were written.
        """
        self._next()
        # Nothing has to wait for a dialog where there is nothing to write, or nothing can be.
        done = self.result() == QDialog.DialogCode.Accepted or (not self.failure and bool(self.exec()))
        if self._job is not None and not done:
            self._job.cancel()
        return done

    def _next(self, _file: Path | None = None) -> None:
        if self._written == len(self._wanted):
            self.accept()
            return
        project, path = self._wanted[self._written]
        self._written += 1
        of = f" ({self._written} of {len(self._wanted)})" if len(self._wanted) > 1 else ""
        self.label.setText(f"Saving {path.name}{of}… Cancel leaves the window open.")
        try:
            self._job = self._files.save_project(project, path, self._next, self._fail)
        except IsegError as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        # Raised here an error would let the window close.
        if not isinstance(error, IsegError):
            logging.getLogger(__name__).error("The session could not be saved.", exc_info=error)
        known = isinstance(error, IsegError)
        self.failure = str(error) if known else f"The session was not saved because of an unexpected error: {error}"
        self.reject()
