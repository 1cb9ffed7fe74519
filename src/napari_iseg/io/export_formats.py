"""The table of the formats that labels go out as: the command line, the window and napari's Save share it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ExportError, UnknownNameError
from napari_iseg.io.coco_json import write_coco, write_coco_polygons
from napari_iseg.io.dicom_seg import write_dicom_seg
from napari_iseg.io.exported import no_tick
from napari_iseg.io.labels import check_grid, smallest_labels, write_exported
from napari_iseg.io.measurements import write_measurements
from napari_iseg.io.ome_zarr_labels import image_store, write_ome_zarr
from napari_iseg.io.png_planes import write_png_planes
from napari_iseg.io.session_labels import SESSION_ENDING
from napari_iseg.io.surfaces import write_object_surfaces, write_surfaces

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.io.exported import ExportedLabels, Tick

__all__ = ["EXPORT_FORMATS", "ExportFormat", "export_format", "export_labels"]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format.

    Parameters
    ----------
    name
        What the command line calls it.
    title
        What the window calls it.
    endings
        The endings, in lower case, of its files, the usual one first; none for a folder of files.
    write
        Called with the path, the labels and a :data:`~napari_iseg.io.exported.Tick`; returns what it wrote.
    smooths
        Whether it takes ``smooth``.
    keeps
        Whether the labels can be had again from it: the work is safe then.
    placed
        Whether it lies in the world of the image, so that it must not be written without the image's grid.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    write: Callable[..., Path]
    smooths: bool = False
    keeps: bool = True
    placed: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return not self.endings


def _on_grid(path: Path, exported: ExportedLabels, tick: Tick = no_tick) -> Path:
    return write_exported(path, exported, tick)


_TABLE = (
    ExportFormat("tiff", "TIFF", (".tif", ".tiff"), _on_grid),
    ExportFormat("ome-tiff", "OME-TIFF", (".ome.tif", ".ome.tiff"), _on_grid),
    ExportFormat("nifti", "NIfTI", (".nii.gz", ".nii"), _on_grid, placed=True),
    ExportFormat("mha", "MetaImage", (".mha",), _on_grid, placed=True),
    ExportFormat("nrrd", "NRRD", (".nrrd",), _on_grid, placed=True),
    ExportFormat("png", "PNG, one plane", (".png",), _on_grid),
    ExportFormat("png-planes", "PNG per plane, a folder", (), write_png_planes),
    ExportFormat("ome-zarr", "OME-Zarr labels", (".ome.zarr", ".zarr"), write_ome_zarr),
    ExportFormat("csv", "Measurements, CSV", (".csv",), write_measurements, keeps=False),
    ExportFormat("coco", "COCO, run lengths", (".json",), write_coco),
    ExportFormat("coco-polygons", "COCO, polygons", (".json",), write_coco_polygons),
    ExportFormat("dicom-seg", "DICOM SEG", (".dcm",), write_dicom_seg, placed=True),
    ExportFormat("stl", "Surfaces, STL", (".stl",), write_surfaces, smooths=True, keeps=False, placed=True),
    ExportFormat("obj", "Surfaces, OBJ", (".obj",), write_surfaces, smooths=True, keeps=False, placed=True),
    ExportFormat(
        "stl-objects",
        "Surface per object, STL, a folder",
        (),
        write_object_surfaces,
        smooths=True,
        keeps=False,
        placed=True,
    ),
    ExportFormat(
        "obj-objects",
        "Surface per object, OBJ, a folder",
        (),
        partial(write_object_surfaces, kind="obj"),
        smooths=True,
        keeps=False,
        placed=True,
    ),
)

EXPORT_FORMATS = {one.name: one for one in _TABLE}
"""Every format by its name; of two with the same ending the first is meant where only the ending tells."""


def export_format(path: str | Path, name: str | None = None) -> ExportFormat:
    """Return the format that a path's ending, or a name, asks for.

    Parameters
    ----------
    path
        Where to.
    name
        Name of a format; None lets the ending say it.

    Raises
    ------
    UnknownNameError
        If there is no format of that name.
    ExportError
        If the ending says nothing, or not what the name does, or is that of a session.
    """
    file = Path(path).name.lower()
    if file.endswith(SESSION_ENDING):
        raise ExportError(
            f"{Path(path).name} is the name of a session; give the export another one, such as .coco.json."
        )
    if name is not None:
        if name not in EXPORT_FORMATS:
            raise UnknownNameError("export format", name, EXPORT_FORMATS)
        found = EXPORT_FORMATS[name]
        store = name == "ome-zarr" and image_store(path) is not None
        if found.endings and not file.endswith(found.endings) and not store:
            raise ExportError(f"{Path(path).name} does not end as {found.title} does; give it {found.endings[0]}.")
        return found
    fitting = [(len(end), one) for one in _TABLE for end in one.endings if file.endswith(end)]
    if fitting:
        return max(fitting, key=lambda pair: pair[0])[1]
    if image_store(path) is not None:
        return EXPORT_FORMATS["ome-zarr"]
    endings = list(dict.fromkeys(end for one in _TABLE for end in one.endings))
    close = get_close_matches(Path(file).suffix, endings, n=1, cutoff=0.6)
    folders = ", ".join(one.name for one in _TABLE if one.is_folder)
    advice = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(endings)}, or a format: {folders}."
    raise ExportError(f"The ending of {Path(path).name} says no format to export; {advice}")


def export_labels(
    path: str | Path,
    exported: ExportedLabels,
    *,
    format_name: str | None = None,
    smooth: bool = False,
    tick: Tick = no_tick,
) -> Path:
    """Write labels in any format of the table; what is written appears whole or not at all.

    Parameters
    ----------
    path
        Where to.
    exported
        The labels and what is known of them.
    format_name
        Name of the format; None lets the ending say it.
    smooth
        Whether surfaces are smoothed; other formats know nothing of it.
    tick
        Is told the part that is done; what it raises ends the export.

    Returns
    -------
    pathlib.Path
        What was written: a file, a folder or a group of a store.

    Raises
    ------
    ExportError
        If the labels cannot be written as asked.
    UnknownNameError
        If there is no format of that name.
    """
    file = Path(path)
    chosen = export_format(file, format_name)
    labels = smallest_labels(np.asarray(exported.labels))
    if exported.like is not None:
        check_grid(labels, exported.like)
    tick(0)
    options: dict[str, Any] = {"smooth": smooth} if chosen.smooths else {}
    return chosen.write(file, dataclasses.replace(exported, labels=labels), tick, **options)
