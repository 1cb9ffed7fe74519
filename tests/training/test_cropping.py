"""Crops: objects of all sizes, in images that nobody may write to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_iseg.errors import IsegError
from napari_iseg.training.augmentation import Augmentation
from napari_iseg.training.cropping import close_window, cut_labels, cut_rgb, window_of_share
from napari_iseg.training.data import Crops, Picture
from napari_iseg.training.recipe import DataRecipe, read_recipe

if TYPE_CHECKING:
    from pathlib import Path

WIDE = DataRecipe(close_share=0.0)


def disk(shape: tuple[int, int], centre: tuple[int, int], radius: float) -> np.ndarray:
    row, column = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((row - centre[0]) ** 2 + (column - centre[1]) ** 2 <= radius**2)


def share_of(labels: np.ndarray, window: tuple[int, int, int, int]) -> float:
    return float((labels[window[0] : window[1], window[2] : window[3]] == 1).mean())


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5, 0.8, 0.9])
def test_an_object_takes_the_share_of_the_window_that_it_shall(share: float) -> None:
    labels = disk((211, 307), (90, 140), 14).astype(np.int32)
    rng = np.random.default_rng(0)
    places = set()
    for _ in range(20):
        window = window_of_share(labels, 1, (76, 105, 126, 155), share, 64, rng)
        assert 0 <= window[0] < window[1] <= 211
        assert 0 <= window[2] < window[3] <= 307
        assert share / 1.3 < share_of(labels, window) < share * 1.3
        places.add(window)
    assert len(places) > 10


def test_an_image_that_is_too_small_is_shown_whole() -> None:
    labels = disk((41, 57), (20, 20), 15).astype(np.int32)
    window = window_of_share(labels, 1, (5, 36, 5, 36), 0.001, 64, np.random.default_rng(0))
    assert window == (0, 41, 0, 57)


def test_close_windows_hold_the_whole_object() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        start = rng.integers(0, 80, 2)
        stop = start + rng.integers(2, 40, 2)
        box = (int(start[0]), int(stop[0]), int(start[1]), int(stop[1]))
        window = close_window(box, (121, 133), rng)
        assert window[0] <= box[0] < box[1] <= window[1] <= 121
        assert window[2] <= box[2] < box[3] <= window[3] <= 133


def test_read_only_images_are_cut_like_others() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    rgb.setflags(write=False)
    for antialias in (False, True):
        cut = cut_rgb(rgb, (3, 33, 5, 45), (30, 40), antialias=antialias)
        # Nothing is resized here: byte for byte what lies there.
        assert np.allclose(cut * 255, rgb[3:33, 5:45], atol=0.01)
        small = cut_rgb(rgb, (3, 33, 5, 45), (7, 9), antialias=antialias)
        assert (small.shape, small.dtype) == ((7, 9, 3), np.float32)
        assert 0 <= small.min() <= small.max() <= 1


def test_labels_are_never_mixed() -> None:
    labels = np.array([[1, 7], [-1, 0]], np.int32).repeat(9, axis=0).repeat(11, axis=1)
    cut = cut_labels(labels, (0, 18, 0, 22), (5, 4))
    assert set(np.unique(cut)) == {-1, 0, 1, 7}
    assert np.array_equal(cut_labels(labels, (0, 18, 0, 22), (18, 22)), labels)


def shares_of_crops(pictures: dict[str, list[Picture]], recipe: DataRecipe, count: int) -> np.ndarray:
    stream = iter(Crops(pictures, recipe, size=96, seed=1))
    return np.array([(next(stream)[1] == 1).float().mean().item() for _ in range(count)])


def test_shares_are_log_uniform() -> None:
    shares = shares_of_crops({}, WIDE, 400)
    low, high = 18 / 96**2, 0.9
    spread = np.sort(np.log(np.clip(shares, low, high) / low) / np.log(high / low))
    # Kolmogorov and Smirnov's distance from a uniform distribution.
    assert np.abs(spread - (np.arange(400) + 0.5) / 400).max() < 0.1


def test_small_nuclei_in_a_large_image_are_shown_small_and_large() -> None:
    labels = np.zeros((500, 520), np.int32)
    rng = np.random.default_rng(0)
    boxes = {}
    for number, centre in enumerate(rng.integers(20, 480, (30, 2)), start=1):
        labels[disk(labels.shape, (int(centre[0]), int(centre[1])), 6)] = number
        boxes[number] = (int(centre[0]) - 6, int(centre[0]) + 7, int(centre[1]) - 6, int(centre[1]) + 7)
    picture = Picture(np.repeat((labels > 0)[..., None] * np.uint8(200), 3, axis=2), labels, boxes)
    recipe = replace(WIDE, weights={"procedural": 0.0})
    shares = shares_of_crops({"nuclei": [picture]}, recipe, 200)
    assert np.mean(shares < 0.005) > 0.15
    assert np.mean(shares > 0.3) > 0.08


def test_only_close_crops_are_close() -> None:
    close = shares_of_crops({}, DataRecipe(close_share=1.0), 60)
    assert np.median(close) > 1.5 * np.median(shares_of_crops({}, WIDE, 60))


def test_a_recipe_sets_scale_and_augmentation(tmp_path: Path) -> None:
    text = """
name = "mini"
method = "cfr-icl"
seconds = 1
stages = [{ until = 1.0, size = 32, batch = 2 }]
[network]
[data]
smallest_share = 0.01
[data.augmentation]
bias = 0.5
invert = 0
"""
    file = tmp_path / "mini.toml"
    file.write_text(text)
    data = read_recipe(str(file)).data
    assert (data.smallest_share, data.largest_share) == (0.01, 0.9)
    assert data.augmentation == Augmentation(bias=0.5, invert=0.0)
    for wrong, said in (("bias = 0.5", "bias = 5"), ("0.01", "0.95")):
        file.write_text(text.replace(wrong, said))
        with pytest.raises(IsegError, match=said.removeprefix("bias = ")):
            read_recipe(str(file))
    file.write_text(text.replace("bias", "bais"))
    with pytest.raises(IsegError, match=r"mini\.toml"):
        read_recipe(str(file))
