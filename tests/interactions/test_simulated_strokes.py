"""Random scribbles: every family stays where it belongs, and signs follow the errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from tests.interactions import shapes

from napari_iseg.interactions.drawing import draw_stroke
from napari_iseg.interactions.simulated_strokes import (
    STROKE_FAMILIES,
    axial_stroke,
    boundary_stroke,
    linked_stroke,
    random_scribble_prompts,
    random_scribbles,
    random_stroke,
)

REGIONS = {
    "bar": shapes.bar(),
    "T": shapes.letter_t(),
    "ring": shapes.ring(),
    "frame": shapes.frame(),
    "blob": shapes.blob(1),
}


@pytest.mark.parametrize("family", STROKE_FAMILIES, ids=lambda family: family.__name__)
@pytest.mark.parametrize("name", REGIONS)
def test_every_family_draws_lines_near_its_region(name: str, family) -> None:
    region = REGIONS[name]
    apart = distance_transform_edt(~region)
    rng = np.random.default_rng(0)
    lines = [family(region, rng) for _ in range(10)]
    found = [line for line in lines if line is not None]
    assert len(found) >= 5
    for line in found:
        rows, columns = np.rint(line).astype(int).T
        assert apart[rows, columns].max() <= 3
        assert np.hypot(*np.diff(line, axis=0).T).max() < 12


@pytest.mark.parametrize("name", REGIONS)
def test_at_most_a_twentieth_of_a_stroke_lies_outside(name: str) -> None:
    region = REGIONS[name]
    rng = np.random.default_rng(1)
    for _ in range(40):
        drawn = random_stroke(region, rng)
        assert drawn.any()
        assert np.count_nonzero(drawn & ~region) <= 0.05 * np.count_nonzero(drawn)


def test_strokes_are_the_same_for_the_same_chance_and_differ_otherwise() -> None:
    region = shapes.blob(2)
    first, again, other = (random_stroke(region, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_pixel_gets_a_dot_and_nothing_gets_nothing() -> None:
    region = np.zeros((21, 33), bool)
    assert not random_stroke(region, np.random.default_rng(0)).any()
    region[7, 9] = True
    for seed in range(8):
        np.testing.assert_array_equal(random_stroke(region, np.random.default_rng(seed)), region)


def test_an_outline_is_followed_inside_and_in_part() -> None:
    disc = shapes.disc(50)
    rng = np.random.default_rng(0)
    for _ in range(20):
        line = boundary_stroke(disc, rng)
        assert line is not None
        radii = np.hypot(line[:, 0] - 60, line[:, 1] - 80)
        assert np.ptp(radii) < 2
        # The region's depth is counted from the first pixel outside.
        assert 50 - 0.15 * np.sqrt(np.pi) * 50 - 2 < radii.mean() < 49
        around = np.ptp(np.unwrap(np.arctan2(line[:, 0] - 60, line[:, 1] - 80)))
        assert 0.08 < around / (2 * np.pi) < 0.42


def test_a_trembling_hand_follows_the_middle_about() -> None:
    rng = np.random.default_rng(0)
    offsets = []
    for _ in range(20):
        line = axial_stroke(shapes.bar(), rng)
        assert line is not None
        offsets.append(line[(line[:, 1] > 40) & (line[:, 1] < 120), 0] - 60)
    assert 1.2 < np.concatenate(offsets).std() < 2.8


def test_linked_points_are_straight_in_between() -> None:
    rng = np.random.default_rng(5)
    for _ in range(10):
        line = linked_stroke(np.ones((70, 90), bool), rng)
        assert line is not None
        turns = np.abs(np.diff(line, n=2, axis=0)).max(axis=1) > 1e-6
        assert turns.sum() <= 4


def test_first_strokes_lie_in_the_object_and_in_a_ring_around_it() -> None:
    truth = shapes.disc(25).astype(np.int8)
    truth[:30, :40] = -1
    apart = distance_transform_edt(truth != 1)
    rng = np.random.default_rng(0)
    negatives = 0
    for _ in range(40):
        positive, negative = random_scribbles(truth, None, rng)
        assert positive.any()
        assert np.count_nonzero(positive & (truth != 1)) <= 0.05 * np.count_nonzero(positive)
        if negative.any():
            negatives += 1
            assert 0 < apart[negative].max() < 3 + 0.3 * np.sqrt(np.pi) * 25 + 8
            assert np.count_nonzero(negative & (truth == 1)) <= 0.05 * np.count_nonzero(negative)
    assert 10 < negatives < 35


def test_later_strokes_answer_the_errors_by_their_share() -> None:
    truth = np.zeros((90, 130), np.int8)
    truth[10:70, 10:60] = 1
    prediction = np.zeros(truth.shape, bool)
    prediction[40:60, 80:105] = True  # 500 wrong, 3000 missed
    rng = np.random.default_rng(0)
    counts = np.zeros(2)
    for _ in range(60):
        positive, negative = random_scribbles(truth, prediction, rng)
        assert not (positive & prediction & (truth == 0)).any()
        assert np.count_nonzero(negative & ~prediction) <= 0.05 * np.count_nonzero(negative)
        counts += positive.any(), negative.any()
    assert counts[0] > 45
    assert 5 < counts[1] < 35


def test_a_perfect_answer_gets_no_stroke() -> None:
    truth = shapes.bar().astype(np.int8)
    assert not random_scribbles(truth, truth == 1, np.random.default_rng(0)).any()


@pytest.mark.parametrize("name", REGIONS)
def test_scribbles_as_prompts_stay_inside_when_somebody_else_draws_them(name: str) -> None:
    truth = REGIONS[name].astype(np.int8)
    rng = np.random.default_rng(2)
    signs = []
    for _ in range(12):
        for scribble in random_scribble_prompts(truth, None, rng):
            assert 3 <= scribble.width <= 7
            drawn = draw_stroke(scribble.points, scribble.width, truth.shape)
            wrong = (truth != 1) if scribble.positive else (truth == 1)
            assert np.count_nonzero(drawn & wrong) <= 0.12 * np.count_nonzero(drawn)
            signs.append(scribble.positive)
    assert 12 <= sum(signs) < len(signs)


def test_nothing_wrong_is_scribbled_nowhere_and_a_pixel_gets_a_dot() -> None:
    truth = shapes.bar().astype(np.int8)
    assert random_scribble_prompts(truth, truth == 1, np.random.default_rng(0)) == []
    dot = np.zeros((9, 11), np.int8)
    dot[4, 5] = 1
    (first, *_) = random_scribble_prompts(dot, None, np.random.default_rng(0))
    assert set(first.points) == {(4.0, 5.0)}
