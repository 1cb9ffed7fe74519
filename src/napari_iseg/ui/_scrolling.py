"""The dock's room: it scrolls where the screen is too low, and a wheel that scrolls changes nothing on its way."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QFrame,
    QLayout,
    QScrollArea,
    QScrollBar,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FOCUS_STYLE", "scrolled_layout"]

# A ring that stands out (3:1) from napari's dark and light buttons and from its blue of chosen ones.
_RING = "#e07b00"
FOCUS_STYLE = f"""
QPushButton:focus, QToolButton:focus, QComboBox:focus, QLineEdit:focus, QAbstractSpinBox:focus,
QTableView:focus, QListWidget:focus, QCheckBox::indicator:focus {{ border: 2px solid {_RING}; }}
QSlider::handle:focus {{ background: {_RING}; }}
"""
"""Makes the control that has the keyboard visible; napari's own style shows it nowhere."""

_LEAST_HEIGHT = 240
_MARGIN = 6
_SPACING = 4


def scrolled_layout(dock: QWidget) -> QVBoxLayout:
    """Give a dock a room that scrolls, and return the layout of its inside."""
    inside = QWidget()
    layout = QVBoxLayout(inside)
    layout.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
    layout.setSpacing(_SPACING)
    around = QVBoxLayout(dock)
    around.setContentsMargins(0, 0, 0, 0)
    around.addWidget(_Room(inside))
    dock.setStyleSheet(FOCUS_STYLE)
    return layout


class _Room(QScrollArea):
    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # The controls inside take the focus.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._guard = _WheelGuard(self)
        self._inside = inside
        self._order: list[QWidget] = []
        inside.installEventFilter(self)
        self.setWidget(inside)

    def minimumSizeHint(self) -> QSize:
        """As wide as what is inside, with a scroll bar; any height will do."""
        bar: Any = self.verticalScrollBar()
        width = self._inside.minimumSizeHint().width() + bar.sizeHint().width()
        return QSize(width, min(_LEAST_HEIGHT, self._inside.minimumSizeHint().height()))

    def sizeHint(self) -> QSize:
        """Ask for the whole of what is inside."""
        return self.minimumSizeHint().expandedTo(self._inside.sizeHint())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow what is inside: forms are built anew when another method is chosen."""
        if watched is self._inside and event is not None and event.type() == QEvent.Type.LayoutRequest:
            self._guard.watch(self._inside)
            self._order_tabs()
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def _order_tabs(self) -> None:
        """Let the Tab key go from top to bottom; Qt's own order is that in which things were made."""
        layout = self._inside.layout()
        order = list(_reachable(layout)) if layout is not None else []
        if order != self._order:
            self._order = order
            for one, other in pairwise(order):
                QWidget.setTabOrder(one, other)


def _reachable(layout: QLayout) -> Iterator[QWidget]:
    """Yield what of a layout can have the keyboard, in the order in which it is read."""
    for place in range(layout.count()):
        item: Any = layout.itemAt(place)
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
                yield widget
            inner = widget.layout()
        if inner is not None:
            yield from _reachable(inner)


class _WheelGuard(QObject):
    """Lets the wheel change a value only where the user has gone to it."""

    def watch(self, inside: QWidget) -> None:
        for control in inside.findChildren(QWidget):
            if isinstance(control, QComboBox | QAbstractSlider | QAbstractSpinBox) and not isinstance(
                control, QScrollBar
            ):
                if control.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                    control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                control.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Wheel:
            focused = isinstance(watched, QWidget) and watched.hasFocus()
            if not focused:
                # Not accepted, it goes on to the room, which scrolls.
                event.ignore()
                return True
        return super().eventFilter(watched, event)
