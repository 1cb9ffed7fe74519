"""Augmentation changes how a crop looks and never what its objects are."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from napari_iseg.errors import IsegError
from napari_iseg.training.augmentation import Augmentation, augment
from napari_iseg.training.procedural import procedural_sample

NAMES = tuple(option.name for option in fields(Augmentation))
NOTHING = Augmentation(**dict.fromkeys(NAMES, 0.0))
MOVES = ("flip", "turn")


def crop(seed: int = 0, size: int = 47) -> tuple[np.ndarray, np.ndarray]:
    drawn = procedural_sample(np.random.default_rng(seed), size, "shapes")
    return drawn.rgb.astype(np.float32) / 255, drawn.labels


def test_nothing_asked_for_changes_nothing() -> None:
    rgb, labels = crop()
    after, same = augment(rgb, labels, np.random.default_rng(0), NOTHING)
    assert np.array_equal(after, rgb)
    assert np.array_equal(same, labels)


@pytest.mark.parametrize("name", NAMES)
def test_each_change_keeps_type_range_and_objects(name: str) -> None:
    rng = np.random.default_rng(1)
    options = replace(NOTHING, **{name: 1.0})
    changed = 0
    for seed in range(12):
        rgb, labels = crop(seed)
        before = rgb.copy()
        after, moved = augment(rgb, labels, rng, options)
        assert np.array_equal(rgb, before)
        assert (after.shape, after.dtype) == (rgb.shape, np.float32)
        assert 0 <= after.min() <= after.max() <= 1
        assert np.array_equal(np.bincount(moved.ravel()), np.bincount(labels.ravel()))
        if name not in MOVES:
            assert np.array_equal(moved, labels)
        changed += not np.array_equal(after, rgb)
    assert changed >= 10


@pytest.mark.parametrize("name", MOVES)
def test_a_crop_and_its_labels_move_together(name: str) -> None:
    _, labels = crop(3)
    shown = np.repeat(labels[..., None] / labels.max(), 3, axis=2).astype(np.float32)
    rng = np.random.default_rng(0)
    for _ in range(6):
        after, moved = augment(shown, labels, rng, replace(NOTHING, **{name: 1.0}))
        assert np.allclose(after[..., 0] * labels.max(), moved, atol=1e-3)


def test_objects_can_still_be_told_from_their_ground() -> None:
    rng = np.random.default_rng(1)
    target = np.zeros((33, 33), np.int8)
    target[3:10, 5:20] = 1
    shown = np.repeat(0.1 + 0.8 * target[..., None], 3, axis=2).astype(np.float32)
    apart = []
    for _ in range(120):
        rgb, moved = augment(shown, target, rng)
        assert moved.sum() == target.sum()
        bright = rgb.mean(axis=2)
        apart.append(abs(bright[moved == 1].mean() - bright[moved == 0].mean()))
    assert np.mean(np.array(apart) > 0.3) > 0.85


def test_noise_does_not_drown_a_dim_image() -> None:
    dim = np.full((64, 64, 3), 0.02, np.float32)
    dim[20:40, 20:40] = 0.08
    rng = np.random.default_rng(0)
    for name in ("noise", "shot", "speckle", "lines"):
        for _ in range(20):
            after, _ = augment(dim, dim[..., 0], rng, replace(NOTHING, **{name: 1.0}))
            noise = after[20:40, 20:40].mean() - after[:15].mean()
            assert noise > 1.5 * after[:15].std()


def test_slices_coarsen_one_axis_only() -> None:
    rgb = np.random.default_rng(0).random((60, 60, 3), np.float32)
    rng = np.random.default_rng(2)
    for _ in range(8):
        after, _ = augment(rgb, rgb[..., 0], rng, replace(NOTHING, slices=1.0))
        along, across = (np.abs(np.diff(after, axis=axis)).mean() for axis in (0, 1))
        assert max(along, across) > 1.5 * min(along, across)


def test_the_same_chance_makes_the_same_crop() -> None:
    rgb, labels = crop()
    first, again = (augment(rgb, labels, np.random.default_rng(7))[0] for _ in range(2))
    assert np.array_equal(first, again)


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_a_probability_beyond_one_is_refused(wrong: float) -> None:
    with pytest.raises(IsegError, match="'jpeg'"):
        Augmentation(jpeg=wrong)
