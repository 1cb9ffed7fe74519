"""The table of methods: one line each. A new method is one file in ``models/`` and one ``MethodSpec`` here."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from napari_iseg.errors import UnknownNameError
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.zoo.options import ClickOptions, Options, RandomWalkerOptions

__all__ = ["METHODS", "MethodSpec", "find_method"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpec:
    """What there is to know about a method without loading it.

    Parameters
    ----------
    name
        The name used everywhere: command line, files, window.
    title
        One line in a biologist's words.
    paper
        Authors, title, venue and year.
    predictor
        ``"module:class"`` of its predictor, resolved late; called with a network (or nothing) and options.
    options
        The predictor's options at their defaults.
    prompts
        The prompt classes that it understands.
    network
        ``"module:function"`` that builds its network from a checkpoint, or None for a method without weights.
    weights
        Name of the weights to use when none are asked for, or None.
    """

    name: str
    title: str
    paper: str
    predictor: str
    options: Options
    prompts: tuple[type, ...]
    network: str | None = None
    weights: str | None = None


_TABLE = (
    MethodSpec(
        name="cfr-icl",
        title="Click network that refines its own answer (CFR-ICL)",
        paper="Sun et al., CFR-ICL: Cascade-Forward Refinement with Iterative Click Loss, AAAI 2024",
        network="napari_iseg.models.simpleclick:load_checkpoint",
        predictor="napari_iseg.inference.click_predictor:ClickPredictor",
        options=ClickOptions(cascade_steps=1),
        prompts=(Click, MaskPrompt),
        weights="cfr-icl-small",
    ),
    MethodSpec(
        name="random-walker",
        title="Random walker: no network, spreads from the clicks to the nearest edges",
        paper="Grady, Random Walks for Image Segmentation, IEEE TPAMI 2006",
        predictor="napari_iseg.inference.random_walker:RandomWalkerPredictor",
        options=RandomWalkerOptions(),
        prompts=(Click, Box, Scribble, MaskPrompt),
    ),
)

METHODS: MappingProxyType[str, MethodSpec] = MappingProxyType({spec.name: spec for spec in _TABLE})


def find_method(name: str) -> MethodSpec:
    """Return the method of that name.

    Raises
    ------
    UnknownNameError
        If there is none; the message names close matches.
    """
    try:
        return METHODS[name]
    except KeyError:
        raise UnknownNameError("method", name, METHODS) from None
