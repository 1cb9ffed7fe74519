"""Starting a run from weights: of an earlier run of the same network, or released ones of a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iseg.errors import WeightsError
from napari_iseg.models.checkpoints import load_state
from napari_iseg.models.context_net import translate_sam
from napari_iseg.models.focalclick_xl import FocalClickXL

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from napari_iseg.models.families import Family

__all__ = ["start_from"]

_SAM = "image_encoder."


def start_from(network: nn.Module, file: Path, family: Family) -> None:
    """Put weights into a network before it is trained.

    Parameters
    ----------
    network
        Of the family.
    file
        Weights of a network of the same sizes, as ``napari-iseg train`` leaves them or as released; for FocalClick-XL
        also released weights of SAM, which are its Context-Net's encoder.
    family
        The network's.

    Raises
    ------
    WeightsError
        If the file cannot be read, or holds another network or another size.
    """
    if isinstance(network, FocalClickXL) and file.suffix != ".safetensors":
        state, _ = load_state(file)
        if any(name.startswith(_SAM) for name in state):
            _put(network.context_net.encoder, translate_sam(state), file)
            return
    loaded = family.load(file)
    if loaded.config != network.config:
        raise WeightsError(
            f"The weights in {file.name} are of a {family.name} network of other sizes than the recipe's; start from "
            "weights of the same, or give the recipe their [network]."
        )
    _put(network, loaded.state_dict(), file)


def _put(network: nn.Module, state: dict[str, Tensor], file: Path) -> None:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"The weights in {file.name} do not fit the recipe's network; start from those of the same sizes."
        ) from error
