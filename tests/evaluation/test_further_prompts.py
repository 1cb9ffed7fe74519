"""Correcting a defective mask, proposals and alpha mattes: a simulated user drives real sessions, up to the report."""

from __future__ import annotations

import json
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.methods import tiny_predictor

from napari_iseg.errors import ImageError, OptionError
from napari_iseg.evaluation import ObjectResult, Report, evaluate_folder, evaluate_object, evaluate_objects
from napari_iseg.evaluation.card_entry import card_row
from napari_iseg.evaluation.failures import replay
from napari_iseg.evaluation.metrics import matting_errors
from napari_iseg.evaluation.prompt_kinds import PROMPT_KINDS, check_prompt
from napari_iseg.evaluation.remarks import remarks
from napari_iseg.evaluation.report_file import write_reports
from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Click, MaskPrompt, iou, next_click
from napari_iseg.io.dataset import DatasetFolder, DatasetObject
from napari_iseg.io.datasets import open_dataset
from napari_iseg.io.mask_runs import MaskRuns
from napari_iseg.zoo import METHODS

SHAPE = (61, 83)


def ellipse(row, column, height, width):
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot((rows - row) / height, (columns - column) / width) <= 1


LARGE, SMALL = ellipse(24, 28, 18, 14), ellipse(50, 70, 6, 6)


def picture(*masks, seed=1):
    """Return (61, 83, 3) uint8 of bright objects under smooth texture."""
    noise = 150 * gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 3)
    values = 70 + noise + 110 * np.any(masks, axis=0)
    return np.repeat(values.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture
def geodesic():
    return make_predictor("geodesic", options={"threshold": 0.49})


@pytest.fixture
def data(tmp_path):
    """Two images, each of a large object and of one that is too small for defects."""
    for number, name in enumerate("ab"):
        for part in ("images", "labels"):
            (tmp_path / "data" / part).mkdir(parents=True, exist_ok=True)
        iio.imwrite(tmp_path / "data" / "images" / f"{name}.png", picture(LARGE, SMALL, seed=number))
        labels = np.where(LARGE, 1, np.where(SMALL, 2, 0)).astype(np.uint16)
        iio.imwrite(tmp_path / "data" / "labels" / f"{name}.png", labels)
    return tmp_path / "data"


def soft(mask):
    return gaussian_filter(mask.astype(np.float32), 2)


@pytest.fixture
def mattes(tmp_path):
    """Three images with soft references of 8 bits, 16 bits, and floats."""
    folder = tmp_path / "mattes"
    for part in ("images", "alpha"):
        (folder / part).mkdir(parents=True)
    alpha = soft(LARGE)
    for name in "abc":
        iio.imwrite(folder / "images" / f"{name}.png", picture(LARGE))
    iio.imwrite(folder / "alpha" / "a.png", np.rint(255 * alpha).astype(np.uint8))
    iio.imwrite(folder / "alpha" / "b.png", np.rint(65535 * alpha).astype(np.uint16))
    iio.imwrite(folder / "alpha" / "c.tif", alpha)
    return folder


class Watched:
    """A method that says what it is asked."""

    def __init__(self, predictor):
        self.options, self.encode, self._predict = predictor.options, predictor.encode, predictor.predict
        self.asked = []

    def predict(self, encoding, prompts, previous, **keywords):
        self.asked.append((tuple(prompts), previous))
        return self._predict(encoding, prompts, previous, **keywords)


class Broken(Watched):
    """A method that always fails."""

    def predict(self, encoding, prompts, previous, **keywords):
        raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("geodesic", {}),
        ("simpleclick", {"mask_click": False}),
        ("focalclick-xl", {"mask_click": False, "magnify": False}),
    ],
)
def test_a_correction_begins_from_the_mask_and_asks_nothing_before_the_first_click(method, options):
    predictor = Watched(tiny_predictor(method, threshold=0.49, **options))
    session = Session(picture(LARGE), predictor)
    truth = LARGE.astype(np.int8)
    result = evaluate_object(
        session, truth, prompt="correction", max_clicks=3, target_iou=1.01, result=ObjectResult("a", None, 3)
    )
    mask = result.start.mask()
    assert 0.75 <= result.measures["initial_IoU"] == iou(truth, mask) <= 0.85
    # The clicker's first click is that against the mask, and the method's previous answer is the mask.
    assert result.prompts[0] == next_click(truth, mask)
    (first, previous), *later = predictor.asked
    assert [type(prompt) for prompt in first] == [MaskPrompt, Click]
    np.testing.assert_array_equal(previous.render() > 0.5, mask)
    assert len(later) == 2
    assert len(result.clicks) == len(result.ious) == len(result.masks) == 3


def test_an_object_has_the_same_defects_at_every_run_and_others_under_another_name(geodesic):
    truth, starts = LARGE.astype(np.int8), []
    for name in ("a", "a", "b"):
        session = Session(picture(LARGE), geodesic)
        result = ObjectResult(name)
        starts.append(evaluate_object(session, truth, prompt="correction", max_clicks=1, result=result).start)
    assert starts[0] == starts[1] != starts[2]


def test_a_set_s_own_initial_mask_is_taken_where_it_has_one(geodesic):
    own = ellipse(24, 28, 18, 9)
    one = DatasetObject("a", None, 1, picture(LARGE), LARGE.astype(np.int8), start=own)
    (result,) = evaluate_objects(geodesic, [one], prompt="correction")
    np.testing.assert_array_equal(result.start.mask(), own)
    assert result.prompts[0] == next_click(one.truth, own)


def test_objects_without_a_defective_mask_are_named_and_left_out_of_the_count(data, tmp_path):
    report = evaluate_folder("geodesic", data, prompt="correction")
    summary = report.summary()
    assert (summary["objects"], summary["without_initial_mask"], summary["failed"]) == (2, 2, 0)
    large = [result for result in report.results if result.object_id == 1]
    assert summary["initial_IoU"] == pytest.approx(np.mean([one.measures["initial_IoU"] for one in large]))
    assert 0.75 <= summary["initial_IoU"] <= 0.85
    assert summary["NoC@90"] == np.mean([len(one.ious) for one in large]) < 20
    (sentence,) = remarks(report)
    assert sentence.startswith("2 objects have no initial mask and are not in the table, the first object 2 of 'a'")
    write_reports(tmp_path / "out.json", [report])
    kept = json.loads((tmp_path / "out.json").read_text())["results"]
    starts = [MaskRuns.from_values(one["start"]) if "start" in one else None for one in kept]
    assert starts == [one.start for one in report.results]
    (failure,) = replay(report, large[:1])
    np.testing.assert_array_equal(failure.mask, large[0].masks[-1].mask())
    row = card_row(report)
    assert row["objects"] == "2"
    assert row["IoU of the initial mask"] == f"{summary['initial_IoU']:.2f}"


def test_a_method_that_fails_with_a_correction_counts_all_clicks(geodesic, data):
    results = evaluate_objects(Broken(geodesic), DatasetFolder(data).objects(), prompt="correction")
    summary = Report(results, prompt="correction").summary()
    assert (summary["objects"], summary["without_initial_mask"], summary["failed"]) == (2, 2, 2)
    assert summary["NoC@85"] == 20


def test_nothing_but_small_objects_is_still_a_report():
    results = [ObjectResult(measures={"pixels": 30})]
    report = Report(results, prompt="correction")
    assert report.summary()["objects"] == 0
    assert "NoC@90" not in report.summary()
    json.dumps(report.as_dict(), allow_nan=False)


def test_defects_leave_the_iou_that_they_should_where_pixels_are_ignored(geodesic):
    truth = LARGE.astype(np.int8)
    truth[ellipse(24, 28, 26, 24) & ~LARGE] = -1
    result = evaluate_object(Session(picture(LARGE), geodesic), truth, prompt="correction", max_clicks=1)
    assert 0.75 <= result.measures["initial_IoU"] <= 0.85


@pytest.mark.parametrize("best", [False, True])
def test_proposals_are_compared_with_the_answer_as_it_is_first_seen(best):
    truth = LARGE.astype(np.int8)
    session = Session(picture(LARGE), tiny_predictor("disnet", threshold=0.49))
    result = evaluate_object(session, truth, prompt="proposals", best_proposals=best)
    ious = [iou(truth, proposal.render(SHAPE) > 0.49) for proposal in session.proposals]
    assert len(ious) > 1
    assert result.prompts == [next_click(truth, np.zeros(SHAPE, bool))]
    assert result.ious == [ious[session.chosen]] == [ious[0]]
    assert result.measures["oracle_IoU"] == max(ious)
    assert result.measures["proposals"] == len(ious)


def test_a_method_without_proposals_has_one(data):
    report = evaluate_folder("geodesic", data, prompt="proposals", limit=2)
    summary = report.summary()
    assert list(summary) == [
        "objects", "failed", "IoU", "oracle_IoU", "proposals", "seconds_per_click", "seconds_per_object",
    ]  # fmt: skip
    assert summary["IoU"] == summary["oracle_IoU"] > 0.5
    assert summary["proposals"] == 1


def test_a_method_that_fails_with_its_first_click_counts_nothing():
    good = ObjectResult(ious=[0.6], measures={"oracle_IoU": 0.9, "proposals": 5})
    bad = ObjectResult(error="RuntimeError: out of memory")
    summary = Report([good, bad], prompt="proposals").summary()
    assert (summary["IoU"], summary["oracle_IoU"], summary["proposals"]) == (0.3, 0.45, 5.0)


def test_the_matte_is_measured_when_the_mask_is_good(mattes):
    report = evaluate_folder("focalclick-xl", mattes, prompt="alpha", limit=2, max_clicks=3)
    assert report.settings["labels"] == "alpha"
    assert list(report.summary()) == [
        "objects", "failed", "MSE", "SAD", "IoU", "NoC@90", "seconds_per_click", "seconds_per_object",
    ]  # fmt: skip
    for result, one in zip(report.results, DatasetFolder(mattes, labels="alpha").objects(limit=2), strict=True):
        session = Session(one.image, make_predictor("focalclick-xl", options=report.settings["options"]))
        for click in result.prompts:
            session.add(click)
        difference = session.probability.astype(float) - one.alpha
        assert result.measures["MSE"] == pytest.approx(1000 * (difference**2).mean())
        assert result.measures["SAD"] == pytest.approx(np.abs(difference).sum() / 1000)
        assert result.ious[-1] >= 0.9 or len(result.ious) == 3


def test_a_method_that_fails_has_the_errors_of_an_empty_matte(mattes):
    predictor = Broken(tiny_predictor("focalclick-xl", magnify=False))
    (one,) = DatasetFolder(mattes, labels="alpha").objects(limit=1)
    results = evaluate_objects(predictor, [one], prompt="alpha")
    summary = Report(results, prompt="alpha").summary()
    assert summary["MSE"] == pytest.approx(1000 * (one.alpha.astype(float) ** 2).mean())
    assert (summary["IoU"], summary["NoC@90"], summary["failed"]) == (0.0, 20.0, 1)


def test_errors_of_mattes_are_in_the_units_of_the_tables_and_leave_out_what_is_ignored():
    alpha, reference = np.full((40, 50), 0.5, np.float32), np.full((40, 50), 0.25, np.float32)
    reference[:20] = 0.5
    counted = np.ones((40, 50), bool)
    assert matting_errors(alpha, reference, counted) == (1000 * 0.25**2 / 2, 0.25 * 1000 / 1000)
    counted[20:] = False
    assert matting_errors(alpha, reference, counted) == (0.0, 0.0)
    assert matting_errors(alpha, reference, np.zeros((40, 50), bool)) == (0.0, 0.0)


def test_soft_references_are_read_at_their_full_depth(mattes):
    dataset = open_dataset(mattes, labels="alpha")
    for name, step in (("a", 0.5 / 255), ("b", 0.5 / 65535), ("c", 1e-6)):
        found = dataset.find_object(name, 1)
        np.testing.assert_allclose(found.alpha, soft(LARGE), atol=1.1 * step)
        assert found.alpha.dtype == np.float32
        np.testing.assert_array_equal(found.truth, found.alpha > 0.5)


def test_what_is_no_soft_reference_is_named(mattes):
    iio.imwrite(mattes / "alpha" / "a.png", picture(LARGE))
    with pytest.raises(ImageError, match=r"alpha.a\.png has colours"):
        open_dataset(mattes, labels="alpha").sample("a")
    iio.imwrite(mattes / "alpha" / "c.tif", 300 * soft(LARGE))
    with pytest.raises(ImageError, match=r"alpha.c\.tif holds float32 .*floats from 0 to 1"):
        open_dataset(mattes, labels="alpha").sample("c")


def test_a_folder_without_soft_references_says_where_they_belong(data):
    with pytest.raises(ImageError, match="alpha"):
        evaluate_folder("focalclick-xl", data, prompt="alpha")


def test_only_methods_that_can_are_asked():
    able = {name: {kind for kind in PROMPT_KINDS if _takes(kind, spec)} for name, spec in METHODS.items()}
    assert [name for name, kinds in able.items() if "alpha" in kinds] == ["focalclick-xl"]
    assert all({"correction", "proposals"} <= kinds for kinds in able.values())
    with pytest.raises(OptionError, match=r"'geodesic' cannot .*'alpha'.*gives no alpha mattes"):
        check_prompt("alpha", METHODS["geodesic"])
    with pytest.raises(OptionError, match="'correction', which it does not take"):
        check_prompt("correction", replace(METHODS["geodesic"], prompts=(Click,), translated=()))


def _takes(kind, spec):
    try:
        check_prompt(kind, spec)
    except OptionError:
        return False
    return True
