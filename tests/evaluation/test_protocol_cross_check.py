"""The protocol once more, written from the text of the specification alone: two evaluators must agree on every click.

The second evaluator is made of plain loops, knows no session, and shares no code with the one that is tested; only
the method is the same.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter

from napari_iseg.evaluation import Report, evaluate_objects
from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.prediction import Prediction
from napari_iseg.interactions import Click, MaskPrompt
from napari_iseg.io.dataset import DatasetFolder, DatasetObject

THRESHOLD = 0.49
MOST = 20


@pytest.fixture(scope="module")
def predictor():
    return make_predictor("geodesic", options={"threshold": THRESHOLD, "max_side": 96})


def real_objects(shared):
    """Return 10 photographs with an ignored band, a quarter as large, and 20 nuclei, cut out."""
    grabcut = DatasetFolder(shared / "data" / "grabcut").objects(limit=10)
    nuclei = DatasetFolder(shared / "data" / "dsb2018", split="held-back").objects(limit=20, min_pixels=60)
    objects = [smaller(one, 4) for one in grabcut] + [cut_out(one, 100, 121) for one in nuclei]
    assert len(objects) == 30
    assert sum((one.truth == -1).any() for one in objects) >= 5
    return objects


def smaller(one, step):
    image, truth = np.ascontiguousarray(one.image[::step, ::step]), np.ascontiguousarray(one.truth[::step, ::step])
    return replace(one, image=image, truth=truth)


def cut_out(one, height, width):
    """Return a window that has the object's first pixel somewhere in it, and often its border through the object."""
    row, column = np.argwhere(one.truth == 1)[0]
    top = int(np.clip(row - height // 3, 0, max(one.truth.shape[0] - height, 0)))
    left = int(np.clip(column - width // 2, 0, max(one.truth.shape[1] - width, 0)))
    part = (slice(top, top + height), slice(left, left + width))
    return replace(one, image=np.ascontiguousarray(one.image[part]), truth=np.ascontiguousarray(one.truth[part]))


def made_objects(count):
    """Return objects of all sizes on noisy images, some in pieces, some at the border, some with an ignored band."""
    objects = []
    for number in range(count):
        rng = np.random.default_rng(number)
        field = gaussian_filter(rng.normal(size=(57, 74)), rng.uniform(5, 9))
        inside = field > np.quantile(field, rng.uniform(0.75, 0.97))
        truth = inside.astype(np.int8)
        if number % 4 == 0:
            truth[binary_dilation(inside, iterations=2) & ~inside] = -1
        noise = rng.uniform(10, 90) * gaussian_filter(rng.normal(size=(57, 74, 3)), (1.5, 1.5, 0))
        image = (90 + 80 * inside[..., None] + noise).clip(0, 255).astype(np.uint8)
        objects.append(DatasetObject(f"made {number}", None, 1, image, truth))
    return objects


class PlainEvaluator:
    """Section by section the text: 1 next click, 2 IoU and metrics, 3 from an initial mask."""

    def __init__(self, predictor):
        self.predictor = predictor

    def run(self, one, target, most, start=None):
        """Return the clicks, (row, column, positive), and the IoU after each."""
        encoding = self.predictor.encode(one.image)
        prompts, previous = [], None
        mask = np.zeros(one.truth.shape, bool)
        if start is not None:
            # 3: the previous mask is the initial one, and the network is not called before the first click.
            prompts, previous, mask = [MaskPrompt(start)], Prediction.from_mask(start), start
        clicks, ious = [], []
        for _ in range(most):
            row, column, positive = self.next_click(one.truth, mask, clicks)
            clicks.append((row, column, positive))
            prompts.append(Click(row, column, positive))
            previous = self.predictor.predict(encoding, tuple(prompts), previous)
            mask = previous.render() > THRESHOLD
            ious.append(self.iou(one.truth, mask))
            if np.float32(ious[-1]) >= target:
                break
        return clicks, ious

    def next_click(self, truth, mask, clicks):
        missed, wrong = [], []
        for expected, found in zip(truth.ravel().tolist(), mask.ravel().tolist(), strict=True):
            missed.append(expected == 1 and not found)
            wrong.append(expected == 0 and found)
        deepest = []
        for error in (np.reshape(missed, truth.shape), np.reshape(wrong, truth.shape)):
            frame = np.zeros((truth.shape[0] + 2, truth.shape[1] + 2), bool)
            frame[1:-1, 1:-1] = error
            distance = distance_transform_edt(frame)[1:-1, 1:-1].astype(np.float32)
            for row, column, _ in clicks:
                distance[row, column] = 0
            deepest.append(distance)
        positive = bool(deepest[0].max() > deepest[1].max())
        distance = deepest[0] if positive else deepest[1]
        largest = max(distance.ravel().tolist())
        for row, values in enumerate(distance.tolist()):
            for column, value in enumerate(values):
                if value == largest:
                    return row, column, positive
        raise AssertionError("no maximum")

    def iou(self, truth, mask):
        shared = union = 0
        for expected, found in zip(truth.ravel().tolist(), mask.ravel().tolist(), strict=True):
            if expected == -1:
                continue
            shared += found and expected == 1
            union += found or expected == 1
        return shared / union if union else 1.0

    def clicks_to(self, ious, target):
        for number, value in enumerate(ious, start=1):
            if np.float32(value) >= target:
                return number
        return None

    def noc(self, runs, target):
        total = 0
        for _, ious in runs:
            number = self.clicks_to(ious, target)
            total += MOST if number is None else number
        return total / len(runs)

    def nof(self, runs, target, *, strict):
        count = 0
        for _, ious in runs:
            number = self.clicks_to(ious, target)
            if number is None or (number == MOST and not strict):
                count += 1
        return count

    def mean_iou(self, runs, count):
        return sum(ious[count - 1] for _, ious in runs) / len(runs)


def same_clicks(results, runs):
    """Check that two evaluators gave each object the same clicks and measured the same after each."""
    assert not any(result.error for result in results)
    for result, (clicks, ious) in zip(results, runs, strict=True):
        assert [(click.row, click.column, click.positive) for click in result.clicks] == clicks, result.name
        assert result.ious == ious, result.name


def agree(predictor, objects):
    plain = PlainEvaluator(predictor)
    runs = [plain.run(one, 0.90, MOST) for one in objects]
    results = evaluate_objects(predictor, objects)
    same_clicks(results, runs)
    report = Report(results)
    summary = report.summary()
    for name, target in (("80", 0.80), ("85", 0.85), ("90", 0.90)):
        assert summary[f"NoC@{name}"] == pytest.approx(plain.noc(runs, target), abs=1e-12)
        assert summary[f"NoF@{name}"] == plain.nof(runs, target, strict=False)
        assert summary[f"NoF@{name}_strict"] == plain.nof(runs, target, strict=True)
    # What is compared must not be the same for every object.
    numbers = {len(clicks) for clicks, _ in runs}
    assert len(numbers) >= 3
    assert {positive for clicks, _ in runs for _, _, positive in clicks} == {True, False}


def agree_on_every_click(predictor, objects):
    plain = PlainEvaluator(predictor)
    runs = [plain.run(one, 1.01, 5) for one in objects]
    results = evaluate_objects(predictor, objects, max_clicks=5, target_iou=1.01)
    same_clicks(results, runs)
    summary = Report(results, max_clicks=5, target_iou=1.01).summary()
    for count in (1, 2, 3, 5):
        assert summary[f"mIoU@{count}"] == pytest.approx(plain.mean_iou(runs, count), abs=1e-12)


def agree_from_initial_masks(predictor, objects):
    plain = PlainEvaluator(predictor)
    begun = [replace(one, start=np.roll(one.truth == 1, (3, -4), axis=(0, 1))) for one in objects]
    runs = [plain.run(one, 0.90, MOST, one.start) for one in begun]
    results = evaluate_objects(predictor, begun, prompt="correction")
    same_clicks(results, runs)
    expected = sum(plain.iou(one.truth, one.start) for one in begun) / len(begun)
    assert Report(results, prompt="correction").summary()["initial_IoU"] == pytest.approx(expected)


def test_thirty_real_objects_need_the_same_clicks_by_both_evaluators(predictor, shared):
    objects = real_objects(shared)
    agree(predictor, objects)
    agree_on_every_click(predictor, list(islice(objects, 0, None, 3)))
    agree_from_initial_masks(predictor, list(islice(objects, 1, None, 5)))


def test_made_objects_need_the_same_clicks_by_both_evaluators(predictor):
    agree(predictor, made_objects(12))


def test_made_objects_have_the_same_iou_after_every_click(predictor):
    agree_on_every_click(predictor, made_objects(6))


def test_made_objects_are_corrected_by_the_same_clicks(predictor):
    agree_from_initial_masks(predictor, made_objects(6))


class Growing:
    """A method that finds one more pixel of a line with every click, begins late, and may keep a wrong pixel.

    The image's first pixel says how late, and whether there is the wrong one.
    """

    def __init__(self, predictor):
        self.options = predictor.options

    def encode(self, image):
        return image

    def predict(self, encoding, prompts, previous, **keywords):
        late, wrong = encoding[0, 0, :2].tolist()
        mask = np.zeros(encoding.shape[:2], bool)
        mask[5, 3 : 3 + max(len(prompts) - late, 0)] = True
        mask[9, 9] = wrong
        return Prediction.from_mask(mask)


def line(name, late, wrong):
    image, truth = np.zeros((13, 31, 3), np.uint8), np.zeros((13, 31), np.int8)
    image[0, 0, :2] = late, wrong
    truth[5, 3:23] = 1
    return DatasetObject(name, None, 1, image, truth)


def test_targets_met_exactly_and_errors_of_equal_depth_are_counted_alike(predictor):
    growing = Growing(predictor)
    objects = [line("exact", 0, 0), line("at the last click", 2, 0), line("ties", 0, 1), line("never", 9, 1)]
    agree(growing, objects)
    exact, last, ties, never = evaluate_objects(growing, objects)
    # 18 of 20 pixels are an IoU of 0.9, and that is enough; 16 are 0.8.
    assert [len(one.ious) for one in (exact, last, ties, never)] == [18, 20, 19, 20]
    report = Report([exact, last])
    assert (report.noc(0.8), report.noc(0.9)) == ((16 + 18) / 2, (18 + 20) / 2)
    assert (report.nof(0.9), report.nof(0.9, strict=True)) == (1, 0)
    # A missed and a wrong pixel are equally deep until the wrong one is clicked.
    assert [click.positive for click in ties.clicks[:3]] == [True, False, True]
