"""The quiet banner that offers the work which a crash left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_iseg.ui._recovery import Recovery

__all__ = ["RestoreBanner"]


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
        self.discard_button.setToolTip("Delete this unsaved work for good.")
        self.discard_button.setAccessibleName("Discard unsaved work")
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
        offer = self._recovery.offer
        if offer is not None:
            self.label.setText(offer.sentence)
        self.setVisible(offer is not None)

    @told
    def _restore(self, _checked: bool = False) -> None:
        self._recovery.restore()

    @told
    def _discard(self, _checked: bool = False) -> None:
        self._recovery.discard()
