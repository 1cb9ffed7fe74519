"""Statistics of norms for averaged weights: plain means over batches, and no weight moves."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
import torch
from tests.training.running import RECIPE

from napari_iseg.models.focalclick import FAMILY
from napari_iseg.training.devices import open_fabric
from napari_iseg.training.settling import BATCHES, settle_norms

if TYPE_CHECKING:
    from collections.abc import Iterator

FOCALCLICK = replace(RECIPE, method="focalclick", network=FAMILY.configs["tiny"], sampled_passes=(0, 1))


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    target = torch.zeros(4, 64, 64, dtype=torch.int8)
    target[:, 16:48, 20:52] = 1
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)), target


def test_norms_get_the_mean_of_what_they_see_and_no_weight_moves() -> None:
    torch.manual_seed(0)
    network = FAMILY.build(FOCALCLICK.network)
    norm = network.refiner.image_conv1.norm
    with torch.no_grad():
        norm.running_mean.fill_(77.0)
    seen: list[torch.Tensor] = []
    norm.register_forward_hook(lambda module, given, answer: seen.append(given[0].float().mean((0, 2, 3))))
    before = {name: value.clone() for name, value in network.named_parameters()}
    settle_norms(network, FOCALCLICK, repeat(batch()), open_fabric("cpu"), step=7)
    assert len(seen) == BATCHES
    torch.testing.assert_close(norm.running_mean, torch.stack(seen).mean(0), atol=2e-3, rtol=1e-2)
    assert all(torch.equal(value, before[name]) for name, value in network.named_parameters())
    assert norm.momentum == 0.1
    assert not network.training


def test_it_is_the_same_each_time() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(0)
        network = FAMILY.build(FOCALCLICK.network)
        torch.manual_seed(int(np.random.default_rng().integers(2**31)))
        settle_norms(network, FOCALCLICK, repeat(batch()), open_fabric("cpu"), step=7)
        states.append(network.state_dict())
    assert all(torch.equal(states[0][name], value) for name, value in states[1].items())


def test_without_such_norms_no_batch_is_drawn() -> None:
    drawn = []

    def batches() -> Iterator[tuple[torch.Tensor, ...]]:
        drawn.append(1)
        yield batch()

    settle_norms(RECIPE.family.build(RECIPE.network), RECIPE, batches(), open_fabric("cpu"), step=0)
    assert not drawn
