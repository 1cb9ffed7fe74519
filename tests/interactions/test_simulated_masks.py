"""Coarse masks: within their levels, the same for the same seed, rough but not lost in training."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion
from tests.interactions import shapes

from napari_iseg.interactions.kernels import KERNELS, dilated, eroded
from napari_iseg.interactions.simulated_masks import (
    COARSE_LEVELS,
    coarse_mask,
    coarse_mask_of_level,
    coarse_seed,
    mask_iou,
)

OBJECTS = {
    "tiny": shapes.ellipse(6, 5),
    "small": shapes.ellipse(11, 17),
    "middle": shapes.ellipse(35, 22),
    "large": shapes.ellipse(90, 120),
    "blob": shapes.blob(0),
    "ring": shapes.ring(),
    "T": shapes.letter_t(),
}


def footprint(kernel: str, size: int) -> np.ndarray:
    down, across = np.mgrid[:size, :size] - size // 2
    return {
        "rect": np.ones((size, size), bool),
        "cross": (down == 0) | (across == 0),
        "ellipse": np.hypot(down, across) <= (size - 1) / 2,
    }[kernel]


@pytest.mark.parametrize("size", [3, 5, 9])
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_do_what_their_footprints_do(kernel: str, size: int) -> None:
    mask = shapes.blob(3)
    np.testing.assert_array_equal(dilated(mask, kernel, size), binary_dilation(mask, footprint(kernel, size)))
    np.testing.assert_array_equal(
        eroded(mask, kernel, size), binary_erosion(mask, footprint(kernel, size), border_value=1)
    )
    empty = np.zeros((9, 12), bool)
    assert not dilated(empty, kernel, size).any()
    assert eroded(~empty, kernel, size).all()


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", OBJECTS)
def test_levels_are_within_their_ranges(name: str, level: int) -> None:
    truth = OBJECTS[name]
    low, high = COARSE_LEVELS[level - 1]
    masks = [coarse_mask_of_level(truth, level, coarse_seed("shapes", index, level)) for index in range(3)]
    for mask in masks:
        assert mask.shape == truth.shape
        assert low <= mask_iou(mask, truth) <= high
    assert not np.array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[0], coarse_mask_of_level(truth, level, coarse_seed("shapes", 0, level)))


def test_a_large_image_does_not_change_a_coarse_mask_of_level() -> None:
    truth = OBJECTS["middle"]
    wide = np.pad(truth, ((200, 10), (30, 300)))
    mask = coarse_mask_of_level(wide, 3, 5)
    assert mask.shape == wide.shape
    assert COARSE_LEVELS[2][0] <= mask_iou(mask, wide) <= COARSE_LEVELS[2][1]


def test_an_object_of_few_pixels_gets_the_closest_mask_there_is() -> None:
    truth = np.zeros((15, 19), bool)
    truth[5, 6:8] = True
    mask = coarse_mask_of_level(truth, 5, 0)
    assert mask.any()
    assert mask_iou(mask, truth) >= 0.4


def test_seeds_are_checksums_of_what_they_are_for() -> None:
    assert coarse_seed("DAVIS", 7, 2) == zlib.crc32(b"coarse-DAVIS-7-2")


@pytest.mark.parametrize("level", [0, 6])
def test_other_levels_are_refused(level: int) -> None:
    with pytest.raises(ValueError, match="1 to 5"):
        coarse_mask_of_level(OBJECTS["small"], level, 0)


@pytest.mark.parametrize("name", OBJECTS)
def test_training_masks_are_rough_but_not_lost(name: str) -> None:
    truth = OBJECTS[name]
    rng = np.random.default_rng(0)
    ious = np.array([mask_iou(coarse_mask(truth, None, rng), truth) for _ in range(30)])
    assert ious.min() >= 0.3
    assert (ious < 0.97).sum() >= 10


def test_some_training_masks_start_from_the_prediction() -> None:
    truth = np.zeros((80, 120), bool)
    truth[20:60, 20:60] = True
    prediction = np.zeros(truth.shape, bool)
    prediction[20:60, 20:50] = prediction[5:30, 90:115] = True
    rng = np.random.default_rng(0)
    started = [coarse_mask(truth, prediction, rng)[15, 100] for _ in range(200)]
    assert 0.1 < np.mean(started) < 0.3
