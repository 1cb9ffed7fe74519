"""Clicks in slots: what is drawn at first and what is added."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_iseg.interactions import Click
from napari_iseg.training.points import add_click, add_correcting_clicks, empty_points, sample_first_points


def square() -> np.ndarray:
    """Return (61, 83) int8 with an object of 20 x 25 pixels and an ignored strip."""
    target = np.zeros((61, 83), np.int8)
    target[20:40, 30:55] = 1
    target[:, 80:] = -1
    return target


def test_a_click_takes_the_first_free_slot_then_the_last() -> None:
    points = empty_points(1, 2)[0]
    for number in range(4):
        add_click(points, Click(number, 10))
    add_click(points, Click(50, 60, positive=False))
    assert points[:2, 0].tolist() == [0, 3]
    assert points[2].tolist() == [50, 60, points[:, 2].max()]
    assert points[3].tolist() == [-1, -1, -1]


def test_a_numbered_click_takes_its_slot_from_the_end() -> None:
    points = empty_points(1, 3)[0]
    points[2] = 7, 7, 2
    add_click(points, Click(4, 5), from_end=1)
    add_click(points, Click(6, 8, positive=False), from_end=2)
    assert points[2].tolist() == [4, 5, 1]
    assert points[4].tolist() == [6, 8, 2]
    assert (points[[0, 1, 3, 5]] == -1).all()


def test_first_points_come_in_a_random_order_after_the_first() -> None:
    target, rng = square(), np.random.default_rng(0)
    shuffled = 0
    for _ in range(50):
        orders = sample_first_points(target, 12, rng)[:, 2]
        used = orders[orders > 0]
        assert sorted(used) == list(range(2, 2 + len(used)))
        shuffled += list(used) != sorted(used)
    assert shuffled > 25


def test_first_points_lie_where_they_should() -> None:
    target, rng = square(), np.random.default_rng(0)
    counts = []
    for _ in range(200):
        points = sample_first_points(target, 12, rng)
        positive, negative = points[:12], points[12:]
        positive, negative = positive[positive[:, 2] >= 0], negative[negative[:, 2] >= 0]
        assert len(positive) >= 1
        assert all(target[int(r), int(c)] == 1 for r, c, _ in positive)
        assert all(target[int(r), int(c)] == 0 for r, c, _ in negative)
        counts.append((len(positive), len(negative)))
    positives, negatives = np.array(counts).T
    assert (negatives == 0).any()
    assert 2 < positives.mean() < 6
    assert positives.max() > 6


def test_correcting_clicks_answer_each_samples_larger_error() -> None:
    targets = np.stack([square(), square()])
    answers = np.zeros(targets.shape, np.float32)
    answers[1, 5:60, 2:70] = 1.0
    points = empty_points(2, 3)
    add_correcting_clicks(points, answers, targets, np.random.default_rng(0))
    row, column, _ = points[0, 0]
    assert targets[0, int(row), int(column)] == 1
    row, column, order = points[1, 3]
    assert order == 1
    assert targets[1, int(row), int(column)] == 0
    assert points[1, 0, 2] == -1


def test_the_first_click_can_be_asked_to_lie_in_the_middle() -> None:
    target, rng = square(), np.random.default_rng(0)
    for _ in range(40):
        points = sample_first_points(target, 12, rng, inner_first=True)
        row, column, order = points[0].tolist()
        assert order == 1
        # Half the height of 20 is the largest depth: 10, over 1.7 leaves depths of 6 and more.
        assert 25 <= row <= 34
        assert 35 <= column <= 49
        assert (points[1:, 2] != 1).all()


def test_correcting_clicks_can_prefer_the_boundary() -> None:
    target = np.zeros((1, 90, 120), np.int8)
    target[0, 10:80, 10:110] = 1
    depth = ndimage.distance_transform_edt(target[0])
    answers = np.zeros(target.shape, np.float32)

    def share_near(boundary_share: float) -> float:
        rng, near = np.random.default_rng(0), 0
        for _ in range(100):
            points = empty_points(1, 3)
            add_correcting_clicks(points, answers, target, rng, boundary_share=boundary_share)
            near += depth[int(points[0, 0, 0]), int(points[0, 0, 1])] <= 10
        return near / 100

    assert share_near(0.0) == 0
    assert 0.35 < share_near(0.5) < 0.65
    assert share_near(1.0) == 1
