"""The simulated user drives real sessions of the random walker on real files, up to the report."""

from __future__ import annotations

import json
import math
from io import StringIO

import imageio.v3 as iio
import numpy as np
import pytest
from rich.console import Console
from tests.methods import tiny_predictor

from napari_iseg.errors import ExportError, ImageError, OptionError, UnknownNameError
from napari_iseg.evaluation import ObjectResult, Report, evaluate_folder, evaluate_object, evaluate_objects
from napari_iseg.evaluation.report_file import write_reports
from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Choice, Click, iou
from napari_iseg.io.dataset import DatasetFolder, DatasetObject
from napari_iseg.io.mask_runs import MaskRuns

SHAPE = (61, 83)


def disk(row, column, radius):
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(rows - row, columns - column) <= radius


def picture(*masks):
    values = np.random.default_rng(1).normal(50, 8, SHAPE)
    for mask in masks:
        values[mask] += 120
    return values.clip(0, 255).astype(np.uint8)


@pytest.fixture
def walker():
    return make_predictor("random-walker", options={"threshold": 0.49})


@pytest.fixture
def data(tmp_path):
    """Two images, of two objects and of one."""
    first, second = disk(20, 20, 12), disk(40, 60, 12)
    for part in ("images", "labels"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for name, masks in (("a", (first, second)), ("b", (second,))):
        labels = np.zeros(SHAPE, np.uint16)
        for number, mask in enumerate(masks, start=1):
            labels[mask] = number
        labels[:, -3:] = 65535
        iio.imwrite(tmp_path / "data" / "images" / f"{name}.png", picture(*masks))
        iio.imwrite(tmp_path / "data" / "labels" / f"{name}.png", labels)
    return tmp_path / "data"


def rgb(plane):
    return np.repeat(plane[..., None], 3, axis=2)


class Broken:
    """A method that fails at the second click."""

    def __init__(self, predictor):
        self.options = predictor.options
        self.encode = predictor.encode
        self._predict = predictor.predict

    def predict(self, encoding, prompts, previous, **keywords):
        if len(prompts) == 2:
            raise RuntimeError("out of memory")
        return self._predict(encoding, prompts, previous, **keywords)


def test_it_stops_when_the_target_is_reached(walker):
    truth = disk(20, 20, 12)
    result = evaluate_object(Session(rgb(picture(truth)), walker), truth.astype(np.int8))
    assert result.clicks == [Click(20, 20)]
    assert result.ious[0] >= 0.9
    assert result.seconds[0] > 0
    assert result.error is None


def test_every_click_goes_to_the_largest_error_of_the_present_mask(walker):
    # Two discs are one object: the first click can only find one of them.
    truth = (disk(20, 20, 12) | disk(40, 60, 10)).astype(np.int8)
    session = Session(rgb(picture(truth == 1)), walker)
    result = evaluate_object(session, truth)
    assert result.clicks[:2] == [Click(20, 20), Click(40, 60)]
    assert result.ious[0] < 0.7
    assert result.ious[1] >= 0.9
    assert tuple(result.clicks) == session.prompts
    assert result.ious[-1] == iou(truth, session.mask)


def test_a_target_above_one_gives_every_click(walker):
    truth = disk(20, 20, 12).astype(np.int8)
    result = evaluate_object(Session(rgb(picture(truth == 1)), walker), truth, max_clicks=4, target_iou=1.01)
    assert len(result.clicks) == len(result.ious) == len(result.seconds) == 4


def test_ignored_pixels_do_not_count(walker):
    inside = disk(20, 20, 12)
    truth = inside.astype(np.int8)
    # The picture shows a second object, touching the first, that the reference leaves out.
    other = disk(20, 42, 12) & ~inside
    mask = Session(rgb(picture(inside | other)), walker).add(Click(20, 31))
    assert iou(truth, mask) < 0.7
    truth[other] = -1
    assert iou(truth, mask) > 0.8
    # Of two clicks the second goes to what is missed, not into what is ignored, however large that is.
    result = evaluate_object(Session(rgb(picture(inside | other)), walker), truth, max_clicks=2, target_iou=1.01)
    assert not any(other[click.row, click.column] for click in result.clicks)


def test_a_folder_becomes_a_report(data, tmp_path):
    seen = []
    report = evaluate_folder("random-walker", data, progress=lambda *now: seen.append(now))
    assert {(r.name, r.object_id) for r in report.results} == {("a", 1), ("a", 2), ("b", 1)}
    assert [(done, total) for done, total, _ in seen] == [(1, 3), (2, 3), (3, 3)]
    assert report.settings["options"]["threshold"] == 0.49
    assert report.noc(0.9) == 1.0
    assert report.nof(0.9) == 0
    assert report.mean_iou(1) > 0.9
    assert report.mean_iou(2) is None
    write_reports(tmp_path / "out.json", [report])
    kept = json.loads((tmp_path / "out.json").read_text())
    assert kept["summary"]["NoC@90"] == 1.0
    assert "NoC@95" not in kept["summary"]
    assert kept["settings"]["method"] == "random-walker"
    assert kept["settings"]["prompt"] == "click"
    assert kept["results"][0].keys() == {
        "name",
        "plane",
        "object_id",
        "clicks",
        "ious",
        "masks",
        "measures",
        "seconds",
        "error",
    }
    assert [Click(**values) for values in kept["results"][0]["clicks"]] == report.results[0].clicks
    assert [MaskRuns.from_values(values) for values in kept["results"][0]["masks"]] == report.results[0].masks
    console = Console(file=StringIO(), width=80)
    console.print(report.table())
    assert "NoC@85" in console.file.getvalue()


def test_two_runs_give_the_same_clicks(data):
    runs = [evaluate_folder("random-walker", data, max_clicks=3, target_iou=1.01) for _ in range(2)]
    first, second = ([(r.name, r.clicks, r.ious) for r in run.results] for run in runs)
    assert first == second


def test_a_users_threshold_and_limits_hold(data):
    report = evaluate_folder(
        "random-walker", data, options={"threshold": "0.7"}, limit=1, max_clicks=2, target_iou=1.01
    )
    assert report.settings["options"]["threshold"] == 0.7
    assert len(report.results) == 1
    assert len(report.results[0].clicks) == 2
    assert report.thresholds == (0.80, 0.85, 0.90, 0.95)


def test_an_object_on_which_the_method_fails_counts_all_clicks(walker, caplog):
    easy, split = disk(20, 20, 12), disk(20, 20, 12) | disk(40, 60, 10)
    objects = [
        DatasetObject("easy", None, 1, rgb(picture(easy)), easy.astype(np.int8)),
        DatasetObject("split", None, 7, rgb(picture(split)), split.astype(np.int8)),
    ]
    results = evaluate_objects(Broken(walker), objects)
    assert results[0].error is None
    assert results[1].error == "RuntimeError: out of memory"
    assert len(results[1].ious) == 1
    report = Report(results)
    assert report.failed == 1
    assert report.noc(0.8) == (1 + 20) / 2
    assert report.nof(0.8, strict=True) == 1
    assert report.summary()["failed"] == 1
    assert "object 7 of 'split'" in caplog.text
    assert "out of memory" in caplog.text


def test_the_time_of_a_click_is_over_all_clicks():
    report = Report([ObjectResult(ious=[0.5, 0.95], seconds=[1.0, 2.0]), ObjectResult(ious=[0.95], seconds=[6.0])])
    assert report.seconds_per_prompt == pytest.approx(3.0)
    assert report.seconds_per_object == pytest.approx(4.5)


def test_a_report_without_a_single_click_is_still_json(tmp_path):
    report = Report([ObjectResult(error="RuntimeError: no")])
    assert math.isnan(report.seconds_per_prompt)
    write_reports(tmp_path / "out.json", [report])
    assert json.loads((tmp_path / "out.json").read_text())["summary"]["seconds_per_click"] is None


def test_a_report_that_cannot_be_written(tmp_path):
    with pytest.raises(ExportError, match="choose another one"):
        write_reports(tmp_path / "missing" / "out.json", [Report([ObjectResult(ious=[0.9], seconds=[1.0])])])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"method": "random-walkr"}, UnknownNameError),
        ({"data": "nowhere"}, ImageError),
        ({"split": "test"}, UnknownNameError),
        ({"options": {"betta": 3}}, UnknownNameError),
        ({"max_clicks": 0}, OptionError),
        ({"limit": 0}, OptionError),
        ({"per_image": -1}, OptionError),
        ({"target_iou": 0.0}, OptionError),
        ({"min_pixels": 10**6}, ImageError),
    ],
)
def test_what_cannot_be_used_is_said(data, arguments, error):
    with pytest.raises(error):
        evaluate_folder(**{"method": "random-walker", "data": data, **arguments})


def test_micrographs_that_come_with_scikit_image(walker):
    from skimage import data as samples
    from skimage.measure import label

    # These lie in the wheel; the walker must separate coins from an uneven background with a few clicks.
    image = samples.coins()
    coins = label(image[:70, 200:] > 120)
    sizes = np.bincount(coins.ravel())
    sizes[0] = 0
    truth = np.zeros(image.shape, np.int8)
    truth[:70, 200:] = coins == sizes.argmax()
    result = evaluate_object(Session(rgb(image), walker), truth, max_clicks=5, target_iou=0.8)
    assert max(result.ious) > 0.8


def test_proposals_chosen_by_the_reference_are_as_good_or_better_and_said():
    truth = np.where(disk(30, 40, 14), np.int8(1), np.int8(0))
    results = {}
    for best in (False, True):
        session = Session(rgb(picture(disk(30, 40, 14))), tiny_predictor("disnet", threshold=0.49))
        results[best] = evaluate_object(session, truth, max_clicks=2, target_iou=1.01, best_proposals=best)
        chosen = [prompt for prompt in session.prompts if isinstance(prompt, Choice)]
        assert len(chosen) == best
        while len(session.prompts) > 1:
            session.undo()
        ious = [iou(truth, proposal.render(SHAPE) > 0.49) for proposal in session.proposals]
        assert results[best].ious[0] == (max(ious) if best else ious[0])
    assert results[True].ious[0] >= results[False].ious[0]
    report = Report([results[True]], settings={"method": "disnet", "proposals": "best"})
    text = StringIO()
    Console(file=text, width=200).print(report.table())
    assert "chosen by the reference" in text.getvalue()


def test_objects_of_one_image_share_what_is_computed_once(data):
    predictor = tiny_predictor("focalclick-xl", magnify=False)
    runs = []
    predictor.network.context_net.register_forward_hook(lambda *_: runs.append(1))
    results = evaluate_objects(predictor, DatasetFolder(data).objects(), max_clicks=2)
    assert {(result.name, result.object_id) for result in results} == {("a", 1), ("a", 2), ("b", 1)}
    assert not any(result.error for result in results)
    assert len(runs) == 2
