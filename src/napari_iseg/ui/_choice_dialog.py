"""A file or folder with several images: the user is asked which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_iseg.io.several import Choice

__all__ = ["ChoiceDialog"]

_COLUMNS = ("Name", "Size", "Type", "What it is")
_WIDTH, _HEIGHT = 640, 320
_MOST_NAME = 300


class ChoiceDialog(QDialog):
    """Asks which of several images to open; several can be taken.

    Parameters
    ----------
    source
        The file, folder or address that holds them.
    choices
        They.
    parent
        The window.
    """

    def __init__(self, source: str, choices: Sequence[Choice], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Choose an image")
        self._choices = list(choices)
        label = QLabel(f"There are {len(choices)} images in {source}. Which one shall be opened?")
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        self.list = QTreeWidget()
        self.list.setAccessibleName("Images to choose from")
        self.list.setToolTip("Take several with Ctrl or Shift.")
        self.list.setHeaderLabels(_COLUMNS)
        self.list.setRootIsDecorated(False)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        for choice in self._choices:
            size = " x ".join(map(str, choice.shape))
            item = QTreeWidgetItem([choice.name, size, choice.dtype, choice.description])
            for column in range(len(_COLUMNS)):
                item.setToolTip(column, choice.words)
            self.list.addTopLevelItem(item)
        for column in range(len(_COLUMNS)):
            self.list.resizeColumnToContents(column)
        self.list.setColumnWidth(0, min(self.list.columnWidth(0) + 12, _MOST_NAME))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.list.itemDoubleClicked.connect(lambda _item, _column: self.accept())
        self.list.itemSelectionChanged.connect(self._on_selection)
        layout = QVBoxLayout(self)
        layout.addWidget(label)
        layout.addWidget(self.list)
        layout.addWidget(self.buttons)
        self.resize(_WIDTH, _HEIGHT)
        largest = max(range(len(self._choices)), key=lambda number: self._choices[number].size)
        self.list.setCurrentItem(self.list.topLevelItem(largest))

    @property
    def chosen(self) -> list[str]:
        """The names of the chosen images, in their order."""
        return [self._choices[row].name for row in sorted(self._rows())]

    def _rows(self) -> list[int]:
        return [self.list.indexOfTopLevelItem(item) for item in self.list.selectedItems()]

    def _on_selection(self) -> None:
        button = self.buttons.button(QDialogButtonBox.StandardButton.Open)
        if button is not None:
            button.setEnabled(bool(self.list.selectedItems()))
