"""The losses against the released code's values and gradients, and against plain loops."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_iseg.training.boundary import boundary_target
from napari_iseg.training.losses import (
    alpha_loss,
    boundary_weighted_focal_loss,
    focal_loss,
    iterative_click_loss,
    normalized_focal_loss,
    sigmoid_cross_entropy,
)
from napari_iseg.training.overlap_losses import dice_loss, soft_iou_loss

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "alpha", "label"),
    [
        ("nfl_a05_g2", 0.5, "label"),
        ("nfl_default", 0.25, "label"),
        ("nfl_a05_g2_ign", 0.5, "label_ignore"),
        ("nfl_default_ign", 0.25, "label_ignore"),
    ],
)
def test_normalized_focal_loss_golden(shared: Path, name: str, alpha: float, label: str) -> None:
    golden = np.load(shared / "parity" / "losses_vit.npz")
    logits = torch.from_numpy(golden["logits0"]).requires_grad_()
    loss = normalized_focal_loss(logits, torch.from_numpy(golden[label]).float(), alpha=alpha)
    loss.mean().backward()
    np.testing.assert_allclose(loss.detach(), golden[name], atol=1e-5)
    np.testing.assert_allclose(logits.grad, golden[f"{name}_grad"], atol=1e-5)


def half(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return normalized_focal_loss(logits, target, alpha=0.5)


def through(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return normalized_focal_loss(logits, target, alpha=0.5, detach_scale=False)


@pytest.mark.parametrize("label", ["", "_ign"])
@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("nfl_a05_g2", half),
        ("nfl_nodetach", through),
        ("focal_default", focal_loss),
        ("softiou", soft_iou_loss),
        ("bce", sigmoid_cross_entropy),
    ],
)
def test_losses_of_the_vit_code_golden(
    shared: Path, name: str, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], label: str
) -> None:
    golden = np.load(shared / "parity" / "losses_vit.npz")
    logits = torch.from_numpy(golden["logits0"]).requires_grad_()
    target = torch.from_numpy(golden["label_ignore" if label else "label"])
    value = loss(logits, target)
    value.mean().backward()
    np.testing.assert_allclose(value.detach(), golden[name + label], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(logits.grad, golden[f"{name}{label}_grad"], atol=1e-8)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("dice", dice_loss),
        ("bce", sigmoid_cross_entropy),
        ("focal", focal_loss),
        ("nfl", partial(normalized_focal_loss, alpha=0.25)),
    ],
)
def test_criterion_terms_golden(
    shared: Path, name: str, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> None:
    """The criterion sums over its masks and divides by how many it should have found: two."""
    golden = np.load(shared / "parity" / "losses_vit.npz")
    logits = torch.from_numpy(golden["logits0"]).requires_grad_()
    value = loss(logits, torch.from_numpy(golden["label"])).sum() / 2
    value.backward()
    assert logits.grad is not None
    assert float(value.detach()) == pytest.approx(float(golden[f"crit_{name}"]), rel=1e-6)
    np.testing.assert_allclose(logits.grad.flatten(1), golden[f"crit_{name}_grad"], atol=1e-8)


@pytest.mark.parametrize(("name", "label"), [("plain", "label"), ("ignore", "label_ignore")])
def test_losses_of_the_ritm_code_golden(shared: Path, name: str, label: str) -> None:
    golden = np.load(shared / "parity" / "losses_ritm_focal.npz")
    logits = torch.from_numpy(golden["logit"]).requires_grad_()
    target = torch.from_numpy(golden[label])
    loss = normalized_focal_loss(logits, target)
    loss.mean().backward()
    assert logits.grad is not None
    np.testing.assert_allclose(loss.detach(), golden[f"nfl_{name}"], rtol=1e-6)
    np.testing.assert_allclose(logits.grad[..., ::4, ::4], golden[f"nfl_grad_s4_{name}"], atol=1e-9)
    np.testing.assert_allclose(sigmoid_cross_entropy(logits, target).detach(), golden[f"bce_{name}"], rtol=1e-6)


def test_boundary_losses_golden(shared: Path) -> None:
    golden = np.load(shared / "parity" / "losses_ritm_focal.npz")
    logits = torch.from_numpy(golden["logit"]).requires_grad_()
    target = torch.from_numpy(golden["label"])
    boundary = boundary_target(target)
    np.testing.assert_array_equal(boundary, golden["boundary_target"])
    loss = boundary_weighted_focal_loss(logits, target, boundary)
    loss.backward()
    assert logits.grad is not None
    assert float(loss.detach()) == pytest.approx(float(golden["wnfl_boundary"]), rel=1e-6)
    np.testing.assert_allclose(logits.grad[..., ::4, ::4], golden["wnfl_grad_s4"], atol=1e-9)
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, boundary)
    assert float(plain.detach()) == pytest.approx(float(golden["bce_boundary_logits"]), rel=1e-6)


def test_the_boundary_of_a_square_is_a_band_around_its_rim() -> None:
    mask = torch.zeros(1, 1, 67, 81)
    mask[..., 21:45, 19:52] = 1
    boundary = boundary_target(mask)[0, 0]
    assert boundary.unique().tolist() == [0.0, 1.0]
    assert boundary[33, 35] == 0
    assert boundary[5, 5] == 0
    assert boundary[21, 19] == 1
    assert 0 < boundary.mean() < 0.4


def test_a_thin_line_is_boundary_altogether_and_nothing_has_none() -> None:
    mask = torch.zeros(2, 1, 40, 48)
    mask[0, :, 20] = 1
    boundary = boundary_target(mask)
    assert (boundary[0, 0, 18:23] == 1).all()
    assert boundary[0].sum() == 5 * 48
    assert boundary[1].sum() == 0
    with pytest.raises(ValueError, match="7 x 48"):
        boundary_target(mask[..., :7, :])


def test_an_unknown_pixel_of_a_matte_weighs_five_times() -> None:
    alpha = torch.tensor([[[[0.5, 0.25], [1.0, 0.0]]]], requires_grad=True)
    target = torch.tensor([[[[1.0, 0.25], [0.5, 0.0]]]])
    unknown = torch.tensor([[[[1, 1], [0, 0]]]])
    loss = alpha_loss(alpha, target, unknown)
    assert float(loss.detach()) == pytest.approx((5 * 0.25 + 0.25) / 4)
    loss.backward()
    assert alpha.grad is not None
    torch.testing.assert_close(alpha.grad.flatten(), torch.tensor([-5.0, 0.0, 1.0, 0.0]) / 4)


def test_overlap_losses_of_perfect_and_empty_answers() -> None:
    target = torch.zeros(2, 1, 6, 9)
    target[0, 0, 1:4, 2:7] = 1
    right = (target * 2 - 1) * 40
    assert soft_iou_loss(right, target).tolist() == pytest.approx([0.0, 1.0], abs=1e-6)
    assert dice_loss(right, target).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert float(dice_loss(-right, target)[0]) == pytest.approx(1 - 1 / (39 + 15 + 1), abs=1e-6)


@pytest.mark.parametrize("terms", [1, 2, 3])
def test_iterative_click_loss_golden(shared: Path, terms: int) -> None:
    golden = np.load(shared / "parity" / "losses_vit.npz")
    answers = [torch.from_numpy(golden[f"logits{i}"]) for i in range(terms)]
    loss = iterative_click_loss(answers, torch.from_numpy(golden["label"]).float())
    assert float(loss) == pytest.approx(float(golden[f"icl_total_n{terms}"]), abs=1e-5)


def test_normalized_focal_loss_by_hand() -> None:
    rng = np.random.default_rng(5)
    logits, target = rng.normal(size=(5, 7)), rng.integers(-1, 2, (5, 7))
    probability = 1 / (1 + np.exp(-logits))
    valid = [(p, y) for p, y in zip(probability.flat, target.flat, strict=True) if y != -1]
    certainty = [p if y == 1 else 1 - p for p, y in valid]
    scale = len(valid) / sum((1 - c) ** 2 for c in certainty)
    expected = sum(-0.5 * scale * (1 - c) ** 2 * np.log(c) for c in certainty) / len(valid)
    loss = normalized_focal_loss(torch.from_numpy(logits)[None, None], torch.from_numpy(target)[None, None])
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_ignored_pixels_have_no_gradient() -> None:
    logits = torch.randn(1, 1, 6, 9, generator=torch.Generator().manual_seed(0), requires_grad=True)
    target = torch.ones(1, 1, 6, 9)
    target[..., :4] = -1
    normalized_focal_loss(logits, target).sum().backward()
    assert logits.grad is not None
    assert logits.grad[..., :4].abs().max() == 0
    assert logits.grad[..., 4:].abs().min() > 0


def test_later_answers_weigh_more() -> None:
    answer = torch.zeros(2, 1, 5, 6)
    target = torch.ones(2, 1, 5, 6)
    single = float(iterative_click_loss([answer], target))
    assert float(iterative_click_loss([answer] * 3, target)) == pytest.approx(6 * single)
    with pytest.raises(ValueError, match="weights"):
        iterative_click_loss([answer] * 4, target)
