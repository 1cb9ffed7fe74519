"""The quiet banner that offers the work which a crash left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_iseg.ui._recovery import Recovery

__all__ = ["RestoreBanner"]

_DISCARD_TIP = "Delete this unsaved work for good."
_CANCEL_TIP = "Stop; the unsaved work stays where it is, and is offered again."


class RestoreBanner(QFrame):
    """A view on a recovery; hidden while there is nothing to offer.

    Parameters
    ----------
    recovery
        What it asks about.
    parent
        The dock.
    """

    def __init__(self, recovery: Recovery, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recovery = recovery
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.restore_button = QPushButton("Restore")
        self.restore_button.setToolTip("Put the objects and the prompts back as they were.")
        self.restore_button.setAccessibleName("Restore unsaved work")
        self.restore_button.clicked.connect(self._restore)
        self.discard_button = QPushButton("Discard")
        self.discard_button.clicked.connect(self._discard)
        buttons = QHBoxLayout()
        buttons.addWidget(self.restore_button)
        buttons.addWidget(self.discard_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.label)
        layout.addLayout(buttons)
        recovery.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the present offer."""
        offer, busy = self._recovery.offer, self._recovery.busy
        if offer is not None or busy:
            self.label.setText(busy or (offer.sentence if offer is not None else ""))
        self.restore_button.setVisible(not busy)
        self.discard_button.setText("Cancel" if busy else "Discard")
        self.discard_button.setToolTip(_CANCEL_TIP if busy else _DISCARD_TIP)
        self.discard_button.setAccessibleName("Cancel restoring" if busy else "Discard unsaved work")
        self.setVisible(offer is not None or bool(busy))

    @told
    def _restore(self, _checked: bool = False) -> None:
        self._recovery.restore()

    @told
    def _discard(self, _checked: bool = False) -> None:
        if self._recovery.busy:
            self._recovery.cancel()
        else:
            self._recovery.discard()
