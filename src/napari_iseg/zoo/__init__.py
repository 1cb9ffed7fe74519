"""The table of methods and the table of weights. Reading them imports no torch: every network is named, not loaded."""

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
from napari_iseg.zoo.methods import ADAPTED_METHOD, DEFAULT_METHOD, METHODS, MethodSpec, find_method
from napari_iseg.zoo.options import CascadeOptions, OptionInfo, Options, describe_options, make_options

__all__ = [
    "ADAPTED_METHOD",
    "DEFAULT_METHOD",
    "METHODS",
    "AdaptiveClickOptions",
    "CascadeOptions",
    "ClickOptions",
    "DISNetOptions",
    "FocalClickOptions",
    "FocalClickXLOptions",
    "GeodesicOptions",
    "GraphCutOptions",
    "MethodSpec",
    "OptionInfo",
    "Options",
    "RandomWalkerOptions",
    "describe_options",
    "find_method",
    "make_options",
]
