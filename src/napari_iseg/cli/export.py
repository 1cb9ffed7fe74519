"""``napari-iseg export``: a label file or a session as any of the formats that labels go out as."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console

from napari_iseg.cli.replay import image_of_session
from napari_iseg.errors import ExportError, ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.io import LoadedImage
    from napari_iseg.io.exported import ExportedLabels, ExportedObject

__all__ = ["export"]


def export(
    labels: Annotated[
        Path, typer.Argument(help="A label file, or a session, NAME.iseg.json, with its labels.", show_default=False)
    ],
    output: Annotated[
        list[Path],
        typer.Option(
            "--output",
            "-o",
            help="Where to; repeatable. The ending says the format: .tif, .ome.tif, .nii.gz, .mha, .nrrd, .png, "
            ".ome.zarr, .csv (measurements), .json (COCO), .dcm (DICOM SEG), .stl or .obj (surfaces).",
        ),
    ],
    image: Annotated[
        Path | None,
        typer.Option(help="The image that was segmented: its grid, its intensities, its slices.", show_default=False),
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Where the ending does not say it: png-planes, stl-objects, obj-objects (folders), coco-polygons.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(metavar="IDS=NAME", help="Class of objects, as 7=nucleus or 1-20=vesicle. Repeatable."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the labels inside of an OME-Zarr image.", show_default=False)
    ] = None,
    smooth: Annotated[bool, typer.Option(help="Smooth the surfaces.")] = False,
) -> None:
    """Write labels as label images, COCO, DICOM SEG, surfaces or a table of measurements."""
    from napari_iseg.io.export_formats import export_format, export_labels

    # All of them are refused before any is written.
    for path in output:
        export_format(path, format_name)
        if not path.resolve().parent.is_dir():
            raise ExportError(f"There is no folder {path.resolve().parent} to write {path.name} in; make it first.")
    exported = _read(labels, image)
    objects = {**exported.objects, **_classes(classes or [], exported)}
    exported = dataclasses.replace(exported, objects=objects, name=name)
    console = Console(stderr=True, soft_wrap=True)
    for path in output:
        written = export_labels(path, exported, format_name=format_name, smooth=smooth)
        console.print(f"The labels were written to {written}.", markup=False, highlight=False)


def _read(labels: Path, image: Path | None) -> ExportedLabels:
    from napari_iseg.io import read_image, read_session
    from napari_iseg.io.exported import ExportedLabels, objects_of_session
    from napari_iseg.io.session_labels import read_session_labels

    if labels.suffix.lower() != ".json":
        own = read_image(labels)
        if own.rgb:
            raise ImageError(f"{labels} is a colour image, not labels; name a label file.")
        loaded = read_image(image) if image is not None else None
        return _exported(_whole(own.data, labels), own, loaded)
    saved = read_session(labels)
    stored = read_session_labels(labels, saved)
    if stored is None:
        raise ImageError(f"{labels} has no label file; make the labels anew: napari-iseg replay {labels} -o FILE.")
    source = image_of_session(labels, saved, image) if image is not None or saved.source is not None else None
    # Without the image the labels keep their spacing; only what needs the image is missing then.
    loaded = read_image(source) if source is not None and (image is not None or source.exists()) else None
    if loaded is None:
        return ExportedLabels(stored, spacing=saved.spacing, objects=objects_of_session(saved.objects))
    found = _exported(stored, None, loaded)
    return dataclasses.replace(found, objects=objects_of_session(saved.objects))


def _exported(labels: NDArray[Any], own: LoadedImage | None, image: LoadedImage | None) -> ExportedLabels:
    from napari_iseg.io.exported import ExportedLabels

    if image is None:
        return ExportedLabels(labels, own)
    like, grid = image, image.grid_shape
    missing = len(grid) - labels.ndim
    if missing > 0 and image.affine is None and grid[missing:] == labels.shape:
        # Labels of a picture with channels: they have its pixels, not its channels.
        part = image.data[(0,) * missing]
        like = dataclasses.replace(image, data=part, spacing=image.spacing[missing:], header=None)
    return ExportedLabels(labels, like, image=image.data, rgb=image.rgb)


def _whole(values: NDArray[Any], file: Path) -> NDArray[Any]:
    # Some programs write labels as floating-point numbers.
    if values.dtype.kind == "f" and np.array_equal(values, np.round(values)):
        return values.astype(np.int64)
    if values.dtype.kind not in "bui":
        raise ImageError(f"{file} holds numbers with fractions, not labels; name a label file.")
    return values


def _classes(given: list[str], exported: ExportedLabels) -> dict[int, ExportedObject]:
    found: dict[int, ExportedObject] = {}
    present = exported.present() if given else []
    for one in given:
        ids, _, name = one.partition("=")
        first, _, last = ids.partition("-")
        if not (name.strip() and first.isdecimal() and (last or first).isdecimal()):
            raise ExportError(f"{one!r} gives no class; write it as 7=nucleus or 1-20=vesicle.")
        for label in present:
            if int(first) <= label <= int(last or first):
                found[label] = dataclasses.replace(exported.about(label), class_name=name.strip())
    return found
