"""The tools that a user prompts with: their names, keys and what the mouse does in each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from napari_iseg.ui import _keys

__all__ = ["TOOLS", "Tool", "ToolInfo"]


class Tool(Enum):
    """What a drag or a click on the canvas means."""

    CLICK = "click"
    BOX = "box"
    SCRIBBLE = "scribble"
    LABEL = "label"
    BRUSH = "brush"


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """How a tool presents itself.

    Parameters
    ----------
    title
        On its button.
    key
        Its default key.
    mouse
        What the mouse does, a sentence a button or movement.
    has_width
        Whether it draws with a width.
    """

    title: str
    key: str
    mouse: tuple[str, ...]
    has_width: bool = False


_ALSO_CLICKS = "A click without dragging includes (left) or excludes (right) as with the click tool."

TOOLS: dict[Tool, ToolInfo] = {
    Tool.CLICK: ToolInfo(
        "Click",
        _keys.CLICK,
        ("Left click includes, right click excludes.", "Dragging a click that is there moves it."),
    ),
    Tool.BOX: ToolInfo(
        "Box",
        _keys.BOX,
        ("Left-drag draws a box around the object; a box always includes.", _ALSO_CLICKS),
    ),
    Tool.SCRIBBLE: ToolInfo(
        "Scribble",
        _keys.SCRIBBLE,
        (
            "Left-drag draws a line that includes; with Shift held, or after T, one that excludes.",
            "(Right-drag zooms, as everywhere in napari.)",
            _ALSO_CLICKS,
        ),
        has_width=True,
    ),
    Tool.LABEL: ToolInfo(
        "Label",
        _keys.LABEL,
        (
            "Left click takes an object of any Labels layer over into the mask, to go on from there.",
            "Right click takes its pixels away from the mask.",
        ),
    ),
    Tool.BRUSH: ToolInfo(
        "Brush",
        _keys.BRUSH,
        (
            "Left-drag paints on the mask; with Shift held, or after T, it erases.",
            "A right click erases one dab. What is painted is taken as it is.",
        ),
        has_width=True,
    ),
}
"""Every tool, in the order of their buttons."""
