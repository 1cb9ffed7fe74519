"""A line cuts an object into pieces."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.errors import PromptError
from napari_iseg.interactions.splitting import split_mask


def block() -> np.ndarray:
    mask = np.zeros((41, 63), bool)
    mask[8:30, 10:50] = True
    return mask


def test_a_line_across_makes_two_pieces_and_loses_no_pixel() -> None:
    pieces = split_mask(block(), [(2, 20), (38, 22)])
    assert np.array_equal(pieces > 0, block())
    assert set(np.unique(pieces)) == {0, 1, 2}
    assert pieces[15, 40] == 1  # the larger one
    assert pieces[15, 12] == 2


def test_a_line_that_ends_inside_goes_straight_on() -> None:
    pieces = split_mask(block(), [(15, 30), (20, 30)])
    assert pieces[9, 12] != pieces[9, 48]
    assert len(np.unique(pieces[8:30, 10:29])) == 1


def test_a_crossing_scribble_makes_as_many_pieces_as_it_separates() -> None:
    stroke = [(2, 20), (38, 20), (38, 35), (2, 35)]
    assert split_mask(block(), stroke).max() == 3


def test_a_closed_line_cuts_out_what_it_encloses() -> None:
    pieces = split_mask(block(), [(12, 20), (24, 20), (24, 40), (12, 40), (12, 20)])
    assert pieces[18, 30] == 2 or pieces[18, 30] == 1
    assert pieces[18, 30] != pieces[9, 11]
    assert pieces.max() == 2


def test_pieces_that_touch_at_a_corner_only_are_separated_too() -> None:
    mask = np.zeros((30, 31), bool)
    mask[2:28, 2:28] = True
    pieces = split_mask(mask, [(0, 0), (29, 29)])
    assert pieces.max() == 2
    assert pieces[4, 25] != pieces[25, 4]


def test_an_object_of_two_parts_comes_apart_in_three() -> None:
    mask = block()
    mask[33:39, 2:60] = True
    pieces = split_mask(mask, [(0, 30), (31, 30)])
    assert pieces.max() == 3


@pytest.mark.parametrize(
    ("mask", "points", "words"),
    [
        (block(), [(2, 2), (2, 40)], "does not touch"),
        (block(), [(15, 30)], "does not cut"),
        (np.zeros((9, 9), bool), [(0, 0), (8, 8)], "no object"),
    ],
)
def test_a_line_that_splits_nothing_is_told(mask: np.ndarray, points: list[tuple[int, int]], words: str) -> None:
    with pytest.raises(PromptError, match=words):
        split_mask(mask, points)
