"""What the README of a data set says of its licence, in its own words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iseg.io.markdown import find_tables, plain_text, split_cells

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NOT_STATED", "stated_licence"]

NOT_STATED = "not stated, see its source"
"""What is said where no README says anything."""

_WORD = re.compile(r"licen[cs]e", re.IGNORECASE)
_LONGEST = 200


def stated_licence(path: str | Path, name: str | None = None) -> str:
    """Return the licence of a data set as a README states it.

    Parameters
    ----------
    path
        Its folder or file. A README in the folder counts with its first line about a licence; one beside the folder
        counts with a table that has a row for this set and a column for the licence.
    name
        What such a row begins with; None for the folder's name.

    Returns
    -------
    str
        One line of at most 200 characters; :data:`NOT_STATED` where none was recognised.
    """
    place = Path(path).resolve()
    for text in _readmes(place):
        for line in text.splitlines():
            said = plain_text(line)
            # A heading alone says nothing.
            if _WORD.search(said) and len(said.split()) > 1:
                return _short(re.sub(r"^licen[cs]e\s*:\s*", "", said, flags=re.IGNORECASE))
    for text in _readmes(place.parent):
        lines = text.splitlines()
        for table in find_tables(lines):
            column = next((number for number, title in enumerate(table.header) if _WORD.search(title)), None)
            rows = (split_cells(lines[row]) for row in table.rows)
            row = next((cells for cells in rows if plain_text(cells[0]) == (name or place.name)), None)
            if column is not None and row is not None and column < len(row) and row[column]:
                return _short(plain_text(row[column]))
    return NOT_STATED


def _readmes(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        for file in sorted(folder.glob("[Rr][Ee][Aa][Dd][Mm][Ee]*")):
            if file.is_file() and file.suffix.lower() in ("", ".md", ".txt", ".rst"):
                yield file.read_text(encoding="utf-8", errors="replace")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rstrip()}…"
