"""An object of any Labels layer as a mask on the plane of the image that is worked on, whatever grid it lies on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_iseg.errors import PromptError
from napari_iseg.ui._confidence import is_view
from napari_iseg.ui._plane_view import full_data, pixels_between

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.planes import PlaneAddress

__all__ = ["PickedLabel", "pick_label"]


class PickedLabel:
    """An object of a Labels layer.

    Parameters
    ----------
    layer
        The layer.
    value
        Its id.
    pixels
        Where the pixels of the image's plane lie in it, as ``pixels_between`` gives.
    shape
        (rows, columns) of the plane.
    """

    def __init__(self, layer: Any, value: int, pixels: NDArray[np.float64], shape: tuple[int, int]) -> None:
        self.layer = layer
        self.value = value
        self._pixels = pixels
        self._shape = shape

    def mask(self) -> NDArray[np.bool_]:
        """Return the object on the image's plane, (H, W) bool; nearest pixels, so no edge is invented.

        May be called in any thread.
        """
        data = full_data(self.layer)
        rows, columns = np.arange(self._shape[0])[:, np.newaxis], np.arange(self._shape[1])[np.newaxis]
        inside = np.ones(self._shape, bool)
        index = []
        for (by_row, by_column, start), size in zip(self._pixels, data.shape, strict=True):
            along = np.rint(by_row * rows + by_column * columns + start).astype(np.intp)
            inside &= (along >= 0) & (along < size)
            index.append(along)
        places = [np.broadcast_to(along, self._shape)[inside] for along in index]
        if not len(places[0]):
            return inside
        # Of a lazy array only the part under the plane is computed.
        first = [int(along.min()) for along in places]
        part = data[tuple(slice(low, int(along.max()) + 1) for low, along in zip(first, places, strict=True))]
        found = np.asarray(part)[tuple(along - low for low, along in zip(first, places, strict=True))]
        mask = np.zeros(self._shape, bool)
        mask[inside] = found == self.value
        return mask


def pick_label(
    layers: Iterable[Any],
    image: Any,
    plane: PlaneAddress,
    shape: tuple[int, int],
    place: tuple[float, float],
    point: Sequence[float],
) -> PickedLabel:
    """Find the labelled object under a place.

    Parameters
    ----------
    layers
        Candidates, the topmost first; hidden ones and other kinds are passed over.
    image, plane, shape
        The image, its plane that is shown, and the plane's (rows, columns).
    place
        (row, column) on the plane.
    point
        The same in world coordinates along all of the viewer's axes.

    Raises
    ------
    PromptError
        If there is none.
    """
    for layer in layers:
        if not (isinstance(layer, Labels) and layer.visible) or is_view(layer):
            continue
        pixels = pixels_between(image, plane, layer, point)
        there = np.rint(pixels @ (*np.rint(place), 1.0)).astype(int)
        data = full_data(layer)
        if all(0 <= position < size for position, size in zip(there, data.shape, strict=True)):
            value = int(np.asarray(data[tuple(int(position) for position in there)]))
            if value:
                return PickedLabel(layer, value, pixels, shape)
    raise PromptError("There is no labelled object here; click one of a visible Labels layer.")
