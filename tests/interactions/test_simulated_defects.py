"""Defective masks to start from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.interactions import shapes

from napari_iseg.interactions.simulated_defects import defective_mask
from napari_iseg.interactions.simulated_masks import mask_iou


def textured(truth: np.ndarray, seed: int) -> np.ndarray:
    """Return an image in which the object is brighter, under smooth texture."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(*truth.shape, 3)), (4, 4, 0))
    return np.clip(np.where(truth[..., None], 160, 80) + 250 * noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["disc", "bar", "blob"])
def test_defects_leave_three_quarters_of_the_object_or_more(name: str) -> None:
    truth = {"disc": shapes.disc(35), "bar": shapes.bar(), "blob": shapes.blob(4)}[name]
    image = textured(truth, 0)
    found = []
    for seed in range(4):
        mask = defective_mask(image, truth, np.random.default_rng(seed))
        assert mask is not None
        assert 0.75 <= mask_iou(mask, truth) <= 0.85
        found.append(mask)
    again = defective_mask(image, truth, np.random.default_rng(0))
    np.testing.assert_array_equal(found[0], again)
    assert not np.array_equal(found[0], found[1])


def test_defects_take_away_and_add() -> None:
    truth = shapes.disc(35)
    masks = [defective_mask(textured(truth, 1), truth, np.random.default_rng(seed)) for seed in range(6)]
    assert any((mask & ~truth).sum() > 20 for mask in masks if mask is not None)
    assert any((truth & ~mask).sum() > 20 for mask in masks if mask is not None)


def test_small_objects_have_no_defective_mask() -> None:
    truth = np.zeros((60, 70), bool)
    truth[10:27, 10:27] = True
    assert defective_mask(textured(truth, 0), truth, np.random.default_rng(0)) is None
