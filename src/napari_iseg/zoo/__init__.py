"""The table of methods and the table of weights. Reading them imports no torch: every network is named, not loaded."""

from napari_iseg.zoo.methods import METHODS, MethodSpec, find_method
from napari_iseg.zoo.options import ClickOptions, Options, RandomWalkerOptions, make_options

__all__ = ["METHODS", "ClickOptions", "MethodSpec", "Options", "RandomWalkerOptions", "find_method", "make_options"]
