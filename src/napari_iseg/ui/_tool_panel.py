"""The controls that act on the unfinished object, and their keys; disabled while there is no plane to click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

from napari_iseg.ui._keys import ACCEPT, CANCEL, REDO, TOGGLE, UNDO, add_key, key_now, on_keys_changed
from napari_iseg.ui._protection_row import ProtectionRow
from napari_iseg.ui._state import State
from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._mask_options import MaskOptions

__all__ = ["ToolPanel"]


class ToolPanel(QWidget):
    """Include and exclude, threshold, undo and redo, accept.

    Parameters
    ----------
    controller
        What it acts on.
    parent
        The dock.
    """

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._make_buttons()
        self._make_threshold()
        layout = self._layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(_side_by_side(self.include_button, self.exclude_button))
        layout.addLayout(self._threshold_row())
        layout.addLayout(_side_by_side(self.undo_button, self.redo_button))
        layout.addWidget(self.accept_button)
        layout.addWidget(self.protection)
        add_key(self, TOGGLE, controller.toggle_include)
        add_key(self, UNDO, controller.undo)
        add_key(self, REDO, controller.redo)
        add_key(self, ACCEPT, self._accept)
        self._cancel_key = add_key(self, CANCEL, controller.cancel)
        on_keys_changed(self, self._label)
        self._label()

    def put(self, tools: QWidget, mask_options: MaskOptions) -> None:
        """Put the tools above the other controls, and what is done to the mask below the threshold."""
        self._layout.insertWidget(0, tools)
        self._layout.insertWidget(3, mask_options)
        mask_options.put(self.protection.rule)

    def _make_buttons(self) -> None:
        controller = self._controller
        self.include_button = _sign_button("Left click includes, right click excludes.")
        self.exclude_button = _sign_button("Left click excludes, right click includes.")
        self._signs = QButtonGroup(self)
        self._signs.addButton(self.include_button)
        self._signs.addButton(self.exclude_button)
        self.include_button.clicked.connect(self._on_sign)
        self.exclude_button.clicked.connect(self._on_sign)
        self.undo_button = QPushButton()
        self.undo_button.clicked.connect(controller.undo)
        self.redo_button = QPushButton()
        self.redo_button.clicked.connect(controller.redo)
        self.accept_button = QPushButton()
        self.accept_button.setToolTip("Write the object into the layer 'Objects' and begin the next one.")
        self.accept_button.clicked.connect(self._accept)
        self.protection = ProtectionRow(controller)

    def _label(self) -> None:
        for button, words, key in (
            (self.include_button, "●  Include", TOGGLE),
            (self.exclude_button, "✕  Exclude", TOGGLE),
            (self.undo_button, "Undo", UNDO),
            (self.redo_button, "Redo", REDO),
            (self.accept_button, "Accept, next object", ACCEPT),
        ):
            now = key_now(key)
            button.setText(f"{words}  ({now})" if now else words)

    def _make_threshold(self) -> None:
        slider: Any = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        slider.setRange(0.01, 0.99)
        slider.setSingleStep(0.01)
        slider.setDecimals(2)
        slider.setValue(self._controller.answering.threshold)
        slider.setAccessibleName("Threshold")
        slider.setToolTip("How sure the method must be of a pixel: lower makes the object larger, higher smaller.")
        slider.valueChanged.connect(self._controller.set_threshold)
        self.threshold_slider = slider

    def _threshold_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(QLabel("Threshold"))
        row.addWidget(self.threshold_slider, stretch=1)
        return row

    def refresh(self) -> None:
        """Show the controller's state."""
        controller = self._controller
        state = controller.state
        work = controller.work
        self.setEnabled(state not in (State.NO_IMAGE, State.NO_PLANE))
        (self.include_button if controller.include else self.exclude_button).setChecked(True)
        self.undo_button.setEnabled(controller.can_undo)
        self.redo_button.setEnabled(controller.can_redo)
        self.accept_button.setEnabled(work is not None and bool(work.prompts) and not work.accept_on_answer)
        self.protection.refresh()
        self._cancel_key.setEnabled((work is not None and work.pending) or controller.putting_back.can_cancel)

    def _on_sign(self) -> None:
        if self._controller.include != self.include_button.isChecked():
            self._controller.toggle_include()

    @told
    def _accept(self, _checked: bool = False) -> None:
        self._controller.accept()


def _sign_button(tip: str) -> QPushButton:
    button = QPushButton()
    button.setCheckable(True)
    button.setToolTip(f"{tip} {TOGGLE} swaps.")
    return button


def _side_by_side(*buttons: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    for button in buttons:
        # Of one width, whatever their words are.
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row.addWidget(button, stretch=1)
    return row
