"""Changes made to a whole batch at once are those made one by one; here the device is the CPU."""

from __future__ import annotations

import io
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from skimage.data import astronaut

from napari_iseg.training import augmentation, device_augmentation
from napari_iseg.training.augmentation import Augmentation, augment
from napari_iseg.training.device_augmentation import augment_batch
from napari_iseg.training.device_chance import BatchChance
from napari_iseg.training.device_intensity import blurred, sliced, windowed
from napari_iseg.training.device_jpeg import compressed

CPU = torch.device("cpu")
NONE = Augmentation(**{option.name: 0.0 for option in fields(Augmentation)})
CHANGES = [option.name for option in fields(Augmentation)]


def chance(seed: int = 0) -> BatchChance:
    return BatchChance(np.random.default_rng(seed), CPU)


def photographs(count: int, rows: int = 80, columns: int = 112) -> torch.Tensor:
    """Return (count, 3, rows, columns) pieces of a photograph."""
    whole, rng = astronaut(), np.random.default_rng(1)
    starts = rng.integers(0, 512 - max(rows, columns), (count, 2))
    pieces = np.stack([whole[r : r + rows, c : c + columns] for r, c in starts])
    return torch.from_numpy(pieces).permute(0, 3, 1, 2).float() / 255


def as_host(rgb: torch.Tensor) -> np.ndarray:
    return rgb.permute(1, 2, 0).numpy()


def test_blur_is_the_hosts() -> None:
    rgb, sigma = photographs(4), torch.tensor([0.3, 0.7, 1.1, 1.6])
    for one, soft, width in zip(rgb, blurred(rgb, sigma[:, None, None, None]), sigma.tolist(), strict=True):
        wanted = ndimage.gaussian_filter(as_host(one), (width, width, 0), truncate=3)
        np.testing.assert_allclose(as_host(soft), wanted, atol=1e-5)


@pytest.mark.parametrize("stepped", [False, True])
def test_thick_slices_are_the_hosts_but_for_its_bytes(stepped: bool) -> None:
    rgb, coarse = photographs(4), (17, 23, 31, 40)
    found = sliced(rgb, torch.tensor(coarse), torch.tensor([stepped] * 4))
    back = Image.Resampling.NEAREST if stepped else Image.Resampling.BILINEAR
    for one, thick, rows in zip(rgb, found, coarse, strict=True):
        image = Image.fromarray((as_host(one) * 255 + 0.5).astype(np.uint8))
        wanted = image.resize((112, rows), Image.Resampling.BOX).resize((112, 80), back)
        np.testing.assert_allclose(as_host(thick), np.asarray(wanted, np.float32) / 255, atol=1.6 / 255)


def test_windows_are_the_hosts() -> None:
    rgb, low, high = photographs(3), torch.tensor([0.0, 3.3, 8.0]), torch.tensor([100.0, 97.1, 92.0])
    for one, found, first, last in zip(rgb, windowed(rgb, low, high), low.tolist(), high.tolist(), strict=True):
        black, white = np.percentile(as_host(one)[::4, ::4], (first, last))
        np.testing.assert_allclose(as_host(found), (as_host(one) - black) / max(white - black, 0.05), atol=1e-4)


@pytest.mark.parametrize("quality", [15, 40, 80])
def test_compression_loses_what_a_file_loses(quality: int) -> None:
    rgb = photographs(2, 75, 101)
    for one, found in zip(rgb, compressed(rgb, torch.full((2,), float(quality))), strict=True):
        file = io.BytesIO()
        Image.fromarray((as_host(one) * 255 + 0.5).astype(np.uint8)).save(file, "JPEG", quality=quality)
        wanted = np.asarray(Image.open(file), np.float32) / 255
        lost = np.abs(wanted - as_host(one)).mean()
        # Libraries enlarge the colours each in its own way, which is all that is left.
        assert np.abs(as_host(found) - wanted).mean() < 0.35 * lost
        assert np.abs(as_host(found) - as_host(one)).mean() == pytest.approx(lost, rel=0.15)


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in ("flip", "turn")])
def test_each_change_alone_is_as_strong_as_the_hosts(name: str) -> None:
    rgb = photographs(300, 32, 44)
    options = replace(NONE, **{name: 1.0})
    labels = torch.zeros(300, 1, 32, 44, dtype=torch.int32)
    changed, _ = augment_batch(rgb, labels, chance(), options)
    assert changed.dtype == torch.float32
    assert 0 <= changed.min() <= changed.max() <= 1
    rng = np.random.default_rng(0)
    theirs = np.stack([augment(as_host(one), np.zeros((32, 44)), rng, options)[0] for one in rgb])
    own = (changed - rgb).abs().mean((1, 2, 3)).numpy()
    others = np.abs(theirs - rgb.permute(0, 2, 3, 1).numpy()).mean((1, 2, 3))
    assert own.mean() == pytest.approx(others.mean(), rel=0.12)
    assert own.std() == pytest.approx(others.std(), rel=0.3)
    assert changed.std((1, 2, 3)).mean() == pytest.approx(theirs.std((1, 2, 3)).mean(), rel=0.08)


def test_probabilities_are_the_recipes() -> None:
    rgb, labels = photographs(400, 24, 24), torch.arange(24, dtype=torch.int32).expand(400, 1, 24, 24)
    same, kept = augment_batch(rgb, labels, chance(), NONE)
    assert torch.equal(same, rgb)
    assert torch.equal(kept, labels)
    changed, _ = augment_batch(rgb, labels, chance(), replace(NONE, invert=0.3))
    hit = (changed != rgb).flatten(1).any(1)
    assert float(hit.float().mean()) == pytest.approx(0.3, abs=0.07)
    assert torch.equal(changed[hit], 1 - rgb[hit])
    assert list(device_augmentation._CHANGES) == list(augmentation._CHANGES)


@pytest.mark.parametrize(("shape", "ways"), [((33, 33), 8), ((33, 45), 4)])
def test_labels_move_with_the_image_also_where_they_are_finer(shape: tuple[int, int], ways: int) -> None:
    fine = torch.zeros(96, 2, 3 * shape[0], 3 * shape[1], dtype=torch.int32)
    fine[:, 0, 9:30, 15:60] = 7
    fine[:, 1, 9:30, 15:60] = 4
    rgb = 0.2 + 0.6 * (fine[:, :1, 1::3, 1::3] == 7).float().repeat(1, 3, 1, 1)
    moved = replace(NONE, flip=0.5, turn=0.5)
    changed, labels = augment_batch(rgb, fine, chance(), moved)
    assert changed.shape == rgb.shape
    assert torch.equal(labels[:, :1, 1::3, 1::3] == 7, changed[:, :1] > 0.5)
    assert torch.equal(labels[:, 0] == 7, labels[:, 1] == 4)
    assert len({tuple(one.nonzero()[0].tolist() + one.nonzero()[-1].tolist()) for one in labels[:, 0]}) == ways


def test_changes_follow_from_the_generator_and_differ_between_samples() -> None:
    rgb = photographs(1, 40, 40).repeat(64, 1, 1, 1)
    labels = torch.zeros(64, 1, 40, 40, dtype=torch.int32)
    first, again, other = (augment_batch(rgb, labels, chance(seed))[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len({round(float(one.mean()), 5) for one in first}) > 50
