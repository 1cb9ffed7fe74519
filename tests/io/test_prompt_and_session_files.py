"""Prompts and sessions come back exactly as they were, or one sentence says which entry is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_iseg.errors import ExportError, ImageError, PromptError
from napari_iseg.interactions import Box, Choice, Click, MaskPrompt, Scribble
from napari_iseg.io import SavedObject, SavedSession, read_prompts, read_session, write_prompts, write_session
from napari_iseg.io.prompt_values import prompt_from_values, prompt_to_values
from napari_iseg.planes import PlaneAddress

if TYPE_CHECKING:
    from pathlib import Path

PROMPTS = [
    Click(10.1, 20.7, positive=True),
    Click(1 / 3, 0, positive=False),
    Click(2, 3, view=Box((0.25, 1), (1 / 3 + 9, 80))),
    Box((1.5, 2.5), (30.0, 40.25)),
    Scribble(((1.0, 2.0), (3.5, 4.5)), width=5.5, positive=False),
]


def written(file: Path, values: Any) -> Path:
    file.write_text(values if isinstance(values, str) else json.dumps(values))
    return file


def test_prompts_come_back(tmp_path: Path) -> None:
    assert read_prompts(write_prompts(tmp_path / "prompts.json", PROMPTS)) == PROMPTS
    backwards = PROMPTS[::-1]
    assert read_prompts(write_prompts(tmp_path / "prompts.json", backwards)) == backwards
    assert read_prompts(write_prompts(tmp_path / "prompts.json", [])) == []


def test_prompts_as_people_write_them(tmp_path: Path) -> None:
    text = '{"boxes": [{"start": [1, 2], "stop": [3, 4]}], "clicks": [{"row": 5, "column": 6}], "scribbles": []}'
    assert read_prompts(written(tmp_path / "p.json", text)) == [Box((1.0, 2.0), (3.0, 4.0)), Click(5.0, 6.0)]
    text = '{"scribbles": [{"points": [[1, 2]]}]}'
    assert read_prompts(written(tmp_path / "p.json", text)) == [Scribble(((1.0, 2.0),), 3.0, positive=True)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("{", "line 1"),
        ("[]", "a JSON list"),
        ({"click": []}, "did you mean 'clicks'"),
        ({"clicks": {}}, "must be a list"),
        ({"clicks": [{"row": 1, "column": 2}, {"row": 1}]}, r"clicks\[1\] lacks the field 'column'"),
        ({"clicks": [{"row": 1, "column": 2, "positiv": True}]}, r"clicks\[0\] has an unknown field 'positiv'"),
        ({"clicks": [{"row": "1", "column": 2}]}, r"clicks\[0\].*'1' is not a number"),
        ({"clicks": [{"row": True, "column": 2}]}, r"clicks\[0\].*True is not a number"),
        ({"clicks": [{"row": 1, "column": 2, "positive": 1}]}, "true or false"),
        ('{"clicks": [{"row": NaN, "column": 2}]}', r"clicks\[0\].*finite"),
        ({"clicks": [[1, 2]]}, r"clicks\[0\] must be an object"),
        ({"boxes": [{"start": [3, 3], "stop": [1, 9]}]}, r"boxes\[0\].*encloses nothing"),
        ({"boxes": [{"start": [3], "stop": [1, 9]}]}, r"boxes\[0\].*pair"),
        ({"scribbles": [{"points": []}]}, r"scribbles\[0\].*at least one point"),
        ({"scribbles": [{"points": 4}]}, r"scribbles\[0\].*list"),
        ({"scribbles": [{"points": [[1, 2]], "width": 0}]}, r"scribbles\[0\].*width"),
    ],
)
def test_bad_prompts_name_the_entry(values: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=words) as caught:
        read_prompts(written(tmp_path / "p.json", values))
    assert "\n" not in str(caught.value)


def test_prompts_that_are_not_there_or_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="no file"):
        read_prompts(tmp_path / "p.json")
    (tmp_path / "p.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PromptError, match="UTF-8"):
        read_prompts(tmp_path / "p.json")
    with pytest.raises(PromptError, match="image file"):
        write_prompts(tmp_path / "q.json", [MaskPrompt(np.ones((3, 5), bool))])


def session(*prompts: Any) -> SavedSession:
    return SavedSession(
        source="images/größe.nii.gz",
        shape=(5, 21, 34),
        spacing=(7.499999046325684, 0.5, 0.1),
        objects=(
            SavedObject(1, PlaneAddress(1, 2, (3,)), "random-walker", None, {"beta": 130, "tolerance": 1e-3}),
            SavedObject(
                70000,
                PlaneAddress(2, 0, (20,), rgb=True),
                "cfr-icl",
                "cfr-icl-small",
                {
                    "graph_cut": False,
                    "split_off": False,
                    "wide_clicks": False,
                    "spare_finished": True,
                    "brighten_cut": True,
                    "mask_click": False,
                    "flip": True,
                    "name": "a",
                    "limit": None,
                },
                0.49,
                prompts,
                "nucleus",
            ),
        ),
    )


def test_sessions_come_back(tmp_path: Path) -> None:
    interleaved = (PROMPTS[0], PROMPTS[2], PROMPTS[1], PROMPTS[3], PROMPTS[0])
    saved = session(*interleaved)
    assert read_session(write_session(tmp_path / "session.json", saved)) == saved
    assert "größe" in (tmp_path / "session.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float16", "float32", "float64", ">f4"])
def test_masks_in_sessions_come_back_exactly(dtype: str, tmp_path: Path) -> None:
    values = np.random.default_rng(4).random((21, 35))
    mask = (values > 0.7) if dtype == "bool" else (values * 200).astype(dtype)
    saved = session(PROMPTS[0], Choice(2), MaskPrompt(mask))
    again = read_session(write_session(tmp_path / "session.json", saved)).objects[1].prompts
    assert again[:2] == (PROMPTS[0], Choice(2))
    assert isinstance(again[2], MaskPrompt)
    np.testing.assert_array_equal(again[2].mask, mask)
    assert again[2].mask.dtype == np.dtype(dtype).newbyteorder("=")


def change(values: Any, path: list[Any], new: Any) -> None:
    for step in path[:-1]:
        values = values[step]
    values[path[-1]] = new


@pytest.mark.parametrize(
    ("path", "new", "words"),
    [
        (["version"], 99, "update napari-iseg"),
        (["format"], "other", "not a session"),
        (["image"], None, "'image'"),
        (["image", "shape"], [1, "2"], "'shape'"),
        (["objects", 0, "label"], True, "'label'"),
        (["objects", 0, "plane", "index"], [-1], "count from 0"),
        (["objects", 1, "threshold"], "x", "'threshold'"),
        (["objects", 1, "prompts", 0, "kind"], "lasso", r"objects\[1\]\.prompts\[0\].*'lasso'"),
        (["objects", 1, "prompts", 0], 5, r"objects\[1\]\.prompts\[0\]"),
    ],
)
def test_damaged_sessions(path: list[Any], new: Any, words: str, tmp_path: Path) -> None:
    file = write_session(tmp_path / "session.json", session(PROMPTS[0]))
    values = json.loads(file.read_text(encoding="utf-8"))
    change(values, path, new)
    with pytest.raises(ImageError, match=words) as caught:
        read_session(written(file, values))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "new"), [("shape", [21, 36]), ("dtype", "object"), ("data", "!!"), ("data", "AAAA"), ("shape", [-1, 5])]
)
def test_damaged_masks_name_the_prompt(name: str, new: Any, tmp_path: Path) -> None:
    file = write_session(tmp_path / "session.json", session(MaskPrompt(np.ones((21, 35), bool))))
    values = json.loads(file.read_text(encoding="utf-8"))
    values["objects"][1]["prompts"][0][name] = new
    with pytest.raises(PromptError, match=r"objects\[1\]\.prompts\[0\]"):
        read_session(written(file, values))


def test_a_session_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    file = write_session(tmp_path / "session.json", session())
    before = file.read_bytes()
    bad = SavedSession(None, (3, 5), (1.0, 1.0), (SavedObject(1, PlaneAddress(), "m", options={"x": object()}),))
    with pytest.raises(ExportError, match="plain value"):
        write_session(file, bad)
    assert file.read_bytes() == before
    with pytest.raises(ImageError, match="no file"):
        read_session(tmp_path / "other.json")


@pytest.mark.parametrize("said", [{}, {"keep": True}, {"source": "brush", "keep": True}])
def test_a_mask_comes_back_with_all_that_is_said_of_it(said):
    mask = MaskPrompt(np.eye(5, dtype=bool), **said)
    kind, values = prompt_to_values(mask)
    assert kind == "mask"
    assert {name: value for name, value in values.items() if name in {"keep", "source"}} == said
    again = prompt_from_values(kind, {**values, "carried": True}, "prompts[0]")
    assert isinstance(again, MaskPrompt)
    assert (again.keep, again.source) == (mask.keep, mask.source)
    np.testing.assert_array_equal(again.mask, mask.mask)
