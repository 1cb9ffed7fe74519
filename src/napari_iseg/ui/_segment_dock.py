"""The dock that napari opens: a frame around the one tool that a viewer has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_iseg.ui._segment_widget import SegmentWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["SegmentDock"]

# The tool of each viewer, by the id of the viewer. Dock or window keep it, and it keeps the viewer: no id comes twice.
_TOOLS: WeakValueDictionary[int, SegmentWidget] = WeakValueDictionary()


class SegmentDock(QWidget):
    """Shows the viewer's tool; a viewer has one, however often its dock is closed and opened.

    napari throws a dock away when it is closed. The tool then waits, hidden, in the window: with the next dock the work
    goes on where it was, its undo history included. A second dock beside the first says where the tool is, and can take
    it over.

    Parameters
    ----------
    napari_viewer
        The viewer that it is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        # napari hands every plugin a proxy of its own.
        self._key = id(getattr(napari_viewer, "__wrapped__", napari_viewer))
        self._window: QWidget | None = None
        self._notice: QWidget | None = None
        self._frame = QGridLayout(self)
        self._frame.setContentsMargins(0, 0, 0, 0)
        # Else napari adds a stretch below, which takes half of the room.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        tool = _TOOLS.get(self._key)
        if tool is None:
            tool = _TOOLS[self._key] = SegmentWidget(napari_viewer)
            key = self._key
            tool.destroyed.connect(lambda: _TOOLS.pop(key, None))
        if isinstance(tool.parentWidget(), SegmentDock):
            self._say_where()
        else:
            self._take()

    @property
    def tool(self) -> SegmentWidget:
        """The viewer's tool, here or in another dock."""
        return _TOOLS[self._key]

    def event(self, event: Any) -> bool:
        """Keep the tool when napari takes the frame out of its dock."""
        if event is not None and event.type() in (QEvent.Type.ParentChange, QEvent.Type.Show):
            outermost = _outermost(self)
            if outermost is not self:
                self._window = outermost
            elif self._window is not None and self._holds_tool():
                self.tool.setParent(self._window)
                self.tool.hide()
        return bool(super().event(event))

    def _holds_tool(self) -> bool:
        tool = _TOOLS.get(self._key)
        return tool is not None and tool.parentWidget() is self

    def _take(self) -> None:
        """Show the tool here, wherever it was."""
        tool = self.tool
        before = tool.parentWidget()
        if self._notice is not None:
            self._frame.removeWidget(self._notice)
            self._notice.deleteLater()
            self._notice = None
        self._frame.addWidget(tool)
        tool.show()
        if isinstance(before, SegmentDock) and before is not self:
            before._say_where()

    def _say_where(self) -> None:
        """Say that the tool is in another dock."""
        notice = self._notice = QWidget()
        label = QLabel("This viewer's tool is open in another dock.")
        label.setWordWrap(True)
        button = QPushButton("Bring it here")
        button.setToolTip("Go on here with what is being worked on there; nothing of it changes.")
        button.clicked.connect(self._take)
        layout = QVBoxLayout(notice)
        layout.addWidget(label)
        layout.addWidget(button)
        layout.addStretch(1)
        self._frame.addWidget(notice)


def _outermost(widget: QWidget) -> QWidget:
    """Return the window that a widget is in, also where its dock floats in one of its own."""
    while (parent := widget.parentWidget()) is not None:
        widget = parent
    return widget
