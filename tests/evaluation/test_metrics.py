"""NoC, NoF and mean IoU against the protocol's goldens and against sequences counted by hand."""

from __future__ import annotations

import json

import pytest

from napari_iseg.evaluation.metrics import clicks_to_reach, count_failures, mean_iou, number_of_clicks


def test_every_golden_count(shared):
    golden = json.loads((shared / "parity" / "protocol.json").read_text())["noc"]
    sequences, clicks = golden["iou_sequences"], golden["max_clicks"]
    assert [number_of_clicks(sequences, t, clicks) for t in golden["thresholds"]] == golden["noc"]
    assert [count_failures(sequences, t, clicks) for t in golden["thresholds"]] == golden["not_reached_upstream"]
    strict = [count_failures(sequences, t, clicks, strict=True) for t in golden["thresholds"]]
    assert strict == golden["not_reached_strict"]


def test_the_first_click_that_reaches_the_target_counts():
    ious = [0.5, 0.86, 0.84, 0.91]
    assert clicks_to_reach(ious, 0.85) == 2
    assert clicks_to_reach(ious, 0.9) == 4
    assert clicks_to_reach(ious, 0.95) is None


@pytest.mark.parametrize("target", [0.8, 0.85, 0.9, 0.95])
def test_the_target_itself_reaches_it(target):
    assert clicks_to_reach([target - 1e-3, target], target) == 2


def test_reaching_with_the_last_click_is_a_failure_only_as_published():
    sequences = [[0.1, 0.2, 0.9], [0.1, 0.2, 0.3], [0.95]]
    assert number_of_clicks(sequences, 0.9, 3) == (3 + 3 + 1) / 3
    assert count_failures(sequences, 0.9, 3) == 2
    assert count_failures(sequences, 0.9, 3, strict=True) == 1


def test_mean_iou_needs_every_object_to_have_that_click():
    sequences = [[0.2, 0.4, 0.6], [0.4, 0.8]]
    assert mean_iou(sequences, 2) == pytest.approx(0.6)
    assert mean_iou(sequences, 3) is None
    assert mean_iou([], 1) is None
