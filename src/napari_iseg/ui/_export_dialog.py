"""What the file dialog of an export offers, and which path and format its answer means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_iseg.errors import ExportError
from napari_iseg.io.export_formats import EXPORT_FORMATS
from napari_iseg.io.ome_zarr_labels import image_store

if TYPE_CHECKING:
    from napari_iseg.io.export_formats import ExportFormat

__all__ = ["filters", "meant"]

_BY_ENDING = "By the ending of the name"
_INSIDE = "OME-Zarr labels, inside of the image's own store"


def filters(source: str | None, axes: int) -> dict[str, str | None]:
    """Return the dialog's filters with the formats that they mean, None for the one that the ending chooses.

    Parameters
    ----------
    source
        Path of the image, or None; labels can go into one that is OME-Zarr.
    axes
        How many axes the labels have: a flat image has neither planes nor surfaces, and a stack is no single PNG.
    """
    found: dict[str, str | None] = {f"{_BY_ENDING} (*)": None}
    if source is not None and image_store(source) is not None:
        found[f"{_INSIDE} (*)"] = _INSIDE
    for one in EXPORT_FORMATS.values():
        if (one.smooths or one.name == "png-planes") if axes == 2 else one.name == "png":
            continue
        found[f"{one.title} ({_patterns(list(one.endings))})"] = one.name
    return found


def meant(path: str, chosen: str | None, source: str | None) -> tuple[str, str | None]:
    """Return the path and the name of the format that an answer of the dialog means.

    Parameters
    ----------
    path
        What was typed or clicked.
    chosen
        What :func:`filters` says of the chosen filter.
    source
        Path of the image, or None.

    Raises
    ------
    ExportError
        If the name got another ending, because another format was chosen, and there is something of that name, which
        the dialog has not asked about.
    """
    if chosen == _INSIDE and source is not None:
        store = image_store(source)
        return str(store[0] if store is not None else source), "ome-zarr"
    if chosen is None:
        return (path if Path(path).suffix else f"{path}.tif"), None
    wanted = EXPORT_FORMATS[chosen]
    named = _named(path, wanted)
    if named != path and Path(named).exists():
        raise ExportError(f"{named} is there already; type this name to replace it, or another one.")
    return named, chosen


def _named(path: str, wanted: ExportFormat) -> str:
    if wanted.endings and path.lower().endswith(wanted.endings):
        return path
    others = sorted((end for one in EXPORT_FORMATS.values() for end in one.endings), key=len, reverse=True)
    known = next((end for end in others if path.lower().endswith(end)), "")
    return path[: len(path) - len(known)] + (wanted.endings[0] if wanted.endings else "")


def _patterns(endings: list[str]) -> str:
    return " ".join(f"*{ending}" for ending in endings) or "*"
