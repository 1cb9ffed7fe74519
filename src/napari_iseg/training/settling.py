"""Statistics of batch norms that belong to averaged weights.

Wu and Johnson, Rethinking "Batch" in BatchNorm, 2021, section 3: "precise" statistics, computed anew with the weights
as they are, instead of averages over weights as they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from napari_iseg.training.lessons import make_lesson
from napari_iseg.training.stream import seed_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightning_fabric import Fabric
    from torch import Tensor, nn

    from napari_iseg.training.recipe import Recipe

__all__ = ["BATCHES", "settle_norms"]

BATCHES = 24
"""Batches that the statistics are means of."""


def settle_norms(
    network: nn.Module, recipe: Recipe, batches: Iterator[tuple[Tensor, ...]], fabric: Fabric, *, step: int
) -> None:
    """Give a network's batch norms the statistics that its present weights make, without changing a weight.

    Norms that nothing of the recipe trains keep theirs. Without any to settle no batch is drawn.

    Parameters
    ----------
    network
        With averaged weights.
    recipe
        Its lesson says what the network is asked.
    batches
        What it is asked about; the first 24 are taken.
    fabric
        Where and in which precision.
    step
        At which the run ended; the lesson's chance follows from it and the recipe's seed.
    """
    lesson = make_lesson(network, recipe)
    norms = [
        module
        for module in network.modules()
        if isinstance(module, _BatchNorm) and any(one.requires_grad for one in module.parameters())
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    lesson.train()
    for norm in norms:
        norm.reset_running_stats()
        # The plain mean of all batches to come.
        norm.momentum = None
    with torch.no_grad(), fabric.autocast():
        for number in range(BATCHES):
            rgb, target, *rest = next(batches)
            lesson(rgb, target, seed_step(recipe.seed, step + number, fabric.global_rank), *rest)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
