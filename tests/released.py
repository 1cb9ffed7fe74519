"""Files as the research codes release them, made here: tensors under upstream's names, configurations beside them."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

import torch

from tests.seeded import TINY, seeded_network

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from napari_iseg.models.simpleclick import SimpleClick


def released_state(network: SimpleClick) -> dict[str, torch.Tensor]:
    """Return a network's weights under upstream's names, dead weights included."""
    state = {}
    for name, tensor in network.state_dict().items():
        key = name
        if name.startswith(("head.convs.", "head.fusion_conv.")):
            key = name.replace(".0.weight", ".conv.weight").replace(".0.bias", ".conv.bias")
            key = key.replace("head.convs.conv.", "head.convs.0.")
        state[key] = tensor
    width = network.config.embed_dim
    state["backbone.pos_embed"] = torch.cat([torch.ones(1, 1, width), state["backbone.pos_embed"]], dim=1)
    state["backbone.cls_token"] = torch.ones(1, 1, width)
    state["backbone.fc_norm.weight"] = torch.ones(width)
    state["backbone.head.weight"] = torch.ones(1000, width)
    state["head.up_conv1.0.weight"] = torch.ones(12, 6, 2, 2)
    state["head.up_conv2.0.weight"] = torch.ones(6, 3, 2, 2)
    return state


def save_released(path: Path, state: dict[str, torch.Tensor], upstream_class: str, values: dict[str, Any]) -> Path:
    """Write a state dict with its constructor parameters, laid out as upstream's trainers do."""
    params = {name: {"type": "builtin", "value": value, "specified": True} for name, value in values.items()}
    torch.save({"state_dict": state, "config": {"class": upstream_class, "params": params}}, path)
    return path


def save_simpleclick(path: Path) -> Path:
    """Write a small SimpleClick with seeded weights as upstream's trainer does."""
    backbone = {"img_size": TINY.image_size, "patch_size": TINY.patch_size, "num_heads": TINY.heads}
    values = {"backbone_params": backbone, "norm_radius": 5}
    state = released_state(seeded_network(TINY))
    return save_released(path, state, "isegm.model.is_plainvit_model.PlainVitModel", values)


def released_from_manifest(shared: Path, manifest: str, path: Path, **changes: Any) -> Path:
    """Write the file that a parity manifest describes, with the weights that its goldens were made with."""
    content = json.loads((shared / "parity" / f"{manifest}.manifest.json").read_text())
    vit = manifest.startswith(("simpleclick", "cfr_icl", "adaptiveclick"))
    arrays = _seeding(shared, "seeded_vit" if vit else "seeded").seeded_state(content)
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    config = content["config"]
    if manifest.startswith("adaptiveclick"):
        upstream_class, values = (
            "isegm.model.is_adaptiveclick_model.AdaptiveClickModel",
            {
                "cfg": {**config, "device": torch.device("cpu")},
                "with_prev_mask": True,
                "use_disks": True,
                "norm_radius": 5,
            },
        )
    elif vit:
        upstream_class, values = "isegm.model.is_plainvit_model.PlainVitModel", config
    else:
        upstream_class, values = config["upstream_class"], config["params"]
    return save_released(path, state, upstream_class, {**values, **changes})


def _seeding(shared: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, shared / "parity" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
