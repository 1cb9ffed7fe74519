"""The keys of the dock: they win over every layer's keys, are silent in text fields and while the dock is hidden.

The user changes them in napari's Preferences, where each stands under its name; a change takes effect at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtGui import (  # type: ignore[attr-defined]  # qtpy moves it here for every binding
    QKeySequence,
    QShortcut,
)

from napari_iseg.ui._preferences import follow, preference

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QObject
    from qtpy.QtWidgets import QWidget

__all__ = [
    "ACCEPT",
    "ALL_DOWN",
    "ALL_UP",
    "BOTH_WAYS",
    "BOX",
    "BRUSH",
    "CANCEL",
    "CLICK",
    "END_HERE",
    "EXPORT",
    "KEYS",
    "LABEL",
    "NEXT_IMAGE",
    "NEXT_PLANE",
    "PREVIOUS_IMAGE",
    "PREVIOUS_PLANE",
    "REDO",
    "REMOVE",
    "REMOVE_TOO",
    "RUN",
    "SCRIBBLE",
    "SHEET",
    "TOGGLE",
    "UNDO",
    "WHOLE",
    "Key",
    "add_key",
    "key_now",
    "on_keys_changed",
]

ACCEPT = "Q"
TOGGLE = "T"
UNDO = "Ctrl+Z"
REDO = "Ctrl+Shift+Z"
EXPORT = "Ctrl+Shift+E"
CANCEL = "Esc"
CLICK = "G"
BOX = "H"
SCRIBBLE = "J"
LABEL = "U"
BRUSH = "K"
REMOVE = "Delete"
REMOVE_TOO = "Backspace"
RUN = "Shift+G"
SHEET = "?"
WHOLE = "N"
NEXT_IMAGE = "Shift+N"
PREVIOUS_IMAGE = "Shift+B"
BOTH_WAYS = "Shift+W"
NEXT_PLANE = "Shift+Right"
PREVIOUS_PLANE = "Shift+Left"
ALL_UP = "Shift+Up"
ALL_DOWN = "Shift+Down"
END_HERE = "Shift+Delete"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that can be changed.

    Parameters
    ----------
    name
        Its name in the settings.
    default
        What it is unless the user changes it.
    act
        What it does, in the user's words.
    """

    name: str
    default: str
    act: str


KEYS: dict[str, Key] = {
    key.default: key
    for key in (
        Key("click_tool", CLICK, "Click tool"),
        Key("box_tool", BOX, "Box tool"),
        Key("scribble_tool", SCRIBBLE, "Scribble tool"),
        Key("label_tool", LABEL, "Label tool: start from an object that is labelled already"),
        Key("brush_tool", BRUSH, "Brush tool: paint on the mask"),
        Key("swap_sign", TOGGLE, "Swap include and exclude"),
        Key("remove_prompt", REMOVE, "Remove the prompt under the mouse, else the latest"),
        Key("remove_prompt_too", REMOVE_TOO, "The same"),
        Key("undo_step", UNDO, "Undo"),
        Key("redo_step", REDO, "Redo"),
        Key("accept_object", ACCEPT, "Accept the object and begin the next one"),
        Key("run_now", RUN, "Run the waiting prompts, where they do not run by themselves"),
        Key("cancel_work", CANCEL, "Cancel what is being computed"),
        Key("whole_image", WHOLE, "Look at the whole image at the first click, or at the frame again"),
        Key("export_labels", EXPORT, "Export the labels"),
        Key("next_image", NEXT_IMAGE, "Next image of the folder"),
        Key("previous_image", PREVIOUS_IMAGE, "Previous image of the folder"),
        Key("both_ways", BOTH_WAYS, "Carry the object on through the planes, both ways, until it ends"),
        Key("next_plane", NEXT_PLANE, "Carry the object on to the next plane"),
        Key("previous_plane", PREVIOUS_PLANE, "Carry the object on to the plane before"),
        Key("all_up", ALL_UP, "Carry the object on through all higher planes, until it ends"),
        Key("all_down", ALL_DOWN, "Carry the object on through all lower planes, until it ends"),
        Key("end_here", END_HERE, "Take the object away from this plane and all beyond: it ends before"),
        Key("show_keys", SHEET, "Show this sheet"),
    )
}
"""Every key that can be changed, by its default."""


def key_now(default: str) -> str:
    """Return the key that the user wants in place of a default one; empty if he wants none."""
    key = KEYS.get(default)
    if key is None:
        return default
    wanted = str(preference("keys", key.name, default)).strip()
    # What is no key at all must not take the act away.
    return default if wanted and not QKeySequence(wanted).toString() else wanted


def add_key(parent: QWidget, keys: str, act: Callable[[], None]) -> QShortcut:
    """Bind keys to an act, as long as ``parent`` is visible and enabled.

    Parameters
    ----------
    parent
        A widget of the dock.
    keys
        The default keys; if they stand in ``KEYS``, the user's own take their place.
    act
        What they do.
    """
    shortcut = QShortcut(parent)
    shortcut.setKeys(_sequences(key_now(keys)))
    shortcut.activated.connect(act)
    # Another dock may claim the same keys; Qt then leaves the choice to us, and the user pressed them for some reason.
    shortcut.activatedAmbiguously.connect(act)
    if keys in KEYS:
        on_keys_changed(shortcut, lambda: shortcut.setKeys(_sequences(key_now(keys))))
    return shortcut


def on_keys_changed(owner: QObject, act: Callable[[], None]) -> None:
    """Call ``act`` when the user changed any key, as long as ``owner`` lives."""
    follow("keys", owner, act)


def _sequences(keys: str) -> list[QKeySequence]:
    # A sign such as the question mark takes Shift on some keyboards and none on others.
    is_sign = len(keys) == 1 and not keys.isalnum()
    return [QKeySequence(keys), QKeySequence(f"Shift+{keys}")] if is_sign else [QKeySequence(keys)]
