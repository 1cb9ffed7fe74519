"""The table of methods: one line each. A new method is one file in ``models/`` and one ``MethodSpec`` here."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from napari_iseg.errors import UnknownNameError
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.zoo.method_options import (
    AdaptiveClickOptions,
    ClickOptions,
    DISNetOptions,
    FocalClickOptions,
    FocalClickXLOptions,
    GeodesicOptions,
    GraphCutOptions,
    RandomWalkerOptions,
)

if TYPE_CHECKING:
    from napari_iseg.zoo.options import Options

__all__ = ["ADAPTED_METHOD", "DEFAULT_METHOD", "METHODS", "MethodSpec", "find_method"]


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
        The prompt classes that it takes as they are.
    translated
        The prompt classes that it takes in the terms of those: a box as a click and a crop, a scribble as clicks.
    family
        ``"module:FAMILY"`` of its network, resolved late, or None for a method without one.
    base
        Name of the published base configuration in the family; empty without a network.
    lesson
        ``"module:class"`` of how it is trained, resolved late, or None for a method that is not.
    weights
        Name of the weights to use when none are asked for, or None.
    proposals
        Whether it offers several candidate masks to choose from.
    published_proposals
        What goes on in its paper's tables: ``"likeliest"``, the answer that the method itself gives, or ``"best"``, the
        proposal most like the reference, which no user knows (an oracle); a table that compares must say so.
    alpha
        Whether it gives alpha mattes.
    note
        What a user should know besides: where it departs from what holds for all methods, and what the paper's own
        figures were made with.
    """

    name: str
    title: str
    paper: str
    predictor: str
    options: Options
    prompts: tuple[type, ...]
    translated: tuple[type, ...] = ()
    family: str | None = None
    base: str = ""
    lesson: str | None = None
    weights: str | None = None
    proposals: bool = False
    published_proposals: Literal["likeliest", "best"] = "likeliest"
    alpha: bool = False
    note: str = ""


_TABLE = (
    MethodSpec(
        name="focalclick-xl",
        title="Clicks, scribbles, boxes and masks to soft edges, in three looks ever closer (FocalClick-XL)",
        paper="Chen et al., FocalClick-XL: Towards Unified and High-quality Interactive Segmentation, 2025",
        family="napari_iseg.models.focalclick_xl:FAMILY",
        predictor="napari_iseg.inference.focalclick_xl_predictor:FocalClickXLPredictor",
        options=FocalClickXLOptions(),
        prompts=(Click, Scribble, Box, MaskPrompt),
        base="base",
        lesson="napari_iseg.training.lessons.focalclick_xl:FocalClickXLLesson",
        weights="focalclick-xl-small",
        alpha=True,
        note="The newest prompt's kind decides: clicks and scribbles go on from the answer there is, a box or a "
        "mask begins anew (and is not refined by cascade_steps). Without a GPU, magnify=false saves most of "
        "the time.",
    ),
    MethodSpec(
        name="cfr-icl",
        title="Click network that refines its own answer (CFR-ICL)",
        paper="Sun et al., CFR-ICL: Cascade-Forward Refinement with Iterative Click Loss, AAAI 2024",
        family="napari_iseg.models.simpleclick:FAMILY",
        predictor="napari_iseg.inference.click_predictor:ClickPredictor",
        options=ClickOptions(cascade_steps=1),
        prompts=(Click, MaskPrompt),
        translated=(Box, Scribble),
        base="vit-base",
        lesson="napari_iseg.training.lessons.clicks:ClickLesson",
        weights="cfr-icl-small",
    ),
    MethodSpec(
        name="simpleclick",
        title="Click network on a plain vision transformer (SimpleClick)",
        paper="Liu et al., SimpleClick: Interactive Image Segmentation with Simple Vision Transformers, ICCV 2023",
        family="napari_iseg.models.simpleclick:FAMILY",
        predictor="napari_iseg.inference.click_predictor:ClickPredictor",
        options=ClickOptions(),
        prompts=(Click, MaskPrompt),
        translated=(Box, Scribble),
        base="vit-base",
        lesson="napari_iseg.training.lessons.clicks:ClickLesson",
        weights="cfr-icl-small",
    ),
    MethodSpec(
        name="ritm",
        title="Click network of convolutions that starts from the mask there is (RITM)",
        paper="Sofiiuk et al., Reviving Iterative Training with Mask Guidance for Interactive Segmentation, ICIP 2022",
        family="napari_iseg.models.ritm:FAMILY",
        predictor="napari_iseg.inference.click_predictor:ClickPredictor",
        # The first click sees the whole image in its own pixels. The paper sets no limit; 1024 leaves the images of
        # all its test sets alone (at most 854 a side) and keeps a slide scanner's from filling the memory.
        options=ClickOptions(target_size=400, keep_aspect=True, skip_clicks=1, max_side=1024),
        prompts=(Click, MaskPrompt),
        translated=(Box, Scribble),
        base="hrnet18",
        lesson="napari_iseg.training.lessons.ritm:RITMLesson",
        note="The first click sees the whole image in its own pixels, up to max_side (the paper sets no limit); "
        "the paper's figures on DAVIS were made with target_size=600.",
    ),
    MethodSpec(
        name="focalclick",
        title="Fast click network that changes a mask only around the click (FocalClick)",
        paper="Chen et al., FocalClick: Towards Practical Interactive Image Segmentation, CVPR 2022",
        family="napari_iseg.models.focalclick:FAMILY",
        predictor="napari_iseg.inference.focalclick_predictor:FocalClickPredictor",
        options=FocalClickOptions(),
        prompts=(Click, MaskPrompt),
        translated=(Box, Scribble),
        base="segformer-b0-s2",
        lesson="napari_iseg.training.lessons.focalclick:FocalClickLesson",
        weights="focalclick-b0",
        note="A click on a mask that was given changes only the piece around the click (progressive_merge). The "
        "authors' own figures are those of progressive_merge=exact, exact_empty=true and threshold=0.5.",
    ),
    MethodSpec(
        name="adaptiveclick",
        title="Click network that proposes several masks where a click is ambiguous (AdaptiveClick)",
        paper="Lin et al., AdaptiveClick: Click-aware Transformer with Adaptive Focal Loss for Interactive Image "
        "Segmentation, IEEE TNNLS 2024",
        family="napari_iseg.models.adaptiveclick:FAMILY",
        predictor="napari_iseg.inference.adaptiveclick_predictor:AdaptiveClickPredictor",
        options=AdaptiveClickOptions(),
        prompts=(Click, MaskPrompt),
        translated=(Box, Scribble),
        base="vit-base",
        lesson="napari_iseg.training.lessons.adaptiveclick:AdaptiveClickLesson",
        weights="adaptiveclick-small",
        proposals=True,
        # The released code, with which its tables were made, sums all masks; the paper's text speaks of the best one.
        published_proposals="likeliest",
        note="The answer is the sum of all its masks, each weighted by how sure the network is of it; the "
        "proposals are the single masks. Options flip and cascade_steps work on the answer, not on the "
        "proposals.",
    ),
    MethodSpec(
        name="disnet",
        title="Click network that offers several masks for the first click (DISNet)",
        paper="Interactive Segmentation by Considering First-Click Intentional Ambiguity, ACM Multimedia 2024 (draft)",
        family="napari_iseg.models.disnet:FAMILY",
        predictor="napari_iseg.inference.disnet_predictor:DISNetPredictor",
        options=DISNetOptions(),
        prompts=(Click, MaskPrompt),
        translated=(Box, Scribble),
        base="vit-base",
        lesson="napari_iseg.training.lessons.disnet:DISNetLesson",
        weights="disnet-small",
        proposals=True,
        # Section 4: after the first click the proposal with the largest IoU with the reference is refined.
        published_proposals="best",
        note="The first click proposes up to seven masks around it, and what is chosen is what every later click "
        "corrects. That mask stays the same for all later clicks, so there is nothing for refining passes "
        "(CFR) to feed back. A box or a scribble at the start picks the proposal that fits it best; no crop "
        "is made of it. Written from an anonymous draft; no code or weights were published.",
    ),
    MethodSpec(
        name="random-walker",
        title="Random walker: no network, spreads from the clicks to the nearest edges",
        paper="Grady, Random Walks for Image Segmentation, IEEE TPAMI 2006",
        predictor="napari_iseg.inference.random_walker:RandomWalkerPredictor",
        options=RandomWalkerOptions(),
        prompts=(Click, Box, Scribble, MaskPrompt),
    ),
    MethodSpec(
        name="graph-cut",
        title="Graph cut: no network, the cheapest outline by colours and edges; needs PyMaxflow",
        paper="Boykov and Jolly, Interactive Graph Cuts for Optimal Boundary and Region Segmentation, ICCV 2001",
        predictor="napari_iseg.inference.graph_cut:GraphCutPredictor",
        options=GraphCutOptions(),
        prompts=(Click, Box, Scribble, MaskPrompt),
    ),
    MethodSpec(
        name="geodesic",
        title="Geodesic distance: no network, each pixel goes to the prompt that is reached over fewer edges",
        paper="Bai and Sapiro, A Geodesic Framework for Fast Interactive Image and Video Segmentation, ICCV 2007",
        predictor="napari_iseg.inference.geodesic:GeodesicPredictor",
        options=GeodesicOptions(),
        prompts=(Click, Box, Scribble, MaskPrompt),
    ),
)

METHODS: MappingProxyType[str, MethodSpec] = MappingProxyType({spec.name: spec for spec in _TABLE})

DEFAULT_METHOD = _TABLE[0].name
"""The method where nobody chose one. It takes every kind of prompt; of the bundled networks that answer fast on a
processor it needs the fewest clicks on photographs and EM, and about as many as the others on nuclei
(``docs/results.md``)."""

ADAPTED_METHOD = "cfr-icl"
"""The method to adapt to somebody's own images where nobody chose one. Five minutes on five sections of ssTEM brought
its mitochondria from 4.86 clicks to 3.91; to ``focalclick-xl`` they brought nothing."""


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
