"""Prompts in a file that people write by hand: clicks, boxes and scribbles."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import PromptError
from napari_iseg.io.json_file import read_json_object, write_json_object
from napari_iseg.io.prompt_values import prompt_from_values, prompt_to_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.interactions import Prompt

__all__ = ["read_prompts", "write_prompts"]

_GROUPS = {"clicks": "click", "boxes": "box", "scribbles": "scribble"}
_PLURAL = {kind: group for group, kind in _GROUPS.items()}


def read_prompts(path: str | Path) -> list[Prompt]:
    """Read prompts from JSON.

    Parameters
    ----------
    path
        A file with an object such as ``{"clicks": [{"row": 10.0, "column": 20.0, "positive": true}], "boxes":
        [{"start": [r, c], "stop": [r, c]}], "scribbles": [{"points": [[r, c], ...], "width": 3, "positive": true}]}``.
        ``positive`` may be left out and is then true, ``width`` is then 3.

    Returns
    -------
    list of Prompt
        In the order of the file: group after group, each in its own order.

    Raises
    ------
    PromptError
        If the file is missing or not JSON, or an entry does not say what it should; the sentence names the entry.
    """
    values = read_json_object(path, PromptError)
    prompts: list[Prompt] = []
    for group, entries in values.items():
        if group not in _GROUPS:
            close = get_close_matches(group, _GROUPS, n=1)
            advice = f"did you mean {close[0]!r}?" if close else f"use {', '.join(_GROUPS)}."
            raise PromptError(f"{path} has an unknown entry {group!r}; {advice}")
        if not isinstance(entries, list):
            raise PromptError(f"{path}: {group} must be a list ([...]); {entries!r:.60} was given.")
        prompts += [
            prompt_from_values(_GROUPS[group], entry, f"{path}: {group}[{number}]")
            for number, entry in enumerate(entries)
        ]
    return prompts


def write_prompts(path: str | Path, prompts: Sequence[Prompt]) -> Path:
    """Write prompts as :func:`read_prompts` reads them; the file appears whole or not at all.

    The groups stand in the order of their first prompts; between kinds the order is not kept (a session file keeps it).

    Raises
    ------
    PromptError
        If there is a mask among them, which belongs in an image file.
    ExportError
        If the file cannot be written.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for prompt in prompts:
        kind, values = prompt_to_values(prompt)
        if kind not in _PLURAL:
            raise PromptError(
                "A prompts file holds clicks, boxes and scribbles; write masks as image files, choices in sessions."
            )
        groups.setdefault(_PLURAL[kind], []).append(values)
    write_json_object(path, groups)
    return Path(path)
