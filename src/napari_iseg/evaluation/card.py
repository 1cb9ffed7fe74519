"""Model cards as text: a row in the table of what weights reach, and a picture of where they fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from napari_iseg.io.markdown import TablePlace, find_section, find_tables, join_cells, plain_text, split_cells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FAILS", "REACHES", "method_of", "opening_of", "with_picture", "with_row"]

REACHES = "What it reaches"
"""The section with the table of measures."""

FAILS = "Where it fails"
"""The section with pictures."""

_OPENINGS = {
    REACHES: (
        "A simulated user corrects the largest error until the mask is good enough. NoC@85 and NoC@90 are the clicks",
        "(NoS: scribbles) to an IoU of 85 and 90 %, the most allowed where it is not reached; NoF@90 counts the",
        "objects that need all of them. Less is better, but for IoUs. `napari-iseg evaluate --card` adds or replaces",
        "a row.",
    ),
    FAILS: (
        "The worst objects of each evaluated set: the reference outlined in blue, the answer in orange, clicks on the",
        "object as green dots and beside it as red crosses. `napari-iseg evaluate --card` adds or replaces a picture.",
    ),
}


def opening_of(title: str) -> str:
    """Return how the section :data:`REACHES` or :data:`FAILS` begins, with its heading."""
    return "\n".join((f"## {title}", "", *_OPENINGS[title], ""))


def with_row(text: str, row: Mapping[str, str], *, key: Sequence[str], order: Sequence[str]) -> str:
    """Put a row into the table of measures of a card; every other row keeps its cells, all other text stays.

    Parameters
    ----------
    text
        The card. Without the section, it is added at the end; without a table that has the first column of ``key``,
        one is added to the section.
    row
        Column to text; no column stands for an empty cell.
    key
        Columns by which an older row of the same measurement is found, which this one then replaces.
    order
        Names of columns in the order in which new ones are put into the table.

    Returns
    -------
    str
        The card.
    """
    lines = _with_section(text, REACHES)
    start, stop = find_section(lines, REACHES) or (0, len(lines))
    table = next((table for table in find_tables(lines, start, stop) if key[0] in table.header), None)
    if table is None:
        header = [name for name in order if name in row]
        stop = _end_of_text(lines, start, stop)
        new = ["", join_cells(header), "|" + "---|" * len(header), join_cells(row[name] for name in header)]
        return "\n".join([*lines[:stop], *new, *lines[stop:]])
    lines, table = _with_columns(lines, table, [name for name in order if name in row], order)
    cells = {number: dict(zip(table.header, split_cells(lines[number]), strict=False)) for number in table.rows}
    same = [number for number, old in cells.items() if all(old.get(name, "") == row.get(name, "") for name in key)]
    akin = [number for number, old in cells.items() if old.get(key[0]) == row.get(key[0])]
    line = join_cells(row.get(name, "") for name in table.header)
    if same:
        lines[same[0]] = line
    else:
        lines.insert(akin[-1] + 1 if akin else table.stop, line)
    return "\n".join(lines)


def with_picture(text: str, file: str, caption: str) -> str:
    """Link a picture in the section of a card about failures, in the place of an older link to the same file.

    Parameters
    ----------
    text
        The card. Without the section, it is added at the end.
    file
        Name of the picture's file, beside the card's.
    caption
        What it shows.
    """
    lines = _with_section(text, FAILS)
    start, stop = find_section(lines, FAILS) or (0, len(lines))
    target = quote(file)
    link = f"![{caption.replace('[', '(').replace(']', ')')}]({target})"
    older = re.compile(rf"!\[[^\]]*\]\({re.escape(target)}\)")
    for number in range(start, stop):
        if older.search(lines[number]):
            lines[number] = older.sub(lambda _: link, lines[number])
            return "\n".join(lines)
    stop = _end_of_text(lines, start, stop)
    return "\n".join([*lines[:stop], "", link, *lines[stop:]])


def method_of(text: str) -> str | None:
    """Return the name of the method that a card's table of facts states; None where it states none."""
    lines = text.split("\n")
    for table in find_tables(lines):
        for number in table.rows:
            cells = split_cells(lines[number])
            if cells[0] == "Method" and len(cells) > 1 and cells[1]:
                return plain_text(cells[1]).split()[0].rstrip(":,;")
    return None


def _with_section(text: str, title: str) -> list[str]:
    if find_section(text.split("\n"), title) is None:
        text = text.rstrip("\n") + "\n\n" if text.strip() else ""
        text += opening_of(title)
    return text.split("\n")


def _with_columns(
    lines: list[str], table: TablePlace, wanted: Sequence[str], order: Sequence[str]
) -> tuple[list[str], TablePlace]:
    """Put columns that a table does not have behind those that come before them in ``order``."""
    header, lines = list(table.header), list(lines)
    for name in wanted:
        if name in header:
            continue
        before = [header.index(other) for other in order[: list(order).index(name)] if other in header]
        place = max(before, default=-1) + 1
        for number in range(table.start, table.stop):
            cells = split_cells(lines[number])
            # A row may have fewer cells than the table has columns.
            cells += [""] * (place - len(cells))
            cells.insert(place, {table.start: name, table.start + 1: "---"}.get(number, ""))
            lines[number] = f"|{'|'.join(cells)}|" if number == table.start + 1 else join_cells(cells)
        header.insert(place, name)
    return lines, TablePlace(table.start, table.stop, tuple(header))


def _end_of_text(lines: Sequence[str], start: int, stop: int) -> int:
    """Return the number of the line after the last one of a section that is not empty."""
    while stop > start and not lines[stop - 1].strip():
        stop -= 1
    return stop
