"""The buttons of the prompt tools, the width that they draw with, and the button of the sheet of keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_iseg.ui._key_sheet import KeySheet
from napari_iseg.ui._keys import REMOVE, REMOVE_TOO, SHEET, add_key, key_now, on_keys_changed
from napari_iseg.ui._removal import only_on_the_canvas
from napari_iseg.ui._telling import told
from napari_iseg.ui._tools import TOOLS, Tool

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._prompting import Prompting

__all__ = ["ToolBar"]

_COLUMNS = 3
_WIDEST = 200.0


class ToolBar(QWidget):
    """A thin view on the tools.

    Parameters
    ----------
    prompting
        The tools.
    controller
        Whose prompts the Delete key removes.
    parent
        The panel; while it is disabled the keys are silent.

    Attributes
    ----------
    sheet_shown
        The sheet of keys was opened.
    """

    sheet_shown = Signal()

    def __init__(self, prompting: Prompting, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._prompting = prompting
        self._controller = controller
        self.sheet: KeySheet | None = None
        self.buttons: dict[Tool, QPushButton] = {}
        self._group = QButtonGroup(self)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        for place, tool in enumerate(TOOLS):
            button = self._button(tool)
            grid.addWidget(button, place // _COLUMNS, place % _COLUMNS)
        self.sheet_button = QPushButton()
        self.sheet_button.setAccessibleName("Keys and mouse buttons")
        self.sheet_button.setToolTip("Show what every key and mouse button does.")
        self.sheet_button.clicked.connect(self.show_sheet)
        grid.addWidget(self.sheet_button, len(TOOLS) // _COLUMNS, len(TOOLS) % _COLUMNS)
        self._width_row = self._make_width()
        grid.addWidget(self._width_row, grid.rowCount(), 0, 1, _COLUMNS)
        add_key(self, SHEET, self.show_sheet)
        for key in (REMOVE, REMOVE_TOO):
            only_on_the_canvas(add_key(self, key, self._remove), controller)
        on_keys_changed(self, self._label)
        prompting.changed.connect(self.refresh)
        self._label()
        self.refresh()

    def refresh(self) -> None:
        """Show which tool has the mouse."""
        self.buttons[self._prompting.tool].setChecked(True)
        self._width_row.setVisible(TOOLS[self._prompting.tool].has_width)
        if self.width_box.value() != self._prompting.width:
            self.width_box.setValue(self._prompting.width)

    def show_sheet(self) -> None:
        """Show the sheet of keys; asked for again, it goes."""
        if self.sheet is None:
            self.sheet = KeySheet(self)
        if self.sheet.isVisible():
            self.sheet.close()
        else:
            self.sheet.refresh()
            self.sheet.show()
            self.sheet_shown.emit()

    def _button(self, tool: Tool) -> QPushButton:
        button = QPushButton()
        button.setCheckable(True)
        button.setAccessibleName(f"{TOOLS[tool].title} tool")
        button.setToolTip("\n".join(TOOLS[tool].mouse))
        button.clicked.connect(partial(self._choose, tool))
        self._group.addButton(button)
        self.buttons[tool] = button
        add_key(self, TOOLS[tool].key, partial(self._choose, tool))
        return button

    def _make_width(self) -> QWidget:
        self.width_box = QDoubleSpinBox()
        self.width_box.setRange(1, _WIDEST)
        self.width_box.setDecimals(0)
        self.width_box.setSuffix(" px")
        self.width_box.setAccessibleName("Width of scribbles and brush")
        self.width_box.setToolTip("How wide scribbles and the brush are, in pixels of the image.")
        self.width_box.setValue(self._prompting.width)
        self.width_box.valueChanged.connect(self._prompting.set_width)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Width"))
        layout.addWidget(self.width_box, stretch=1)
        return row

    def _label(self) -> None:
        for tool, button in self.buttons.items():
            key = key_now(TOOLS[tool].key)
            button.setText(f"{TOOLS[tool].title} ({key})" if key else TOOLS[tool].title)
        self.sheet_button.setText(f"Keys ({key_now(SHEET)})")

    def _choose(self, tool: Tool, _checked: Any = None) -> None:
        self._prompting.choose(tool)

    @told
    def _remove(self) -> None:
        self._prompting.remove()
