"""A row of the dock: how much the first click looks at, and the button for the whole image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_iseg.ui._keys import WHOLE, add_key, key_now, on_keys_changed
from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._field_of_view import FieldOfView

__all__ = ["FieldRow"]

_SOON_MS = 20


class FieldRow(QWidget):
    """A thin view on the field of view.

    Parameters
    ----------
    controller
        Whose changes it follows.
    field
        What it shows and sets.
    parent
        The panel; while it is disabled the key is silent.
    """

    def __init__(self, controller: Controller, field: FieldOfView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self.text = QLabel()
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.text.setToolTip(
            "What the method looks at when an object is clicked for the first time: the dashed frame on the image.\n"
            "An object is found best when it fills a third of the frame. Shift and the mouse wheel change it."
        )
        self.button = QPushButton()
        self.button.setCheckable(True)
        self.button.setAccessibleName("Look at the whole image")
        self.button.clicked.connect(self._toggle)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text, stretch=1)
        layout.addWidget(self.button)
        add_key(self, WHOLE, self._toggle)
        on_keys_changed(self, self._label)
        # One act tells of several changes: they are shown together.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self.refresh)
        controller.changed.connect(self._later)
        field.changed.connect(self._later)
        self._label()
        self.refresh()

    def refresh(self) -> None:
        """Show the size, and whether it is the whole image."""
        field = self._field
        self.button.setEnabled(field.can_be_set)
        self.button.setChecked(field.whole)
        self.button.setToolTip(
            "Look at the whole image at the first click of an object; press it again to look at the frame."
            if field.can_be_set
            else field.why_not
        )
        self.text.setText(self._words())

    def _later(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _words(self) -> str:
        field = self._field
        if field.whole:
            return "Sees the whole image"
        if field.first_crop == "multi-scale":
            return "Sees several sizes"
        size = field.size
        if not field.can_be_set or size is None:
            return ""
        rows, columns = (round(side) for side in size)
        return f"Sees {columns} x {rows} px" if field.follows_mouse else "Sees the visible part"

    def _label(self) -> None:
        key = key_now(WHOLE)
        self.button.setText(f"Whole image ({key})" if key else "Whole image")

    @told
    def _toggle(self, _checked: bool = False) -> None:
        try:
            self._field.set_whole(whole=not self._field.whole)
        finally:
            self.refresh()
