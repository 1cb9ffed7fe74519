"""Tables and sections of Markdown as lines of text, so that one row can be changed and all else stays as it is written.

Of Markdown this is what model cards have: headings that begin with ``#``, tables with pipes, fenced code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["TablePlace", "find_section", "find_tables", "join_cells", "plain_text", "split_cells"]

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")


@dataclass(frozen=True, slots=True)
class TablePlace:
    """Where a table is.

    Parameters
    ----------
    start
        Number of its line of headings, from 0; the rule is the line after it.
    stop
        Number of the line after its last row.
    header
        Its headings.
    """

    start: int
    stop: int
    header: tuple[str, ...]

    @property
    def rows(self) -> range:
        """The numbers of the lines of its rows."""
        return range(self.start + 2, self.stop)


def split_cells(line: str) -> list[str]:
    r"""Return the cells of a line of a table, without the space around them; ``\|`` is a pipe inside a cell."""
    inner = line.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def join_cells(cells: Iterable[str]) -> str:
    r"""Return a line of a table; a pipe inside a cell is written as ``\|``, and its lines become one."""
    return "|" + "|".join(f" {text} " if (text := _one_line(cell)) else " " for cell in cells) + "|"


def find_section(lines: Sequence[str], title: str, *, level: int = 2) -> tuple[int, int] | None:
    """Return the lines of a section: the number of the one after its heading, and where the next section begins.

    Parameters
    ----------
    lines
        Of the whole text.
    title
        Its heading, in whatever case.
    level
        How many ``#`` the heading has; one of at most as many ends the section.

    Returns
    -------
    tuple of int or None
        None if there is none.
    """
    start = None
    for number in _outside_of_code(lines):
        heading = _HEADING.match(lines[number])
        if heading is None or len(heading[1]) > level:
            continue
        if start is not None:
            return start, number
        if len(heading[1]) == level and heading[2].casefold() == title.casefold():
            start = number + 1
    return None if start is None else (start, len(lines))


def find_tables(lines: Sequence[str], start: int = 0, stop: int | None = None) -> list[TablePlace]:
    """Return the tables that begin between two lines."""
    found: list[TablePlace] = []
    stop = len(lines) if stop is None else stop
    outside = [number for number in _outside_of_code(lines) if start <= number < stop]
    for number in outside:
        if number + 1 >= stop or (found and number < found[-1].stop) or "|" not in lines[number]:
            continue
        header = tuple(split_cells(lines[number]))
        if not _RULE.match(lines[number + 1]) or len(split_cells(lines[number + 1])) != len(header):
            continue
        end = number + 2
        while end < stop and "|" in lines[end]:
            end += 1
        found.append(TablePlace(number, end, header))
    return found


def plain_text(text: str) -> str:
    """Return text without the marks of links, emphasis, code and lists."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"^\s*(?:[-*+>]|#+)\s+|[*`]+", "", text).strip()


def _outside_of_code(lines: Sequence[str]) -> list[int]:
    """Return the numbers of the lines that are in no fenced code."""
    outside: list[int] = []
    fence = ""
    for number, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark[1]
        else:
            outside.append(number)
    return outside


def _one_line(cell: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", re.sub(r"\s*\n\s*", " ", cell.strip()))
