"""What napari calls to save a Labels layer; no napari in here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ExportError, ImageError
from napari_iseg.io.files import ending
from napari_iseg.io.images import read_image
from napari_iseg.io.labels import write_labels
from napari_iseg.io.loaded import LoadedImage

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["image_of_layer", "write_labels_layer"]

_FLAT = (".png", ".tif", ".tiff")


def write_labels_layer(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write a Labels layer on the grid of the image that it was drawn on.

    Parameters
    ----------
    path
        The ending chooses the format, see :func:`~napari_iseg.io.write_labels`.
    data
        The layer's array.
    meta
        The layer's attributes: ``metadata["napari_iseg"]`` names the image (``"image"`` or ``"source"``), and
        ``scale`` is the spacing where the format has no world or the layer names no image.

    Returns
    -------
    list of str
        The path written.

    Raises
    ------
    ExportError
        If the labels cannot be written as asked, or the image with the grid cannot be read any more.
    """
    like = image_of_layer(path, meta)
    labels = np.asarray(data)
    scale = meta.get("scale")
    spacing = None if scale is None else [abs(float(size)) for size in scale]
    return [str(write_labels(path, labels, like, spacing))]


def image_of_layer(path: str, meta: Mapping[str, Any]) -> LoadedImage | None:
    """Find the image that a layer was drawn on, None where the layer names none.

    Raises
    ------
    ExportError
        If ``path`` is of a format with a place in the world and the image that knows it cannot be read any more.
    """
    ours = (meta.get("metadata") or {}).get("napari_iseg") or {}
    image, source = ours.get("image"), ours.get("source")
    if isinstance(image, LoadedImage):
        return image
    if source is None:
        return None
    try:
        return read_image(source)
    except ImageError as error:
        # A flat format loses nothing but names of axes; a NIfTI in the wrong place would mislead.
        if ending(Path(path)) in _FLAT:
            return None
        raise ExportError(
            f"The labels take their grid from {source}, which cannot be read any more; put it back or export as TIFF."
        ) from error
