"""Reading and writing weights. Nothing here ever executes a pickle."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from napari_iseg.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

__all__ = ["load_state", "require_all_keys", "save_checkpoint"]

# Classes of the research codes whose instances lie in released files beside the weights; they become empty shells.
_SHELLED = ("isegm.", "mmcv.", "mmseg.", "mmengine.", "builtins.set", "torch.nn.modules.", "numpy.", "easydict.")


def save_checkpoint(path: Path, network: nn.Module, *, config_json: str, metadata: Mapping[str, str]) -> None:
    """Write a network as safetensors in float16, with its configuration and ``metadata`` (text to text) inside.

    The file appears only when it is whole.
    """
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in network.state_dict().items()
    }
    partial = path.with_name(path.name + ".part")
    save_file(tensors, partial, metadata={**metadata, "config_json": config_json, "made_by": "napari-iseg"})
    partial.replace(path)


def load_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a state dict and what is known about it.

    Parameters
    ----------
    path
        ``.safetensors`` of ours, or a released ``.pth``.

    Returns
    -------
    tuple
        Names to tensors, and the metadata: our own (text), or for a released file ``{"upstream": constructor
        parameters}``.

    Raises
    ------
    WeightsError
        If the file is missing, damaged, no checkpoint, or would have to execute code to load.
    """
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}; give the name of known weights or an existing file.")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in (".pth", ".pt", ".ckpt"):
        return _read_released(path)
    raise WeightsError(f"{path.name} is no weights file; expected a name ending in .safetensors or .pth.")


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


def _read_released(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    damaged = f"{path.name} is damaged or no checkpoint of a known method; fetch it again or choose another file."
    try:
        with _shells_for(path):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as error:  # torch raises half a dozen kinds for a damaged file
        raise WeightsError(damaged) from error
    if isinstance(content, list) and content:
        content = content[0]
    if not isinstance(content, dict):
        raise WeightsError(damaged)
    state = content.get("state_dict", content)
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()) or not state:
        raise WeightsError(damaged)
    return state, {"upstream": _constructor_parameters(content.get("config"))}


def _shells_for(path: Path) -> Any:
    """Return a context in which the research codes' own classes load as empty shells.

    ``weights_only=True`` refuses unknown classes. Released files hold an instance of the upstream loss; its class is
    not needed, so that a class without behaviour stands in for it. Any other unknown name is refused.
    """
    if not _is_zip(path):
        return nullcontext()
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    foreign = [name for name in names if not name.startswith(_SHELLED)]
    if foreign:
        raise WeightsError(
            f"{path.name} would have to execute code to load ({', '.join(sorted(foreign)[:3])}) and was not opened; "
            "use a file from the method's own authors, or safetensors."
        )
    shells = [(type("Shell", (_Shell,), {}), name) for name in names]
    return torch.serialization.safe_globals(shells)


class _Shell:
    """Stands in for an object of a research code; takes any arguments and state and does nothing with them."""

    def __init__(self, *_args: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _constructor_parameters(config: Any) -> dict[str, Any]:
    """Return name to value from upstream's ``{'params': {name: {'type', 'value', 'specified'}}}``."""
    if not isinstance(config, dict) or not isinstance(config.get("params"), dict):
        return {}
    return {
        name: entry["value"] for name, entry in config["params"].items() if isinstance(entry, dict) and "value" in entry
    }
