"""The last row of the dock: labels out, sessions out and in, each after the question for a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_iseg.io import LABEL_ENDINGS
from napari_iseg.ui._keys import EXPORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._files import Files

__all__ = ["ExportRow"]

_SESSIONS = "Sessions (*.iseg.json *.json)"


class ExportRow(QWidget):
    """Buttons that ask for a file and hand it on.

    Parameters
    ----------
    controller, files
        The dock's; names are proposed from them.
    export, save, load
        Called with the file that was chosen.
    """

    def __init__(
        self,
        controller: Controller,
        files: Files,
        *,
        export: Callable[[str], Any],
        save: Callable[[str], Any],
        load: Callable[[str], Any],
    ) -> None:
        super().__init__()
        self._controller, self._files = controller, files
        self._export, self._save, self._load = export, save, load
        self.export_button = QPushButton("Export…")
        self.export_button.setToolTip(
            f"Write the labels as TIFF, PNG, NIfTI, MHA or NRRD on the image's own grid ({EXPORT})."
        )
        self.export_button.clicked.connect(self.ask_where_to_export)
        self.save_button = QPushButton("Save session…")
        self.save_button.setToolTip("Write every object's clicks, and the labels, to files to go on with another day.")
        self.save_button.clicked.connect(self.ask_where_to_save)
        self.load_button = QPushButton("Load session…")
        self.load_button.setToolTip("Put the objects of a session file back, with their clicks.")
        self.load_button.clicked.connect(self.ask_what_to_load)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for button in (self.export_button, self.save_button, self.load_button):
            row.addWidget(button)

    def refresh(self) -> None:
        """Show what can be done now."""
        project = self._controller.project
        there_is_something = bool(self._controller.finished) or (project is not None and project.has_unfinished)
        self.export_button.setEnabled(there_is_something)
        self.save_button.setEnabled(there_is_something)
        self.load_button.setEnabled(project is not None)

    def ask_where_to_export(self) -> None:
        """Ask for a file and write the labels to it."""
        endings = " ".join(f"*{ending}" for ending in LABEL_ENDINGS)
        path, _ = QFileDialog.getSaveFileName(self, "Export labels", self._proposed_name(), f"Labels ({endings})")
        if path:
            self._export(path if Path(path).suffix else f"{path}.tif")

    def ask_where_to_save(self) -> None:
        """Ask for a file and write the session to it."""
        proposed = str(self._files.proposed_session() or "session.iseg.json")
        path, _ = QFileDialog.getSaveFileName(self, "Save session", proposed, _SESSIONS)
        if path:
            self._save(path)

    def ask_what_to_load(self) -> None:
        """Ask for a session file and load it."""
        path, _ = QFileDialog.getOpenFileName(self, "Load session", "", _SESSIONS)
        if path:
            self._load(path)

    def _proposed_name(self) -> str:
        image = self._controller.image
        if image is None:
            return "labels.tif"
        source = Path(image.source.path) if image.source.path else None
        medical = source is not None and source.name.lower().endswith((".nii", ".nii.gz"))
        name = f"{image.name}_labels{'.nii.gz' if medical else '.tif'}"
        return str(source.parent / name) if source is not None else name
