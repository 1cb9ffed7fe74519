"""What an adaptation is not to touch stays as it was to the last bit, the statistics of norms included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.methods import SMALL, seed_weights
from tests.training.test_adapting import example
from torch import nn

from napari_iseg.training.adapting import _Run
from napari_iseg.training.frozen import choose_parts

if TYPE_CHECKING:
    from pathlib import Path

    from napari_iseg.models.families import Family

METHODS_OF = {
    "FocalClick": "focalclick",
    "FocalClick-HRNet": "focalclick",
    "RITM": "ritm",
    "FocalClick-XL": "focalclick-xl",
}
NORMED = [(METHODS_OF[name], family, config) for name, family, config in SMALL if name in METHODS_OF]


@pytest.mark.parametrize(("method", "family", "config"), NORMED, ids=[name for name, *_ in SMALL if name in METHODS_OF])
@pytest.mark.parametrize("parts", ["prompts", "head"])
def test_nothing_but_the_chosen_parts_moves(
    method: str, family: Family, config: Any, parts: str, tmp_path: Path
) -> None:
    network = family.build(config)
    seed_weights(network)
    family.save(tmp_path / "tiny.safetensors", network, {}, exact=True)
    seen: list[Any] = []
    run = _Run(
        [example("a"), example("b")],
        method,
        tmp_path / "tiny.safetensors",
        parts,
        60.0,
        40.0,
        "cpu",
        np.random.default_rng(0),
        seen.append,
        lambda: bool(seen) and seen[-1].samples >= 16,
    )
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    assert run._learn(60.0)
    named = (*family.prompt_layers, *(family.head if parts == "head" else ()))
    for after in (run.network.state_dict(), run.average.module.state_dict()):
        moved = {name for name, value in after.items() if not torch.equal(before[name], value)}
        assert moved
        assert {name for name in moved if not name.startswith(named)} == set()


def test_what_is_frozen_answers_while_training_as_it_does_afterwards() -> None:
    _, family, config = NORMED[0]
    network = family.build(config)
    seed_weights(network)
    backbone = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    maps = torch.randn(3, backbone.num_features, 5, 7, generator=torch.Generator().manual_seed(0))
    wanted = backbone.eval()(maps)
    for parameter in backbone.parameters():
        parameter.requires_grad_(False)
    choose_parts(network, family, "all")
    network.train()
    assert torch.equal(backbone(maps), wanted)
