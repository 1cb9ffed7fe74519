"""Where a layer lies in the world: the plugin's layers lie where their image lies, also after it was moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["add_placed", "follow_placement", "on_placement_changed", "placement_of"]

_PARTS = ("scale", "translate", "rotate", "shear", "affine")
_NAMES = ("units", "axis_labels")


def placement_of(image: Any, viewer: Any) -> dict[str, Any]:
    """Return the options that give a new layer an image's scale, rotation, translation, shear, units and affine.

    In 3-D the affine is left to :func:`add_placed`: napari cuts a plane of every layer that it makes, and a volume
    turned for the 3-D view has no planes. In 2-D a layer that came to its place later would move the sliders.
    """
    options = {name: getattr(image, name) for name in (*_PARTS, *_NAMES) if name != "affine"}
    return options | ({"affine": np.asarray(image.affine)} if viewer.dims.ndisplay == 2 else {})


def add_placed(viewer: Any, layer: Any, affine: Any) -> Any:
    """Add a layer to a viewer and give it the affine that it lacks; return the layer."""
    viewer.add_layer(layer)
    if not np.array_equal(layer.affine, affine):
        layer.affine = np.asarray(affine)
    return layer


def follow_placement(image: Any, layers: Callable[[], Iterable[Any]]) -> None:
    """Keep layers where an image lies, as long as it lives.

    Parameters
    ----------
    image
        An Image layer.
    layers
        Returns the layers to move along.
    """

    def moved(event: Any) -> None:
        for layer in layers():
            value = getattr(image, event.type)
            setattr(layer, event.type, np.asarray(value) if event.type == "affine" else value)

    for name in _PARTS:
        getattr(image.events, name).connect(moved)


def on_placement_changed(image: Any, call: Callable[[], None]) -> None:
    """Have something called when an image is moved, scaled or turned, or gets other data, as long as it lives."""
    for name in (*_PARTS, "data"):
        getattr(image.events, name).connect(lambda _event: call())
