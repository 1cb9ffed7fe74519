"""The losses against the released code's values and gradients, and against plain loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_iseg.training.losses import iterative_click_loss, normalized_focal_loss

if TYPE_CHECKING:
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
