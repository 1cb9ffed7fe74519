"""Scribbles from JSON and from tables of points, or one sentence that says which line is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from napari_iseg.errors import PromptError
from napari_iseg.interactions import Scribble
from napari_iseg.io import read_scribbles, write_prompts

if TYPE_CHECKING:
    from pathlib import Path

STROKES = [
    Scribble(((1.0, 2.0), (3.5, 4.5)), width=5.5, positive=False),
    Scribble(((7.0, 8.0),), width=3.0, positive=True),
]


def written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def test_one_scribble_or_a_prompts_file_of_them(tmp_path: Path) -> None:
    one = written(tmp_path / "one.json", '{"points": [[1, 2], [3.5, 4.5]], "width": 5.5, "positive": false}')
    assert read_scribbles(one) == STROKES[:1]
    assert read_scribbles(write_prompts(tmp_path / "many.json", STROKES)) == STROKES


def test_lines_with_and_without_signs_headers_and_comments(tmp_path: Path) -> None:
    text = "row,column,sign\n1,2,+\n3,4,+ # turns\n# on it goes\n5.5,6,+\n\n7,8\n9,10,-\n -1 , 0 ,-\n\n\n11,12,-\n"
    expected = [
        Scribble(((1.0, 2.0), (3.0, 4.0), (5.5, 6.0))),
        Scribble(((7.0, 8.0),)),
        Scribble(((9.0, 10.0), (-1.0, 0.0)), positive=False),
        Scribble(((11.0, 12.0),), positive=False),
    ]
    assert read_scribbles(written(tmp_path / "s.csv", text)) == expected
    assert read_scribbles(written(tmp_path / "s.txt", "﻿" + text.replace("\n", "\r\n"))) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2,+\n3\n", r"line 2 must be ROW,COLUMN"),
        ("1,2,+\n3,4,5\n", r"line 2 must be ROW,COLUMN.*'3,4,5'"),
        ("1,2,+\nrow,column\n", r"line 2 must be"),
        ("row,column\nrow,column\n", r"line 2 must be"),
        ("1,2,+,4\n", r"line 1 must be"),
        ("1,inf,+\n", r"line 1.*finite"),
        ("row,column\n", "holds no scribble"),
        ("# nothing\n", "holds no scribble"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(PromptError, match=words) as caught:
        read_scribbles(written(tmp_path / "s.csv", text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"points": [[1, 2]], "colour": 3}, "unknown field 'colour'"),
        ({"points": []}, "at least one point"),
        ({"clicks": [{"row": 1, "column": 2}]}, "--prompts"),
        ({"scribbles": []}, "holds no scribble"),
        ({"scribble": []}, "did you mean 'scribbles'"),
        ([], "an object"),
    ],
)
def test_bad_json_is_told(tmp_path: Path, values: object, words: str) -> None:
    with pytest.raises(PromptError, match=words):
        read_scribbles(written(tmp_path / "s.json", json.dumps(values)))


def test_other_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="no file"):
        read_scribbles(tmp_path / "s.csv")
    with pytest.raises(PromptError, match=r"\.csv"):
        read_scribbles(written(tmp_path / "s.svg", "1,2,+"))
    (tmp_path / "s.csv").write_bytes(b"\xff\xfe1")
    with pytest.raises(PromptError, match="UTF-8"):
        read_scribbles(tmp_path / "s.csv")
