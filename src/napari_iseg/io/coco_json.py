"""Labels as COCO JSON, one "image" per plane: masks run-length encoded or as polygons."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.exported import no_tick
from napari_iseg.io.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iseg.io.exported import ExportedLabels, Tick

__all__ = ["write_coco", "write_coco_polygons"]

_NO_CLASS = "object"


def write_coco(path: Path, exported: ExportedLabels, tick: Tick = no_tick) -> Path:
    """Write every object of every plane as a run-length encoded mask, exact to the pixel.

    Parameters
    ----------
    path
        The file.
    exported
        Labels in their final unsigned type. The categories are the objects' classes in alphabetical order; objects
        without one are of the category "object".
    tick
        Is told the part that is done.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    return _write(path, exported, tick, polygons=False)


def write_coco_polygons(path: Path, exported: ExportedLabels, tick: Tick = no_tick) -> Path:
    """Write every object of every plane as polygons; one with a hole, which polygons cannot have, as run lengths.

    The polygons go through the middles of the border's pixel edges, so that pycocotools draws the very same mask.
    Parameters and errors are those of :func:`write_coco`.
    """
    return _write(path, exported, tick, polygons=True)


def _write(path: Path, exported: ExportedLabels, tick: Tick, *, polygons: bool) -> Path:
    present = exported.present()
    classes = sorted({exported.about(label).class_name or _NO_CLASS for label in present})
    categories = {name: number for number, name in enumerate(classes, start=1)}
    images, annotations = [], []
    names = _file_names(exported)
    for number, (index, plane) in enumerate(exported.planes()):
        height, width = plane.shape
        images.append(
            {
                "id": number + 1,
                "file_name": names[number],
                "height": height,
                "width": width,
                "plane": [int(place) for place in index],
            }
        )
        annotations += _annotations(plane, exported, categories, number + 1, polygons=polygons)
        tick((number + 1) / len(names))
    for number, one in enumerate(annotations, start=1):
        one["id"] = number
    values = {
        "info": {
            "description": f"Objects of {exported.stem}, segmented with napari-iseg",
            "spacing": list(exported.sizes),
            "unit": exported.unit,
        },
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in categories.items()],
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values), encoding="utf-8")
    return path


def _annotations(
    plane: NDArray[Any], exported: ExportedLabels, categories: dict[str, int], image: int, *, polygons: bool
) -> list[dict[str, Any]]:
    found = []
    for label, box in _boxes(plane):
        part = plane[box] == label
        about = exported.about(label)
        rows, columns = box
        attributes: dict[str, Any] = {"label": label, "name": about.name}
        if about.confidence is not None:
            attributes["confidence"] = about.confidence
        outline = _polygons(part, rows.start, columns.start) if polygons else None
        found.append(
            {
                "image_id": image,
                "category_id": categories[about.class_name or _NO_CLASS],
                "segmentation": outline if outline is not None else _run_lengths(plane.shape, part, box),
                "area": int(part.sum()),
                # COCO counts x, y, width, height.
                "bbox": [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start],
                "iscrowd": 0,
                "attributes": attributes,
            }
        )
    return found


def _boxes(plane: NDArray[Any]) -> list[tuple[int, tuple[slice, slice]]]:
    from scipy import ndimage

    # Ids may be large and far apart; the boxes are listed by consecutive ones.
    labels, numbers = np.unique(plane, return_inverse=True)
    boxes = ndimage.find_objects(numbers.reshape(plane.shape) + 1)
    return [(int(label), box) for label, box in zip(labels, boxes, strict=True) if label]


def _run_lengths(shape: tuple[int, ...], part: NDArray[np.bool_], box: tuple[slice, slice]) -> dict[str, Any]:
    from pycocotools import mask as coco

    whole = np.zeros(shape, np.uint8, order="F")
    whole[box] = part
    encoded = coco.encode(whole)
    return {"size": [int(size) for size in encoded["size"]], "counts": encoded["counts"].decode("ascii")}


def _polygons(part: NDArray[np.bool_], row: int, column: int) -> list[list[float]] | None:
    """Return the outlines as x, y, x, y, ... with pixel corners at whole numbers; None where there is a hole."""
    from scipy import ndimage
    from skimage.measure import find_contours

    padded = np.pad(part, 1)
    if (ndimage.binary_fill_holes(padded) != padded).any():
        return None
    rings = find_contours(padded.astype(float), 0.5, fully_connected="low")
    return [(ring[:-1, ::-1] + (column - 0.5, row - 0.5)).ravel().tolist() for ring in rings]


def _file_names(exported: ExportedLabels) -> list[str]:
    given = exported.source_names()
    if given is not None:
        return given
    if exported.labels.ndim == 2:
        return [exported.like.source.name if exported.like is not None else f"{exported.stem}.png"]
    return [f"{exported.stem}_{name}.png" for name in exported.plane_names()]
