"""What a report wrote is read back: every number, prompt and mask."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from napari_iseg.errors import ExportError, ImageError
from napari_iseg.evaluation import ObjectResult, Report
from napari_iseg.evaluation.report_file import read_reports, write_reports
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.io.mask_runs import MaskRuns


def runs(rows=3):
    mask = np.zeros((7, 9), bool)
    mask[2 : 2 + rows, 3:6] = True
    return MaskRuns.of(mask)


def clicked():
    first = ObjectResult(
        "a/b",
        4,
        7,
        [Click(2.5, 1, view=Box((0, 0), (7, 9))), Click(1, 1, positive=False)],
        [0.1 + 0.2, 0.93],
        [0.125, 1 / 3],
        [runs(), runs(4)],
        measures={"oracle_IoU": 0.5, "MSE": float("nan")},
    )
    second = ObjectResult("c", None, 1, error="RuntimeError: out of memory")
    return Report([first, second], 5, 0.9, {"method": "random-walker", "prompt": "click", "limit": None})


def other_kinds():
    mask = np.zeros((7, 9), bool)
    mask[1:4, 2:5] = True
    coarse = ObjectResult("a", None, 2, [MaskPrompt(mask)], [0.8], [0.1], [runs()], [0.7])
    stroke = ObjectResult("a", None, 2, [Scribble(((1, 2), (3, 4)), 3.0)], [0.8], [0.1], [runs()])
    corrected = ObjectResult("a", None, 2, [Click(1, 2)], [0.8], [0.1], [runs()], start=runs(2))
    box = ObjectResult("a", None, 2, [Box((1, 2), (5, 6))], [0.8], [0.1], [runs()])
    return [
        Report([coarse], settings={"method": "x"}, prompt="mask", levels=(3,)),
        Report([stroke], 10, 0.95, {"method": "x"}, "scribble", ()),
        Report([corrected, ObjectResult("b")], settings={"method": "x", "prompt": "correction"}, prompt="correction"),
        Report([box], settings={"method": "x"}, prompt="box", levels=()),
    ]


def same(a, b):
    """Whether two results are the same; NaN equals NaN, masks are compared by pixel."""
    plain = ("name", "plane", "object_id", "ious", "seconds", "masks", "coarse_ious", "start", "error")
    assert all(getattr(a, name) == getattr(b, name) for name in plain)
    assert a.measures.keys() == b.measures.keys()
    assert all(x == b.measures[name] or math.isnan(x) for name, x in a.measures.items())
    for one, other in zip(a.prompts, b.prompts, strict=True):
        assert type(one) is type(other)
        assert (one.mask == other.mask).all() if isinstance(one, MaskPrompt) else one == other


def test_one_report_comes_back_exactly(tmp_path):
    report = clicked()
    write_reports(tmp_path / "one.json", [report])
    assert "runs" not in json.loads((tmp_path / "one.json").read_text())
    (back,) = read_reports(tmp_path / "one.json")
    for a, b in zip(report.results, back.results, strict=True):
        same(a, b)
    assert math.isnan(back.results[0].measures["MSE"])
    assert (back.max_clicks, back.target_iou, back.prompt) == (5, 0.9, "click")
    assert back.settings == report.settings
    assert back.summary() == report.summary()
    assert (back.results[0].masks[1].mask() == report.results[0].masks[1].mask()).all()


def test_several_reports_of_every_kind_come_back_in_order(tmp_path):
    reports = [clicked(), *other_kinds()]
    write_reports(tmp_path / "several.json", reports)
    back = read_reports(tmp_path / "several.json")
    assert [one.prompt for one in back] == ["click", "mask", "scribble", "correction", "box"]
    for report, read in zip(reports, back, strict=True):
        for a, b in zip(report.results, read.results, strict=True):
            same(a, b)
        assert read.summary() == report.summary()
        assert (read.max_clicks, read.target_iou) == (report.max_clicks, report.target_iou)
    assert back[1].levels == (3,)
    assert back[3].as_dict() == reports[3].as_dict()


def test_a_file_of_the_report_itself_is_read(tmp_path):
    report = other_kinds()[1]
    write_reports(tmp_path / "plain.json", [report])
    (back,) = read_reports(tmp_path / "plain.json")
    same(report.results[0], back.results[0])
    assert (back.prompt, back.max_clicks, back.target_iou) == ("scribble", 10, 0.95)
    assert back.settings == {"method": "x"}


def broken(change):
    values = clicked().as_dict()
    values["results"][0]["measures"] = {}
    change(values)
    return values


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"labels": []}, "no list of results"),
        ({"runs": []}, "no list of runs"),
        ({"runs": [{"results": []}, 3]}, "run 2"),
        (broken(lambda v: v.update(settings=3)), "settings"),
        (broken(lambda v: v["results"].append(1)), "Result 3 is no object"),
        (broken(lambda v: v["results"][0].update(ious=["high"])), "'high' is not a number"),
        (broken(lambda v: v["results"][0].update(masks=[1])), "run-length"),
        (broken(lambda v: v["results"][0]["clicks"][0].pop("row")), "Result 1, prompt 1 lacks the field 'row'"),
        (broken(lambda v: v["results"][0].update(clicks=3)), "Result 1"),
        (
            broken(lambda v: (v["results"][1].pop("clicks"), v["results"][1].update(prompts=[{"kind": "nod"}]))),
            "kind 'nod'",
        ),
        (broken(lambda v: v["settings"].update(max_clicks="many")), "limits"),
    ],
)
def test_a_file_of_something_else_is_named_in_a_sentence(tmp_path, values, sentence):
    (tmp_path / "other.json").write_text(json.dumps(values))
    with pytest.raises(ImageError, match=sentence) as error:
        read_reports(tmp_path / "other.json")
    assert "other.json" in str(error.value)


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path):
    with pytest.raises(ImageError, match="There is no file"):
        read_reports(tmp_path / "none.json")
    with pytest.raises(ExportError, match="There is no folder"):
        write_reports(tmp_path / "none" / "one.json", [clicked()])
