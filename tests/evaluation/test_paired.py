"""Paired differences: their mean, their bootstrap interval, and what may be compared at all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from napari_iseg.errors import OptionError
from napari_iseg.evaluation.paired import paired_differences
from napari_iseg.evaluation.protocol import ObjectResult
from napari_iseg.evaluation.report import Report


def results(clicks, *, images=None, seconds=0.5):
    """Return objects that reach an IoU of 0.9 with so many clicks, and are at 0.5 before."""
    names = images or [f"image{n}" for n in range(len(clicks))]
    return [
        ObjectResult(name, None, number, ious=[0.5] * (count - 1) + [0.95], seconds=[seconds] * count)
        for number, (name, count) in enumerate(zip(names, clicks, strict=True))
    ]


def test_the_difference_is_that_of_the_second_to_the_first_object_by_object():
    found = paired_differences(Report(results([3, 5, 4])), Report(results([2, 5, 1])))["NoC@90"]
    assert found.mean == pytest.approx(-4 / 3)
    assert (found.fewer, found.equal, found.more, found.objects) == (2, 1, 0, 3)


def test_the_interval_is_near_that_of_the_normal_distribution_for_many_objects():
    rng = np.random.default_rng(0)
    before, change = rng.integers(8, 12, 400), rng.integers(-4, 3, 400)
    found = paired_differences(Report(results(before)), Report(results(before + change)))["NoC@90"]
    half = norm.ppf(0.975) * change.std() / np.sqrt(change.size)
    assert found.unit == "image"
    assert found.low == pytest.approx(change.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(change.mean() + half, abs=0.1 * half)
    assert found.is_clear


def test_objects_of_one_image_are_drawn_together_so_that_alike_ones_do_not_narrow_the_interval():
    images = [f"image{n // 20}" for n in range(240)]
    change = np.repeat(np.random.default_rng(1).integers(-4, 5, 12), 20)
    a, b = results([10] * 240, images=images), results(10 + change, images=images)
    found = paired_differences(Report(a), Report(b))["NoC@90"]
    one_each = paired_differences(Report(a[::20]), Report(b[::20]))["NoC@90"]
    assert found.high - found.low == pytest.approx(one_each.high - one_each.low, rel=0.05)


def test_few_images_are_too_few_to_draw_so_objects_are():
    found = paired_differences(
        Report(results([4] * 30, images=["one"] * 30)), Report(results([3, 5] * 15, images=["one"] * 30))
    )["NoC@90"]
    assert found.unit == "object"
    assert found.low < 0 < found.high
    assert not found.is_clear


def test_the_interval_is_the_same_every_time():
    a, b = Report(results([3, 9, 4, 7])), Report(results([5, 2, 4, 8]))
    assert paired_differences(a, b) == paired_differences(a, b)


def test_one_object_has_a_difference_and_no_interval():
    found = paired_differences(Report(results([4])), Report(results([6])))["NoC@90"]
    assert found.mean == 2
    assert math.isnan(found.low)
    assert not found.is_clear


def test_only_objects_that_both_did_count_and_errors_count_as_all_clicks():
    failed = ObjectResult("image1", None, 1, ious=[0.95], seconds=[1.0], error="RuntimeError: no")
    found = paired_differences(Report(results([3, 5])), Report([failed]))
    assert found["NoC@90"].mean == 15
    assert found["NoF@90_strict"].mean == 1
    assert found["NoC@90"].objects == 1


def test_seconds_are_compared_too():
    found = paired_differences(Report(results([3, 5])), Report(results([3, 5], seconds=0.25)))
    assert found["seconds_per_click"].mean == pytest.approx(-0.25)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (Report(results([3]), max_clicks=10), "another number of clicks"),
        (Report(results([3]), target_iou=0.95), "another IoU to reach"),
        (Report(results([3]), prompt="scribble"), "another prompt"),
        (Report(results([3], images=["elsewhere"])), "no object in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(other, sentence):
    with pytest.raises(OptionError, match=sentence):
        paired_differences(Report(results([3])), other)
