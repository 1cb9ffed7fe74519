"""What can be seen to be wrong with a dock without looking: cut words, and controls beside the edge."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QLineEdit, QScrollArea, QWidget

from napari_iseg.ui._elided_box import ElidedBox


def controls_of(dock: QWidget) -> list[QWidget]:
    """Return what is shown of a dock with words on it."""
    kinds = (QAbstractButton, QComboBox, QLabel, QAbstractSpinBox, QLineEdit)
    inside = [w for w in dock.findChildren(QWidget) if isinstance(w, kinds) and w.isVisibleTo(dock)]
    # The field inside a spin box, the corner button of a table and the like belong to their owner.
    return [w for w in inside if not isinstance(w.parent(), QComboBox | QAbstractSpinBox) and w.width() > 1]


def room_of(dock: QWidget) -> Any:
    """Return what a dock scrolls in."""
    return next(room for room in dock.findChildren(QScrollArea) if room.parent() is dock)


def clipped(dock: QWidget) -> list[str]:
    """Return a sentence about each control of a dock that is cut off."""
    faults = []
    viewport = room_of(dock).viewport()
    for control in controls_of(dock):
        name = control.accessibleName() or getattr(control, "text", lambda: "")() or type(control).__name__
        left = control.mapTo(viewport, QPoint(0, 0)).x()
        if left < 0 or left + control.width() > viewport.width():
            faults.append(f"{name}: reaches from {left} to {left + control.width()} of {viewport.width()}")
        metrics, need = control.fontMetrics(), 0
        if isinstance(control, QLabel) and control.wordWrap():
            if control.heightForWidth(control.width()) > control.height():
                faults.append(f"{name}: {control.height()} high, its words need more")
        elif isinstance(control, QLabel | QAbstractButton):
            need = metrics.horizontalAdvance(control.text().strip())
        elif isinstance(control, ElidedBox):
            need = metrics.horizontalAdvance(control.shown)
        elif isinstance(control, QComboBox):
            need = metrics.horizontalAdvance(control.currentText())
        elif isinstance(control, QAbstractSpinBox):
            need = metrics.horizontalAdvance(control.text())
        if need > control.width():
            faults.append(f"{name}: {control.width()} wide, its words need {need}")
        if metrics.height() > control.height() + 2:
            faults.append(f"{name}: {control.height()} high, a line needs {metrics.height()}")
    return faults
