"""Soft targets: coverage of pixels by labels, tri-maps as training simulates them, and patches along rims."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_iseg.inference.trimap import BACKGROUND, OBJECT, UNKNOWN
from napari_iseg.training.data import Crops, Picture
from napari_iseg.training.losses import alpha_loss
from napari_iseg.training.mattes import cut_patches, hard_alpha, simulated_trimap
from napari_iseg.training.recipe import DataRecipe
from napari_iseg.training.soft_targets import coverage, hard_target


def disc(side: int, radius: float) -> np.ndarray:
    places = np.arange(side) + 0.5 - side / 2
    return np.hypot(places[:, None], places) <= radius


def test_coverage_is_the_share_of_a_pixel_under_the_object() -> None:
    inside = np.zeros((12, 20), bool)
    inside[2:10, 5:20] = True
    ignored = np.zeros_like(inside)
    ignored[11, 0] = True
    alpha = coverage(inside, ignored, 4)
    assert alpha.shape == (3, 5)
    assert alpha.dtype == np.float32
    np.testing.assert_allclose(alpha[0], [0, 0.5 * 0.75, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(alpha[1], [0, 0.75, 1, 1, 1])
    assert alpha[2, 0] == -1
    fine = coverage(disc(400, 130), np.zeros((400, 400), bool), 4)
    assert fine.sum() == pytest.approx(np.pi * (130 / 4) ** 2, rel=2e-3)


def test_a_magnified_edge_is_as_wide_as_the_pixels_it_came_from() -> None:
    inside = np.zeros((60, 60), bool)
    inside[:, 30:] = True
    sharp, wide = (coverage(inside, np.zeros_like(inside), 2, pixel=pixel) for pixel in (1, 10))
    assert set(np.unique(sharp)) == {0, 1}
    assert ((wide[5] > 0) & (wide[5] < 1)).sum() == 6
    assert (np.diff(wide[5]) >= 0).all()


def test_the_target_of_alpha_is_where_it_passes_a_half() -> None:
    alpha = np.array([[0.2, 0.7, -1], [0.0, 0.5, 1.0]], np.float32)
    np.testing.assert_array_equal(hard_target(alpha), [[0, 1, -1], [0, 0, 1]])
    thin = np.array([[0.1, 0.3, 0.2]], np.float32)
    np.testing.assert_array_equal(hard_target(thin), [[0, 1, 0]])


@pytest.mark.parametrize("side", [60, 700])
def test_alpha_of_crops_lies_on_the_images_own_rims(side: int) -> None:
    inside = disc(side, 0.3 * side)
    rgb = np.repeat(np.where(inside, 220, 30).astype(np.uint8)[..., None], 3, axis=2)
    box = tuple(int(edge) for edge in (0.2 * side, 0.8 * side) * 2)
    picture = Picture(rgb, inside.astype(np.int32), {1: box})
    recipe = DataRecipe(weights={"procedural": 0.0}, soft_factor=3)
    stream = iter(Crops({"discs": [picture]}, recipe, size=48, seed=0))
    agreed = []
    for _ in range(12):
        image, target, alpha = next(stream)
        assert alpha.shape == target.shape == (48, 48)
        assert torch.equal(target == 1, alpha > 0.5)
        rim = (alpha > 0.02) & (alpha < 0.98)
        assert rim.any()
        grey = image.mean(dim=0)
        light, dark = grey[alpha > 0.99].median(), grey[alpha == 0].median()
        # Gamma and blur bend the ramp; they do not move it.
        agreed.append(float((((grey - dark) / (light - dark) > 0.5) == (alpha > 0.5)).float().mean()))
    assert np.median(agreed) > 0.985


def test_generated_crops_have_fractions() -> None:
    recipe = DataRecipe(soft_factor=2, generated_scale=2.0)
    stream = iter(Crops({}, recipe, size=40, seed=1))
    shares = [float(((a > 0.02) & (a < 0.98)).float().mean()) for _, _, a in (next(stream) for _ in range(6))]
    assert min(shares) > 0


@pytest.mark.parametrize("seed", range(10))
def test_trimaps_leave_the_rim_unknown_and_are_right_elsewhere(seed: int) -> None:
    alpha = coverage(disc(512, 150), np.zeros((512, 512), bool), 4)
    labels = simulated_trimap(alpha, np.random.default_rng(seed))
    assert labels.dtype == np.uint8
    unknown = labels == UNKNOWN
    assert unknown[(alpha > 0.3) & (alpha < 0.7)].mean() > 0.95
    reach = 25 * 128 / 256 + 4
    assert 0 < unknown.sum() < 2 * np.pi * 37.5 * 2 * (reach + 1)
    wrong = ((labels == OBJECT) & (alpha < 0.5)) | ((labels == BACKGROUND) & (alpha > 0.5))
    assert not wrong.any()
    assert (labels == OBJECT).any()
    assert (labels == BACKGROUND).any()


def test_a_patch_without_a_rim_is_certain() -> None:
    labels = simulated_trimap(np.ones((32, 32), np.float32), np.random.default_rng(0))
    assert (labels == OBJECT).all()


def test_patches_hold_the_rim_and_ignore_what_is_ignored() -> None:
    target = torch.from_numpy(disc(128, 40).astype(np.int8))[None].repeat(2, 1, 1)
    target[1, :, 64:] = -1
    rgb = (target == 1)[:, None].repeat(1, 3, 1, 1).float()
    patches = cut_patches(rgb, hard_alpha(target), 64, np.random.default_rng(0), count=3)
    assert patches.rgb.shape == (6, 3, 64, 64)
    assert patches.trimap.shape == (6, 3, 64, 64)
    assert patches.alpha.shape == (6, 1, 64, 64)
    assert torch.equal(patches.trimap.sum(dim=1), torch.ones(6, 64, 64))
    assert (patches.trimap[:3, 2].sum(dim=(1, 2)) > 0).all()
    assert (patches.alpha[:3] >= 0).all()
    counted = patches.alpha >= 0
    assert not counted.all()
    torch.testing.assert_close(patches.rgb[:3, :1], patches.alpha[:3])


def test_the_networks_own_doubts_are_looked_at_and_its_errors_are_not_blamed_on_details() -> None:
    inside = disc(128, 40)
    answers = np.where(inside, 0.98, 0.02).astype(np.float32)[None]
    answers[0, 60:70, 20:30] = 0.5
    answers[0, 40:60, 10:40] = 0.01
    target = torch.from_numpy(inside.astype(np.int8))[None]
    rgb = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    patches = cut_patches(
        rgb, hard_alpha(target), 64, np.random.default_rng(0), count=8, answers=answers, own_share=1.0
    )
    assert (patches.trimap[:, 2].sum(dim=(1, 2)) > 0).all()
    sure_background = patches.trimap[:, 1] > 0
    assert (patches.alpha[:, 0][sure_background] <= 0.5).all()
    assert (patches.alpha < 0).any()


def test_ignored_alpha_costs_nothing() -> None:
    alpha, wanted = torch.full((1, 1, 4, 4), 0.5), torch.zeros(1, 1, 4, 4)
    unknown = torch.zeros_like(alpha)
    unknown[..., :2] = 1
    assert float(alpha_loss(alpha, wanted, unknown)) == pytest.approx(0.25 * 3)
    wanted[..., :2] = -1
    assert float(alpha_loss(alpha, wanted, unknown)) == pytest.approx(0.25)
    assert float(alpha_loss(alpha, torch.full_like(alpha, -1), unknown)) == 0


def test_own_trimaps_leave_open_only_a_band_along_the_outline() -> None:
    target = torch.zeros(1, 128, 128, dtype=torch.int8)
    target[:, :, :64] = 1
    # Sure on the left, unsure of all the rest.
    answers = np.full((1, 128, 128), 0.3, np.float32)
    answers[:, :, :64] = 0.99
    rgb = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    shares = []
    for band in (0.0, 0.05):
        patches = cut_patches(
            rgb,
            hard_alpha(target),
            64,
            np.random.default_rng(0),
            count=8,
            answers=answers,
            own_share=1.0,
            band=band,
        )
        shares.append(float(patches.trimap[:, 2].mean()))
        assert float(patches.trimap[:, 2].amax()) == 1
    assert shares[1] < 0.25 < shares[0]
