"""Planes of an object that deserve a look come first, with the reason."""

from __future__ import annotations

import numpy as np

from napari_iseg.planes.suspicion import suspicions


def square(row: int, column: int, side: int = 20) -> np.ndarray:
    mask = np.zeros((80, 101), bool)
    mask[row : row + side, column : column + side] = True
    return mask


def test_an_object_that_moves_steadily_is_not_suspicious() -> None:
    masks = {position: square(20 + position, 30 + 2 * position) for position in range(9)}
    assert suspicions(masks, {}) == []


def test_a_plane_that_jumps_comes_first() -> None:
    masks = {position: square(20, 30) for position in range(9)}
    masks[5] = square(50, 70)
    assert suspicions(masks, {})[0].position in (4, 5, 6)
    assert suspicions(masks, {})[0].reason == "it jumps"
    assert 5 in {one.position for one in suspicions(masks, {})}


def test_a_plane_of_another_size_is_named() -> None:
    masks = {position: square(20, 30) for position in range(9)}
    masks[4] = square(26, 36, 8)
    first = suspicions(masks, {})[0]
    assert first.position == 4
    assert first.score > 0.5


def test_low_confidence_is_named_and_ordered() -> None:
    masks = {position: square(20, 30) for position in range(9)}
    found = suspicions(masks, {2: 0.6, 7: 0.3})
    assert [(one.position, one.reason) for one in found] == [(7, "low confidence"), (2, "low confidence")]


def test_empty_planes_and_single_planes_are_no_trouble() -> None:
    assert suspicions({3: square(20, 30), 4: np.zeros((80, 101), bool)}, {}) == []
    assert suspicions({}, {}) == []
