"""Boxes around masks, exact and rough."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.errors import PromptError
from napari_iseg.interactions import Box
from napari_iseg.interactions.simulated_boxes import exact_box, jittered_box


def test_the_exact_box_ends_where_the_mask_does() -> None:
    mask = np.zeros((40, 61), bool)
    mask[7, 50] = mask[21, 33] = True
    assert exact_box(mask) == Box((7, 33), (22, 51))


def test_rough_boxes_move_their_sides_a_little() -> None:
    mask = np.zeros((300, 500), bool)
    mask[100:200, 150:350] = True
    rng = np.random.default_rng(0)
    moves = []
    for _ in range(400):
        box = jittered_box(mask, rng)
        rows = (box.start[0] - 100) / 100, (box.stop[0] - 200) / 100
        moves.append((*rows, (box.start[1] - 150) / 200, (box.stop[1] - 350) / 200))
    moves = np.array(moves)
    assert np.abs(moves).max() <= 0.15 + 1e-12
    assert np.abs(moves.mean(axis=0)).max() < 0.01
    np.testing.assert_allclose(moves.std(axis=0), 0.05, rtol=0.15)


@pytest.mark.parametrize("place", [(0, 0), (10, 20), (29, 40), (15, 0)])
def test_rough_boxes_of_single_pixels_are_eight_wide_and_inside(place: tuple[int, int]) -> None:
    mask = np.zeros((30, 41), bool)
    mask[place] = True
    for seed in range(5):
        box = jittered_box(mask, np.random.default_rng(seed))
        for start, stop, limit in zip(box.start, box.stop, mask.shape, strict=True):
            assert stop - start == pytest.approx(8)
            assert 0 <= start < stop <= limit


def test_rough_boxes_stay_in_an_image_smaller_than_eight() -> None:
    mask = np.zeros((5, 90), bool)
    mask[2, 40:60] = True
    box = jittered_box(mask, np.random.default_rng(0))
    assert (box.start[0], box.stop[0]) == (0, 5)


def test_an_empty_mask_has_no_box() -> None:
    with pytest.raises(PromptError, match="empty"):
        exact_box(np.zeros((4, 5), bool))
