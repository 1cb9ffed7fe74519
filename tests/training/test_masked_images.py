"""Masked-image pretraining: what is hidden, what is learnt from it, and that a network learns to fill in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.methods import FAMILIES

from napari_iseg import METHODS
from napari_iseg.training.lessons import make_lesson
from napari_iseg.training.masked_images import filling_loss, hide_patches
from napari_iseg.training.recipe import DataRecipe, Recipe, Stage
from napari_iseg.training.starting_point import build_network


def stripes(batch: int = 2, side: int = 64, width: int = 8) -> torch.Tensor:
    columns = torch.arange(side) // width % 2
    return (0.2 + 0.6 * columns).expand(batch, 3, side, side).contiguous()


def test_the_share_of_patches_that_was_asked_for_is_hidden_in_the_mean_colour() -> None:
    rgb = torch.rand(3, 3, 50, 64, generator=torch.Generator().manual_seed(1))
    shown, hidden = hide_patches(rgb, 0.5, 16, np.random.default_rng(0))
    assert hidden.shape == (3, 1, 50, 64)
    for image, seen, mask in zip(rgb, shown, hidden[:, 0], strict=True):
        # Four rows of patches, the last of two pixels, in four columns.
        assert int(mask[::16, ::16].sum()) == 8
        assert all(len(mask[r : r + 16, c : c + 16].unique()) == 1 for r in range(0, 50, 16) for c in range(0, 64, 16))
        assert torch.equal(seen[:, ~mask], image[:, ~mask])
        assert torch.allclose(seen[:, mask], image.mean((1, 2))[:, None].expand(3, int(mask.sum())))
    assert not torch.equal(hidden[0], hidden[1])
    again = hide_patches(rgb, 0.5, 16, np.random.default_rng(0))[1]
    assert torch.equal(hidden, again)


def test_only_hidden_pixels_count_and_in_standard_deviations_of_their_image() -> None:
    rgb = stripes()
    hidden = torch.zeros(2, 1, 64, 64, dtype=torch.bool)
    hidden[:, :, 16:32, 16:32] = True
    right = (rgb.mean(1, keepdim=True) - 0.5) / rgb[:1, :1].std()
    assert filling_loss(right, rgb, hidden) == pytest.approx(0, abs=1e-3)
    wrong_elsewhere = torch.where(hidden, right, torch.full_like(right, 9.0))
    assert filling_loss(wrong_elsewhere, rgb, hidden) == pytest.approx(0, abs=1e-3)
    assert filling_loss(torch.where(hidden, right + 2, right), rgb, hidden) == pytest.approx(2, abs=1e-2)
    brighter = filling_loss(torch.zeros_like(right), 0.5 * rgb + 0.3, hidden)
    assert brighter == pytest.approx(float(filling_loss(torch.zeros_like(right), rgb, hidden)), abs=1e-2)


def test_a_click_network_learns_to_fill_in() -> None:
    torch.manual_seed(0)
    recipe = Recipe(
        name="masked",
        method="cfr-icl",
        network=FAMILIES[METHODS["cfr-icl"].family].configs["tiny"],
        stages=(Stage(until=1.0, size=64, batch=2),),
        data=DataRecipe(),
        seconds=1.0,
        click_slots=4,
        lesson={"masked_share": 0.5},
    )
    lesson = make_lesson(build_network(recipe), recipe)
    optimizer = torch.optim.AdamW(lesson.parameters(), lr=5e-3)
    rng, losses = np.random.default_rng(0), []
    for _ in range(60):
        loss, comparable = lesson(stripes(width=32), torch.zeros(2, 64, 64, dtype=torch.int8), rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(comparable))
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    learned = [name for name, one in lesson.named_parameters() if one.grad is not None and one.grad.abs().sum() > 0]
    assert any("backbone" in name for name in learned)
    assert any("head" in name for name in learned)
