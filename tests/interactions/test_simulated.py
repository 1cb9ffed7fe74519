"""The simulated user against the protocol's goldens, against cases worked out by hand and against the bare formulas."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter

from napari_iseg.interactions import Click, iou, next_click, sample_training_click


def blobs(seed, shape=(47, 61), level=0.0):
    return gaussian_filter(np.random.default_rng(seed).normal(size=shape), 4) > level


def successive_clicks(truth, mask, count):
    clicks = []
    for _ in range(count):
        clicks.append(next_click(truth, mask, clicks))
    return clicks


def next_click_by_formula(truth, mask, clicks):
    valid = truth != -1
    depths = []
    for error in ((truth == 1) & ~mask & valid, (truth != 1) & mask & valid):
        depth = distance_transform_edt(np.pad(error, 1)).astype(np.float32)[1:-1, 1:-1]
        for click in clicks:
            depth[click.row, click.column] = 0
        depths.append(depth)
    positive = bool(depths[0].max() > depths[1].max())
    depth = depths[0] if positive else depths[1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return Click(int(row), int(column), positive)


def test_every_golden_click_and_iou(shared):
    golden = json.loads((shared / "parity" / "protocol.json").read_text())
    pairs = np.load(shared / "parity" / "protocol.npz")
    assert len(golden["names"]) == 12
    for case, name in enumerate(golden["names"]):
        truth, mask = pairs["gt"][case], pairs["pred"][case]
        clicks = successive_clicks(truth, mask, 3)
        assert [[c.row, c.column, int(c.positive)] for c in clicks] == golden["next_clicks"][case], name
        assert iou(truth, mask) == golden["iou"][case], name


@pytest.mark.parametrize("seed", range(6))
def test_cropping_to_the_errors_changes_no_click(seed):
    truth = blobs(seed).astype(np.int8)
    truth[blobs(seed + 50, level=0.12)] = -1
    mask = blobs(seed + 100)
    clicks = []
    for _ in range(8):
        click = next_click(truth, mask, clicks)
        assert click == next_click_by_formula(truth, mask, clicks)
        clicks.append(click)


def test_the_first_click_lies_in_the_middle_of_the_object():
    truth = np.zeros((9, 13), np.int8)
    truth[2:7, 3:8] = 1
    assert next_click(truth, np.zeros(truth.shape, bool)) == Click(4, 5, positive=True)


def test_the_border_bounds_an_error():
    truth = np.zeros((9, 13), np.int8)
    truth[:, :5] = 1
    # Depth 3 is first reached at row 2: two pixels and the border lie on either side.
    assert next_click(truth, np.zeros(truth.shape, bool)) == Click(2, 2, positive=True)


def test_a_tie_gives_a_negative_click():
    truth = np.zeros((9, 13), np.int8)
    truth[1:4, 1:4] = 1
    mask = np.zeros(truth.shape, bool)
    mask[5:8, 6:9] = True
    assert next_click(truth, mask) == Click(6, 7, positive=False)


def test_clicked_pixels_are_not_clicked_again():
    truth = np.zeros((9, 13), np.int8)
    truth[1:4, 1:4] = 1
    nothing = np.zeros(truth.shape, bool)
    assert successive_clicks(truth, nothing, 3) == [Click(2, 2), Click(1, 1), Click(1, 2)]


def test_a_fractional_click_blocks_its_nearest_pixel():
    truth = np.zeros((9, 13), np.int8)
    truth[1:4, 1:4] = 1
    assert next_click(truth, np.zeros(truth.shape, bool), [Click(2.3, 1.8)]) == Click(1, 1)


def test_a_perfect_answer_gives_a_negative_click_at_the_origin_every_time():
    truth = blobs(3).astype(np.int8)
    assert successive_clicks(truth, truth == 1, 3) == [Click(0, 0, positive=False)] * 3


def test_ignored_pixels_are_neither_missed_nor_wrong():
    truth = np.full((7, 11), -1, np.int8)
    truth[1, 1], truth[5, 9] = 1, 0
    mask = np.ones(truth.shape, bool)
    assert next_click(truth, mask) == Click(5, 9, positive=False)
    assert next_click(truth, ~mask) == Click(1, 1, positive=True)


def test_iou_leaves_ignored_pixels_out():
    truth = np.array([[1, 1, 0, 0, -1], [1, 1, 0, 0, -1]], np.int8)
    mask = np.array([[0, 1, 1, 0, 1], [0, 1, 0, 0, 1]], bool)
    assert iou(truth, mask) == 2 / 5


@pytest.mark.parametrize("value", [0, -1])
def test_iou_of_nothing_with_nothing_is_one(value):
    assert iou(np.full((3, 5), value, np.int8), np.zeros((3, 5), bool)) == 1.0


def test_training_clicks_spread_over_the_inner_half_of_the_larger_error():
    truth = np.zeros((15, 21), np.int8)
    truth[2:9, 3:10] = 1  # 7 x 7 missed: depth up to 4, so depth 3 and 4 are clicked, the inner 3 x 3 pixels
    probability = np.zeros(truth.shape, np.float32)
    probability[11:14, 12:15] = 0.9
    rng = np.random.default_rng(5)
    clicks = [sample_training_click(probability, truth, rng) for _ in range(300)]
    assert {(c.row, c.column, c.positive) for c in clicks} == {
        (row, column, True) for row in (4, 5, 6) for column in (5, 6, 7)
    }


def test_a_training_tie_gives_a_negative_click():
    truth = np.zeros((9, 13), np.int8)
    truth[1:4, 1:4] = 1
    probability = np.zeros(truth.shape, np.float32)
    probability[5:8, 6:9] = 1.0
    assert sample_training_click(probability, truth, np.random.default_rng(0)) == Click(6, 7, positive=False)


def test_training_thresholds_are_strict_and_ignored_pixels_are_no_error():
    truth = np.array([[1, 1, 0, 0, -1, -1]], np.int8)
    probability = np.array([[0.49, 1.0, 0.49, 0.0, 1.0, 0.0]], np.float64)
    assert sample_training_click(probability, truth, np.random.default_rng(0)) is None
    probability[0, 0] = 0.48
    assert sample_training_click(probability, truth, np.random.default_rng(0)) == Click(0, 0, positive=True)
