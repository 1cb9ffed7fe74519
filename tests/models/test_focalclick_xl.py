"""FocalClick-XL's three networks: what each sees, what it leaves alone, and what training one part may change."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TypeVar

import pytest
import timm
import torch
from tests.methods import seed_weights
from torch import nn

from napari_iseg.models.context_net import Context, region_features, translate_sam
from napari_iseg.models.focalclick_xl import FAMILY, FocalClickXL, FocalClickXLConfig
from napari_iseg.models.object_net import PROMPT_KINDS

NetworkT = TypeVar("NetworkT", bound=nn.Module)
TINY = FAMILY.configs["tiny"]
POINTS = torch.tensor([[[20.0, 30.0, 0.0], [60.0, 10.5, 1.0]]])


def seeded(network: NetworkT) -> NetworkT:
    """Return a network in evaluation mode, all its weights filled, also those that start at zero."""
    seed_weights(network)
    return network.eval()


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def network() -> FocalClickXL:
    return seeded(FocalClickXL(TINY))


@pytest.mark.parametrize(("rows", "columns"), [(75, 110), (133, 61)])
def test_logits_have_the_image_size_and_follow_the_clicks(network: FocalClickXL, rows: int, columns: int) -> None:
    image = random(2, 4, rows, columns)
    points = POINTS.repeat(2, 1, 1)
    moved = points + torch.tensor([[[20.0, 10.0, 0.0], [0.0, 0.0, 0.0]]])
    with torch.no_grad():
        answers = network(image, points), network(image, moved)
    assert answers[0].shape == (2, 1, rows, columns)
    assert all(torch.isfinite(answer).all() for answer in answers)
    assert (answers[0] - answers[1]).abs().max() > 1e-3


def test_the_context_runs_once_per_forward_and_has_the_published_shape() -> None:
    wide = FocalClickXL(replace(TINY, context_channels=256, context_size=160)).eval()
    seen = []
    handle = wide.context_net.encoder.patch_embed.register_forward_hook(lambda *_: seen.append(None))
    with torch.no_grad():
        context = wide.context_net(random(1, 3, 75, 110))
        wide(random(1, 4, 75, 110), POINTS)
    handle.remove()
    assert context.features.shape == (1, 256, 10, 10)
    assert len(seen) == 2


def test_images_fill_the_square_from_the_top_left_and_the_rest_is_zero(network: FocalClickXL) -> None:
    padded, valid = network.context_net.prepare(random(1, 3, 75, 110))
    assert padded.shape == (1, 3, 128, 128)
    assert valid == (87, 128)
    assert padded[..., 87:, :].abs().max() == 0
    assert padded[..., 86, :].abs().min() > 0
    assert network.context_net.prepare(random(1, 3, 300, 3))[1] == (128, 1)


def test_adapters_that_start_at_zero_reproduce_the_timm_encoder_exactly() -> None:
    context_net = FocalClickXL(TINY).eval().context_net
    encoder = timm.create_model(
        "samvit_base_patch16",
        num_classes=0,
        global_pool="",
        img_size=TINY.context_size,
        embed_dim=TINY.context_width,
        depth=TINY.context_depth,
        num_heads=TINY.context_heads,
        window_size=TINY.context_window,
        global_attn_indexes=TINY.context_global,
        neck_chans=TINY.context_channels,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    ).eval()
    seeded(encoder)
    context_net.encoder.load_state_dict(encoder.state_dict())
    padded, _ = context_net.prepare(random(1, 3, 75, 110))
    with torch.no_grad():
        assert torch.equal(context_net.features(padded), encoder(padded))
        nn.init.normal_(context_net.adapters[0].up.weight)
        assert not torch.equal(context_net.features(padded), encoder(padded))


@pytest.mark.parametrize(("name", "sam"), [("base", "samvit_base_patch16"), ("huge", "samvit_huge_patch16")])
def test_the_encoder_has_sam_names_and_shapes(name: str, sam: str) -> None:
    with torch.device("meta"):
        ours = FocalClickXL(FAMILY.configs[name]).context_net.encoder.state_dict()
        theirs = timm.create_model(sam, num_classes=0).state_dict()
    assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in theirs.items()}


def test_released_sam_weights_become_the_encoder(network: FocalClickXL) -> None:
    own = network.context_net.encoder.state_dict()
    released = {f"image_encoder.{name.replace('.mlp.fc', '.mlp.lin')}": value + 1 for name, value in own.items()}
    assert "image_encoder.blocks.0.mlp.lin2.weight" in released
    released["prompt_encoder.no_mask_embed.weight"] = torch.zeros(1, 256)
    fresh = FocalClickXL(TINY)
    fresh.context_net.encoder.load_state_dict(translate_sam(released))
    for name, value in fresh.context_net.encoder.state_dict().items():
        assert torch.equal(value, own[name] + 1), name


def test_a_region_of_a_constant_map_is_constant() -> None:
    context = Context(torch.full((1, 3, 8, 8), 2.5), (1.16, 1.16), 16, (75, 110))
    boxes = torch.tensor([[0.0, 75, 0, 110], [10, 20, 30, 90], [70, 75, 0, 3]])
    regions = region_features(context, boxes, 6)
    assert regions.shape == (3, 3, 6, 6)
    torch.testing.assert_close(regions, torch.full_like(regions, 2.5), atol=1e-6, rtol=0)


def test_a_region_lies_where_its_box_lies() -> None:
    # A ramp whose value at a cell's centre is the row (channel 0) and the column (channel 1) of the image there.
    cells = (torch.arange(8.0) + 0.5) * 16
    features = torch.stack([(cells / 1.6)[:, None].expand(8, 8), (cells / 1.28)[None].expand(8, 8)])[None]
    context = Context(features, (1.6, 1.28), 16, (80, 100))
    region = region_features(context, torch.tensor([[20.0, 60, 30, 40]]), 4)
    torch.testing.assert_close(region[0, 0, :, 0], torch.tensor([25.0, 35, 45, 55]))
    torch.testing.assert_close(region[0, 1, 0], torch.tensor([31.25, 33.75, 36.25, 38.75]))


def test_half_precision_moves_no_region() -> None:
    cells = (torch.arange(64.0) + 0.5) * 16
    features = cells[None, None, None].expand(1, 1, 64, 64)
    boxes = torch.tensor([[0.0, 1024, 700, 715]])
    regions = [
        region_features(Context(features.to(kind), (1.0, 1.0), 16, (1024, 1024)), boxes, 2)
        for kind in (torch.float32, torch.bfloat16)
    ]
    torch.testing.assert_close(regions[0][0, 0, 0], torch.tensor([703.75, 711.25]))
    # These features are whole in bfloat16, so that only the box could be elsewhere.
    torch.testing.assert_close(regions[1], regions[0])


def test_each_image_of_a_batch_has_its_own_context(network: FocalClickXL) -> None:
    images = random(2, 4, 75, 110)
    with torch.no_grad():
        both = network(images, POINTS.repeat(2, 1, 1))
        one = network(images[1:], POINTS)
    torch.testing.assert_close(both[1:], one, atol=1e-5, rtol=1e-4)


def test_the_context_adds_nothing_until_its_norm_has_learnt() -> None:
    network = FocalClickXL(TINY).eval()
    rgb, coordinates, region = random(1, 3, 64, 64), random(1, 3, 64, 64, seed=1), random(1, 16, 8, 8, seed=2)
    with torch.no_grad():
        assert torch.equal(
            network.object_net(rgb, coordinates, "click", region), network.object_net(rgb, coordinates, "click", None)
        )
        nn.init.ones_(network.object_net.context[1].weight)
        assert not torch.equal(
            network.object_net(rgb, coordinates, "click", region), network.object_net(rgb, coordinates, "click", None)
        )


def test_every_kind_of_prompt_starts_as_clicks_do() -> None:
    network = FocalClickXL(TINY).eval()
    rgb, coordinates = random(1, 3, 64, 64), random(1, 3, 64, 64, seed=1)
    with torch.no_grad():
        answers = [network.object_net(rgb, coordinates, kind, None) for kind in PROMPT_KINDS]
    assert all(torch.equal(answers[0], answer) for answer in answers)
    assert network.object_net.prompting["click"].weight is not network.object_net.prompting["box"].weight


def test_stage_one_trains_the_objects_and_the_adapters() -> None:
    fresh = seeded(FocalClickXL(TINY)).train()
    torch.manual_seed(0)  # dropped paths have no gradient
    fresh(random(2, 4, 75, 110), POINTS.repeat(2, 1, 1)).square().mean().backward()
    for name, parameter in fresh.named_parameters():
        trained = name.startswith(("context_net.adapters", "object_net")) and not name.startswith(
            tuple(f"object_net.prompting.{kind}" for kind in PROMPT_KINDS if kind != "click")
        )
        assert parameter.requires_grad == trained, name
        assert (parameter.grad is not None and parameter.grad.abs().sum() > 0) == trained, name
    assert not fresh.detail_net.training
    assert not fresh.context_net.encoder.training
    assert fresh.object_net.head.training


def test_a_small_encoder_can_be_trained_too() -> None:
    fresh = seeded(FocalClickXL(TINY)).train()
    fresh.train_objects(encoder=True)
    fresh(random(1, 4, 75, 110), POINTS).square().mean().backward()
    for name, parameter in fresh.context_net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_stage_two_trains_the_details_alone() -> None:
    fresh = seeded(FocalClickXL(TINY))
    fresh.train_details()
    fresh.train()
    fresh.detail_net(random(2, 3, 64, 64), random(2, 3, 64, 64).round()).square().mean().backward()
    for name, parameter in fresh.named_parameters():
        assert (parameter.grad is not None and parameter.grad.abs().sum() > 0) == name.startswith("detail_net"), name
    assert fresh.detail_net.decoder[0].training
    assert not fresh.object_net.training


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize(("rows", "columns"), [(64, 96), (75, 110)])
def test_every_part_of_the_detail_net_learns_on_patches_of_any_shape(rows: int, columns: int, half: bool) -> None:
    whole = seeded(FocalClickXL(TINY))
    whole.train_details()
    network = whole.train().detail_net
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        alpha = network(random(2, 3, rows, columns), random(2, 3, rows, columns, seed=1).round())
    alpha.float().square().mean().backward()
    assert alpha.shape == (2, 1, rows, columns)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_tuning_one_prompt_changes_no_answer_to_clicks() -> None:
    fresh = seeded(FocalClickXL(TINY))
    image = random(2, 4, 75, 110)
    rgb, coordinates = random(2, 3, 64, 64), random(2, 3, 64, 64, seed=1).round()
    with torch.no_grad():
        clicked = fresh(image, POINTS.repeat(2, 1, 1))
        scribbled = fresh.object_net(rgb, coordinates, "scribble", None)
    fresh.train()
    fresh.tune_prompt("scribble")
    optimiser = torch.optim.AdamW([p for p in fresh.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        context = fresh.context_net(image[:, :3])
        boxes = torch.tensor([[0.0, 75, 0, 110]]).repeat(2, 1)
        fresh.primitive(rgb, coordinates, "scribble", context, boxes).square().mean().backward()
        optimiser.step()
    tuned = {name for name, parameter in fresh.named_parameters() if parameter.grad is not None}
    assert tuned == {"object_net.prompting.scribble.weight", "object_net.prompting.scribble.bias"}
    fresh.eval()
    with torch.no_grad():
        assert torch.equal(fresh(image, POINTS.repeat(2, 1, 1)), clicked)
        assert not torch.equal(fresh.object_net(rgb, coordinates, "scribble", None), scribbled)


def test_a_prompting_layer_can_start_from_another() -> None:
    fresh = seeded(FocalClickXL(TINY)).object_net
    assert not torch.equal(fresh.prompting["box"].weight, fresh.prompting["scribble"].weight)
    fresh.copy_prompting("scribble", "box")
    assert torch.equal(fresh.prompting["box"].weight, fresh.prompting["scribble"].weight)


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (75, 110)])
def test_a_batch_of_patches_is_as_many_single_runs(network: FocalClickXL, rows: int, columns: int) -> None:
    rgb, trimap = random(5, 3, rows, columns), random(5, 3, rows, columns, seed=1).round()
    with torch.no_grad():
        together = network.detail_net(rgb, trimap)
        alone = torch.cat([network.detail_net(rgb[i : i + 1], trimap[i : i + 1]) for i in range(5)])
    assert together.shape == (5, 1, rows, columns)
    assert 0 <= together.min() < together.max() <= 1
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)


def test_the_trimap_reaches_alpha() -> None:
    details = FocalClickXL(TINY).eval().detail_net
    assert details.encoder.conv_stem.weight[:, 3:].abs().max() == 0
    rgb, trimap = random(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    trimap[:, 2] = 1
    certain = trimap.clone()
    certain[:, :, :30] = torch.tensor([1.0, 0, 0])[:, None, None]
    with torch.no_grad():
        assert not torch.equal(details(rgb, trimap), details(rgb, certain))


@pytest.mark.parametrize(("name", "millions", "papers"), [("base", 138.916, 145), ("huge", 688.342, 693)])
def test_parameters_are_close_to_the_papers(name: str, millions: float, papers: float) -> None:
    with torch.device("meta"):
        network = FocalClickXL(FAMILY.configs[name])
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert count == pytest.approx(millions, abs=0.001)
    assert count == pytest.approx(papers, rel=0.05)


def test_a_prompting_layer_of_the_papers_size_has_18880_parameters() -> None:
    with torch.device("meta"):
        layer = FocalClickXL(FocalClickXLConfig()).object_net.prompting["click"]
    assert sum(parameter.numel() for parameter in layer.parameters()) == 18_880


@pytest.mark.parametrize("name", ["tiny", "compact"])
def test_a_new_network_begins_undecided(name: str) -> None:
    torch.manual_seed(0)
    network = FocalClickXL(FAMILY.configs[name]).train()
    points = torch.tensor([[[20.0, 30.0, 1.0], [-1.0, -1.0, -1.0]]]).repeat(2, 1, 1)
    assert network(torch.rand(2, 4, 64, 64), points).abs().max() < 2
