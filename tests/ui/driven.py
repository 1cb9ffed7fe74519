"""A napari window in a process of its own, driven as a user drives it: for tests of what outlives a window."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import napari
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 120.0


class Driven:
    """The window with one image and the Segment dock, with a method that needs no network; ready to be clicked."""

    def __init__(self, image: str) -> None:
        self.viewer = napari.Viewer()
        self.viewer.open(image, plugin="napari")
        _, dock = self.viewer.window.add_plugin_dock_widget("napari-iseg", "Segment")
        controller = self.controller = dock.tool.controller
        controller.choose_method("geodesic")
        self.wait(lambda: not controller.preparing and controller.work is not None)
        self.viewer.reset_view()
        end = time.monotonic() + 0.5
        self.wait(lambda: time.monotonic() > end)

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Let the window live until something is so."""
        end = time.monotonic() + _PATIENCE
        while not is_so():
            QApplication.processEvents()
            time.sleep(0.005)
            if time.monotonic() > end:
                raise SystemExit("this took too long")

    def click(self, row: float, column: float, button: Any = Qt.MouseButton.LeftButton) -> None:
        """Click a pixel of the image and wait for the answer."""
        canvas = self.viewer.window._qt_viewer.canvas
        x, y, _, w = canvas.view.scene.transform.map([column, row, 0, 1])
        place = QPoint(round(x / w), round(y / w))
        QTest.mouseMove(canvas.native, place)
        QTest.mouseClick(canvas.native, button, Qt.KeyboardModifier.NoModifier, place)
        self.wait(lambda: self.controller.work is not None and not self.controller.work.pending)
