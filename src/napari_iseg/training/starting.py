"""Starting a run from weights that are there already, instead of at random."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from napari_iseg.errors import WeightsError
from napari_iseg.zoo.weights import find_weights, non_commercial_licence

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from napari_iseg.training.recipe import Recipe

__all__ = ["inherited_terms", "start_from"]


def start_from(network: nn.Module, recipe: Recipe, weights: str | Path) -> None:
    """Put weights into a recipe's network before its first step, as CFR-ICL begins with SimpleClick's.

    Parameters
    ----------
    network
        Of the recipe, as :func:`napari_iseg.training.loop.build_network` makes it.
    recipe
        What is to be trained.
    weights
        A known name that fits the recipe's method, a safetensors file of ours, or a released ``.pth``.

    Raises
    ------
    UnknownNameError
        If it is neither a known name nor looks like a file.
    WeightsError
        If they cannot be read, or are of another kind of network or of another configuration than the recipe's.
    """
    loaded = recipe.family.load(find_weights(weights, recipe.method))
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


def inherited_terms(weights: str | Path | None) -> dict[str, str]:
    """Return what the head of a file has to say that was trained from these weights; nothing where they are free."""
    licence = non_commercial_licence(weights) if weights else None
    return {} if licence is None else {"licence": licence, "non_commercial": "yes"}
