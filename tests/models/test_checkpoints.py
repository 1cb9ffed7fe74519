"""Weights files: ours, released ones, damaged ones, and ones that would run code."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import torch
from tests.released import released_state
from tests.seeded import TINY, seeded_network

from napari_iseg.errors import WeightsError
from napari_iseg.models.checkpoints import load_state, save_checkpoint
from napari_iseg.models.simpleclick import FAMILY, SimpleClick

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = torch.rand(1, 4, 64, 64, generator=torch.Generator().manual_seed(1))
POINTS = torch.tensor([[[20.0, 31.0, 0.0], [50.0, 12.0, 1.0]]])


def answer(network: SimpleClick) -> torch.Tensor:
    """Return the logits for one fixed question."""
    with torch.no_grad():
        return network(IMAGE, POINTS)


def released_file(path: Path, network: SimpleClick, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a file as upstream's trainer does: an instance of its own loss class lies in the configuration."""
    module = ModuleType("isegm.model.losses")
    loss = type("CrossEntropyLoss", (torch.nn.Module,), {"__module__": "isegm.model.losses"})
    module.CrossEntropyLoss = loss  # type: ignore[attr-defined]
    config = network.config
    backbone = {"img_size": config.image_size, "patch_size": config.patch_size, "num_heads": config.heads}
    values = {"backbone_params": backbone, "head_params": {"loss_decode": loss()}, "norm_radius": 5}
    params = {name: {"type": "builtins.dict", "value": value, "specified": True} for name, value in values.items()}
    with monkeypatch.context() as patch:
        for parent in ("isegm", "isegm.model"):
            patch.setitem(sys.modules, parent, ModuleType(parent))
        patch.setitem(sys.modules, "isegm.model.losses", module)
        content = {
            "state_dict": released_state(network),
            "config": {"class": "isegm.model.is_plainvit_model.PlainVitModel", "params": params},
        }
        torch.save(content, path)
    return path


def test_our_file_comes_back_to_half_precision(tmp_path: Path) -> None:
    network = seeded_network(TINY)
    path = tmp_path / "small.safetensors"
    save_checkpoint(path, network, config_json=FAMILY.to_json(TINY), metadata={"recipe": "none"})
    loaded = FAMILY.load(path)
    assert loaded.config == TINY
    assert (answer(loaded) - answer(network)).abs().max() < 2e-2
    assert path.stat().st_size < 2.3 * sum(p.numel() for p in network.parameters()) + 20_000
    assert list(tmp_path.iterdir()) == [path]


def test_released_file_is_converted_on_the_fly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = seeded_network(TINY)
    path = released_file(tmp_path / "cocolvis_vit.pth", network, monkeypatch)
    with pytest.raises(Exception, match=r"weights_only|Weights only"):
        torch.load(path, weights_only=True)
    loaded = FAMILY.load(path)
    assert loaded.config == TINY
    assert torch.equal(answer(loaded), answer(network))


def test_bare_state_dict_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bare.pth"
    torch.save(released_state(seeded_network(TINY)), path)
    loaded = FAMILY.load(path)
    assert loaded.config.depth == TINY.depth
    assert loaded.config.neck_channels == TINY.neck_channels


class _Attack:
    """Pickles into a call that makes a folder."""

    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.target,)


def test_a_file_that_would_run_code_runs_nothing(tmp_path: Path) -> None:
    target = tmp_path / "owned"
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": released_state(seeded_network(TINY)), "config": _Attack(str(target))}, path)
    assert FAMILY.load(path).config.depth == TINY.depth
    torch.save({"state_dict": _Attack(str(target))}, path)
    with pytest.raises(WeightsError, match="damaged"):
        FAMILY.load(path)
    assert not target.exists()


def test_of_several_stages_the_last_is_taken_unless_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "stages.pth"
    stages = [{"state_dict": {"a.weight": torch.full((2,), float(i))}, "config": {"class": "x.Y"}} for i in range(3)]
    torch.save(stages, path)
    assert load_state(path)[0]["a.weight"].tolist() == [2, 2]
    assert "3 networks" in caplog.text
    state, metadata = load_state(path, stage=1)
    assert state["a.weight"].tolist() == [1, 1]
    assert metadata["upstream_class"] == "x.Y"
    with pytest.raises(WeightsError, match="there is no number 3"):
        load_state(path, stage=3)


def test_exact_files_keep_every_number(tmp_path: Path) -> None:
    network = torch.nn.BatchNorm2d(3)
    network.weight.data = torch.tensor([1 / 3, 1e-9, 70000.0])
    network.num_batches_tracked.fill_(123_457)
    for exact in (True, False):
        path = tmp_path / "norm.safetensors"
        save_checkpoint(path, network, config_json="{}", metadata={}, exact=exact)
        state, _ = load_state(path)
        # Of our own files nobody asks how many batches a norm has seen.
        assert ("num_batches_tracked" in state) == exact
        assert not exact or state["num_batches_tracked"].item() == 123_457
        assert torch.equal(state["weight"].float(), network.weight) == exact


def test_damaged_and_foreign_files_say_so(tmp_path: Path) -> None:
    whole = tmp_path / "whole.pth"
    torch.save(released_state(seeded_network(TINY)), whole)
    cut = tmp_path / "cut.pth"
    cut.write_bytes(whole.read_bytes()[:5000])
    text = tmp_path / "text.pth"
    text.write_text("not a checkpoint")
    other = tmp_path / "other.pth"
    torch.save({"state_dict": {"feature_extractor.conv1.weight": torch.ones(3)}}, other)
    half = tmp_path / "half.safetensors"
    save_checkpoint(half, seeded_network(TINY), config_json=FAMILY.to_json(TINY), metadata={})
    half.write_bytes(half.read_bytes()[:3000])
    for path, words in ((cut, "damaged"), (text, "damaged"), (other, "another network"), (half, "damaged")):
        with pytest.raises(WeightsError, match=words):
            FAMILY.load(path)
    with pytest.raises(WeightsError, match="no weights file"):
        FAMILY.load(tmp_path / "missing.safetensors")
    with pytest.raises(WeightsError, match=r"ending in \.safetensors or \.pth"):
        whole.rename(tmp_path / "weights.zip")
        FAMILY.load(tmp_path / "weights.zip")


def test_another_networks_safetensors_say_so(tmp_path: Path) -> None:
    path = tmp_path / "linear.safetensors"
    save_checkpoint(path, torch.nn.Linear(3, 2), config_json=FAMILY.to_json(TINY), metadata={})
    with pytest.raises(WeightsError, match="another network"):
        FAMILY.load(path)
