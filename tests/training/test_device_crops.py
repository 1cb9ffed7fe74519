"""Crops made for a whole batch at once are those made one by one; here the device is the CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy import ndimage
from tests.training.running import RECIPE, make_folder
from torch.nn import functional

from napari_iseg.training import device_crops
from napari_iseg.training.data import Crops, Picture, load_pictures
from napari_iseg.training.device_crops import DeviceCrops, fits_device
from napari_iseg.training.device_images import DeviceImages
from napari_iseg.training.device_soft import coverage_batch, hard_target_batch
from napari_iseg.training.loop import Trainer
from napari_iseg.training.soft_targets import coverage, hard_target
from napari_iseg.training.stream import SampleNumbers

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Picture]]:
    return load_pictures([make_folder(tmp_path_factory.mktemp("data") / "cells")], RECIPE.data)


def test_crops_are_those_of_a_grid_sample() -> None:
    rng = np.random.default_rng(0)
    sizes = [(31, 47), (90, 20), (64, 64)]
    kept = [
        Picture(rng.integers(0, 256, (*size, 3), np.uint8), rng.integers(-1, 9, size).astype(np.int32), {})
        for size in sizes
    ]
    images = DeviceImages(kept, CPU)
    numbers, windows = torch.tensor([0, 1, 2, 1, 0]), []
    for number in numbers.tolist():
        rows, columns = (np.sort(rng.choice(side + 1, 2, replace=False)) for side in sizes[number])
        windows.append([*rows.tolist(), *columns.tolist()])
    rgb = images.cut_rgb(numbers, torch.tensor(windows), (40, 56))
    (labels,) = images.cut_labels(numbers, torch.tensor(windows), (40, 56)).unbind(1)
    lines = torch.linspace(-1, 1, 40), torch.linspace(-1, 1, 56)
    grid = torch.stack(torch.meshgrid(*lines, indexing="ij")[::-1], dim=-1)[None]
    for number, (top, bottom, left, right), crop, cut in zip(numbers.tolist(), windows, rgb, labels, strict=True):
        image = torch.from_numpy(kept[number].rgb[top:bottom, left:right]).permute(2, 0, 1)[None].float() / 255
        expected = functional.grid_sample(image, grid, mode="bilinear", align_corners=True)[0]
        assert torch.allclose(crop, expected, atol=2e-5)
        rows = top + ((np.arange(40) + 0.5) * (bottom - top) / 40).astype(int)
        columns = left + ((np.arange(56) + 0.5) * (right - left) / 56).astype(int)
        assert (cut.numpy() == kept[number].labels[np.ix_(rows, columns)]).all()


def test_a_smoothed_crop_has_no_patterns() -> None:
    grains = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    images = DeviceImages([Picture(grains, np.ones((160, 160), np.int32), {})], CPU)
    windows = torch.tensor([[0, 160, 0, 160]]).repeat(2, 1)
    smooth = images.cut_rgb(torch.tensor([0, 0]), windows, (40, 40), samples=2)
    plain = images.cut_rgb(torch.tensor([0]), windows[:1], (40, 40))
    assert smooth[0].std() < 0.7 * plain[0].std()
    finer = images.cut_rgb(torch.tensor([0]), windows[:1], (80, 80))
    assert torch.allclose(smooth[:1], functional.avg_pool2d(finer, 2))


def test_batches_are_functions_of_their_numbers(pictures: dict[str, list[Picture]]) -> None:
    numbers = SampleNumbers(start=30, batch=5)
    stream = iter(DeviceCrops(Crops(pictures, RECIPE.data, size=48, seed=3), numbers, CPU))
    for first in (30, 35, 40):
        rgb, target = next(stream)
        alone = DeviceCrops(Crops(pictures, RECIPE.data, size=48, seed=3), [], CPU).draw(range(first, first + 5))
        assert torch.equal(rgb, alone[0])
        assert torch.equal(target, alone[1])
        assert rgb.shape == (5, 3, 48, 48)
        assert target.dtype == torch.int8
        assert set(target.unique().tolist()) <= {-1, 0, 1}
        assert ((target == 1).sum((1, 2)) >= 12).all()


def test_objects_are_as_large_as_in_crops_of_the_host(pictures: dict[str, list[Picture]]) -> None:
    recipe = replace(RECIPE.data, merged_share=0.5)
    host = Crops(pictures, recipe, size=48, seed=0)
    device = DeviceCrops(Crops(pictures, recipe, size=48, seed=1), [], CPU)
    shares = [(host[number][1] == 1).float().mean().log() for number in range(200)]
    others = (device.draw(range(200))[1] == 1).float().mean((1, 2)).log()
    assert float(others.mean()) == pytest.approx(float(np.mean(shares)), abs=0.3)
    assert float(others.std()) == pytest.approx(float(np.std(shares)), rel=0.3)


def test_a_run_learns_from_images_on_the_device(pictures: dict[str, list[Picture]], tmp_path: Path) -> None:
    told = []
    Trainer(RECIPE, pictures, tmp_path, steps=4, device_data=True).run(told.append)
    assert [progress.size for progress in told] == [32, 32, 64, 64]
    assert all(np.isfinite(progress.loss) for progress in told)


def test_the_device_is_chosen_where_it_pays() -> None:
    cuda = torch.device("cuda")
    assert fits_device(cuda, None)
    assert not fits_device(CPU, None)
    assert fits_device(CPU, True)
    assert not fits_device(cuda, False)


def nested(count: int = 3) -> list[Picture]:
    """Return noisy images with two squares, and both of them in one square of a second map."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(count):
        parts = np.zeros((70, 90), np.int32)
        parts[20:34, 20:34], parts[40:58, 30:50] = 1, 2
        wholes = np.zeros_like(parts)
        wholes[15:62, 15:60] = 5
        wholes[:4, :4] = -1
        boxes = {1: (20, 34, 20, 34), 2: (40, 58, 30, 50)}
        found.append(Picture(rng.integers(0, 256, (70, 90, 3), np.uint8), parts, boxes, (wholes,)))
    return found


def test_crops_that_are_not_square_come_with_the_maps_of_parts_and_wholes() -> None:
    recipe = replace(RECIPE.data, levels=3, weights={"procedural": 0.0})
    device = DeviceCrops(Crops({"nested": nested()}, recipe, size=(36, 52), seed=2), [], CPU)
    rgb, target, levels = device.draw(range(40))
    assert rgb.shape == (40, 3, 36, 52)
    assert levels.shape == (40, 3, 36, 52)
    assert levels.dtype == torch.int32
    assert torch.equal(levels[:, 0] == 1, target == 1)
    # Numbers move up by one, so that 1 is free: 2 or 3 is the other part.
    assert set(levels[:, 0].unique().tolist()) <= {0, 1, 2, 3}
    assert set(levels[:, 1].unique().tolist()) <= {-1, 0, 5}
    assert not levels[:, 2].any()
    # A part lies in its whole, however the crop was flipped and turned.
    assert bool((levels[:, 1][levels[:, 0] > 0] == 5).all())


def test_soft_targets_are_those_of_the_host() -> None:
    rng = np.random.default_rng(0)
    inside = ndimage.gaussian_filter(rng.standard_normal((6, 96, 144)), (0, 9, 9)) > 0
    ignored = np.zeros_like(inside)
    ignored[2, 10:19, 30:41] = True
    inside[4] = False
    inside[4, 50:52, 60:62] = True
    inside[5] = False
    pixels = [1.0, 3.7, 0.4, 12.0, 1.0, 200.0]
    alpha = coverage_batch(torch.from_numpy(inside), torch.from_numpy(ignored), 3, torch.tensor(pixels))
    hard = hard_target_batch(alpha)
    for number, pixel in enumerate(pixels):
        wanted = coverage(inside[number], ignored[number], 3, pixel=pixel)
        np.testing.assert_allclose(alpha[number].numpy(), wanted, atol=1e-5)
        np.testing.assert_array_equal(hard[number].numpy(), hard_target(alpha[number].numpy()))
    assert int((hard[4] == 1).sum()) == 1
    assert not (hard[5] == 1).any()


def test_soft_crops_have_rims_that_belong_partly_to_the_object(pictures: dict[str, list[Picture]]) -> None:
    recipe = replace(RECIPE.data, soft_factor=3, weights={"procedural": 0.0})
    device = DeviceCrops(Crops(pictures, recipe, size=(32, 48), seed=0), [], CPU)
    rgb, target, alpha = device.draw(range(60))
    assert rgb.shape == (60, 3, 32, 48)
    assert target.shape == alpha.shape == (60, 32, 48)
    assert bool(((target == 1).sum((1, 2)) > 0).all())
    assert bool(((alpha > 0.05) & (alpha < 0.95)).flatten(1).any(1).all())
    host = [Crops(pictures, recipe, size=(32, 48), seed=1)[number] for number in range(60)]
    theirs = np.mean([float(((a > 0.05) & (a < 0.95)).float().mean()) for _, _, a in host])
    assert float(((alpha > 0.05) & (alpha < 0.95)).float().mean()) == pytest.approx(theirs, rel=0.4)


def test_generated_images_find_room_however_many_a_batch_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_crops, "_GENERATED", 4)
    recipe = replace(RECIPE.data, weights={"procedural": 1.0})
    recipe = replace(recipe, copy_paste=0.5, image_mix=0.5)
    small = DeviceCrops(Crops({}, recipe, size=24, seed=1), [], CPU)
    batches = [small.draw(range(first, first + 12)) for first in (0, 12, 60)]
    monkeypatch.undo()
    large = DeviceCrops(Crops({}, recipe, size=24, seed=1), [], CPU)
    for first, (rgb, target) in zip((0, 12, 60), batches, strict=True):
        again = large.draw(range(first, first + 12))
        assert torch.equal(rgb, again[0])
        assert torch.equal(target, again[1])
