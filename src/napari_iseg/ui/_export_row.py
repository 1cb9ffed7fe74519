"""The last row of the dock: labels out, sessions out and in, each after the question for a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_iseg.ui._export_dialog import filters, meant
from napari_iseg.ui._keys import EXPORT
from napari_iseg.ui._saved import source_of
from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._files import Files

__all__ = ["ExportRow"]

_SESSIONS = "Sessions (*.iseg.json *.json)"
# A quick export shows nothing; of a long one the part that is done is looked up that often.
_LOOK_MS = 150
_EXPORT = "Export…"
_EXPORT_TIP = (
    "Write the labels on the image's own grid (TIFF, OME-TIFF, OME-Zarr, NIfTI, MHA, NRRD, PNG, DICOM SEG), as COCO, "
    f"as surfaces (STL, OBJ), or as a table of measurements (CSV): {EXPORT}."
)


class ExportRow(QWidget):
    """Buttons that ask for a file and hand it on.

    Parameters
    ----------
    controller, files
        The dock's; names are proposed from them.
    export, save, load
        Called with the file that was chosen, ``export`` with the name of a format or None, too.
    """

    def __init__(
        self,
        controller: Controller,
        files: Files,
        *,
        export: Callable[[str, str | None], Any],
        save: Callable[[str], Any],
        load: Callable[[str], Any],
    ) -> None:
        super().__init__()
        self._controller, self._files = controller, files
        self._export, self._save, self._load = export, save, load
        self.export_button = QPushButton(_EXPORT)
        self.export_button.setToolTip(_EXPORT_TIP)
        self.export_button.clicked.connect(self.ask_where_to_export)
        self.cancel_button = QPushButton()
        self.cancel_button.setAccessibleName("Cancel the export")
        self.cancel_button.setToolTip("Stop writing; what was there before stays.")
        self.cancel_button.clicked.connect(files.exports.cancel)
        self.cancel_button.hide()
        self.save_button = QPushButton("Save session…")
        self.save_button.setToolTip("Write every object's clicks, and the labels, to files to go on with another day.")
        self.save_button.clicked.connect(self.ask_where_to_save)
        self.load_button = QPushButton("Load session…")
        self.load_button.setToolTip("Put the objects of a session file back, with their clicks.")
        self.load_button.clicked.connect(self.ask_what_to_load)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for button in (self.export_button, self.cancel_button, self.save_button, self.load_button):
            row.addWidget(button)
        self._look = QTimer(self)
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self._show_part)
        files.exports.changed.connect(self._on_export)

    def refresh(self) -> None:
        """Show what can be done now."""
        project = self._controller.project
        there_is_something = bool(self._controller.finished) or (project is not None and project.has_unfinished)
        self.export_button.setEnabled(there_is_something)
        self.save_button.setEnabled(there_is_something)
        self.load_button.setEnabled(project is not None)

    def ask_where_to_export(self) -> None:
        """Ask for a file and a format, and write the labels to it."""
        if self._files.exports.part is not None:
            return
        image = self._controller.image
        if image is None:
            return
        offered = filters(source_of(image), image.ndim)
        path, chosen = QFileDialog.getSaveFileName(self, "Export", self._proposed_name(), ";;".join(offered))
        if path:
            self.export_to(path, offered.get(chosen))

    @told
    def export_to(self, path: str, chosen: str | None) -> None:
        """Export to what the dialog answered: a path, and what :func:`filters` says of the chosen filter."""
        image = self._controller.image
        self._export(*meant(path, chosen, source_of(image) if image is not None else None))

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

    def _on_export(self) -> None:
        if self._files.exports.part is None:
            self._look.stop()
            self.cancel_button.hide()
            self.export_button.show()
        elif not self._look.isActive():
            self._look.start()

    def _show_part(self) -> None:
        part = self._files.exports.part
        if part is None:
            return
        # The same place in the row: nothing moves.
        self.export_button.hide()
        self.cancel_button.show()
        stopping = self._files.exports.is_cancelled
        self.cancel_button.setText("Stopping…" if stopping else f"Cancel, {100 * part:.0f} %")
        self.cancel_button.setEnabled(not stopping)

    def _proposed_name(self) -> str:
        image = self._controller.image
        if image is None:
            return "labels.tif"
        source = Path(image.source.path) if image.source.path else None
        medical = source is not None and source.name.lower().endswith((".nii", ".nii.gz"))
        name = f"{image.name}_labels{'.nii.gz' if medical else '.tif'}"
        return str(source.parent / name) if source is not None else name
