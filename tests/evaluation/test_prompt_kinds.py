"""Scribbles, boxes and coarse masks: a simulated user gives them to real sessions, up to the report's measures."""

from __future__ import annotations

import json
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
from tests.methods import tiny_predictor

from napari_iseg.errors import OptionError, UnknownNameError
from napari_iseg.evaluation import ObjectResult, Report, evaluate_folder, evaluate_object, evaluate_objects
from napari_iseg.evaluation.prompt_kinds import LEVELS, check_prompt, chosen_levels
from napari_iseg.evaluation.report_file import write_reports
from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble, iou
from napari_iseg.interactions.scribbling import next_scribble
from napari_iseg.interactions.simulated_masks import COARSE_LEVELS, coarse_mask_of_level, mask_iou
from napari_iseg.io.dataset import DatasetFolder
from napari_iseg.io.prompt_values import prompt_from_values
from napari_iseg.zoo import METHODS

SHAPE = (61, 83)


def ellipse(row, column, height, width):
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot((rows - row) / height, (columns - column) / width) <= 1


FIRST, SECOND = ellipse(20, 22, 13, 8), ellipse(40, 60, 9, 15)
BAND = ellipse(40, 60, 12, 18) & ~SECOND


def picture(*masks):
    values = np.random.default_rng(1).normal(50, 8, SHAPE)
    for mask in masks:
        values[mask] += 120
    return values.clip(0, 255).astype(np.uint8)


@pytest.fixture
def geodesic():
    return make_predictor("geodesic", options={"threshold": 0.49})


@pytest.fixture
def data(tmp_path):
    """Two images of two objects each, of which a band around the second is ignored."""
    for part in ("images", "labels"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for name in "ab":
        labels = np.zeros(SHAPE, np.uint16)
        labels[FIRST], labels[SECOND], labels[BAND] = 1, 2, 65535
        iio.imwrite(tmp_path / "data" / "images" / f"{name}.png", picture(FIRST, SECOND))
        iio.imwrite(tmp_path / "data" / "labels" / f"{name}.png", labels)
    return tmp_path / "data"


def opened(predictor, *masks):
    return Session(np.repeat(picture(*masks)[..., np.newaxis], 3, axis=2), predictor)


class Wrapped:
    """A method around another."""

    def __init__(self, predictor):
        self.options, self.encode, self._predict = predictor.options, predictor.encode, predictor.predict


class Stubborn(Wrapped):
    """A method that answers whatever it is given as if it were a click in the corner."""

    def predict(self, encoding, prompts, previous, **keywords):
        return self._predict(encoding, [Click(1, 1)], previous, **keywords)


class OutOfMemory(Wrapped):
    """A method that fails with masks of more than 400 pixels."""

    def predict(self, encoding, prompts, previous, **keywords):
        if np.count_nonzero(prompts[-1].mask) > 400:
            raise RuntimeError("out of memory")
        return self._predict(encoding, prompts, previous, **keywords)


def test_scribbles_run_along_the_largest_error_until_the_mask_is_good(geodesic):
    # Two ellipses are one object: the first stroke can only find one of them.
    truth = (FIRST | SECOND).astype(np.int8)
    session = opened(geodesic, truth == 1)
    result = evaluate_object(session, truth, prompt="scribble")
    first, second = result.prompts[:2]
    assert first == next_scribble(truth, np.zeros(SHAPE, bool))
    for stroke, part in ((first, SECOND), (second, FIRST)):
        assert isinstance(stroke, Scribble)
        assert stroke.positive
        assert all(part[round(row), round(column)] for row, column in stroke.points)
    # The second stroke lets the mask flow over both; a negative one then keeps it in.
    assert [stroke.positive for stroke in result.prompts] == [True, True, False]
    assert result.ious[-1] >= 0.9 > max(result.ious[:-1])
    assert session.prompts == tuple(result.prompts)


def test_a_click_takes_a_scribbles_place_where_none_fits(geodesic):
    truth = np.zeros(SHAPE, np.int8)
    truth[30:32, 40:42] = 1
    result = evaluate_object(opened(geodesic, truth == 1), truth, prompt="scribble", max_clicks=1)
    assert result.prompts == result.clicks == [Click(30, 40)]


def test_scribbles_end_when_they_are_used_up(geodesic):
    truth = FIRST.astype(np.int8)
    result = evaluate_object(opened(Stubborn(geodesic), truth == 1), truth, prompt="scribble", max_clicks=4)
    assert len(result.prompts) == len(result.ious) == len(result.seconds) == 4
    report = Report([result], max_clicks=4, prompt="scribble")
    assert report.summary()["NoS@90"] == 4
    assert report.summary()["NoF@90_strict"] == 1


def test_a_box_is_given_once_and_is_exact(geodesic):
    truth = FIRST.astype(np.int8)
    truth[:, :17] = -1
    session = opened(geodesic, FIRST)
    result = evaluate_object(session, truth, prompt="box", target_iou=1.01)
    assert result.prompts == [Box((7, 17), (34, 31))]
    assert result.ious == [iou(truth, session.mask)]
    assert result.ious[0] > 0.8
    assert session.prompts == tuple(result.prompts)


@pytest.mark.parametrize("levels", [LEVELS, (2,)])
def test_each_coarse_mask_is_in_its_level_and_given_alone(geodesic, levels):
    truth = FIRST.astype(np.int8)
    session = opened(geodesic, truth == 1)
    result = evaluate_object(session, truth, prompt="mask", levels=levels, result=ObjectResult("a", None, 3))
    assert all(isinstance(prompt, MaskPrompt) for prompt in result.prompts)
    assert [iou(truth, prompt.mask) for prompt in result.prompts] == result.coarse_ious
    for level, coarse in zip(levels, result.coarse_ious, strict=True):
        assert COARSE_LEVELS[level - 1][0] <= coarse <= COARSE_LEVELS[level - 1][1]
    # This method takes a mask for its answer; the next mask does not go on from it.
    assert result.ious == result.coarse_ious
    assert session.prompts == (result.prompts[-1],)


def test_a_network_refines_each_coarse_mask_as_if_it_were_the_only_one():
    truth = SECOND.astype(np.int8)
    session = opened(tiny_predictor("focalclick-xl", threshold=0.49, magnify=False), SECOND)
    looks = []
    session.predictor.network.context_net.register_forward_hook(lambda *_: looks.append(1))
    result = evaluate_object(session, truth, prompt="mask", levels=(1, 4))
    assert len(looks) == 1
    alone = [iou(truth, session.another().add(prompt)) for prompt in result.prompts]
    assert result.ious == alone
    assert result.ious != result.coarse_ious


def test_an_object_has_the_same_coarse_masks_whatever_else_is_evaluated(geodesic, data):
    every = evaluate_objects(geodesic, DatasetFolder(data).objects(), prompt="mask")
    some = evaluate_objects(geodesic, DatasetFolder(data).objects(limit=2, per_image=1), prompt="mask", levels=(4,))
    masks = {(one.name, one.object_id): one.prompts[3].mask for one in every}
    assert len(masks) == 4
    assert len(some) == 2
    for one in some:
        np.testing.assert_array_equal(one.prompts[0].mask, masks[one.name, one.object_id])
    # The two images show the same; only their names differ.
    assert not np.array_equal(masks["a", 1], masks["b", 1])


def test_coarse_masks_are_in_their_levels_by_the_pixels_that_count(data):
    masks = [coarse_mask_of_level(SECOND, 2, seed, ignored=BAND) for seed in range(5)]
    ious = [mask_iou(mask & ~BAND, SECOND) for mask in masks]
    assert min(ious) >= COARSE_LEVELS[1][0]
    assert max(ious) <= COARSE_LEVELS[1][1]
    assert any((mask & BAND).any() for mask in masks)
    report = evaluate_folder("geodesic", data, prompt="mask")
    for level, (low, high) in zip(LEVELS, COARSE_LEVELS, strict=True):
        assert low <= report.summary()[f"level_{level}_coarse_IoU"] <= high


def test_a_report_of_scribbles_counts_them(data, tmp_path):
    report = evaluate_folder("geodesic", data, prompt="scribble", limit=2)
    summary = report.summary()
    assert list(summary) == [
        "objects", "failed", "NoS@80", "NoS@85", "NoS@90", "NoF@80", "NoF@85", "NoF@90", "NoF@80_strict",
        "NoF@85_strict", "NoF@90_strict", "mIoU@1", "seconds_per_scribble", "seconds_per_object",
    ]  # fmt: skip
    assert 1 <= summary["NoS@90"] < 20
    kept = written(report, tmp_path)
    assert kept["settings"]["prompt"] == "scribble"
    assert kept["settings"]["max_clicks"] == 20
    assert "clicks" not in kept["results"][0]
    assert read_back(kept["results"][0]) == report.results[0].prompts


def test_a_report_of_boxes_has_their_iou(data, tmp_path):
    report = evaluate_folder("geodesic", data, prompt="box")
    assert list(report.summary()) == ["objects", "failed", "IoU", "seconds_per_box", "seconds_per_object"]
    assert report.summary()["IoU"] == pytest.approx(np.mean([result.ious[0] for result in report.results]))
    kept = written(report, tmp_path)
    assert kept["settings"]["prompt"] == "box"
    assert "max_clicks" not in kept["settings"]
    assert read_back(kept["results"][1]) == report.results[1].prompts


def test_a_report_of_one_level_has_its_iou_before_and_after(data, tmp_path):
    report = evaluate_folder("geodesic", data, prompt="mask", level=2, limit=2)
    assert list(report.summary()) == [
        "objects", "failed", "level_2_coarse_IoU", "level_2_IoU", "seconds_per_mask", "seconds_per_object",
    ]  # fmt: skip
    kept = written(report, tmp_path)
    assert kept["settings"]["level"] == 2
    assert kept["results"][0]["coarse_ious"] == report.results[0].coarse_ious
    np.testing.assert_array_equal(read_back(kept["results"][0])[0].mask, report.results[0].prompts[0].mask)


def test_measures_of_levels_are_means_over_objects_and_a_failure_counts_nothing():
    results = [
        ObjectResult(coarse_ious=[0.88, 0.76], ious=[0.98, 0.90]),
        ObjectResult(coarse_ious=[0.86, 0.78], ious=[0.96, 0.94]),
        ObjectResult(coarse_ious=[0.87, 0.77], ious=[0.99], error="RuntimeError: out of memory"),
    ]
    summary = Report(results, prompt="mask", levels=(1, 2)).summary()
    assert summary["level_1_coarse_IoU"] == pytest.approx(0.87)
    assert summary["level_2_coarse_IoU"] == pytest.approx(0.77)
    assert summary["level_1_IoU"] == pytest.approx((0.98 + 0.96) / 3)
    assert summary["level_2_IoU"] == pytest.approx((0.90 + 0.94) / 3)
    assert summary["failed"] == 1
    boxes = [ObjectResult(ious=[0.9]), ObjectResult(error="RuntimeError: out of memory")]
    assert Report(boxes, prompt="box").summary()["IoU"] == pytest.approx(0.45)


def test_a_method_that_fails_with_a_mask_still_says_how_coarse_the_masks_were(geodesic, data):
    results = evaluate_objects(OutOfMemory(geodesic), DatasetFolder(data).objects(), prompt="mask")
    failed = [result for result in results if result.error]
    assert failed
    assert all(result.error == "RuntimeError: out of memory" for result in failed)
    assert all(len(result.coarse_ious) == len(LEVELS) > len(result.ious) for result in failed)


def test_a_method_that_does_not_take_a_kind_is_named():
    spec = replace(METHODS["geodesic"], prompts=(Click,), translated=(Scribble,))
    for prompt in ("click", "scribble"):
        check_prompt(prompt, spec)
    with pytest.raises(OptionError, match=r"'geodesic'.*'box'.*takes click, scribble"):
        check_prompt("box", spec)


def test_levels_are_of_masks_alone():
    assert chosen_levels("mask", None) == (1, 2, 3, 4, 5)
    assert chosen_levels("mask", 3) == (3,)
    assert chosen_levels("scribble", None) == ()


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"prompt": "boxx"}, UnknownNameError, "Did you mean 'box'"),
        ({"prompt": "mask", "level": 6}, OptionError, "levels 1 to 5; 6 was given"),
        ({"prompt": "box", "level": 1}, OptionError, "Only coarse masks have a level"),
    ],
)
def test_what_cannot_be_given_is_said_before_the_data_are_read(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        evaluate_folder("geodesic", "nowhere", **arguments)


def written(report, folder):
    write_reports(folder / "out.json", [report])
    return json.loads((folder / "out.json").read_text())


def read_back(result):
    return [
        prompt_from_values(values["kind"], {name: value for name, value in values.items() if name != "kind"}, "here")
        for values in result["prompts"]
    ]
