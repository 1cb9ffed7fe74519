"""A napari process that clicks and accepts, to be killed in the middle of its work: ``python FILE IMAGE``."""

from __future__ import annotations

import sys
import time
from typing import Any


def main(image: str) -> None:
    """Work on an image, say so, and wait to be killed."""
    import napari
    import numpy as np
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer()
    viewer.open(image, plugin="napari")
    _, dock = viewer.window.add_plugin_dock_widget("napari-iseg", "Segment")
    widget = dock.tool
    controller = widget.controller
    controller.choose_method("geodesic")
    canvas = viewer.window._qt_viewer.canvas

    def wait(is_so: Any) -> None:
        end = time.monotonic() + 60
        while not is_so():
            QApplication.processEvents()
            time.sleep(0.005)
            if time.monotonic() > end:
                raise SystemExit("this took too long")

    def click(row: float, column: float, button: Any = Qt.MouseButton.LeftButton) -> None:
        x, y, _, w = canvas.view.scene.transform.map([column, row, 0, 1])
        place = QPoint(round(x / w), round(y / w))
        QTest.mouseMove(canvas.native, place)
        QTest.mouseClick(canvas.native, button, Qt.KeyboardModifier.NoModifier, place)
        wait(lambda: controller.work is not None and not controller.work.pending)

    wait(lambda: not controller.preparing and controller.work is not None)
    viewer.reset_view()
    end = time.monotonic() + 0.5
    wait(lambda: time.monotonic() > end)
    controller.classes.add("nucleus", "#123456")
    controller.classes.choose("nucleus")
    click(20, 25)
    click(5, 60, Qt.MouseButton.RightButton)
    controller.accept()
    viewer.layers["Objects"].data_setitem((np.array([70, 70, 71]), np.array([5, 6, 5])), 9)
    click(40, 60)
    click(5, 5, Qt.MouseButton.RightButton)
    sys.stdout.write("worked\n")
    sys.stdout.flush()
    # Less than a second later comes the kill.
    wait(lambda: False)


if __name__ == "__main__":
    main(sys.argv[1])
