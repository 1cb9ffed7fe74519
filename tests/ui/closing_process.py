"""A napari process that is quit while its disk is full, and once more when there is room: ``python FILE IMAGE``."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

_ROOM = 600
"""Bytes that a file may have: less than a session takes."""


def main(image: str) -> None:
    """Segment an object, quit twice as Ctrl+Q does and answer Save, and tell what there is after the first time."""
    import napari
    from napari.utils.notifications import notification_manager
    from qtpy.QtCore import QPoint, Qt, QTimer
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QApplication, QMessageBox

    from napari_iseg.io.autosave_file import read_autosave
    from napari_iseg.io.autosave_places import every_autosave

    viewer = napari.Viewer()
    viewer.open(image, plugin="napari")
    _, dock = viewer.window.add_plugin_dock_widget("napari-iseg", "Segment")
    widget = dock.tool
    controller = widget.controller
    controller.choose_method("geodesic")
    canvas = viewer.window._qt_viewer.canvas
    window = viewer.window._qt_window
    seen: list[str] = []
    notification_manager.notification_ready.connect(lambda note: seen.append(note.message))

    def wait(is_so: Any) -> None:
        end = time.monotonic() + 120
        while not is_so():
            QApplication.processEvents()
            time.sleep(0.005)
            if time.monotonic() > end:
                raise SystemExit("this took too long")

    def answer() -> None:
        """Press what means yes in every dialog that asks."""
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QMessageBox):
            dialog.button(QMessageBox.StandardButton.Save).click()
        elif type(dialog).__name__ == "ConfirmCloseDialog":
            dialog.accept()

    wait(lambda: not controller.answering.preparing and controller.work is not None)
    viewer.reset_view()
    end = time.monotonic() + 0.5
    wait(lambda: time.monotonic() > end)
    x, y, _, w = canvas.view.scene.transform.map([25, 20, 0, 1])
    QTest.mouseClick(
        canvas.native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(round(x / w), round(y / w))
    )
    wait(lambda: controller.work is not None and not controller.work.pending)
    controller.accept()
    wait(lambda: bool(every_autosave()) and read_autosave(every_autosave()[0]).labels.any())
    yes = QTimer()
    yes.timeout.connect(answer)
    yes.start(20)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, most))
    window.close(quit_app=True, confirm_need=True)
    wait(lambda: any("stays open" in note for note in seen))
    there = sorted(file.name for file in Path(image).parent.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    told = {"open": window.isVisible(), "notes": seen, "files": there, "objects": len(controller.finished)}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    QTimer.singleShot(0, lambda: window.close(quit_app=True, confirm_need=True))
    napari.run()
    sys.stdout.write("quit\n")


if __name__ == "__main__":
    main(sys.argv[1])
