"""Targets, matching and set losses against the released code's values, and what they promise."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_iseg.models.adaptiveclick import FAMILY
from napari_iseg.models.query_decoder import QueryAnswer
from napari_iseg.training.matching import SetCriterion, Targets, _dice, make_targets, mask_cost, match

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def golden(shared: Path) -> dict[str, torch.Tensor]:
    arrays = np.load(shared / "parity" / "losses_vit.npz")
    return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays.files if name.startswith("sc_")}


def test_upstream_targets_golden(golden: dict[str, torch.Tensor]) -> None:
    targets = make_targets(golden["sc_gt"][:, None], (12, 12), upstream=True)
    reduced = golden["sc_gt_down"]
    for number, target in enumerate(targets):
        # Every value above the smallest is a target: its class the whole part, its mask the pixels of that whole part.
        values = reduced[number].unique()[1:]
        assert torch.equal(target.masks, torch.stack([(reduced[number].floor() == v.floor()).float() for v in values]))
        assert torch.equal(target.labels, golden[f"sc_labels{number}"])
        assert torch.equal(target.masks.sum(dim=(1, 2)), golden[f"sc_target_area{number}"])


def test_clean_targets_golden(golden: dict[str, torch.Tensor]) -> None:
    """One target an image: what is at least half inside after the released code's own reduction."""
    for target, reduced in zip(make_targets(golden["sc_gt"][:, None], (12, 12)), golden["sc_gt_down"], strict=True):
        assert target.labels.tolist() == [1]
        assert torch.equal(target.masks[0], (reduced >= 0.5).float())


def test_matching_golden(golden: dict[str, torch.Tensor]) -> None:
    targets = make_targets(golden["sc_gt"][:, None], (12, 12), upstream=True)
    logits, masks = golden["sc_pred_masks"][0].flatten(1), targets[0].masks.flatten(1)
    torch.testing.assert_close(mask_cost(logits, masks), golden["sc_cost_mask0"], atol=1e-5, rtol=0)
    torch.testing.assert_close(_dice(logits[:, None], masks[None]), golden["sc_cost_dice0"], atol=1e-5, rtol=0)
    for number, target in enumerate(targets):
        found = match(golden["sc_pred_logits"][number], golden["sc_pred_masks"][number], target)
        assert torch.equal(torch.stack(found), golden[f"sc_match{number}"])


def test_set_loss_golden(golden: dict[str, torch.Tensor]) -> None:
    levels = [
        *(QueryAnswer(*pair) for pair in zip(golden["sc_aux_logits"], golden["sc_aux_masks"], strict=True)),
        QueryAnswer(golden["sc_pred_logits"], golden["sc_pred_masks"]),
    ]
    loss = SetCriterion().of_levels(levels, make_targets(golden["sc_gt"][:, None], (12, 12), upstream=True))
    for part, name in ((loss.classes, "ce"), (loss.masks, "mask"), (loss.dice, "dice")):
        expected = torch.stack([golden[f"sc_loss_{name}{suffix}"] for suffix in ("_0", "_1", "")])
        torch.testing.assert_close(part, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(loss.total, golden["sc_total"], atol=1e-5, rtol=0)


def disc(rows: int = 64, columns: int = 96) -> torch.Tensor:
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return (((row - 30) ** 2 + (column - 50) ** 2) < 400).float()[None, None]


def test_a_clean_target_is_the_object_alone() -> None:
    target = disc()
    target[..., :4, :4] = -1
    (found,) = make_targets(target, (16, 24))
    assert found.labels.tolist() == [1]
    assert found.masks.shape == (1, 16, 24)
    assert found.masks.sum() == pytest.approx(float(disc().sum()) / 16, rel=0.1)
    assert found.masks[0, 0, 0] == 0
    (nothing,) = make_targets(torch.zeros(1, 1, 64, 96), (16, 24))
    assert nothing.labels.tolist() == []
    assert nothing.masks.shape == (0, 16, 24)


def test_matching_finds_the_cheapest_of_all_assignments() -> None:
    generator = torch.Generator().manual_seed(0)
    classes, logits = torch.randn(4, 2, generator=generator), torch.randn(4, 5, 6, generator=generator)
    target = Targets(torch.tensor([1, 0, 1]), (torch.rand(3, 5, 6, generator=generator) < 0.4).float())
    cost = (
        -2 * classes.softmax(-1)[:, target.labels]
        + 5 * mask_cost(logits.flatten(1), target.masks.flatten(1))
        + 5 * _dice(logits.flatten(1)[:, None], target.masks.flatten(1)[None])
    )
    best = min(permutations(range(4), 3), key=lambda queries: float(cost[list(queries), [0, 1, 2]].sum()))
    queries, chosen = match(classes, logits, target)
    assert dict(zip(chosen.tolist(), queries.tolist(), strict=True)) == dict(enumerate(best))


@pytest.mark.parametrize("upstream", [True, False])
def test_the_network_learns_from_it(upstream: bool) -> None:
    torch.manual_seed(0)
    network = FAMILY.build(FAMILY.configs["tiny"])
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    target = disc(64, 64)
    image = torch.cat([0.2 + 0.6 * target.expand(-1, 3, -1, -1), torch.zeros_like(target)], dim=1)
    points = torch.tensor([[[30.0, 50.0, 0.0], [-1.0, -1.0, -1.0]]])
    criterion = SetCriterion(upstream_targets=upstream)
    losses = []
    for _ in range(12):
        loss = criterion(network.answer(image, points), target)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
        losses.append(float(loss.total.detach()))
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.7 * losses[0]


def test_an_image_without_an_object_teaches_classes_only() -> None:
    network = FAMILY.build(FAMILY.configs["tiny"])
    loss = SetCriterion()(network.answer(torch.rand(2, 4, 64, 64), torch.zeros(2, 2, 3)), torch.zeros(2, 1, 64, 64))
    loss.total.backward()
    assert not loss.masks.any()
    assert not loss.dice.any()
    assert loss.classes.min() > 0
