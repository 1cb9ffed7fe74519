"""Which values the window would show black and white: its default, known without a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.readers import layers_of

if TYPE_CHECKING:
    from napari_iseg.io.loaded import LoadedImage
    from napari_iseg.planes import PlaneAddress

__all__ = ["layer_limits", "napari_range"]

# napari looks at three planes of what is larger, and of planes that are larger at a patch in their middle.
_WHOLE = 1e7
_PATCH, _LEAST = 31, 64


def layer_limits(loaded: LoadedImage, address: PlaneAddress) -> tuple[float, float] | None:
    """Return the contrast limits that the layer of an image has when it was opened in the window.

    Parameters
    ----------
    loaded
        The image.
    address
        A plane of it; where channels become layers it says of which one.

    Returns
    -------
    tuple or None
        (low, high); None where they change nothing: for colours, 8 bits, and an image of one value.
    """
    if loaded.rgb:
        return None
    layers = layers_of(loaded, str(loaded.source))
    data, attributes, _ = layers[_channel(loaded, address, len(layers))]
    limits = attributes.get("contrast_limits")
    if limits is None and isinstance(data, np.ndarray):
        limits = napari_range(data)
    if limits is None or not limits[0] < limits[1]:
        return None
    return float(limits[0]), float(limits[1])


def _channel(loaded: LoadedImage, address: PlaneAddress, layers: int) -> int:
    shown = loaded.shown
    axis = shown.axes.find("c")
    if len(shown.channels) < 2 or axis not in address.other_axes or layers < len(shown.channels):
        return 0
    return address.position(axis)


def napari_range(data: np.ndarray[Any, Any]) -> tuple[float, float] | None:
    """Return the lowest and highest value as napari finds them for an array without colours; None for 8 bits."""
    if data.dtype == np.uint8:
        return None
    parts = [data]
    if data.ndim > 2 and data.size > _WHOLE:
        middle = tuple(size // 2 for size in data.shape[:-2])
        planes = [(0,) * (data.ndim - 2), middle, tuple(size - 1 for size in data.shape[:-2])]
        inside: tuple[slice, ...] = ()
        if np.prod(data.shape[-2:]) > _WHOLE and min(data.shape[-2:]) > _LEAST:
            inside = tuple(slice(size // 2 - _PATCH, size // 2 + _PATCH) for size in data.shape[-2:])
        parts = [data[(*plane, *inside)] for plane in planes]
    lowest = [float(np.nanmin(part)) for part in parts if not _is_nothing(part)]
    highest = [float(np.nanmax(part)) for part in parts if not _is_nothing(part)]
    return (min(lowest), max(highest)) if lowest else None


def _is_nothing(part: np.ndarray[Any, Any]) -> bool:
    return not part.size or (part.dtype.kind == "f" and bool(np.isnan(part).all()))
