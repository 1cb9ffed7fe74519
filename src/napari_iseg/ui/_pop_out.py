"""A part of the dock that may have a dock of its own, and comes back when that is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined]  # qtpy names it for every binding
from qtpy.QtWidgets import QDockWidget, QMainWindow

if TYPE_CHECKING:
    from qtpy.QtGui import QCloseEvent
    from qtpy.QtWidgets import QToolButton, QVBoxLayout, QWidget

__all__ = ["PopOut"]


class _Dock(QDockWidget):
    closing = Signal()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        self.closing.emit()
        super().closeEvent(event)


class PopOut(QObject):
    """Moves a widget out and back.

    Parameters
    ----------
    widget
        What moves.
    home
        The layout that it belongs to.
    place
        Where in it.
    title
        Of its own dock.
    button
        Pops it out, or back in.
    """

    def __init__(self, widget: QWidget, home: QVBoxLayout, place: int, title: str, button: QToolButton) -> None:
        super().__init__(home.parentWidget())
        self._widget, self._home, self._place, self._title, self._button = widget, home, place, title, button
        self._dock: _Dock | None = None
        button.setAccessibleName(f"{title} in a dock of their own")
        button.clicked.connect(self.toggle)
        parent: Any = home.parentWidget()
        parent.destroyed.connect(self._forget)
        self._say()

    @property
    def is_out(self) -> bool:
        """Whether the widget has a dock of its own."""
        return self._dock is not None

    def toggle(self) -> None:
        """Move the widget out, or back."""
        if self._dock is not None:
            self.bring_back()
            return
        window = _main_window(self._home.parentWidget())
        if window is None:
            return
        dock = _Dock(self._title, window)
        dock.setObjectName(f"napari-iseg {self._title}")
        self._home.removeWidget(self._widget)
        dock.setWidget(self._widget)
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        dock.closing.connect(self.bring_back)
        self._dock = dock
        dock.show()
        self._widget.show()
        self._say()

    def bring_back(self) -> None:
        """Move the widget to its place in the dock again."""
        dock, self._dock = self._dock, None
        if dock is None:
            return
        self._home.insertWidget(self._place, self._widget, 1)
        self._widget.show()
        dock.hide()
        dock.deleteLater()
        self._say()

    def _forget(self) -> None:
        if self._dock is not None:
            self._dock.deleteLater()
            self._dock = None

    def _say(self) -> None:
        out = self._dock is not None
        self._button.setText("⇤" if out else "⇱")
        self._button.setToolTip("Put them back into the dock 'Segment'." if out else "Give them a dock of their own.")


def _main_window(widget: QWidget | None) -> QMainWindow | None:
    while widget is not None and not isinstance(widget, QMainWindow):
        widget = widget.parentWidget()
    return widget
