"""The options of each kind of predictor."""

from __future__ import annotations

from dataclasses import dataclass

from napari_iseg.zoo.options import CascadeOptions, NetworkOptions, Options, option

__all__ = [
    "FIRST_CROPS",
    "AdaptiveClickOptions",
    "ClickOptions",
    "DISNetOptions",
    "FocalClickOptions",
    "FocalClickXLOptions",
    "GeodesicOptions",
    "GraphCutOptions",
    "RandomWalkerOptions",
    "SeededOptions",
]

FIRST_CROPS = ("size-prior", "view", "multi-scale", "whole")
"""What ``first_crop`` may be."""

_VIEW_AND_PRIOR = (
    "Where to look before there is a mask: view, what is on the screen; size-prior, the same until three objects of a "
    "class are done, then as much as their sizes suggest; whole, the whole image, which it is too where nobody knows "
    "the view"
)
_FIRST_CROP = f"{_VIEW_AND_PRIOR}; multi-scale, several crops, of which the surest answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickOptions(CascadeOptions):
    """Options of the click networks that zoom in (RITM, SimpleClick, CFR-ICL, AdaptiveClick); see RITM, section 3.5."""

    target_size: int | tuple[int, int] = option(
        0,
        "Side in pixels of what the network sees, or ROWS,COLUMNS; 0 is the size the weights were trained for",
        minimum=32,
        maximum=4096,
        also=(0,),
    )
    keep_aspect: bool = option(False, "target_size is the longer side of the crop, whose shape is kept")
    zoom_in: bool = option(True, "Look again at the object's surroundings once a first mask is there")
    skip_clicks: int = option(
        -1, "The first this many clicks see the whole image in its own pixels; -1 resizes every crop", minimum=-1
    )
    max_side: int = option(
        0, "Reduce what the network sees to at most this many pixels a side; 0 never does", minimum=64, also=(0,)
    )
    flip: bool = option(True, "Average the answers for the image and its mirror image (twice the time)")
    expansion_ratio: float = option(1.4, "Zoom-in: side of the crop over side of the object", minimum=1)
    min_crop: int = option(200, "Zoom-in: smallest side of the crop in image pixels", minimum=1)
    first_crop: str = option("size-prior", _FIRST_CROP, choices=FIRST_CROPS)
    recompute_iou: float = option(
        0.5, "Zoom-in: the crop is renewed when it overlaps the wanted one by less than this", minimum=0, maximum=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveClickOptions(ClickOptions):
    """Options of AdaptiveClick, which proposes several masks besides its answer."""

    duplicate_overlap: float = option(
        0.85, "Of proposals that overlap by more than this (IoU), the surest alone is kept", minimum=0, maximum=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FocalClickOptions(CascadeOptions):
    """Options of FocalClick; see its paper, section 3. ``exact_...`` are quirks of the released code."""

    expansion_ratio: float = option(1.4, "Target crop: side of the crop over side of the object", minimum=1)
    min_crop: int = option(10, "Target crop: smallest side in image pixels", minimum=1)
    first_crop: str = option("size-prior", _FIRST_CROP, choices=FIRST_CROPS)
    focus_ratio: float = option(1.4, "Focus crop: side of the crop over side of what the click changes", minimum=1)
    focus_only_after: int = option(
        10, "After this many clicks only the focus crop of a new click may change", minimum=0
    )
    progressive_merge: str = option(
        "safe",
        "A click on a given mask changes it only around the click: safe, exact (a click that changes nothing destroys "
        "the mask, as in the released code) or off",
        choices=("safe", "exact", "off"),
    )
    exact_focus: bool = option(
        True, "Place the focus crop by the coarse answer above 0.62, as the released code does, not above 0.49"
    )
    exact_empty: bool = option(
        False, "When nothing was found, put the next answer into the last crop, as the released code does"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FocalClickXLOptions(CascadeOptions):
    """Options of FocalClick-XL; its sections 4.1 and 4.2."""

    object_size: int = option(
        0,
        "Side in pixels at which the object is seen, a multiple of 32; 0 is the size the weights were trained for",
        minimum=32,
        maximum=2048,
        also=(0,),
    )
    zoom_in: bool = option(True, "Look at the object's surroundings once a first mask is there")
    expansion_ratio: float = option(1.4, "Zoom-in: side of the crop over side of the object", minimum=1)
    min_crop: int = option(10, "Zoom-in: smallest side of the crop in image pixels", minimum=1)
    first_crop: str = option("size-prior", _FIRST_CROP, choices=FIRST_CROPS)
    magnify: bool = option(True, "Look closely where the mask is uncertain; gives soft edges")
    certainty: float = option(0.9, "Probabilities between this and one minus this are uncertain", minimum=0.5, below=1)
    detail_band: float = option(
        0.0,
        "Look closely no further from the outline than this share of what is looked at; 0 is wherever it is uncertain",
        minimum=0,
        maximum=0.5,
    )
    detail_size: int = option(
        0,
        "Side in pixels at which uncertain patches are seen; 0 is the size the weights were trained for",
        minimum=32,
        maximum=1024,
        also=(0,),
    )
    detail_patches: int = option(16, "Look closely at most at this many patches", minimum=1, maximum=256)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededOptions(Options):
    """Options of every method without a network."""

    max_side: int = option(256, "The image is reduced to at most this many pixels a side, for speed", minimum=32)
    seed_radius: float = option(5.0, "Radius in image pixels of the disk that a click seeds", minimum=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomWalkerOptions(SeededOptions):
    """Options of the random walker (Grady 2006)."""

    beta: float = option(1000.0, "How strongly an edge in the image stops the walker", above=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DISNetOptions(NetworkOptions):
    """Options of DISNet, which as published looks at the image once per object."""

    target_size: int | tuple[int, int] = option(
        0,
        "Side in pixels of what the network sees, or ROWS,COLUMNS; 0 is the size the weights were trained for",
        minimum=32,
        maximum=4096,
        also=(0,),
    )
    first_crop: str = option(
        "size-prior",
        _VIEW_AND_PRIOR,
        choices=("size-prior", "view", "whole"),
    )
    zoom_first: bool = option(
        False, "Propose masks anew in a crop around the first one where that covers less than half of the image"
    )
    zoom_in: bool = option(
        False, "Later clicks look at the surroundings of the present mask, which stands in for the chosen proposal"
    )
    expansion_ratio: float = option(1.4, "Zooming: side of the crop over side of the object", minimum=1)
    min_crop: int = option(200, "Zooming: smallest side of the crop in image pixels", minimum=1)
    recompute_iou: float = option(
        0.5, "zoom_in: the crop is renewed when it overlaps the wanted one by less than this", minimum=0, maximum=1
    )
    follow_clicks: bool = option(
        False, "As long as nobody has chosen a proposal, each later click corrects the one that fits all clicks best"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCutOptions(SeededOptions):
    """Options of the interactive graph cut (Boykov and Jolly 2001, with the terms of GrabCut)."""

    smoothness: float = option(10.0, "Price of one pixel of outline where the image has no edge", minimum=0)
    colour_weight: float = option(1.0, "How much the colours of object and background count", minimum=0)
    renewals: int = option(
        1, "How often the colours are learned anew from the cut, as in GrabCut", minimum=0, maximum=20
    )
    connected: bool = option(True, "Keep only what hangs together with a positive prompt")


@dataclass(frozen=True, slots=True, kw_only=True)
class GeodesicOptions(SeededOptions):
    """Options of the geodesic segmentation (Bai and Sapiro 2007; Criminisi et al. 2008)."""

    image_weight: float = option(
        300.0, "Length in pixels of a way that crosses from black to white in one channel", minimum=0
    )
    colour_weight: float = option(
        1000.0, "Length in pixels of a way that crosses from a colour of the background to one of the object", minimum=0
    )
    renewals: int = option(1, "How often the colours are learned anew from the answer", minimum=0, maximum=20)
