"""The keys of the dock: they win over every layer's keys, are silent in text fields and while the dock is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import (  # type: ignore[attr-defined]  # qtpy moves it here for every binding
    QKeySequence,
    QShortcut,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

__all__ = ["ACCEPT", "CANCEL", "EXPORT", "NEXT_IMAGE", "PREVIOUS_IMAGE", "REDO", "TOGGLE", "UNDO", "add_key"]

ACCEPT = "Q"
TOGGLE = "T"
UNDO = "Ctrl+Z"
REDO = "Ctrl+Shift+Z"
EXPORT = "Ctrl+Shift+E"
CANCEL = "Esc"
NEXT_IMAGE = "Shift+N"
PREVIOUS_IMAGE = "Shift+B"


def add_key(parent: QWidget, keys: str, act: Callable[[], None]) -> QShortcut:
    """Bind keys to an act, as long as ``parent`` is visible and enabled."""
    shortcut = QShortcut(QKeySequence(keys), parent)
    shortcut.activated.connect(act)
    # Another dock may claim the same keys; Qt then leaves the choice to us, and the user pressed them for some reason.
    shortcut.activatedAmbiguously.connect(act)
    return shortcut
