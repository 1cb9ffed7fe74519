"""Reading and writing weights. Nothing here ever executes a pickle."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from napari_iseg.errors import WeightsError
from napari_iseg.models.unpickling import read_pickled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

__all__ = ["COUNTER", "load_state", "require_all_keys", "require_parameters", "save_checkpoint"]

_log = logging.getLogger(__name__)


COUNTER = "num_batches_tracked"
"""How the names of batch norms' counters end."""


def save_checkpoint(
    path: Path, network: nn.Module, *, config_json: str, metadata: Mapping[str, str], exact: bool = False
) -> None:
    """Write a network as safetensors, with its configuration and ``metadata`` (text to text) inside.

    The file appears only when it is whole.

    Parameters
    ----------
    path
        The file to write.
    network
        Whose weights are written.
    config_json
        Its configuration.
    metadata
        What else to keep in the file's head.
    exact
        Keep every number as it is, as weights of others must be. Otherwise fractions are written in float16, and how
        many batches norms have seen is left out, which nobody asks who does not train on.
    """
    tensors = {}
    for name, tensor in network.state_dict().items():
        if not exact and name.endswith(COUNTER):
            continue
        number = tensor.dtype if exact or not tensor.is_floating_point() else torch.float16
        # safetensors wants every tensor on its own memory.
        tensors[name] = tensor.detach().to("cpu", number).clone(memory_format=torch.contiguous_format)
    partial = path.with_name(path.name + ".part")
    save_file(tensors, partial, metadata={**metadata, "config_json": config_json, "made_by": "napari-iseg"})
    partial.replace(path)


def load_state(path: Path, *, stage: int = -1) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a state dict and what is known about it.

    Parameters
    ----------
    path
        ``.safetensors`` of ours, or a released ``.pth``.
    stage
        Which network of a released file that holds a list of them (RITM: one for the first click, one for the second,
        the last for every later one). The last serves every click.

    Returns
    -------
    tuple
        Names to tensors, and the metadata: our own (text), or for a released file ``{"upstream": constructor
        parameters, "upstream_class": the dotted name of its class or ""}``.

    Raises
    ------
    WeightsError
        If the file is missing, damaged, no checkpoint, or has no such stage.
    """
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}; give the name of known weights or an existing file.")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in (".pth", ".pt", ".ckpt"):
        return _read_released(path, stage)
    raise WeightsError(f"{path.name} is no weights file; expected a name ending in .safetensors or .pth.")


def require_parameters(kind: str, params: Mapping[str, Any], only: Mapping[str, Any]) -> None:
    """Check that released weights were made with constructor parameters that we can follow.

    Parameters
    ----------
    kind
        The kind of network, as the message names it.
    params
        What was saved beside the weights; a parameter that is missing passes.
    only
        Parameters to the one value that every published model has.

    Raises
    ------
    WeightsError
        If one has another value.
    """
    for name, expected in only.items():
        if params.get(name, expected) != expected:
            raise WeightsError(
                f"These {kind} weights were made with {name} = {params[name]!r}; only {expected!r}, as in every "
                "published model, is supported. Use one of the published files."
            )


def require_all_keys(path: Path, network: str, state: Mapping[str, Tensor], keys: Iterable[str]) -> None:
    """Check that a state dict holds ``keys``, by which a network's weights are told from others'.

    Raises
    ------
    WeightsError
        If one is missing.
    """
    if any(key not in state for key in keys):
        raise WeightsError(
            f"The weights in {path.name} belong to another network than {network}'s; choose the method that they were "
            "trained for."
        )


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path.name} is damaged or no safetensors file ({error}); fetch it again.") from error
    if "config_json" not in metadata:
        raise WeightsError(
            f"{path.name} does not say which network it is for; only safetensors files of ours are read."
        )
    try:
        json.loads(metadata["config_json"])
    except json.JSONDecodeError as error:
        raise WeightsError(f"{path.name} holds a damaged configuration; fetch it again.") from error
    return state, metadata


def _read_released(path: Path, stage: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    damaged = f"{path.name} is damaged or no checkpoint of a known method; fetch it again or choose another file."
    content = read_pickled(path)
    if isinstance(content, list):
        content = _stage(content, stage, path)
    if not isinstance(content, dict):
        raise WeightsError(damaged)
    # Segmentation codes say state_dict, MAE's pretraining says model, some save nothing but the tensors.
    state = next((content[name] for name in ("state_dict", "model") if isinstance(content.get(name), dict)), content)
    if not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(damaged)
    config = content.get("config")
    named = config.get("class") if isinstance(config, dict) else None
    return state, {
        "upstream": _constructor_parameters(config),
        "upstream_class": named if isinstance(named, str) else "",
    }


def _stage(stages: list[Any], wanted: int, path: Path) -> Any:
    """Return one of several networks in a file."""
    if not -len(stages) <= wanted < len(stages):
        raise WeightsError(f"{path.name} holds {len(stages)} networks, counted from 0; there is no number {wanted}.")
    if len(stages) > 1:
        number = wanted % len(stages)
        _log.warning("%s holds %d networks, one per click; number %d is used for all.", path.name, len(stages), number)
    return stages[wanted]


def _constructor_parameters(config: Any) -> dict[str, Any]:
    """Return name to value from upstream's ``{'params': {name: {'type', 'value', 'specified'}}}``."""
    if not isinstance(config, dict) or not isinstance(config.get("params"), dict):
        return {}
    return {
        name: entry["value"] for name, entry in config["params"].items() if isinstance(entry, dict) and "value" in entry
    }
