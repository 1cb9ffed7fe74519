"""A napari process that is quit while its disk is full, and once more when there is room: ``python FILE IMAGE``."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import napari
from driven import Driven
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_iseg.io.autosave_file import read_autosave
from napari_iseg.io.autosave_places import every_autosave

_ROOM = 600
"""Bytes that a file may have: less than a session takes."""


def main(image: str) -> None:
    """Segment an object, quit twice as Ctrl+Q does and answer Save, and tell what there is after the first time."""
    driven = Driven(image)
    window = driven.viewer.window._qt_window
    seen: list[str] = []
    notification_manager.notification_ready.connect(lambda note: seen.append(note.message))
    driven.click(20, 25)
    driven.controller.accept()
    driven.wait(lambda: bool(every_autosave()) and read_autosave(every_autosave()[0]).labels.any())
    yes = QTimer()
    yes.timeout.connect(answer)
    yes.start(20)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, most))
    window.close(quit_app=True, confirm_need=True)
    driven.wait(lambda: any("stays open" in note for note in seen))
    there = sorted(file.name for file in Path(image).parent.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    objects = len(driven.controller.finished)
    told = {"open": window.isVisible(), "notes": seen, "files": there, "objects": objects}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    QTimer.singleShot(0, lambda: window.close(quit_app=True, confirm_need=True))
    napari.run()
    sys.stdout.write("quit\n")


def answer() -> None:
    """Press what means yes in every dialog that asks."""
    dialog = QApplication.activeModalWidget()
    if isinstance(dialog, QMessageBox):
        dialog.button(QMessageBox.StandardButton.Save).click()
    elif type(dialog).__name__ == "ConfirmCloseDialog":
        dialog.accept()


if __name__ == "__main__":
    main(sys.argv[1])
