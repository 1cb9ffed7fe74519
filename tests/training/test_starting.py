"""Parts of one method's weights in another method's network: the same parts see the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from napari_iseg.errors import WeightsError
from napari_iseg.models import adaptiveclick, disnet, focalclick_xl, simpleclick
from napari_iseg.models._blocks import click_disks, normalise_rgb
from napari_iseg.models.guidance import mark_guidance
from napari_iseg.models.simpleclick import SimpleClickConfig
from napari_iseg.training.starting import start_parts_from

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = SimpleClickConfig(
    image_size=(64, 64),
    embed_dim=32,
    depth=4,
    heads=2,
    neck_channels=(8, 12, 16, 20),
    head_channels=12,
    disk_radius=3.0,
    stem=(8, 16, 32),
    guidance=True,
)
BACKBONE = {
    "image_size": (64, 64),
    "patch_size": (16, 16),
    "embed_dim": 32,
    "depth": 4,
    "heads": 2,
    "stem": (8, 16, 32),
    "guidance": True,
    "disk_radius": 3.0,
}


@pytest.fixture(scope="module")
def source() -> simpleclick.SimpleClick:
    torch.manual_seed(0)
    return simpleclick.SimpleClick(SOURCE).eval()


@pytest.fixture(scope="module")
def weights(source: simpleclick.SimpleClick, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "source.safetensors"
    simpleclick.FAMILY.save(file, source, {})
    # What is in the file is rounded to halves.
    source.load_state_dict(simpleclick.FAMILY.load(file).state_dict())
    return file


def question() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    points = torch.full((1, 6, 3), -1.0)
    points[0, 0] = torch.tensor([20.0, 30.0, 1.0])
    return torch.rand(1, 4, 64, 64, generator=generator), points


def test_adaptiveclick_encodes_as_the_click_network_does(source: simpleclick.SimpleClick, weights: Path) -> None:
    config = replace(adaptiveclick.FAMILY.configs["tiny"], **BACKBONE, neck_channels=SOURCE.neck_channels)
    network = adaptiveclick.AdaptiveClick(config).eval()
    names = start_parts_from(network, weights)
    assert any(name.startswith("neck.") for name in names)
    image, points = question()
    disks = click_disks(points, (64, 64), 3.0)
    expected = source.neck(*source.encode(image, points))
    found = network.neck(*network.encode(image, points, disks))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_disnet_takes_of_the_prompts_those_that_it_has(source: simpleclick.SimpleClick, weights: Path) -> None:
    config = replace(disnet.FAMILY.configs["tiny"], **BACKBONE)
    network = disnet.DISNet(config).eval()
    names = start_parts_from(network, weights)
    assert "proposals.patch_embed_coords.weight" in names
    assert not any("neck" in name for name in names)  # Its pyramid has other widths.
    # Without previous mask and negative disk: what a click network is shown of one positive click.
    weight = source.patch_embed_coords.weight[:, 1::2]
    assert torch.equal(network.proposals.patch_embed_coords.weight, weight)
    assert torch.equal(network.proposals.backbone.pos_embed, source.backbone.pos_embed)


def test_the_object_net_sees_through_its_prompting_layer_what_the_click_network_sees(
    source: simpleclick.SimpleClick, weights: Path
) -> None:
    config = replace(
        focalclick_xl.FAMILY.configs["tiny"],
        object_size=64,
        object_dims=SOURCE.neck_channels,
        object_width=SOURCE.head_channels,
        object_stem=SOURCE.stem,
        object_vit=(32, 4, 2),
        object_guidance=True,
    )
    network = focalclick_xl.FocalClickXL(config).eval()
    start_parts_from(network, weights)
    image, points = question()
    disks = click_disks(points, (64, 64), 3.0)
    maps = torch.cat([image[:, 3:], disks, mark_guidance(image[:, :3], disks)], dim=1)
    rgb = normalise_rgb(image[:, :3])
    net = network.object_net
    expected = source.head.feature(source.neck(*source.backbone(rgb, source.patch_embed_coords(maps))))
    for kind in net.prompting:
        found = net.head.feature(net.encoder(net.prompting[kind](torch.cat([rgb, maps], dim=1))))
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_weights_of_which_nothing_fits_are_refused(weights: Path) -> None:
    network = adaptiveclick.AdaptiveClick(adaptiveclick.FAMILY.configs["tiny"])
    with pytest.raises(WeightsError, match=r"No block of the transformer .* leave 'parts_from' out"):
        start_parts_from(network, weights)
