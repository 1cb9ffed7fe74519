"""Labels as a folder of PNG files, one per plane, with what a PNG cannot say in a file beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ExportError
from napari_iseg.io.exported import no_tick
from napari_iseg.io.files import replacing_folder
from napari_iseg.io.raster_files import write_png

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_iseg.io.exported import ExportedLabels, Tick

__all__ = ["FOLDER_FILE", "is_exported_folder", "write_folder_file", "write_png_planes"]

FOLDER_FILE = "napari-iseg.json"
"""Lies in every folder that an export wrote and names its files: only such a folder is ever replaced."""


def write_png_planes(path: Path, exported: ExportedLabels, tick: Tick = no_tick) -> Path:
    """Write every plane of the last two axes as a grey PNG; the folder appears whole or not at all.

    The files have the names of the slices that the image came from, else their numbers (``0007.png``).

    Parameters
    ----------
    path
        The folder.
    exported
        Labels in their final unsigned type, ids up to 65535.
    tick
        Is told the part that is done.

    Raises
    ------
    ExportError
        If an id is larger, or the folder holds other files or cannot be written.
    """
    if exported.labels.dtype == np.uint32:
        raise ExportError(f"A PNG holds ids up to 65535, not {exported.labels.max()}; export them as TIFF (.tif).")
    names = [f"{name}.png" for name in exported.plane_names()]
    with replacing_folder(path, is_exported_folder) as folder:
        for number, (name, (_, plane)) in enumerate(zip(names, exported.planes(), strict=True)):
            write_png(folder / name, plane)
            tick((number + 1) / len(names))
        write_folder_file(folder, names, exported)
    return path


def write_folder_file(folder: Path, names: Iterable[str], exported: ExportedLabels) -> None:
    """Write which files an export put into a folder, with the spacing and the objects' classes."""
    values: dict[str, Any] = {
        "made_by": "napari-iseg",
        "files": sorted(names),
        "image": str(exported.like.source) if exported.like is not None else None,
        "shape": list(exported.labels.shape),
        "axes": exported.axes,
        "spacing": list(exported.sizes),
        "unit": exported.unit,
        "objects": [
            {"label": one.label, "class": one.class_name, "confidence": one.confidence, "note": one.note}
            for one in exported.objects.values()
        ],
    }
    (folder / FOLDER_FILE).write_text(json.dumps(values, indent=1), encoding="utf-8")


def is_exported_folder(folder: Path) -> bool:
    """Whether a folder holds nothing but what an earlier export put there."""
    try:
        said = json.loads((folder / FOLDER_FILE).read_text(encoding="utf-8"))
        return {entry.name for entry in folder.iterdir()} <= {*said["files"], FOLDER_FILE}
    except (OSError, ValueError, KeyError, TypeError):
        return False
