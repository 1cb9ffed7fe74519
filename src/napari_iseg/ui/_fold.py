"""A part of the dock that is folded away until it is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QSizePolicy
from superqt import QCollapsible

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["Fold"]

_NO_LIMIT = 16_777_215


class Fold(QCollapsible):
    """A title that shows and hides what lies below it.

    What is folded away is hidden, not only flat: the Tab key must not stop at what nobody sees.

    Parameters
    ----------
    title
        In the user's words.
    tip
        What there is inside.
    content
        What is folded; it can be replaced later.
    """

    def __init__(self, title: str, tip: str, content: QWidget | None = None) -> None:
        # The arrow is part of the text: an icon would be black on napari's dark theme.
        super().__init__(title)
        self._title = title
        self._note = ""
        self.setDuration(0)
        frame: Any = self.layout()
        frame.setContentsMargins(0, 0, 0, 0)
        frame.setSpacing(4)
        button = self.toggleButton()
        button.setStyleSheet("text-align: left;")
        button.setToolTip(tip)
        button.setAccessibleName(title)
        # A long note must not widen the dock.
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.toggled.connect(self._show)
        if content is not None:
            self.put(content)
        self._show()

    def put(self, content: QWidget) -> None:
        """Fold this in place of what was folded before."""
        before = self.content()
        self.setContent(content)
        before.hide()
        before.deleteLater()
        self._show()

    def note(self, note: str) -> None:
        """Say beside the title what is set inside, so that it can be seen while folded."""
        self._note = note
        self._show()

    def _show(self, _expanded: bool = False) -> None:
        expanded = self.isExpanded()
        self.toggleButton().setIcon(QIcon())
        self.content().setVisible(expanded)
        # The animation ends with a limit, which would cut off rows that come later.
        self.content().setMaximumHeight(_NO_LIMIT)
        note = f"  ·  {self._note}" if self._note else ""
        self.setText(f"{'▾' if expanded else '▸'}  {self._title}{note}")
