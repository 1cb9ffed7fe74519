"""Curves against their definition, strokes against distances."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from napari_iseg.interactions.drawing import bezier_curve, draw_stroke, one_point_a_pixel


def test_a_bezier_curve_is_the_bernstein_sum() -> None:
    control = np.random.default_rng(0).uniform(0, 50, (6, 2))
    curve = bezier_curve(control, 41)
    for step, point in zip(np.linspace(0, 1, 41), curve, strict=True):
        weights = [comb(5, k) * step**k * (1 - step) ** (5 - k) for k in range(6)]
        np.testing.assert_allclose(point, weights @ control, atol=1e-10)


def test_a_curve_of_high_degree_stays_between_its_control_points() -> None:
    control = np.stack([np.linspace(0, 900, 1500), np.full(1500, 7.0)], axis=1)
    curve = bezier_curve(control, 1000)
    np.testing.assert_allclose(curve[:, 0], np.linspace(0, 900, 1000), atol=1e-6)
    np.testing.assert_allclose(curve[:, 1], 7, atol=1e-8)


def test_one_control_point_is_a_curve_that_stays_there() -> None:
    assert bezier_curve([(3, 4)], 3).tolist() == [[3, 4]] * 3


def test_one_point_a_pixel_keeps_both_ends() -> None:
    points = np.array([(0.0, 0.0), (0.1, 0.2), (0.9, 0.0), (1.2, 0.1), (1.3, 0.2)])
    assert one_point_a_pixel(points).tolist() == [[0.0, 0.0], [0.9, 0.0], [1.3, 0.2]]


@pytest.mark.parametrize(("width", "rows"), [(1, 1), (3, 3), (5, 5), (7, 7)])
def test_a_stroke_is_as_wide_as_its_brush(width: int, rows: int) -> None:
    drawn = draw_stroke([(20, 10), (20, 30)], width, (41, 53))
    assert drawn[:, 20].sum() == rows
    assert drawn[20, 10 - width // 2 : 30 + width // 2 + 1].all()
    assert drawn[20].sum() == 21 + 2 * (width // 2)


def test_a_stroke_that_leaves_the_image_is_cut_at_its_border() -> None:
    inner = draw_stroke([(-6, 3), (9, 12), (5, 40)], 5, (11, 17))
    outer = draw_stroke([(14, 23), (29, 32), (25, 60)], 5, (50, 80))
    np.testing.assert_array_equal(inner, outer[20:31, 20:37])
    assert not draw_stroke([(-30, -30), (-20, 90)], 5, (11, 17)).any()


def test_a_single_point_is_a_dot() -> None:
    drawn = draw_stroke([(5.4, 6.6)], 3, (11, 17))
    assert np.argwhere(drawn).min(axis=0).tolist() == [4, 6]
    assert np.argwhere(drawn).max(axis=0).tolist() == [6, 8]
