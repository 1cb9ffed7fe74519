"""What napari calls to save a Labels layer; no napari in here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ExportError, ImageError
from napari_iseg.io.export_formats import export_format, export_labels
from napari_iseg.io.exported import ExportedLabels, ExportedObject
from napari_iseg.io.images import read_image
from napari_iseg.io.loaded import LoadedImage

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["image_of_layer", "unit_in_short", "write_labels_layer"]

_UNITS = {
    "micrometer": "um",
    "nanometer": "nm",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "inch": "inch",
}


def write_labels_layer(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write a Labels layer, in any of the export formats, on the grid of the image that it was drawn on.

    Parameters
    ----------
    path
        The ending chooses the format, see :mod:`~napari_iseg.io.export_formats`.
    data
        The layer's array.
    meta
        The layer's attributes: ``metadata["napari_iseg"]`` names the image (``"image"`` or ``"source"``), ``scale``
        and ``units`` are those of the pixels where the format has no world or the layer names no image, and the
        columns ``class``, ``confidence`` and ``note`` of ``features`` tell of the objects in the column ``index``.

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
    scale = meta.get("scale")
    exported = ExportedLabels(
        labels=np.asarray(data),
        like=like,
        spacing=None if scale is None else tuple(abs(float(size)) for size in scale),
        units=unit_in_short(meta.get("units")),
        image=None if like is None else like.data,
        rgb=like is not None and like.rgb,
        objects=_objects_of(meta.get("features")),
        axis_names=tuple(str(name) for name in meta.get("axis_labels") or ()),
    )
    return [str(export_labels(path, exported))]


def unit_in_short(units: Any) -> str | None:
    """Return the unit of length that a layer's units end in (``"um"``), or None where it has none.

    Parameters
    ----------
    units
        One per axis, by their names or pint's, or None.
    """
    if not units or isinstance(units, str):
        return None
    return _UNITS.get(str(units[-1]))


def image_of_layer(path: str, meta: Mapping[str, Any], format_name: str | None = None) -> LoadedImage | None:
    """Find the image that a layer was drawn on, None where the layer names none.

    ``format_name`` says the format where the ending does not.

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
        if not export_format(path, format_name).placed:
            return None
        raise ExportError(
            f"The labels take their grid from {source}, which cannot be read any more; put it back or export as TIFF."
        ) from error


def _objects_of(features: Any) -> dict[int, ExportedObject]:
    """Return what a layer's table of features tells of its objects; other tables tell nothing."""
    if features is None or "index" not in features:
        return {}
    found = {}
    for number, label in enumerate(features["index"]):
        row = {name: features[name][number] for name in ("class", "confidence", "note") if name in features}
        sure = row.get("confidence")
        known = isinstance(sure, int | float | np.floating) and bool(np.isfinite(sure))
        found[int(label)] = ExportedObject(
            label=int(label),
            class_name=_text(row.get("class")),
            confidence=float(sure) if known and sure is not None else None,
            note=_text(row.get("note")),
        )
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
