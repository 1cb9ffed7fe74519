"""Crops made for a whole batch at once are those made one by one; here the device is the CPU."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.training.running import RECIPE, make_folder
from torch.nn import functional

from napari_iseg.training import device_crops
from napari_iseg.training.data import Crops, Picture, load_pictures
from napari_iseg.training.device_augmentation import augment_batch
from napari_iseg.training.device_crops import DeviceCrops, fits_device
from napari_iseg.training.device_images import DeviceImages
from napari_iseg.training.loop import Trainer
from napari_iseg.training.recipe import Stage
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
    rgb, labels = images.cut(numbers, torch.tensor(windows), 40)
    line = torch.linspace(-1, 1, 40)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij")[::-1], dim=-1)[None]
    for number, (top, bottom, left, right), crop, cut in zip(numbers.tolist(), windows, rgb, labels, strict=True):
        image = torch.from_numpy(kept[number].rgb[top:bottom, left:right]).permute(2, 0, 1)[None].float() / 255
        expected = functional.grid_sample(image, grid, mode="bilinear", align_corners=True)[0]
        assert torch.allclose(crop, expected, atol=2e-5)
        rows = top + ((np.arange(40) + 0.5) * (bottom - top) / 40).astype(int)
        columns = left + ((np.arange(40) + 0.5) * (right - left) / 40).astype(int)
        assert (cut.numpy() == kept[number].labels[np.ix_(rows, columns)]).all()


def test_a_smoothed_crop_has_no_patterns_and_the_others_stay() -> None:
    grains = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    images = DeviceImages([Picture(grains, np.ones((160, 160), np.int32), {})], CPU)
    windows = torch.tensor([[0, 160, 0, 160]]).repeat(2, 1)
    rgb, _ = images.cut(torch.tensor([0, 0]), windows, 40, smooth=torch.tensor([True, False]))
    plain, _ = images.cut(torch.tensor([0]), windows[:1], 40)
    assert torch.equal(rgb[1], plain[0])
    assert rgb[0].std() < 0.7 * rgb[1].std()


def test_changes_move_labels_with_the_image() -> None:
    labels = torch.zeros(64, 33, 33, dtype=torch.int32)
    labels[:, 3:10, 5:20] = 7
    rgb = 0.2 + 0.6 * (labels == 7).float()[:, None].repeat(1, 3, 1, 1)
    chance = torch.Generator().manual_seed(0)
    changed, moved = augment_batch(rgb, labels, chance)
    assert changed.shape == rgb.shape
    assert 0 <= changed.min() <= changed.max() <= 1
    assert moved.dtype == labels.dtype
    assert ((moved == 7).sum((1, 2)) == 7 * 15).all()
    bright = changed.mean(1)
    apart = [abs(float(one[at == 7].mean() - one[at == 0].mean())) for one, at in zip(bright, moved, strict=True)]
    assert np.mean(np.array(apart) > 0.15) > 0.9
    places = {tuple((at == 7).nonzero()[0].tolist()) for at in moved}
    # Eight ways to flip and turn, of which some look alike where they begin.
    assert len(places) >= 6
    assert len({round(float(one.mean()), 4) for one in changed}) > 50
    again = augment_batch(rgb, labels, torch.Generator().manual_seed(0))
    assert torch.equal(again[0], changed)


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


def test_the_device_is_chosen_where_it_pays(caplog: pytest.LogCaptureFixture) -> None:
    cuda = torch.device("cuda")
    assert fits_device(RECIPE, cuda, None)
    assert not fits_device(RECIPE, CPU, None)
    assert fits_device(RECIPE, CPU, True)
    assert not fits_device(RECIPE, cuda, False)
    oblong = (Stage(until=1.0, size=32, columns=48, batch=2),)
    with caplog.at_level(logging.INFO):
        for change in ({"copy_paste": 0.5}, {"image_mix": 0.5}, {"levels": 2}, {"soft_factor": 4}):
            assert not fits_device(replace(RECIPE, data=replace(RECIPE.data, **change)), cuda, True)
        assert not fits_device(replace(RECIPE, stages=oblong), cuda, True)
    assert len(caplog.messages) == 5
    assert "not square" in caplog.text


def test_generated_images_find_room_however_many_a_batch_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_crops, "_GENERATED", 4)
    recipe = replace(RECIPE.data, weights={"procedural": 1.0})
    small = DeviceCrops(Crops({}, recipe, size=24, seed=1), [], CPU)
    batches = [small.draw(range(first, first + 12)) for first in (0, 12, 60)]
    monkeypatch.undo()
    large = DeviceCrops(Crops({}, recipe, size=24, seed=1), [], CPU)
    for first, (rgb, target) in zip((0, 12, 60), batches, strict=True):
        again = large.draw(range(first, first + 12))
        assert torch.equal(rgb, again[0])
        assert torch.equal(target, again[1])
