"""The class of new objects: a list to choose from, and a button that adds one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QCheckBox, QColorDialog, QComboBox, QHBoxLayout, QLabel, QLineEdit, QToolButton, QWidget

from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._features import FeatureWriter

__all__ = ["ClassRow"]

_NONE = "none"
_SWATCH = 12


class ClassRow(QWidget):
    """Choose, add, colour.

    Parameters
    ----------
    controller
        Whose classes they are.
    features
        Writes classes into the layer, and colours it by them.
    parent
        The dock.
    """

    def __init__(self, controller: Controller, features: FeatureWriter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._features = features
        self._shown: list[tuple[str, str | None]] = []
        self.box = QComboBox()
        self.box.setAccessibleName("Class of new objects")
        self.box.setToolTip("The kind of thing that the next objects are.")
        self.box.activated.connect(self._on_chosen)
        self.new_name = QLineEdit()
        self.new_name.setPlaceholderText("Name, then Enter")
        self.new_name.setAccessibleName("Name of a new class")
        self.new_name.returnPressed.connect(self._on_named)
        self.new_name.hide()
        self.add_button = _tool("+", "Add a class.")
        self.add_button.setCheckable(True)
        self.add_button.toggled.connect(self._on_add)
        self.colour_button = _tool("●", "Choose the colour of the class.")
        self.colour_button.clicked.connect(self._ask_for_colour)
        self.by_class = QCheckBox("Colour")
        self.by_class.setToolTip("Draw the objects in the colour of their class; otherwise each has its own.")
        self.by_class.setAccessibleName("Colour objects by class")
        self.by_class.toggled.connect(self._on_by_class)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Class"))
        row.addWidget(self.box, stretch=1)
        row.addWidget(self.new_name, stretch=1)
        for widget in (self.add_button, self.colour_button, self.by_class):
            row.addWidget(widget)
        self._fill()
        self.refresh()

    def refresh(self) -> None:
        """Show the classes that there are now."""
        classes = self._controller.classes
        shown = [(name, classes.colour(name)) for name in classes.names]
        if shown != self._shown:
            self._shown = shown
            self._fill()
        self.box.setCurrentIndex(classes.names.index(classes.current) + 1 if classes.current else 0)
        self.colour_button.setEnabled(bool(classes.current))
        colour = classes.colour(classes.current)
        self.colour_button.setStyleSheet(f"color: {colour};" if colour else "")
        self.by_class.setVisible(bool(classes.names))

    def add(self, name: str) -> None:
        """Add a class and choose it for the next objects."""
        self._controller.classes.choose(self._controller.classes.add(name).name)
        self._controller.changed.emit()

    def _fill(self) -> None:
        self.box.clear()
        self.box.addItem(_NONE)
        for name, colour in self._shown:
            pixmap = QPixmap(_SWATCH, _SWATCH)
            pixmap.fill(QColor(colour or "#808080"))
            self.box.addItem(QIcon(pixmap), name)

    def _on_chosen(self, index: int) -> None:
        self._controller.classes.choose(self._controller.classes.names[index - 1] if index else "")
        self._controller.changed.emit()

    def _on_add(self, wanted: bool) -> None:
        self.box.setVisible(not wanted)
        self.new_name.setVisible(wanted)
        if wanted:
            self.new_name.setFocus()

    @told
    def _on_named(self) -> None:
        self.add(self.new_name.text())
        self.new_name.clear()
        self.add_button.setChecked(False)

    def _ask_for_colour(self) -> None:
        classes = self._controller.classes
        dialog: Any = QColorDialog
        colour = dialog.getColor(QColor(classes.colour(classes.current) or "#808080"), self, "Colour of the class")
        if colour.isValid():
            self.set_colour(colour.name())

    def set_colour(self, colour: str) -> None:
        """Give the chosen class a colour, "#rrggbb"."""
        self._controller.classes.add(self._controller.classes.current, colour)
        self._features.recolour()
        self._controller.changed.emit()

    def _on_by_class(self, wanted: bool) -> None:
        self._features.by_class = wanted
        self._features.recolour()
        self._controller.changed.emit()


def _tool(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setAccessibleName(tip.rstrip("."))
    return button
