"""FocalClick's networks: goldens of both halves, released files, parameter counts and gradients."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_iseg.errors import WeightsError
from napari_iseg.models.focalclick import FAMILY, FocalClick, FocalClickConfig, from_upstream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Golden file, the published configuration it belongs to, tolerance.
CASES = [
    ("focalclick_segformer_b0_s1", "segformer-b0-s1", 2e-5),
    ("focalclick_segformer_b0_s2", "segformer-b0-s2", 2e-5),
    ("focalclick_segformer_b3_s2", "segformer-b3-s2", 2e-5),
    ("focalclick_hrnet18s_s1", "hrnet18s-s1", 2e-4),
    ("focalclick_hrnet18s_s2", "hrnet18s-s2", 2e-4),
]
# Paper, table 1: trainable parameters of the released networks, the dead ones counted.
COUNTS = {"segformer_b0": 3_740_773, "segformer_b3": 45_687_941, "hrnet18s": 4_231_377}
DEAD = {
    "segformer_b0": ("maps_transform.", "refiner.feature_gate."),
    "segformer_b3": ("maps_transform.", "refiner.feature_gate."),
    "hrnet18s": (
        "feature_extractor.ocr_distri_head.object_context_block.f_pixel.",
        "feature_extractor.ocr_distri_head.object_context_block.f_object.",
        "refiner.feature_gate.",
    ),
}
MODULES = ("refine_fusion", "image_conv1", "image_conv3", "refine_fusion3", "refine_pred", "refine_trimap")
TINY_HRNET = FocalClickConfig(
    backbone="hrnet", half_size=True, width=2, ocr_width=4, small=True, stem_width=8, refiner_width=8, disk_radius=2.0
)


@pytest.fixture(scope="module")
def seeded(shared: Path) -> Any:
    spec = importlib.util.spec_from_file_location("seeded", shared / "parity" / "seeded.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def released(shared: Path, seeded: Any) -> Callable[[str], tuple[dict[str, torch.Tensor], dict[str, Any]]]:
    """Return a function from a manifest's name to the state dict and parameters that a released file would hold."""

    def read(name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        manifest = json.loads((shared / "parity" / f"focalclick_{name}.manifest.json").read_text())
        state = {key: torch.from_numpy(value) for key, value in seeded.seeded_state(manifest).items()}
        return state, manifest["config"]["params"]

    return read


@pytest.mark.parametrize(("file", "published", "tolerance"), CASES)
def test_golden(shared: Path, seeded: Any, released: Any, file: str, published: str, tolerance: float) -> None:
    golden = np.load(shared / "parity" / f"{file}.npz")
    name, pipeline = file.removeprefix("focalclick_").rsplit("_", 1)
    state, params = released(name)
    config, state = from_upstream(state, params | {"pipeline_version": pipeline})
    assert config == FAMILY.configs[published]
    network = FocalClick(config)
    network.load_state_dict(state)
    network.eval()
    middles: dict[str, torch.Tensor] = {}
    for module in MODULES:
        network.refiner.get_submodule(module).register_forward_hook(
            lambda _m, _i, output, module=module: middles.__setitem__(module, output)
        )

    def picture(seed: int) -> torch.Tensor:
        return torch.from_numpy(seeded.seeded_image(seed, 256, 256)).permute(2, 0, 1)[None].float() / 255

    rgb = picture(int(golden["image_seed_h_w"][0]))
    for case in ("c1", "c3", "c6"):
        seed = int(golden[f"{case}_prev_seed"])
        mask = torch.zeros(1, 1, 256, 256) if seed < 0 else picture(seed)[:, :1]
        box = torch.from_numpy(golden[f"{case}_roi_xyxy"])[:, [2, 4, 1, 3]]
        with torch.no_grad():
            logits, feature = network.segment(torch.cat([rgb, mask], dim=1), torch.from_numpy(golden[f"{case}_points"]))
            refined, boundary, coarse = network.refine(
                picture(int(golden[f"{case}_focus_image_seed"])),
                torch.from_numpy(golden[f"{case}_focus_points"]),
                feature,
                logits,
                box,
            )
        answers = {
            "instances_s2": logits[..., ::2, ::2],
            "feature_sub": feature[:, ::16, ::4, ::4],
            "focus_coarse_s4": coarse[..., ::4, ::4],
            "focus_refined_s2": refined[..., ::2, ::2],
            "focus_trimap_s4": boundary[..., ::4, ::4],
            **{f"ref_{module}": output[:, ::4, ::8, ::8] for module, output in middles.items()},
        }
        for key, answer in answers.items():
            np.testing.assert_allclose(
                answer.numpy(), golden[f"{case}_{key}"], atol=tolerance, rtol=0, err_msg=f"{case}_{key}"
            )


@pytest.mark.parametrize("name", list(COUNTS))
def test_released_weights_are_ours_and_the_dead_ones(released: Any, name: str) -> None:
    state, params = released(name)
    config, ours = from_upstream(state, params)
    network = FocalClick(config)
    assert network.state_dict().keys() == ours.keys()
    assert all(tensor.shape == ours[key].shape for key, tensor in network.state_dict().items())
    dead = {key for key in state if key.startswith(DEAD[name])}
    assert len(ours) + len(dead) == len(state)
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    buried = sum(state[key].numel() for key in dead if not key.endswith(statistics))
    assert sum(parameter.numel() for parameter in network.parameters()) + buried == COUNTS[name]


def test_a_released_file_is_opened_by_the_family(released: Any, tmp_path: Path) -> None:
    state, params = released("segformer_b0")
    wrapped = {key: {"type": "builtin", "value": value} for key, value in params.items()}
    wrapped["pipeline_version"]["value"] = "s1"
    torch.save({"state_dict": state, "config": {"class": "x", "params": wrapped}}, tmp_path / "combined.pth")
    network = FAMILY.load(tmp_path / "combined.pth")
    assert network.config == FAMILY.configs["segformer-b0-s1"]
    assert not network.training


def test_released_files_of_another_make_are_refused(released: Any) -> None:
    state, params = released("segformer_b0")
    with pytest.raises(WeightsError, match="with_prev_mask"):
        from_upstream(state, params | {"with_prev_mask": False})


BOTH = pytest.mark.parametrize("config", [FAMILY.configs["tiny"], TINY_HRNET], ids=["segformer", "hrnet"])


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize(("rows", "columns"), [(128, 128), (128, 192)])
@BOTH
def test_gradients_reach_every_parameter(config: FocalClickConfig, rows: int, columns: int, half: bool) -> None:
    torch.manual_seed(0)
    network = FocalClick(config).eval()
    image = torch.rand(2, 4, rows, columns)
    points = torch.tensor([[[20.0, 20.0, 0.0], [30.0, 40.0, 1.0]]]).repeat(2, 1, 1)
    boxes = torch.tensor([[0.0, rows, 0, columns], [10.5, 90, 3, 70]])
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        logits, feature, auxiliary = network.segment_with_auxiliary(image, points)
        refined, boundary, _ = network.refine(image[:, :3], points, feature, logits, boxes)
    outputs = [output.float() for output in (logits, refined, boundary, auxiliary) if output is not None]
    loss = sum(output.square().mean() for output in outputs)
    assert isinstance(loss, torch.Tensor)
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(("rows", "columns"), [(64, 128), (192, 128)])
@BOTH
def test_focus_crops_that_are_not_square_keep_rows_and_columns_apart(
    config: FocalClickConfig, rows: int, columns: int
) -> None:
    torch.manual_seed(0)
    network = FocalClick(config).eval()
    image = torch.rand(1, 4, 128, 192)
    crop = torch.rand(1, 3, rows, columns)
    points = torch.tensor([[[20.0, 20.0, 0.0], [-1.0, -1.0, -1.0]]])
    with torch.no_grad():
        logits, feature = network.segment(image, points)
        ramp = torch.linspace(-3, 3, 192).expand_as(logits).contiguous()
        refined, boundary, coarse = network.refine(crop, points, feature, ramp, torch.tensor([[0.0, 128, 48, 144]]))
    assert refined.shape == boundary.shape == coarse.shape == (1, 1, rows, columns)
    assert torch.isfinite(refined).all()
    # What runs from left to right does so in the crop, over the box's columns and no others.
    torch.testing.assert_close(coarse, coarse[:, :, :1].expand_as(coarse), atol=1e-5, rtol=0)
    assert coarse[0, 0, 0, 0].item() == pytest.approx(-1.5, abs=0.05)
    assert coarse[0, 0, 0, -1].item() == pytest.approx(1.5, abs=0.05)


def test_a_crop_of_everything_is_everything() -> None:
    torch.manual_seed(0)
    network = FocalClick(FAMILY.configs["tiny"]).eval()
    image = torch.rand(1, 4, 64, 64)
    points = torch.tensor([[[20.0, 20.0, 0.0], [-1.0, -1.0, -1.0]]])
    with torch.no_grad():
        logits, feature = network.segment(image, points)
        refined, _, coarse = network.refine(image[:, :3], points, feature, logits, torch.tensor([[0.0, 64, 0, 64]]))
    torch.testing.assert_close(coarse, logits)
    assert ((refined - coarse).abs() > 1e-4).any()


@pytest.mark.parametrize("name", list(FAMILY.configs))
def test_s1_networks_see_half_the_size(name: str) -> None:
    config = FAMILY.configs[name]
    assert config.half_size == name.endswith("s1")
    if config.half_size:
        assert config.disk_radius == (2.0 if config.backbone == "hrnet" else 3.0)


def test_a_half_size_feature_is_half_as_fine() -> None:
    torch.manual_seed(0)
    points = torch.tensor([[[20.0, 20.0, 0.0], [-1.0, -1.0, -1.0]]])
    with torch.no_grad():
        logits, feature = FocalClick(TINY_HRNET).eval().segment(torch.rand(1, 4, 128, 128), points)
    assert logits.shape == (1, 1, 128, 128)
    assert feature.shape == (1, 8, 16, 16)


@pytest.mark.parametrize("name", ["segformer-b0-s2", "tiny"])
def test_a_new_network_begins_undecided(name: str) -> None:
    """By the fan-out of its one channel a classifier would begin with logits of ten and more, and learn late."""
    torch.manual_seed(0)
    network = FocalClick(FAMILY.configs[name]).train()
    points = torch.tensor([[[20.0, 30.0, 1.0], [-1.0, -1.0, -1.0]]]).repeat(2, 1, 1)
    assert network(torch.rand(2, 4, 64, 64), points).abs().max() < 2
