"""SimpleClick's network: goldens, click disks, windows, configurations and gradients."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.golden.make_golden import FOLDER, NETWORKS, network_output
from tests.seeded import TINY, seeded_network

from napari_iseg.models._blocks import click_disks
from napari_iseg.models.conv_stem import ConvStem, SkipNeck, prompt_convolution
from napari_iseg.models.simpleclick import (
    FAMILY,
    SimpleClick,
    SimpleClickConfig,
    _merge_windows,
    _split_windows,
    implied_config,
    translate_upstream,
)

if TYPE_CHECKING:
    from pathlib import Path

CASES = [
    *(f"{model}_c{case}" for model in ("simpleclick_tiny", "cfr_icl_tiny") for case in (1, 2, 3)),
    "simpleclick_vit_base_c2",
    "cfr_icl_vit_base_c2",
]


def released_module(shared: Path) -> Any:
    """Return the fixtures' own seeding code, loaded from beside them."""
    spec = importlib.util.spec_from_file_location("seeded_vit", shared / "parity" / "seeded_vit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def released_network(shared: Path, manifest_name: str) -> SimpleClick:
    """Return the network that a manifest describes, with the fixtures' weights, through the released-file door."""
    seeded = released_module(shared)
    manifest = seeded.load_manifest(shared / "parity" / f"{manifest_name}.manifest.json")
    state = {name: torch.from_numpy(array) for name, array in seeded.seeded_state(manifest).items()}
    network = SimpleClick(implied_config(state, manifest["config"]))
    network.load_state_dict(translate_upstream(state))
    return network.eval()


@pytest.mark.parametrize("case", CASES)
def test_released_network_golden(shared: Path, case: str) -> None:
    golden = np.load(shared / "parity" / f"{case}.npz")
    seeded = released_module(shared)
    rows, columns, seed = int(golden["height"]), int(golden["width"]), int(golden["seed"])
    rgb = seeded.seeded_image(rows, columns, seed).transpose(2, 0, 1) / 255
    mask = seeded.seeded_mask(rows, columns, seed) if golden["with_prev"] else np.zeros((rows, columns))
    image = torch.from_numpy(np.concatenate([rgb, mask[None]])[None].astype(np.float32))
    points = torch.from_numpy(golden["points"])
    network = released_network(shared, case.rsplit("_", 1)[0])
    with torch.no_grad():
        logits = network(image, points)[0, 0].numpy()
        tokens = network.encode(image, points)[0][0].flatten(1).T.numpy()
        head = network.head_logits(image, points)[0, 0].numpy()
    stride = int(golden["stride"])
    np.testing.assert_allclose(logits[::stride, ::stride], golden["logits"], atol=1e-4)
    np.testing.assert_allclose(tokens[::13, ::5], golden["backbone_tokens"], atol=1e-4)
    if "head_logits" in golden:
        np.testing.assert_allclose(head, golden["head_logits"], atol=1e-4)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_own_golden(name: str) -> None:
    golden = np.load(FOLDER / "simpleclick.npz")[name]
    np.testing.assert_allclose(network_output(NETWORKS[name])[::4, ::4], golden, atol=1e-4)


def test_a_disk_of_a_whole_click_covers_81_pixels() -> None:
    maps = click_disks(torch.tensor([[[20.0, 30.0, 0.0], [-1.0, -1.0, -1.0]]]), (41, 53))
    assert maps.sum(dim=(-2, -1)).tolist() == [[81.0, 0.0]]
    assert maps[0, 0, 20, 35] == 1
    assert maps[0, 0, 20, 36] == 0


def test_fractional_clicks_are_not_rounded() -> None:
    maps = click_disks(torch.tensor([[[20.5, 30.0, 0.0], [-1.0, -1.0, -1.0]]]), (41, 53))
    assert maps[0, 0].sum(dim=1).nonzero().flatten().tolist() == list(range(16, 26))


def test_a_click_with_one_negative_coordinate_counts() -> None:
    maps = click_disks(torch.tensor([[[-2.0, 10.0, 0.0], [-2.0, -1.0, 1.0]]]), (21, 33))
    assert maps[0, 0].sum() > 0
    assert maps[0, 1].sum() == 0


@pytest.mark.parametrize("radius", [3.0, 5.0, 7.5])
def test_disks_are_all_pixels_within_the_radius_of_some_click(radius: float) -> None:
    rng = np.random.default_rng(0)
    points = np.full((3, 12, 3), -1.0, np.float32)
    for row in (0, 1, 5, 6, 8):
        points[:, row] = rng.uniform(-4, 44, (3, 3))
    maps = click_disks(torch.from_numpy(points), (30, 40), radius)
    rows, columns = np.mgrid[:30, :40]
    for sample in range(3):
        for sign in range(2):
            expected = np.zeros((30, 40), bool)
            for row, column, _ in points[sample, 6 * sign : 6 * sign + 6]:
                if max(row, column) >= 0:
                    expected |= (rows - row) ** 2 + (columns - column) ** 2 <= np.float32(radius**2)
            assert np.array_equal(maps[sample, sign].numpy() > 0, expected)


def test_windows_split_and_merge_exactly() -> None:
    grid, count = (6, 4), (3, 2)
    tokens = torch.arange(2 * 24 * 5, dtype=torch.float32).reshape(2, 24, 5)
    windows = _split_windows(tokens, grid, count)
    assert windows.shape == (12, 4, 5)
    # The first window holds the tokens of grid cells (0, 0), (0, 1), (1, 0), (1, 1).
    assert torch.equal(windows[0], tokens[0, [0, 1, 4, 5]])
    assert torch.equal(_merge_windows(windows, grid, count), tokens)


def test_windowed_tokens_do_not_see_other_windows() -> None:
    config = SimpleClickConfig(
        image_size=(448, 448), embed_dim=16, depth=4, heads=2, neck_channels=(8, 8, 8, 8), head_channels=8
    )
    backbone = seeded_network(config).backbone
    # Depth 4 makes groups of one block, all global; of depth 12 the first five blocks are windowed.
    twelve = SimpleClickConfig(
        image_size=(448, 448), embed_dim=16, depth=12, heads=2, neck_channels=(8, 8, 8, 8), head_channels=8
    )
    windowed = seeded_network(twelve).backbone
    windowed.blocks = windowed.blocks[:5]
    rgb = torch.zeros(1, 3, 448, 448)
    changed = rgb.clone()
    changed[..., :50, :50] = 1
    extra = torch.zeros(1, 16, 28, 28)
    with torch.no_grad():
        for network, reach in ((windowed, False), (backbone, True)):
            moved = (network(rgb, extra)[0] - network(changed, extra)[0]).abs().amax(dim=1)[0]
            assert moved[:14, :14].max() > 1e-4
            assert (moved[20:, 20:].max() > 1e-6) == reach


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (72, 104)])
def test_output_has_the_input_size_and_follows_the_clicks(rows: int, columns: int) -> None:
    network = seeded_network(TINY)
    image = torch.rand(2, 4, rows, columns, generator=torch.Generator().manual_seed(0))
    here = torch.tensor([[[20.0, 20.0, 0.0], [-1.0, -1.0, -1.0]]]).repeat(2, 1, 1)
    there = torch.tensor([[[50.0, 41.0, 0.0], [-1.0, -1.0, -1.0]]]).repeat(2, 1, 1)
    with torch.no_grad():
        answers = network(image, here), network(image, there)
    assert answers[0].shape == (2, 1, rows, columns)
    assert all(torch.isfinite(answer).all() for answer in answers)
    assert (answers[0] - answers[1]).abs().max() > 1e-3


@pytest.mark.parametrize("name", list(NETWORKS))
def test_gradients_reach_every_parameter(name: str) -> None:
    network = SimpleClick(NETWORKS[name])
    rows, columns = NETWORKS[name].image_size
    image = torch.rand(1, 4, rows, columns)
    network(image, torch.tensor([[[20.0, 20.0, 0.0], [30.0, 40.0, 1.0]]])).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_sizes_that_do_not_divide_are_refused() -> None:
    assert TINY.accepts((64, 64))
    assert not TINY.accepts((65, 64))
    base = SimpleClickConfig()
    assert base.accepts((448, 448))
    assert base.accepts((672, 448))
    assert not base.accepts((464, 448))


def test_a_convolutional_stem_takes_the_place_of_the_projection_only_when_asked(tmp_path: Path) -> None:
    assert all(config.stem == () for config in FAMILY.configs.values())
    config = replace(TINY, patch_size=(16, 16), stem=(4, 16, 32))
    torch.manual_seed(0)
    network = SimpleClick(config).eval()
    points = torch.tensor([[[20.0, 30.0, 1.0], [-1, -1, -1]]])
    answer = network(torch.rand(1, 4, 64, 96), points)
    assert answer.shape == (1, 1, 64, 96)
    answer.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    FAMILY.save(tmp_path / "stem.safetensors", network, {})
    assert FAMILY.load(tmp_path / "stem.safetensors").config == config
    for wrong in ({"patch_size": (8, 8)}, {"stem": (4, 16)}):
        with pytest.raises(ValueError, match="3 stages and makes patches of 16 x 16"):
            replace(config, **wrong)


def test_with_a_stem_the_prompts_enter_as_if_one_convolution_saw_them_and_the_image() -> None:
    torch.manual_seed(0)
    stem, prompts = ConvStem((8, 16, 32), 24), prompt_convolution(3, (8, 16, 32))
    rgb, maps = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    together = torch.nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False)
    together.weight.data = torch.cat([stem.first.weight, prompts.weight], dim=1)
    expected = torch.relu(stem.norm(together(torch.cat([rgb, maps], dim=1))))
    tokens, stages = stem(rgb, prompts(maps))
    torch.testing.assert_close(stages[0], expected, atol=1e-5, rtol=0)
    assert tokens.shape == (1, 24, 4, 4)
    assert [stage.shape[1:] for stage in stages] == [(8, 32, 32), (16, 16, 16), (32, 8, 8)]


def test_with_a_stem_the_finest_level_knows_single_pixels() -> None:
    """A pixel's colour moves the finest level there more than far away: the skips carry what tokens cannot."""
    torch.manual_seed(0)
    neck = SkipNeck(24, (8, 16, 32), (16, 16, 16, 16)).eval()
    stages = (torch.rand(1, 8, 64, 64), torch.rand(1, 16, 32, 32), torch.rand(1, 32, 16, 16))
    tokens = torch.rand(1, 24, 8, 8)
    before = neck(tokens, stages)
    assert [level.shape[-1] for level in before] == [32, 16, 8, 4]
    changed = stages[1].clone()
    changed[..., 10, 20] += 3
    after = neck(tokens, (stages[0], changed, stages[2]))
    moved = (after[0] - before[0]).abs().sum(dim=1)[0]
    assert moved[10, 20] > 5 * moved[25, 5]


def test_a_depth_without_a_global_block_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 4 blocks; 3 was given"):
        SimpleClickConfig(depth=3)
