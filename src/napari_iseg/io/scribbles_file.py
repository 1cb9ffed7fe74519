"""Scribbles in a file of their own: as in a prompts file, or as rows and columns from a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iseg.errors import PromptError
from napari_iseg.interactions import Scribble
from napari_iseg.io.files import ending, existing_file
from napari_iseg.io.json_file import read_json_object
from napari_iseg.io.prompt_values import prompt_from_values
from napari_iseg.io.prompts_file import read_prompts

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_scribbles"]

_SIGNS = {"+": True, "-": False}


def read_scribbles(path: str | Path) -> list[Scribble]:
    """Read scribbles from JSON or CSV.

    Parameters
    ----------
    path
        A ``.json`` file with one scribble, ``{"points": [[r, c], ...], "width": 3, "positive": true}``, or with
        ``{"scribbles": [...]}`` as in a prompts file (:func:`~napari_iseg.io.read_prompts`). A ``.csv`` or ``.txt``
        file with a line ``row,column,+`` or ``row,column,-`` for each point, in pixels of the image plane; without a
        sign the point is positive. An empty line ends a stroke, and so does another sign. The first line may hold
        names of columns, and what follows a ``#`` is not read. The strokes are 3 pixels wide.

    Returns
    -------
    list of Scribble
        In the order of the file; at least one.

    Raises
    ------
    PromptError
        If the file is missing, of another kind or does not say what it should; the sentence names the entry or line.
    """
    file = existing_file(path, PromptError)
    kind = ending(file)
    if kind not in (".json", ".csv", ".txt"):
        raise PromptError(f"{file} is no scribble file; give one that ends in .json, .csv or .txt.")
    scribbles = _from_json(file) if kind == ".json" else _from_lines(file)
    if not scribbles:
        raise PromptError(f"{file} holds no scribble; draw at least one point.")
    return scribbles


def _from_json(file: Path) -> list[Scribble]:
    values = read_json_object(file, PromptError)
    one = "points" in values
    prompts = [prompt_from_values("scribble", values, str(file))] if one else read_prompts(file)
    scribbles = [prompt for prompt in prompts if isinstance(prompt, Scribble)]
    if len(scribbles) < len(prompts):
        raise PromptError(f"{file} holds other prompts than scribbles; give it with --prompts.")
    return scribbles


def _from_lines(file: Path) -> list[Scribble]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as fault:
        raise PromptError(f"{file} is not text in UTF-8; check that it is the right file.") from fault
    strokes: list[tuple[bool, list[tuple[float, float]]]] = []
    open_stroke = header_seen = False
    for number, line in enumerate(lines, 1):
        fields = [field.strip() for field in line.partition("#")[0].split(",")]
        if fields == [""]:
            # A line that is only a comment ends no stroke.
            open_stroke = open_stroke and "#" in line
            continue
        if not strokes and not header_seen and fields[0].isidentifier():
            header_seen = True
            continue
        point, positive = _point(fields, f"{file}, line {number}")
        if not open_stroke or strokes[-1][0] is not positive:
            strokes.append((positive, []))
        strokes[-1][1].append(point)
        open_stroke = True
    return [Scribble(tuple(points), positive=positive) for positive, points in strokes]


def _point(fields: list[str], entry: str) -> tuple[tuple[float, float], bool]:
    try:
        row, column, *rest = fields
        (sign,) = rest or ["+"]
        point, positive = (float(row), float(column)), _SIGNS[sign]
        Scribble((point,))
    except PromptError as error:
        raise PromptError(f"{entry}: {error}") from error
    except (ValueError, KeyError):
        raise PromptError(
            f"{entry} must be ROW,COLUMN or ROW,COLUMN,+ or ROW,COLUMN,-; {','.join(fields)!r} was given."
        ) from None
    return point, positive
