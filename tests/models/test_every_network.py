"""What every network of the table must do; a new one is tested with no test changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from tests.methods import FAMILIES, SMALL, seed_weights, sizes_of, tiny_network

if TYPE_CHECKING:
    from pathlib import Path

    from napari_iseg.models.families import Family

CASES = [
    pytest.param(family, config, size, id=f"{name}-{size[0]}x{size[1]}")
    for name, family, config in SMALL
    for size in sizes_of(config)
]
EVERY = pytest.mark.parametrize(
    ("family", "config"), [pytest.param(family, config, id=name) for name, family, config in SMALL]
)


def question(size: tuple[int, int], batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Return an image with a previous mask, and two positive clicks and one negative."""
    image = torch.rand(batch, 4, *size, generator=torch.Generator().manual_seed(3))
    rows, columns = size
    clicks = [(0.4, 0.5, 0), (0.6, 0.55, 1), (0.1, 0.9, 2)]
    points = [(a * rows, b * columns, float(order)) for a, b, order in clicks] + [(-1.0, -1.0, -1.0)]
    return image, torch.tensor([points]).repeat(batch, 1, 1)


@pytest.mark.parametrize(("family", "config", "size"), CASES)
def test_the_answer_is_finite_and_of_the_inputs_size(family: Family, config: Any, size: tuple[int, int]) -> None:
    network = tiny_network(family, config=config)
    image, points = question(size)
    with torch.no_grad():
        logits = network(image, points)
        with torch.autocast("cpu", torch.bfloat16):
            half = network(image, points)
    for answer in (logits, half):
        assert answer.shape == (2, 1, *size)
        assert torch.isfinite(answer).all()
    assert logits.std() > 0


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize(("family", "config", "size"), CASES)
def test_gradients_reach_every_live_parameter(family: Family, config: Any, size: tuple[int, int], half: bool) -> None:
    network = family.build(config)
    # Not at the starting point, where whole branches may be switched off by a zero.
    seed_weights(network, 1)
    network.train()
    image, points = question(size)
    # Two questions: a first click, and a refined answer.
    first = points.clone()
    first[:, 1:] = -1
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        answers = network(image, points), network(image, first)
    loss = sum(answer.float().square().mean() for answer in answers)
    assert isinstance(loss, torch.Tensor)
    loss.backward()
    resting = [name for name, p in network.named_parameters() if p.requires_grad and not _reached(p)]
    assert [name for name in resting if not name.startswith(family.at_rest or ("-",))] == []


def _reached(parameter: torch.nn.Parameter) -> bool:
    return parameter.grad is not None and bool(torch.isfinite(parameter.grad).all()) and bool(parameter.grad.any())


@EVERY
def test_moving_a_click_changes_the_answer(family: Family, config: Any) -> None:
    size = sizes_of(config)[0]
    network = tiny_network(family, config=config)
    image, points = question(size, batch=1)
    moved = points.clone()
    moved[:, 1, :2] = torch.tensor([0.8 * size[0], 0.2 * size[1]])
    with torch.no_grad():
        assert (network(image, points) - network(image, moved)).abs().max() > 1e-4


@EVERY
def test_the_order_of_clicks_matters_only_where_it_is_said(family: Family, config: Any) -> None:
    size = sizes_of(config)[0]
    network = tiny_network(family, config=config)
    image, points = question(size, batch=1)
    swapped = points.clone()
    swapped[:, 0, :2], swapped[:, 1, :2] = points[:, 1, :2], points[:, 0, :2]
    with torch.no_grad():
        change = (network(image, points) - network(image, swapped)).abs().max().item()
    assert (change > 1e-4) if family.first_click_counts else (change < 1e-5)


@EVERY
def test_states_go_through_safetensors(family: Family, config: Any, tmp_path: Path) -> None:
    network = tiny_network(family, config=config)
    path = tmp_path / "tiny.safetensors"
    family.save(path, network, {"recipe": "none"})
    again = family.load(path)
    assert again.config == network.config
    state = again.state_dict()
    for name, tensor in network.state_dict().items():
        expected = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(state[name], expected), name


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_every_published_configuration_is_built(family: Family) -> None:
    for name, config in family.configs.items():
        with torch.device("meta"):
            network = family.build(config)
        assert sum(p.numel() for p in network.parameters()) > 0, name
        assert family.from_json(family.to_json(config)) == config


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA GPU")
@EVERY
def test_a_gpu_gives_the_same_answer(family: Family, config: Any) -> None:
    image, points = question(sizes_of(config)[0], batch=1)
    network = tiny_network(family, config=config)
    with torch.no_grad():
        here = torch.sigmoid(network(image, points))
        there = torch.sigmoid(network.cuda()(image.cuda(), points.cuda())).cpu()
    assert (here - there).abs().max() < 2e-3
