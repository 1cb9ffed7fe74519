"""A method's options as files keep them, those of files that are older than an option included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iseg.zoo import METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["options_of_then"]

Value = bool | int | float | str | None

# What masks were made with before there was such an option, where a method's default is another by now.
_BEFORE: dict[str, Value] = {
    "graph_cut": False,
    "split_off": False,
    "wide_clicks": False,
    "spare_finished": False,
    "brighten_cut": False,
    "mask_click": False,
}


def options_of_then(method: str, options: Mapping[str, Value]) -> dict[str, Value]:
    """Return the options that a file names, and those that it cannot know as they were when it was written.

    Parameters
    ----------
    method
        The method's name; of an unknown one the options stay as they are.
    options
        Name to plain value.
    """
    known = METHODS[method].options if method in METHODS else None
    return {**{name: value for name, value in _BEFORE.items() if hasattr(known, name)}, **options}
