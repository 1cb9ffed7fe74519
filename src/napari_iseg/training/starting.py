"""Starting a run from weights that are there already, instead of at random."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from napari_iseg.errors import WeightsError
from napari_iseg.models.checkpoints import load_state
from napari_iseg.models.context_net import translate_sam
from napari_iseg.models.focalclick_xl import FocalClickXL
from napari_iseg.zoo.weights import find_weights, non_commercial_licence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from napari_iseg.training.recipe import Recipe

__all__ = ["inherited_terms", "start_from"]

# How the names of SAM's encoder begin.
_SAM = "image_encoder."


def start_from(network: nn.Module, recipe: Recipe, weights: str | Path) -> None:
    """Put weights into a recipe's network before its first step, as CFR-ICL begins with SimpleClick's.

    Parameters
    ----------
    network
        Of the recipe, as :func:`napari_iseg.training.loop.build_network` makes it.
    recipe
        What is to be trained.
    weights
        A known name that fits the recipe's method, a safetensors file of ours, or a released ``.pth``; for
        FocalClick-XL also released weights of SAM, which are its Context-Net's encoder.

    Raises
    ------
    UnknownNameError
        If it is neither a known name nor looks like a file.
    WeightsError
        If they cannot be read, or are of another kind of network or of another configuration than the recipe's.
    """
    file = find_weights(weights, recipe.method)
    if isinstance(network, FocalClickXL) and file.suffix != ".safetensors":
        state, _ = load_state(file)
        if any(name.startswith(_SAM) for name in state):
            _put_encoder(network, state, file)
            return
    loaded = recipe.family.load(file)
    theirs, ours = loaded.config, recipe.network
    differing = [field.name for field in fields(ours) if getattr(ours, field.name) != getattr(theirs, field.name)]
    if differing:
        name = differing[0]
        raise WeightsError(
            f"The weights {weights} have {name} = {getattr(theirs, name)} but the recipe {recipe.name!r} has "
            f"{getattr(ours, name)}; set [network] {', '.join(differing)} in the recipe as in the weights, or start "
            "from others."
        )
    network.load_state_dict(loaded.state_dict())


def _put_encoder(network: FocalClickXL, state: Mapping[str, Tensor], file: Path) -> None:
    try:
        network.context_net.encoder.load_state_dict(translate_sam(state))
    except RuntimeError as error:
        raise WeightsError(
            f"The weights in {file.name} do not fit the recipe's Context-Net; start from SAM's of the same size."
        ) from error


def inherited_terms(weights: str | Path | None) -> dict[str, str]:
    """Return what the head of a file has to say that was trained from these weights; nothing where they are free."""
    licence = non_commercial_licence(weights) if weights else None
    return {} if licence is None else {"licence": licence, "non_commercial": "yes"}
