"""Starting a run from weights that are there already, instead of at random."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING

import torch

from napari_iseg.errors import WeightsError
from napari_iseg.models.checkpoints import load_state
from napari_iseg.models.context_net import translate_sam
from napari_iseg.models.disnet import DISNet
from napari_iseg.models.focalclick_xl import FocalClickXL
from napari_iseg.models.object_net import PROMPT_KINDS
from napari_iseg.models.simpleclick import FAMILY as SIMPLECLICK
from napari_iseg.zoo.weights import best_options, find_weights, non_commercial_licence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from napari_iseg.training.recipe import Recipe

__all__ = ["inherited", "start_from", "start_parts_from"]

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


def start_parts_from(network: nn.Module, weights: str | Path) -> list[str]:
    """Put a click network's weights into the parts of another method's network that are the same; the rest stays.

    AdaptiveClick and DISNet have SimpleClick's transformer (and AdaptiveClick its pyramid), FocalClick-XL's Object-Net
    can have it; what has learnt to look at images in one need not learn it in another.

    Parameters
    ----------
    network
        Of AdaptiveClick, DISNet or FocalClick-XL, or of SimpleClick in another configuration.
    weights
        Known name or file of weights of SimpleClick's family, which CFR-ICL is of.

    Returns
    -------
    list of str
        Names of the parameters that were put in.

    Raises
    ------
    UnknownNameError
        If it is neither a known name nor looks like a file.
    WeightsError
        If they cannot be read, are of another family, or no block of their transformer has its like in the network.
    """
    state = SIMPLECLICK.load(find_weights(weights, "cfr-icl")).state_dict()
    ours = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in _names_in(network, state).items()
        if name in ours and ours[name].shape == tensor.shape
    }
    if not any(".blocks." in name for name in fitting):
        raise WeightsError(
            f"No block of the transformer in the weights {weights} fits the recipe's network; give the recipe's "
            "[network] the embed_dim of the weights, or leave 'parts_from' out."
        )
    network.load_state_dict(fitting, strict=False)
    return sorted(fitting)


def _names_in(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a SimpleClick under the names that they have in another network."""
    prompts = "patch_embed_coords.weight"
    if isinstance(network, DISNet):
        named = {f"proposals.{name}": tensor for name, tensor in state.items()}
        if prompts in state and network.config.guidance:
            # Of previous mask, two disks and eight guides those of positive clicks.
            named[f"proposals.{prompts}"] = state[prompts][:, 1::2]
        return named
    if isinstance(network, FocalClickXL):
        named = {_in_object_net(name): tensor for name, tensor in state.items()}
        image = "backbone.patch_embed.first.weight"
        if image in state:
            together = torch.cat([state[image], state[prompts]], dim=1)
            named |= {f"object_net.prompting.{kind}.weight": together for kind in PROMPT_KINDS}
        return named
    return dict(state)


def _in_object_net(name: str) -> str:
    return f"object_net.{name}" if name.startswith("head.") else f"object_net.encoder.{name}"


def _put_encoder(network: FocalClickXL, state: Mapping[str, Tensor], file: Path) -> None:
    try:
        network.context_net.encoder.load_state_dict(translate_sam(state))
    except RuntimeError as error:
        raise WeightsError(
            f"The weights in {file.name} do not fit the recipe's Context-Net; start from SAM's of the same size."
        ) from error


def inherited(weights: str | Path | None, parts_from: str | Path | None = None) -> dict[str, str]:
    """Return what the head of a file has to say that was trained from other weights.

    Parameters
    ----------
    weights
        What all of the network began with: the options at which they are best are what it goes on with.
    parts_from
        What parts of it began with, where there is nothing else; of these only the terms count.

    Returns
    -------
    dict
        The terms, where they are not free, and the options, where there are some.
    """
    source = weights or parts_from
    licence = non_commercial_licence(source) if source else None
    head = {} if licence is None else {"licence": licence, "non_commercial": "yes"}
    options = best_options(weights) if weights else {}
    return {**head, "options": json.dumps(options)} if options else head
