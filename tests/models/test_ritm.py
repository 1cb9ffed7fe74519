"""RITM and its HRNet: goldens, what released files hold, sizes and gradients."""

from __future__ import annotations

import importlib.util
import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_iseg.errors import WeightsError
from napari_iseg.models.ritm import FAMILY, RITM, RITMConfig, from_upstream

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

TINY: RITMConfig = FAMILY.configs["tiny"]
GOLDENS = ["hrnet18s_even", "hrnet18s_odd", "hrnet32_even"]
# Trainable weights of f_pixel and f_object, which a single class leaves without effect.
DEAD = {"hrnet18s": 14_208, "hrnet18": 25_088, "hrnet32": 99_328}


def seeding(shared: Path) -> Any:
    """Return the fixtures' own seeding code, loaded from beside them."""
    spec = importlib.util.spec_from_file_location("seeded", shared / "parity" / "seeded.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def manifest(shared: Path, size: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((shared / "parity" / f"ritm_{size}.manifest.json").read_text())
    return content


def released_network(shared: Path, size: str, gain: float = 1.0) -> RITM:
    """Return the network that a manifest describes, with the fixtures' weights, through the released-file door."""
    described = manifest(shared, size)
    state = {name: torch.from_numpy(a) for name, a in seeding(shared).seeded_state(described, gain=gain).items()}
    config, ours = from_upstream(state, described["config"]["params"])
    network = RITM(config)
    network.load_state_dict(ours)
    return network.eval()


def tiny(config: RITMConfig = TINY) -> RITM:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return RITM(config).eval()


def golden_image(shared: Path, golden: Any, case: str) -> Tensor:
    """Return (1, 4, H, W) for a case of a fixture."""
    seeded = seeding(shared)
    seed, rows, columns = (int(value) for value in golden["image_seed_h_w"])
    image = seeded.seeded_image(seed, rows, columns)
    assert zlib.crc32(image.tobytes()) == int(golden["image_crc32"])
    mask_seed = int(golden[f"{case}_prev_seed"])
    mask = np.zeros((rows, columns)) if mask_seed < 0 else seeded.seeded_image(mask_seed, rows, columns)[..., 0] / 255
    both = np.concatenate([image.transpose(2, 0, 1) / 255, mask[None]])
    return torch.from_numpy(both[None].astype(np.float32))


def watch(network: RITM) -> dict[str, Tensor]:
    """Fill a dictionary with what flows inside a network whenever it runs, under the fixtures' names."""
    seen: dict[str, Tensor] = {}

    def before(name: str, module: nn.Module) -> None:
        module.register_forward_pre_hook(lambda _module, inputs: seen.update({name: inputs[0]}))

    def after(name: str, module: nn.Module) -> None:
        module.register_forward_hook(lambda _module, _inputs, output: seen.update({name: output}))

    backbone = network.feature_extractor
    after("maps_transform", network.maps_transform)
    before("stem", backbone.layer1)
    before("hrnet_feats", backbone.aux_head)
    after("conv3x3_ocr", backbone.conv3x3_ocr)
    before("ocr_context", backbone.ocr_distri_head.object_context_block["f_down"])
    after("ocr_out", backbone.ocr_distri_head)
    return seen


@pytest.mark.parametrize("name", GOLDENS)
def test_released_network_golden(shared: Path, name: str) -> None:
    golden = np.load(shared / "parity" / f"ritm_{name}.npz")
    network = released_network(shared, name.rsplit("_", 1)[0], float(golden["gain"]))
    seen = watch(network)
    for case in ("c1", "c3", "c6"):
        with torch.no_grad():
            logits, auxiliary = network.with_auxiliary(
                golden_image(shared, golden, case), torch.from_numpy(golden[f"{case}_points"])
            )
        np.testing.assert_allclose(logits.numpy(), golden[f"{case}_instances"], atol=2e-4)
        np.testing.assert_allclose(auxiliary.numpy()[..., ::4, ::4], golden[f"{case}_aux_s4"], atol=2e-4)
        for part, maps in seen.items():
            every = 1 if part == "ocr_context" else max(1, maps.shape[1] // 12)
            # Inner maps reach 90, where a float32 sum in another order differs in the sixth figure.
            np.testing.assert_allclose(
                maps.numpy()[:, ::every, ::5, ::5], golden[f"{case}_{part}"], atol=2e-4, rtol=2e-6, err_msg=part
            )


@pytest.mark.parametrize("size", list(DEAD))
def test_released_names_are_exactly_ours_and_the_dead_ones(shared: Path, size: str) -> None:
    described = manifest(shared, size)
    network = released_network(shared, size)
    ours = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    theirs = described["state_dict"]
    dead = set(theirs) - set(ours)
    assert all(".f_pixel." in name or ".f_object." in name for name in dead)
    assert ours == {name: shape for name, shape in theirs.items() if name not in dead}
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count + DEAD[size] == described["config"]["num_parameters"]
    trainable = dead - set(described["buffers"])
    assert sum(int(np.prod(theirs[name])) for name in trainable) == DEAD[size]


def test_published_sizes_are_read_off_the_shapes_alone(shared: Path) -> None:
    state = {name: torch.empty(shape) for name, shape in manifest(shared, "hrnet18s")["state_dict"].items()}
    config, _ = from_upstream(state, {})
    assert config == RITMConfig(width=18, ocr_width=48, small=True)
    config, _ = from_upstream(state, {"norm_radius": 3, "use_leaky_relu": False})
    assert config == RITMConfig(width=18, ocr_width=48, small=True, disk_radius=3.0, leaky_relu=False)


def test_parameters_of_no_published_model_are_refused() -> None:
    with pytest.raises(WeightsError, match="use_rgb_conv = True"):
        from_upstream(tiny().state_dict(), {"use_rgb_conv": True})


def test_the_baseline_takes_no_previous_mask() -> None:
    baseline = tiny(RITMConfig(width=4, ocr_width=8, small=True, stem_width=16, previous_mask=False))
    config, _ = from_upstream(baseline.state_dict(), {})
    assert config == baseline.config
    image = torch.rand(1, 4, 45, 67, generator=torch.Generator().manual_seed(0))
    points = torch.tensor([[[20.0, 20.0, 0.0], [-1.0, -1.0, -1.0]]])
    empty = torch.cat([image[:, :3], torch.zeros(1, 1, 45, 67)], dim=1)
    with torch.no_grad():
        assert torch.equal(baseline(image, points), baseline(empty, points))
        assert not torch.equal(tiny()(image, points), tiny()(empty, points))


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (75, 101), (33, 130)])
def test_output_has_the_input_size_and_follows_the_clicks(rows: int, columns: int) -> None:
    network = tiny()
    image = torch.rand(2, 4, rows, columns, generator=torch.Generator().manual_seed(0))
    here = torch.tensor([[[20.0, 20.0, 0.0], [-1.0, -1.0, -1.0]]]).repeat(2, 1, 1)
    there = torch.tensor([[[5.0, 41.0, 0.0], [-1.0, -1.0, -1.0]]]).repeat(2, 1, 1)
    with torch.no_grad():
        answers = network(image, here), network(image, there)
    assert answers[0].shape == (2, 1, rows, columns)
    assert all(torch.isfinite(answer).all() for answer in answers)
    assert not torch.equal(*answers)


def test_a_sample_does_not_depend_on_its_batch() -> None:
    network = tiny()
    image = torch.rand(2, 4, 45, 67, generator=torch.Generator().manual_seed(0))
    points = torch.tensor([[[20.0, 20.0, 0.0], [-1, -1, -1]], [[30.0, 9.5, 0.0], [8.0, 40.0, 1.0]]])
    with torch.no_grad():
        torch.testing.assert_close(network(image, points)[1:], network(image[1:], points[1:]))


def test_gradients_reach_every_parameter() -> None:
    network = tiny()
    image = torch.rand(1, 4, 64, 96, generator=torch.Generator().manual_seed(0))
    logits, auxiliary = network.with_auxiliary(image, torch.tensor([[[20.0, 20.0, 0.0], [30.0, 40.0, 1.0]]]))
    (logits.square().mean() + auxiliary.square().mean()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_training_mode_drops_out_and_answers_still_have_the_input_size() -> None:
    network = tiny().train()
    image = torch.rand(2, 4, 45, 67, generator=torch.Generator().manual_seed(0))
    points = torch.tensor([[[20.0, 20.0, 0.0], [-1.0, -1.0, -1.0]]]).repeat(2, 1, 1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        logits, auxiliary = network.with_auxiliary(image, points)
    assert logits.shape == auxiliary.shape == (2, 1, 45, 67)
    assert torch.isfinite(logits).all()


def test_weights_are_laid_out_for_the_device_they_are_on() -> None:
    network = tiny()
    weight = network.feature_extractor.layer1[0].conv2.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weight = network.double().float().feature_extractor.layer1[0].conv2.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert network.to("meta").feature_extractor.layer1[0].conv2.weight.is_contiguous()
