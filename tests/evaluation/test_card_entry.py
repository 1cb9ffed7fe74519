"""From real evaluations of small folders to rows and pictures of a card."""

from __future__ import annotations

from dataclasses import asdict, replace
from io import BytesIO
from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from napari_iseg.errors import ExportError, UnknownNameError
from napari_iseg.evaluation import ObjectResult, Report, evaluate_folder
from napari_iseg.evaluation.card_entry import add_to_card, card_row
from napari_iseg.evaluation.failure_sheet import failure_sheet
from napari_iseg.evaluation.failures import replay, worst_results
from napari_iseg.evaluation.objects import published_options
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble, iou
from napari_iseg.io.datasets import open_dataset
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (61, 83)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two images with a bright disk each that is easy, and a flat one at the edge that is hardly seen."""
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    for part in ("images", "labels"):
        (tmp_path / "cells" / part).mkdir(parents=True)
    for number, name in enumerate("ab"):
        values = np.random.default_rng(number).normal(50, 12, SHAPE)
        bright, dim = np.hypot(rows - 25, columns - 30) <= 12, np.hypot(rows - 50, columns - 82) <= 14
        values = values + 120 * bright + 3 * dim
        iio.imwrite(tmp_path / "cells" / "images" / f"{name}.png", values.clip(0, 255).astype(np.uint8))
        iio.imwrite(tmp_path / "cells" / "labels" / f"{name}.png", (bright + 2 * dim).astype(np.uint16))
    return tmp_path / "cells"


@pytest.fixture
def report(data: Path) -> Report:
    return evaluate_folder("geodesic", data, max_clicks=3)


def test_the_worst_objects_are_those_of_the_lowest_iou_and_errors_come_first(report: Report) -> None:
    worst = worst_results(report.results, 2)
    assert {result.object_id for result in worst} == {2}
    assert worst[0].ious[-1] <= worst[1].ious[-1] < min(r.ious[-1] for r in report.results if r.object_id == 1)
    broken = ObjectResult("c", ious=[0.99], error="RuntimeError: no")
    assert worst_results([*report.results, broken], 1) == [broken]


def test_a_replay_ends_with_the_answer_that_was_measured(report: Report) -> None:
    failures = replay(report, worst_results(report.results, 3))
    for failure in failures:
        assert iou(failure.shown.truth, failure.mask) == pytest.approx(failure.result.ious[-1])
        assert len(failure.prompts) == len(failure.result.ious)
    # Nothing was given before it failed: nothing is drawn but the reference.
    nothing = replay(report, [ObjectResult("a", None, 1, error="RuntimeError: no")])
    assert not nothing[0].mask.any()
    assert failure_sheet(nothing, "one")


def test_a_single_object_is_the_one_that_going_through_all_yields(data: Path) -> None:
    folder = open_dataset(data)
    for one in folder.objects():
        again = folder.find_object(one.name, one.object_id)
        assert np.array_equal(again.truth, one.truth)
        assert np.array_equal(again.image, one.image)
    with pytest.raises(UnknownNameError, match="object of 'a' named '7'"):
        folder.find_object("a", 7)


def test_the_picture_shows_reference_and_answer_and_keeps_to_its_size(report: Report) -> None:
    failures = replay(report, worst_results(report.results))
    large = failure_sheet(failures, "title")
    small = failure_sheet(failures, "title", max_bytes=40_000)
    assert len(small) <= 40_000 < len(large) <= 120_000
    shown = np.asarray(Image.open(BytesIO(large)).convert("RGB")).astype(int)
    for colour in ((0x2A, 0xA5, 0xFF), (0xFF, 0x95, 0x00), (0x22, 0xCC, 0x44)):
        assert (np.abs(shown - colour).max(axis=-1) < 60).sum() > 50


def test_a_row_says_what_was_measured_and_what_differs_from_the_usual(report: Report, data: Path) -> None:
    row = card_row(report)
    assert row["data"] == "cells"
    assert row["settings"] == "at most 3"
    assert row["NoC@85"] == f"{report.noc(0.85):.2f}"
    assert row["NoF@90"] == f"{report.nof(0.9)} of 4"
    assert row["IoU after 1 click"] == f"{report.mean_iou(1):.2f}"
    settings = {**report.settings, "weights": "/somewhere/mine.safetensors", "limit": 9, "prompt": "scribble"}
    settings["options"] = {**settings["options"], "threshold": 0.3}
    changed = replace(report, settings=settings, prompt="scribble")
    assert card_row(changed)["settings"] == "weights mine.safetensors, at most 3, threshold=0.3, limit 9"
    assert card_row(changed, "mine")["settings"] == "at most 3, threshold=0.3, limit 9"
    assert "IoU after 1 scribble" in card_row(changed)
    # A window's first look at a plane is closer than that of the published evaluations, which a row need not mention.
    method = find_method("cfr-icl")
    usual = {**report.settings, "method": "cfr-icl", "options": asdict(method.options) | published_options(method)}
    assert card_row(replace(report, settings=usual))["settings"] == "at most 3"
    usual["options"] = usual["options"] | {"first_crop": method.options.first_crop}
    assert card_row(replace(report, settings=usual))["settings"] == "at most 3, first_crop=size-prior"


def test_an_evaluation_fills_a_card_in_and_the_next_one_replaces_its_row_and_picture(
    report: Report, data: Path, tmp_path: Path
) -> None:
    card = tmp_path / "card.md"
    card.write_bytes(b"# By hand\r\n\r\nWords.\r\n")
    picture = add_to_card(card, report)
    assert picture == tmp_path / "card-cells.jpg"
    first = card.read_bytes()
    assert first.startswith(b"# By hand\r\n\r\nWords.\r\n")
    assert first.count(b"\n") == first.count(b"\r\n")
    assert first.count(b"](card-cells.jpg)") == first.count(b"| cells |") == 1
    assert add_to_card(card, report) == picture
    assert card.read_bytes() == first
    add_to_card(card, evaluate_folder("geodesic", data, max_clicks=2, limit=1))
    assert card.read_bytes().count(b"](card-cells.jpg)") == 1
    assert card.read_bytes().count(b"| cells |") == 2
    assert {file.name for file in tmp_path.iterdir() if file.is_file()} == {"card.md", "card-cells.jpg"}


def test_another_method_gets_a_row_to_compare_with_but_no_picture(report: Report, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("# mine\n\n| | |\n|---|---|\n| Method | `cfr-icl` |\n")
    assert add_to_card(card, report) is None
    assert "| `geodesic` |" in card.read_text()
    assert not list(tmp_path.glob("*.jpg"))


def test_a_card_that_cannot_be_is_refused(report: Report, tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "card.md", tmp_path / "weights.safetensors"):
        with pytest.raises(ExportError, match="card"):
            add_to_card(path, report)


def test_prompts_of_every_kind_are_drawn(report: Report) -> None:
    plain = replay(report, worst_results(report.results, 1))[0]
    mask = np.zeros(SHAPE, bool)
    mask[35:60, 60:80] = True
    drawn = {b""}
    for prompts in (
        (),
        (Box((40, 60), (58, 82)),),
        (Scribble(((45, 70), (50, 75))),),
        (MaskPrompt(mask),),
        (Click(50, 75, False),),
    ):
        drawn.add(failure_sheet([replace(plain, prompts=prompts)], "one"))
    assert len(drawn) == 6
