"""The page of an evaluation: whole in itself, well formed, with the report's own numbers and every click drawn."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from napari_iseg.errors import ExportError, ImageError, OptionError
from napari_iseg.evaluation import ObjectResult, Report
from napari_iseg.evaluation.gallery import Pictures, chosen_results, ranked
from napari_iseg.evaluation.html_page import write_report_page
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.io.dataset import DatasetObject
from napari_iseg.io.mask_runs import MaskRuns

SHAPE = (61, 83)
VOID = {"meta", "link", "img", "input", "br", "hr"}


def disk(row, column, radius):
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(rows - row, columns - column) <= radius


def find(name, object_id):
    """Return a grey picture with a bright disk, another one for each name."""
    if name == "gone":
        raise ImageError("There is no file gone.png.")
    truth = disk(30, 40, 12 + object_id)
    values = np.random.default_rng(len(name)).normal(90, 20, SHAPE)
    values[truth] += 80
    image = np.repeat(values.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return DatasetObject(name, None, object_id, image, truth.astype(np.int8))


def clicked(name, ious, error=None):
    clicks = [Click(30, 40), Click(12, 60, positive=False), Click(38, 45), Click(3, 3, positive=False)][: len(ious)]
    masks = [MaskRuns.of(disk(30, 40, 9 + n)) for n in range(len(ious))]
    return ObjectResult(name, None, 1, clicks, ious, [0.1 + 0.01 * n for n in range(len(ious))], masks, error=error)


def clicks_report(method, shift=0.0, **settings):
    results = [
        clicked("a", [0.95 - shift / 10]),
        clicked("b", [0.55 - shift, 0.91]),
        clicked("c", [0.62 - shift, 0.7, 0.92]),
        clicked("d", [0.3, 0.5, 0.6, 0.7 - shift]),
        clicked("e", [0.2, 0.86, 0.93]),
        clicked("f", [0.4], "RuntimeError: cannot read /home/someone/secret folder/weights.pth here"),
    ]
    given = {
        "method": method,
        "weights": None,
        "options": {"threshold": 0.49, "first_crop": "whole"},
        "proposals": "likeliest",
        "device": "cpu",
        "data": "/home/someone/secret folder/GrabCut",
        "layout": "grabcut",
        "labels": "labels",
        "split": "all",
        "limit": 6,
        "prompt": "click",
        "version": "0.1.0",
    }
    return Report(results, 4, 0.9, given | settings)


def other_report(prompt):
    mask = disk(30, 40, 14)
    given = {
        "box": Box((10, 12), (50, 61)),
        "scribble": Scribble(((20, 30), (30, 40), (40, 44))),
        "mask": MaskPrompt(mask),
        "proposals": Click(30, 40),
        "alpha": Click(30, 40),
        "correction": Click(30, 40),
    }[prompt]
    count = 5 if prompt == "mask" else 1
    results = [
        ObjectResult(
            name,
            None,
            1,
            [given] * count,
            [0.5 + 0.1 * n] * count,
            [0.2] * count,
            [MaskRuns.of(mask)] * count,
            [0.45] * count if prompt == "mask" else [],
            measures={
                "proposals": {"oracle_IoU": 0.9},
                "alpha": {"MSE": 0.02, "SAD": 11.5},
                "correction": {"initial_IoU": 0.8},
            }.get(prompt, {}),
            start=MaskRuns.of(disk(30, 40, 10)) if prompt == "correction" else None,
        )
        for n, name in enumerate("abc")
    ]
    if prompt == "correction":
        # Too small for a mask to correct: counts nowhere.
        results.append(ObjectResult("d"))
    levels = (1, 2, 3, 4, 5) if prompt == "mask" else ()
    return Report(results, 4, 0.9, {"method": "focalclick", "data": "berkeley", "prompt": prompt}, prompt, levels)


class Page(HTMLParser):
    """What a page holds; says where tags do not close as they opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.pictures, self.tables, self.wrong = [], [], [], [], [], []
        self.row = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.row = []
            self.tables[-1].append(self.row)
        elif tag in ("td", "th") and self.row is not None:
            self.row.append("")

    def handle_startendtag(self, tag, attrs):
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"])
        self.links += [given[name] for name in ("href", "src", "srcset", "data", "action") if name in given]
        if tag == "img":
            assert given["alt"]
            self.pictures.append(given["src"])

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))
        if tag == "tr":
            self.row = None

    def handle_data(self, data):
        if self.row:
            self.row[-1] += data.strip()


def read(path):
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert not page.open
    assert not page.wrong
    assert len(page.ids) == len(set(page.ids))
    return text, page


@dataclass
class Difference:
    mean: float
    low: float
    high: float
    objects: int = 6
    unit: str = "image"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    reports = [clicks_report("random-walker"), clicks_report("cfr-icl", 0.1, name="cfr-icl:cascade_steps=0")]

    def differences(a, b):
        assert (a, b) == tuple(reports)
        return {"NoC@90": Difference(-0.5, -0.9, -0.1), "mIoU@1": Difference(0.01, -0.02, 0.04)}

    folder = tmp_path_factory.mktemp("page") / "new"
    return reports, read(write_report_page(folder, reports, find=find, differences=differences))


def test_the_page_is_whole_in_itself(written):
    _, (text, page) = written
    assert text.lstrip().lower().startswith("<!doctype html>")
    assert '<meta charset="utf-8">' in text
    assert "http" not in text
    assert "<script" not in text
    assert "@import" not in text
    assert len(text) < 1_000_000
    # Links lead into the page itself, and what they lead to is there.
    inside = {link[1:] for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)
    assert all(link.startswith(("#", "data:image/webp;base64,")) for link in page.links)
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(page.ids)


def test_no_folder_of_the_machine_is_told(written):
    _, (text, _) = written
    assert "/home" not in text
    assert "secret" not in text
    assert "cannot read weights.pth here" in text
    assert "--data GrabCut" in text


def test_the_tables_have_every_contestant_and_the_numbers_of_the_summary(written):
    reports, (text, page) = written
    measures = page.tables[0]
    assert measures[0] == ["Measure", "random-walker", "cfr-icl:cascade_steps=0"]
    rows = {row[0]: row[1:] for row in measures[1:]}
    for place, report in enumerate(reports):
        summary = report.summary()
        assert rows["NoC@90"][place] == f"{summary['NoC@90']:.2f}"
        assert rows["NoF@90, never reached"][place] == str(summary["NoF@90_strict"])
        assert rows["Objects with an error"][place] == "1"
        # With all digits as well, for who reads the page by machine.
        for value in summary.values():
            assert value is None or f'<data value="{value}">' in text
    assert len(rows) == len(reports[0].summary())
    assert "interval over images" in text
    assert page.tables[1][1] == ["NoC@90", "\N{MINUS SIGN}0.50 [\N{MINUS SIGN}0.90, \N{MINUS SIGN}0.10]"]


def test_a_known_set_stands_beside_the_published_numbers(written):
    _, (text, page) = written
    published = page.tables[2]
    assert published[0][:3] == ["Method", "Backbone", "Trained on"]
    (b3,) = (row for row in published if row[1:3] == ["SegFormer-B3-S2", "COCO+LVIS"] and "XL" in row[-1])
    assert "1.44" in b3
    assert "1.50" in b3
    assert "This run is of 6 objects; the papers evaluate 50." in text


def test_a_set_of_ones_own_has_no_published_numbers(tmp_path):
    text, _ = read(write_report_page(tmp_path, [clicks_report("cfr-icl", data="cells", layout="folder")]))
    assert "published numbers" not in text
    assert "<img" not in text


def test_every_object_is_shown_with_its_clicks(written):
    _, (text, page) = written
    assert len(page.pictures) == 12
    for picture in page.pictures:
        image = Image.open(BytesIO(base64.b64decode(picture.split(",")[1])))
        assert image.format == "WEBP"
        assert max(image.size) == 420
    assert "IoU 0.910 after 2 clicks" in text


def test_clicks_are_drawn_in_their_order():
    result = clicked("b", [0.3, 0.5, 0.6])
    pictures = Pictures(find, max_bytes=60_000)
    drawn = np.asarray(Image.open(BytesIO(pictures.draw(result))), float)
    swapped = ObjectResult("b", None, 1, result.prompts[::-1], result.ious, result.seconds, result.masks)
    other = np.asarray(Image.open(BytesIO(pictures.draw(swapped))), float)
    # The same marks at the same places: only the numbers 1 and 3 on two of them differ.
    places = np.argwhere(np.abs(drawn - other).max(axis=2) > 90)
    assert 5 < len(places) < 0.02 * drawn[..., 0].size


def test_a_click_far_from_the_object_is_in_the_picture():
    near = ObjectResult("a", None, 1, [Click(30, 40)], [0.5], [0.1], [MaskRuns.of(disk(30, 40, 9))])
    far = ObjectResult("a", None, 1, [Click(30, 40), Click(2, 1, positive=False)], [0.5] * 2, [0.1] * 2, near.masks * 2)
    pictures = Pictures(find, max_bytes=60_000)
    red = []
    for result in (near, far):
        values = np.asarray(Image.open(BytesIO(pictures.draw(result))), int)
        red.append(int(((values[..., 0] > 140) & (values[..., 1] < 70) & (values[..., 2] < 90)).sum()))
    assert red[0] == 0
    assert red[1] > 30


def test_objects_are_ranked_by_clicks_to_the_target_and_errors_come_last():
    report = clicks_report("x")
    assert [one.name for one in ranked(report)] == ["a", "b", "e", "c", "d", "f"]
    chosen = chosen_results(report)
    assert [[one.name for one in found] for found in chosen.values()] == [["a", "b"], ["e", "c"], ["f", "d"]]
    assert list(chosen) == ["Best", "Median", "Worst"]
    assert list(chosen_results(Report(report.results[:2]))) == ["All"]


@pytest.mark.parametrize("prompt", ["box", "scribble", "mask", "proposals", "alpha", "correction"])
def test_every_kind_of_prompt_makes_a_page(tmp_path, prompt):
    text, page = read(write_report_page(tmp_path, [other_report(prompt)], find=find))
    assert page.tables[0][0] == ["Measure", "focalclick"]
    assert len(page.pictures) == 3
    assert text.count("<figure class") >= 2
    assert ("1 more object of which" in text) == (prompt == "correction")
    assert ("First answer and best proposal" in text) == (prompt == "proposals")


def test_several_kinds_of_prompts_and_twins_make_one_page(tmp_path):
    reports = [clicks_report("cfr-icl"), clicks_report("cfr-icl", 0.1), other_report("box")]
    text, page = read(write_report_page(tmp_path, reports, find=find, title="A <title>"))
    assert "<h1>A &lt;title&gt;</h1>" in text
    assert page.tables[0][0] == ["Measure", "cfr-icl", "cfr-icl (2)"]
    assert "Prompt: box" in text


def test_six_contestants_stay_small(tmp_path):
    reports = [clicks_report(f"method-{n}", 0.02 * n) for n in range(6)]
    path = write_report_page(tmp_path, reports, find=find)
    assert path.stat().st_size < 2_000_000
    read(path)


def test_an_image_that_is_gone_leaves_a_frame_without_picture(tmp_path):
    report = Report([clicked("gone", [0.95])], 4, 0.9, {"method": "x", "data": "cells"})
    text, page = read(write_report_page(tmp_path, [report], find=find))
    assert not page.pictures
    assert "No picture" in text


def test_nothing_to_report_and_a_place_that_cannot_be_are_named(tmp_path):
    with pytest.raises(OptionError, match="at least one evaluated object"):
        write_report_page(tmp_path, [])
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match="cannot be made"):
        write_report_page(tmp_path / "file", [clicks_report("x")])
