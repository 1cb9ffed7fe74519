"""The list of finished objects: colour, id, plane, clicks and size; choosing one goes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QListWidget, QListWidgetItem

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._objects import FinishedObject

__all__ = ["ObjectsList"]

_SWATCH = 12


class ObjectsList(QListWidget):
    """A view on a controller's finished objects, newest first."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._shown: list[FinishedObject] = []
        self.setUniformItemSizes(True)
        self.setMinimumHeight(64)
        self.setToolTip("Click an object to go to its plane and select its id in the layer 'Objects'.")
        self.itemClicked.connect(self._on_clicked)

    def refresh(self) -> None:
        """Show the objects that there are now."""
        records = list(self._controller.finished)
        if records == self._shown:
            return
        kept = len(self._shown)
        if records[:kept] == self._shown:
            for record in records[kept:]:
                self.insertItem(0, self._item(record))
        else:
            self.clear()
            for record in records:
                self.insertItem(0, self._item(record))
        self._shown = records

    def _item(self, record: FinishedObject) -> QListWidgetItem:
        index = ", ".join(str(position) for position in record.plane.index)
        clicks = len(record.prompts)
        parts = [
            f"{record.label}",
            f"plane {index}" if index else "",
            f"{clicks} click" if clicks == 1 else f"{clicks} clicks",
            f"{record.pixels:,} px",
        ]
        item = QListWidgetItem(self._swatch(record.label), "  ·  ".join(part for part in parts if part))
        item.setData(Qt.ItemDataRole.UserRole, record.label)
        return item

    def _swatch(self, label: int) -> QIcon:
        pixmap = QPixmap(_SWATCH, _SWATCH)
        project = self._controller.project
        if project is not None and project.layers.has_objects:
            red, green, blue = (int(c * 255) for c in np.asarray(project.layers.objects.get_color(label))[:3])
            pixmap.fill(QColor(red, green, blue))
        return QIcon(pixmap)

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self._controller.go_to(int(item.data(Qt.ItemDataRole.UserRole)))
