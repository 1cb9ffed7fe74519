"""AdaptiveClick's network: goldens, sizes, click attention, released names and gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.models.test_simpleclick import released_module
from torch import Tensor

from napari_iseg.models.adaptiveclick import (
    FAMILY,
    AdaptiveClick,
    _blocked,
    _cells_with_clicks,
    implied_config,
    translate_upstream,
)
from napari_iseg.models.query_decoder import QueryAnswer, open_blocked_rows

if TYPE_CHECKING:
    from pathlib import Path

TINY = FAMILY.configs["tiny"]


def released_state(shared: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return a released model's state dict and constructor parameters, with the fixtures' weights."""
    seeded = released_module(shared)
    manifest = seeded.load_manifest(shared / "parity" / f"{name}.manifest.json")
    state = {key: torch.from_numpy(array) for key, array in seeded.seeded_state(manifest).items()}
    return state, {"cfg": manifest["config"], "norm_radius": 5}


def released_network(shared: Path, name: str) -> AdaptiveClick:
    """Return a released model with the fixtures' weights, through the released-file door."""
    assert FAMILY.from_upstream is not None
    config, state = FAMILY.from_upstream(*released_state(shared, name))
    network = AdaptiveClick(config)
    network.load_state_dict(state)
    return network.eval()


def tiny_network(seed: int = 0) -> AdaptiveClick:
    """Return the tiny network with weights that are all off their starting values."""
    network = AdaptiveClick(TINY)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            fan = weight[0].numel() if weight.ndim > 1 else 25
            values = torch.randn(weight.shape, generator=generator) / fan**0.5
            weight.copy_(values + 1 if weight.ndim == 1 and name.endswith("weight") else values)
    return network.eval()


def picture(rows: int = 64, columns: int = 64, batch: int = 1) -> Tensor:
    return torch.rand(batch, 4, rows, columns, generator=torch.Generator().manual_seed(0))


CLICKS = torch.tensor([[[20.0, 20.0, 0], [50.0, 33.0, 1], [-1, -1, -1], [10.0, 44.0, 2], [30.0, 50.0, 3], [-1, -1, -1]]])


@pytest.mark.parametrize(
    "case",
    [
        *(f"adaptiveclick_tiny_c{number}" for number in (1, 2, 3)),
        pytest.param("adaptiveclick_vit_base_c2", marks=pytest.mark.slow),
    ],
)
def test_released_network_golden(shared: Path, case: str) -> None:
    golden = np.load(shared / "parity" / f"{case}.npz")
    seeded = released_module(shared)
    rows, columns, seed = int(golden["height"]), int(golden["width"]), int(golden["seed"])
    rgb = seeded.seeded_image(rows, columns, seed).transpose(2, 0, 1) / 255
    mask = seeded.seeded_mask(rows, columns, seed) if golden["with_prev"] else np.zeros((rows, columns))
    image = torch.from_numpy(np.concatenate([rgb, mask[None]])[None].astype(np.float32))
    network = released_network(shared, case.rsplit("_", 1)[0])
    with torch.no_grad():
        answer = network.answer(image, torch.from_numpy(golden["points"]))
    stride, mask_stride = (7, 8) if "base" in case else (1, 4)
    tolerance = 2e-3 if "base" in case else 1e-4
    for ours, theirs in (
        (answer.logits[0, 0, ::stride, ::stride], golden["logits"]),
        (answer.class_logits[0], golden["pred_logits"]),
        (answer.mask_logits[0, :, ::mask_stride, ::mask_stride], golden["pred_masks"]),
        (torch.cat([aux.class_logits for aux in answer.auxiliary]), golden["aux_logits"]),
    ):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=tolerance)
