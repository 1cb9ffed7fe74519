"""FocalClick's training geometry: where crops lie, how masks and clicks move into them, and the sum of losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_iseg.training.boundary import boundary_target
from napari_iseg.training.focus import (
    crop_image,
    crop_mask,
    focal_click_loss,
    focus_points,
    random_target_crop,
    simulated_focus,
    worth_training_on,
)
from napari_iseg.training.losses import boundary_weighted_focal_loss, normalized_focal_loss, sigmoid_cross_entropy


def disc(radius: float, shape: tuple[int, int] = (201, 256)) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(rows - 90, columns - 120) <= radius


def test_a_small_object_is_always_shown_nearly_whole() -> None:
    mask, rng = disc(25), np.random.default_rng(0)
    for _ in range(50):
        top, bottom, left, right = simulated_focus(mask, rng)
        assert 51 <= bottom - top <= 82
        assert 51 <= right - left <= 82
        assert mask[top:bottom, left:right].sum() > 0.4 * mask.sum()


def test_of_large_objects_two_in_five_show_a_piece_of_the_outline() -> None:
    mask, rng = disc(60), np.random.default_rng(1)
    pieces = 0
    for _ in range(400):
        top, bottom, left, right = simulated_focus(mask, rng)
        assert 0 <= top < bottom <= 201
        assert 0 <= left < right <= 256
        cut = mask[top:bottom, left:right]
        assert cut.any()
        whole = bottom - top >= 1.1 * 121 - 2 or top == 0 or bottom == 201
        piece = bottom - top <= 201 / 1.5 + 1 and not cut.all() and (bottom - top) * 1.5 < 201 and not whole
        pieces += piece
    assert 0.2 < pieces / 400 < 0.45


def test_only_the_largest_part_counts_and_tiny_ones_get_32_pixels() -> None:
    mask = np.zeros((120, 170), bool)
    mask[60:65, 80:84] = True
    mask[5, 5] = True
    rng = np.random.default_rng(0)
    for _ in range(30):
        top, bottom, left, right = simulated_focus(mask, rng)
        assert 31 <= bottom - top <= 33
        assert 31 <= right - left <= 33
        assert abs((top + bottom) / 2 - 62.5) <= 11
    with pytest.raises(ValueError, match="empty"):
        simulated_focus(np.zeros((9, 9), bool), rng)


def test_an_object_that_fills_the_crop_has_a_focus() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        top, bottom, left, right = simulated_focus(np.ones((90, 70), bool), rng)
        assert 0 <= top < bottom <= 90
        assert 0 <= left < right <= 70


def test_target_crops_have_the_published_sizes_and_may_leave_the_image() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array([random_target_crop((200, 300), rng) for _ in range(400)])
    shares = np.stack([(boxes[:, 1] - boxes[:, 0]) / 200, (boxes[:, 3] - boxes[:, 2]) / 300], axis=1)
    assert shares.min() >= 0.3 - 0.003
    assert shares.max() <= 1.3 + 0.003
    np.testing.assert_allclose(shares.mean(axis=0), 0.8, atol=0.04)
    larger = shares[:, 0] > 1
    assert larger.any()
    assert (boxes[larger, 0] <= 0).all()
    assert (boxes[larger, 1] >= 200).all()
    assert (boxes[~larger, 0] >= 0).all()
    assert (boxes[~larger, 1] <= 200).all()


def test_crops_are_padded_with_zeros_and_resized() -> None:
    image = torch.ones(2, 6, 8)
    image[1, :, 4:] = 3
    assert torch.equal(crop_image(image, (0, 6, 0, 8), (6, 8)), image)
    wide = crop_image(image, (-2, 8, 4, 10), (10, 6))
    assert wide[1, 2:8, :4].unique().tolist() == [3.0]
    assert wide[:, :2].abs().max() == 0
    assert wide[:, :, 4:].abs().max() == 0
    half = crop_image(image, (0, 6, 2, 6), (3, 2))
    assert half[1].unique().tolist() == [1.0, 3.0]


def test_masks_are_resized_like_grey_images() -> None:
    mask = torch.zeros(1, 4, 4)
    mask[0, :2, :2] = 1
    mask[0, 3, 3] = -1
    assert crop_mask(mask, (0, 4, 0, 4), (8, 8))[0].sum() == 16
    # Half black, half white is grey level 128: not above it.
    assert crop_mask(mask, (1, 3, 0, 2), (1, 1)).item() == 0
    assert crop_mask(mask, (0, 2, 0, 2), (1, 1)).item() == 1


def test_clicks_move_with_the_focus_and_unused_ones_stay_unused() -> None:
    points = np.array([[[50, 60, 1], [10, 10, 2], [-1, -1, -1]]], np.float32)
    moved = focus_points(points, (40, 72, 50, 114), (256, 256))
    assert moved[0].tolist() == [[80, 40, 1], [-240, -160, 2], [-1, -1, -1]]


def test_objects_of_a_fair_size_are_worth_training_on() -> None:
    assert worth_training_on(disc(40))
    assert not worth_training_on(disc(12))
    assert not worth_training_on(np.ones((256, 256), bool))


def test_the_loss_is_the_published_sum_and_reaches_every_head() -> None:
    generator = torch.Generator().manual_seed(0)
    coarse, auxiliary = (torch.randn(2, 1, 64, 80, generator=generator, requires_grad=True) for _ in range(2))
    refined, boundary = (torch.randn(2, 1, 32, 32, generator=generator, requires_grad=True) for _ in range(2))
    target = torch.zeros(2, 1, 64, 80, dtype=torch.int8)
    target[:, :, 20:44, 30:61] = 1
    boxes = [(10, 42, 20, 52), (0, 64, 0, 80)]
    loss = focal_click_loss(coarse, refined, boundary, target, boxes, auxiliary=auxiliary)
    loss.backward()
    for logits in (coarse, auxiliary, refined, boundary):
        assert logits.grad is not None
        assert logits.grad.abs().max() > 0
    with torch.no_grad():
        rims = boundary_target(target)
        wanted = torch.stack([crop_mask(target[i].float(), boxes[i], (32, 32)) for i in range(2)])
        rim = torch.stack([crop_mask(rims[i], boxes[i], (32, 32)) for i in range(2)])
        assert torch.equal(wanted[0, 0], target[0, 0, 10:42, 20:52].float())
        expected = normalized_focal_loss(coarse, target).mean() + boundary_weighted_focal_loss(refined, wanted, rim)
        expected += torch.nn.functional.binary_cross_entropy_with_logits(boundary, rim)
        without = focal_click_loss(coarse, refined, boundary, target, boxes)
        assert float(without) == pytest.approx(float(expected))
        auxiliary_loss = float(sigmoid_cross_entropy(auxiliary, target).mean())
        assert float(loss) - float(without) == pytest.approx(0.4 * auxiliary_loss, rel=1e-4)
