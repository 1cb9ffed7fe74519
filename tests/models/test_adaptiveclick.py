"""AdaptiveClick's network: goldens, sizes, click attention, released names and gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.models.test_simpleclick import released_module
from torch import Tensor

from napari_iseg.errors import WeightsError
from napari_iseg.models import simpleclick
from napari_iseg.models._blocks import click_disks
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


CLICKS = torch.tensor(
    [[[20.0, 20.0, 0], [50.0, 33.0, 1], [-1, -1, -1], [10.0, 44.0, 2], [30.0, 50.0, 3], [-1, -1, -1]]]
)


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
        points = torch.from_numpy(golden["points"])
        answer = network.answer(image, points)
        disks = click_disks(points, (rows, columns), network.config.disk_radius)
        tokens = network.encode(image, points, disks)[0][0].flatten(1).T
    np.testing.assert_array_equal(disks.sum(dim=(0, 2, 3)).numpy(), golden["disk_area"])
    stride, mask_stride = (7, 8) if "base" in case else (1, 4)
    tolerance = 2e-3 if "base" in case else 1e-4
    for ours, theirs in (
        (answer.logits[0, 0, ::stride, ::stride], golden["logits"]),
        (tokens[::13, ::5], golden["backbone_tokens"]),
        (answer.class_logits[0], golden["pred_logits"]),
        (answer.mask_logits[0, :, ::mask_stride, ::mask_stride], golden["pred_masks"]),
        (torch.cat([aux.class_logits for aux in answer.auxiliary]), golden["aux_logits"]),
    ):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=tolerance)


def test_every_released_parameter_is_accounted_for(shared: Path) -> None:
    manifest = released_module(shared).load_manifest(shared / "parity" / "adaptiveclick_vit_base.manifest.json")
    with torch.device("meta"):
        network = AdaptiveClick(FAMILY.configs["vit-base"])
    ours = sum(parameter.numel() for parameter in network.parameters())
    # The class token with its position, the norm after the blocks, and the classifier of ImageNet.
    dead = 768 + 768 + 2 * 768 + 768 * 1000 + 1000
    assert ours + dead == manifest["num_parameters"] == 121_886_314


def test_the_released_base_is_the_configuration_of_that_name(shared: Path) -> None:
    state, parameters = released_state(shared, "adaptiveclick_vit_base")
    assert implied_config(state, parameters) == FAMILY.configs["vit-base"]
    # Nothing but the shapes: the saved parameters may be lost, or be of a class that is not here.
    assert implied_config(state, {}) == FAMILY.configs["vit-base"]
    assert implied_config(state, {"cfg": object()}) == FAMILY.configs["vit-base"]


def test_the_huge_configuration_has_the_published_shape() -> None:
    with torch.device("meta"):
        network = AdaptiveClick(FAMILY.configs["vit-huge"])
        answer = network.answer(torch.zeros(1, 4, 448, 448), torch.zeros(1, 2, 3))
    assert answer.mask_logits.shape == (1, 10, 128, 128)
    assert answer.logits.shape == (1, 1, 448, 448)


@pytest.mark.parametrize("lost", ["adapter_1.", "layer_1.", "lateral_convs.", "output_convs."])
def test_a_tensor_with_two_names_may_come_under_either(shared: Path, lost: str) -> None:
    state, _ = released_state(shared, "adaptiveclick_tiny")
    whole = translate_upstream(state)
    partial = translate_upstream({key: value for key, value in state.items() if lost not in key})
    assert partial.keys() == whole.keys()
    assert all(torch.equal(partial[key], whole[key]) for key in whole)


def test_of_two_differing_tensors_the_later_wins(shared: Path) -> None:
    state, _ = released_state(shared, "adaptiveclick_tiny")
    state["pixel_decoder.adapter_1.0.bias"] = torch.full((64,), 9.0)
    assert torch.equal(
        translate_upstream(state)["pixel_decoder.lateral.0.bias"], state["pixel_decoder.lateral_convs.0.0.bias"]
    )


def test_the_order_of_clicks_of_one_sign_does_not_matter() -> None:
    network = tiny_network()
    with torch.no_grad():
        first = network(picture(), CLICKS)
        second = network(picture(), CLICKS[:, [1, 2, 0, 5, 4, 3]])
        signs_swapped = network(picture(), CLICKS[:, [3, 4, 5, 0, 1, 2]])
    assert torch.equal(first, second)
    assert (first - signs_swapped).abs().max() > 1e-2


@pytest.mark.parametrize(("rows", "columns"), [(64, 96), (72, 40)])
def test_rows_stay_rows_in_pictures_that_are_not_square(rows: int, columns: int) -> None:
    network = tiny_network()
    with torch.no_grad():
        answer = network.answer(picture(rows, columns, batch=2), CLICKS.repeat(2, 1, 1))
    assert answer.logits.shape == (2, 1, rows, columns)
    assert answer.mask_logits.shape == (2, 4, rows // 2, columns // 2)
    assert answer.class_logits.shape == (2, 4, 2)
    assert [aux.mask_logits.shape for aux in answer.auxiliary] == [answer.mask_logits.shape] * 3
    assert torch.isfinite(answer.logits).all()


def test_the_answer_is_the_sum_of_the_weighted_masks() -> None:
    network = tiny_network()
    with torch.no_grad():
        answer = network.answer(picture(64, 96), CLICKS)
    enlarged = torch.nn.functional.interpolate(answer.mask_logits, (64, 96), mode="bilinear", align_corners=True)
    weights = answer.class_logits[..., 1].sigmoid()
    expected = (weights[..., None, None] * enlarged).sum(dim=1, keepdim=True)
    torch.testing.assert_close(answer.logits, expected, atol=1e-4, rtol=1e-4)


def test_a_click_opens_the_cells_around_it_and_no_others() -> None:
    disks = torch.zeros(1, 1, 64, 96)
    disks[..., 18:27, 70:79] = 1
    near = _cells_with_clicks(disks, (8, 12)).view(8, 12)
    assert near.nonzero().float().mean(dim=0).tolist() == pytest.approx([22 / 8 - 0.5, 74 / 8 - 0.5], abs=1)
    assert 1 <= near.sum() <= 9
    assert not _cells_with_clicks(torch.zeros(1, 1, 64, 96), (8, 12)).any()


def test_only_queries_that_say_click_look_at_the_clicks() -> None:
    outside = torch.full((1, 2, 8, 8), -5.0)
    outside[..., 0, 0] = 5.0
    clicked = torch.zeros(1, 1, 64, dtype=torch.bool)
    clicked[..., 9] = True
    answer = QueryAnswer(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), outside)
    seen = ~_blocked(answer, clicked, (8, 8))[0]
    assert seen[0].nonzero().flatten().tolist() == [0, 9]
    assert seen[1].nonzero().flatten().tolist() == [0]


def test_a_query_that_would_see_nothing_sees_everything() -> None:
    blocked = torch.tensor([[[True, True, True], [True, False, True]]])
    assert open_blocked_rows(blocked).tolist() == [[[False, False, False], [True, False, True]]]


def test_gradients_reach_every_parameter() -> None:
    # Not the starting values: deformable attention starts with zeros, behind which nothing learns in the first step.
    network = tiny_network()
    network(picture(), CLICKS).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_weights_survive_a_file(tmp_path: Path) -> None:
    network = tiny_network().half().float()
    FAMILY.save(tmp_path / "own.safetensors", network, {})
    again = FAMILY.load(tmp_path / "own.safetensors")
    assert again.config == TINY
    with torch.no_grad():
        assert torch.equal(again(picture(), CLICKS), network(picture(), CLICKS))


@pytest.mark.parametrize("complete", [True, False])
def test_a_released_file_is_read_and_no_other_family_takes_it(shared: Path, tmp_path: Path, complete: bool) -> None:
    state, parameters = released_state(shared, "adaptiveclick_tiny")
    params = {name: {"type": "", "value": value, "specified": True} for name, value in parameters.items()}
    config = {"class": "isegm.model.is_adaptiveclick_model.AdaptiveClickModel", "params": params}
    file = tmp_path / "adaptiveclick_base448_sbd.pth"
    torch.save({"state_dict": state, "config": config} if complete else state, file)
    network = FAMILY.load(file)
    expected = released_network(shared, "adaptiveclick_tiny").config
    # Without the saved parameters one number has to be guessed, which no shape tells: the backbone's heads.
    assert network.config == (expected if complete else replace(expected, heads=1))
    with pytest.raises(WeightsError, match="another network"):
        simpleclick.FAMILY.load(file)


def test_weights_of_simpleclick_are_refused(tmp_path: Path) -> None:
    marks = {name: torch.zeros(1) for name in simpleclick.FAMILY.marks}
    torch.save(marks, tmp_path / "simpleclick.pth")
    with pytest.raises(WeightsError, match="another network than AdaptiveClick's"):
        FAMILY.load(tmp_path / "simpleclick.pth")


def test_sizes_that_do_not_divide_are_refused() -> None:
    assert TINY.accepts((64, 96))
    assert not TINY.accepts((65, 64))
    assert not replace(TINY, patch_size=(16, 16)).accepts((24, 64))
