"""The sheet of keys and mouse buttons: not modal, so that one can try them while reading."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QLabel, QScrollArea, QVBoxLayout

from napari_iseg.ui._key_clashes import clashes
from napari_iseg.ui._keys import KEYS, key_now, on_keys_changed
from napari_iseg.ui._preferences import follow, preference, set_preference
from napari_iseg.ui._tools import TOOLS

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["KeySheet"]


class KeySheet(QDialog):
    """Every tool, its key and what the mouse does with it, and every other key."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys and mouse buttons")
        self.setModal(False)
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setWordWrap(True)
        self.text.setMargin(8)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.text)
        self.tips_box = QCheckBox("Show the first-use tips on the canvas")
        self.tips_box.toggled.connect(_set_tips)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll)
        layout.addWidget(self.tips_box)
        layout.addWidget(buttons)
        self.resize(680, 760)
        on_keys_changed(self, self.refresh)
        follow("guidance", self, self.refresh)

    def refresh(self) -> None:
        """Show the keys as they are now."""
        self.text.setText(_page())
        self.tips_box.setChecked(bool(preference("guidance", "tips", True)))


def _set_tips(wanted: bool) -> None:
    if bool(preference("guidance", "tips", True)) != wanted:
        set_preference("guidance", "tips", wanted)


def _page() -> str:
    tools = [_row(key_now(info.key), info.title, "<br>".join(map(escape, info.mouse))) for info in TOOLS.values()]
    always = [
        _row("", "Right-drag", "zooms"),
        _row("", "Middle-drag", "moves the image, with every tool"),
        _row("", "Left-drag", "moves the image, with the click and the label tool"),
        _row("", "Ctrl + left-click", "accepts the object and begins the next one there"),
        _row("", "Wheel", "zooms; with Ctrl held, goes through the slices"),
        _row("", "Shift + wheel", "makes the dashed frame larger or smaller: what the first click looks at"),
    ]
    of_tools = {info.key for info in TOOLS.values()}
    keys = [_row(key_now(key.default), key.act, "") for key in KEYS.values() if key.default not in of_tools]
    return (
        f"{''.join(f'<p><b>▲ {escape(words)}</b></p>' for words in clashes())}"
        f"<h3>Tools</h3>{_table(tools)}<h3>Always</h3>{_table(always)}<h3>Keys</h3>{_table(keys)}"
        "<p>They work whichever layer is selected. To change one: Preferences, plugin “Interactive segmentation”, "
        "Keys; it takes effect at once.</p>"
    )


def _row(key: str, title: str, words: str) -> str:
    cell = f"<td width='110'><b>{escape(key) or '&nbsp;'}</b></td>"
    return (
        f"<tr>{cell}<td width='110'>{escape(title)}</td><td>{words}</td></tr>"
        if words
        else (f"<tr>{cell}<td colspan='2'>{escape(title)}</td></tr>")
    )


def _table(rows: list[str]) -> str:
    return f"<table cellspacing='0' cellpadding='3' width='100%'>{''.join(rows)}</table>"
