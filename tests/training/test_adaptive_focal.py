"""The adaptive focal loss against the released code's values and gradients, and against its special cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from napari_iseg.training.adaptive_focal import AdaptiveFocal, adaptive_focal_loss

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {
    "afl_default": AdaptiveFocal(),
    "afl_g1_d02_a05": AdaptiveFocal(gamma=1, delta=0.2, alpha=0.5),
    "afl_g2_d0_a0": AdaptiveFocal(delta=0, alpha=0),
    "afl_nodetach": AdaptiveFocal(detach=False),
}


@pytest.mark.parametrize("suffix", ["", "_ign"])
@pytest.mark.parametrize("name", list(SETTINGS))
def test_plug_in_golden(shared: Path, name: str, suffix: str) -> None:
    golden = np.load(shared / "parity" / "losses_vit.npz")
    logits = torch.from_numpy(golden["logits0"]).requires_grad_()
    loss = SETTINGS[name](logits, torch.from_numpy(golden["label_ignore" if suffix else "label"]))
    loss.mean().backward()
    assert logits.grad is not None
    np.testing.assert_allclose(loss.detach().numpy(), golden[name + suffix], atol=1e-5)
    np.testing.assert_allclose(logits.grad.numpy(), golden[f"{name}{suffix}_grad"], atol=1e-8)


def test_criterion_golden(shared: Path) -> None:
    golden = np.load(shared / "parity" / "losses_vit.npz")
    logits = torch.from_numpy(golden["logits0"]).flatten(1).requires_grad_()
    loss = adaptive_focal_loss.of_masks(logits, torch.from_numpy(golden["label"]).flatten(1)).sum() / 2
    loss.backward()
    assert logits.grad is not None
    assert float(loss.detach()) == pytest.approx(float(golden["crit_afl"]), abs=1e-5)
    np.testing.assert_allclose(logits.grad.numpy(), golden["crit_afl_grad"], atol=1e-7)


def example() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(2, 1, 9, 7, generator=generator)
    return logits, (torch.rand(2, 1, 9, 7, generator=generator) < 0.3).float()


def test_without_its_two_adaptive_parts_it_is_poly_focal_and_cross_entropy() -> None:
    logits, target = example()
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    hard = 1 - (-entropy).exp()

    def plain(gamma: float, alpha: float) -> Tensor:
        loss = AdaptiveFocal(gamma=gamma, alpha=alpha, adaptive_difficulty=False, gradient_representation=False)
        return loss(logits, target)

    def mean(pixels: Tensor) -> Tensor:
        return pixels.mean(dim=(1, 2, 3))

    torch.testing.assert_close(plain(2, 0.7), mean(hard**2 * entropy + 0.7 * hard**3))
    torch.testing.assert_close(plain(2, 0), mean(hard**2 * entropy))
    torch.testing.assert_close(plain(0, 0), mean(entropy))


def test_harder_pictures_focus_harder() -> None:
    """Equation 8: eta is 0 where the object is found and 1 where it is missed altogether or absent."""
    _, target = example()
    for logits, wanted, focus in (
        (40 * (target - 0.5), target, 2.0),
        (-40 * (target - 0.5), target, 3.0),
        (40 * (target - 0.5), torch.zeros_like(target), 3.0),
    ):
        certainty = 1 - (wanted - logits.sigmoid()).abs()
        found = adaptive_focal_loss._focus(certainty.flatten(1), (wanted > 0.5).flatten(1))
        torch.testing.assert_close(found, torch.full((2, 1), focus), atol=1e-4, rtol=0)


def test_ignored_pixels_change_nothing() -> None:
    logits, target = example()
    target[..., :4, :] = -1
    changed = logits.clone()
    changed[..., :4, :] += 3
    torch.testing.assert_close(adaptive_focal_loss(logits, target), adaptive_focal_loss(changed, target))
    nothing = adaptive_focal_loss(logits, torch.full_like(target, -1))
    assert nothing.tolist() == [0, 0]


@pytest.mark.parametrize("detach", [True, False])
def test_gradients_are_finite_where_every_pixel_is_certain(detach: bool) -> None:
    _, target = example()
    logits = (200 * (target - 0.5)).requires_grad_()
    target[0, 0, :3] = -1
    AdaptiveFocal(detach=detach)(logits, target).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
