"""A table of measurements of every object, in physical units."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.exported import no_tick
from napari_iseg.io.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iseg.io.exported import ExportedLabels, Tick

__all__ = ["measure", "write_measurements"]

_INTENSITIES = ("intensity_mean", "intensity_min", "intensity_max", "intensity_std")


def write_measurements(path: Path, exported: ExportedLabels, tick: Tick = no_tick) -> Path:
    """Write :func:`measure` as CSV with one line per object (and time point or channel); whole or not at all.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    rows = measure(exported, tick)
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["label"]
    # Excel takes a file without this mark for another encoding and shows µ wrongly; every reader of CSV skips it.
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def measure(exported: ExportedLabels, tick: Tick = no_tick) -> list[dict[str, Any]]:
    """Measure every object.

    Parameters
    ----------
    exported
        The labels; intensities are measured where there is an image.
    tick
        Is told the part that is done.

    Returns
    -------
    list of dict
        One per object, by the columns' names, which end in the unit: ``_um``, ``_um2``, ``_px``; nothing where the
        image has a spacing without a unit. An object that lies on one plane has an ``area``, any other one a
        ``volume``; the diameter is that of the circle or the ball of the same size, and ``feret`` the largest distance
        between two points of its border. Positions count from the middle of the first pixel, as napari's do: the box
        of an object begins and ends at the borders of pixels.
    """
    space = exported.space
    unit = exported.unit or ("px" if set(exported.sizes[-space:]) == {1.0} else "")
    sizes = exported.sizes[-space:]
    rows = []
    frames = list(np.ndindex(*exported.labels.shape[:-space]))
    for number, index in enumerate(frames):
        labels = exported.labels[index]
        at = dict(zip(exported.axes, index, strict=False))
        there = np.unique(labels)
        for label, region in _regions(labels, there[there > 0], _image_of(exported, index), sizes):
            about = exported.about(label)
            row: dict[str, Any] = {"label": label, "name": about.name, "class": about.class_name}
            row["confidence"] = "" if about.confidence is None else about.confidence
            row |= {**at, **_measured(region, labels, label, sizes, exported.axes[-space:], unit)}
            row["note"] = about.note
            rows.append(row)
        tick((number + 1) / len(frames))
    return rows


def _regions(
    labels: NDArray[Any], present: NDArray[Any], image: NDArray[Any] | None, sizes: tuple[float, ...]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Go through the objects of a frame: (label, its properties); ``present`` are its labels, 0 left out."""
    from skimage.measure import regionprops_table

    if not present.size:
        return
    # Consecutive numbers: scikit-image lists every number up to the largest one.
    numbered = np.searchsorted(np.r_[0, present], labels).astype(np.int32)
    wanted = ["label", "num_pixels", "bbox", "centroid", *(_INTENSITIES if image is not None else ())]
    table = regionprops_table(numbered, image, properties=wanted, spacing=sizes)
    for number in range(len(table["label"])):
        yield int(present[number]), {name: values[number] for name, values in table.items() if name != "label"}


def _measured(
    region: dict[str, Any], labels: NDArray[Any], label: int, sizes: tuple[float, ...], axes: str, unit: str
) -> dict[str, Any]:
    ndim = len(sizes)
    start = [int(region[f"bbox-{axis}"]) for axis in range(ndim)]
    stop = [int(region[f"bbox-{ndim + axis}"]) for axis in range(ndim)]
    across = _plane_axis(start, stop)
    flat = ndim == 2 or across is not None
    kept = [axis for axis in range(ndim) if axis != across]
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    mask = labels[box] == label
    if across is not None:
        mask = mask.take(0, axis=across)
    count = int(region["num_pixels"])
    size = count * math.prod(sizes[axis] for axis in kept)
    diameter = 2 * math.sqrt(size / math.pi) if flat else (6 * size / math.pi) ** (1 / 3)
    length = f"_{unit}" if unit else ""
    found: dict[str, Any] = {
        "pixels": count,
        f"area{f'_{unit}2' if unit else ''}": size if flat else "",
        **({f"volume{f'_{unit}3' if unit else ''}": "" if flat else size} if ndim == 3 else {}),
        f"equivalent_diameter{length}": diameter,
        f"feret{length}": _feret(mask, [sizes[axis] for axis in kept]),
    }
    found |= {f"centroid_{axes[axis]}{length}": float(region[f"centroid-{axis}"]) for axis in range(ndim)}
    for axis in range(ndim):
        found[f"box_{axes[axis]}_start{length}"] = (start[axis] - 0.5) * sizes[axis]
        found[f"box_{axes[axis]}_stop{length}"] = (stop[axis] - 0.5) * sizes[axis]
    found |= {name: float(value) for name, value in region.items() if name.startswith("intensity")}
    return found


def _plane_axis(start: list[int], stop: list[int]) -> int | None:
    """Return the axis across which an object of a volume is one plane thick, None where it is not or has no planes."""
    if len(start) < 3:
        return None
    return next((axis for axis in range(len(start)) if stop[axis] - start[axis] == 1), None)


def _feret(mask: NDArray[np.bool_], sizes: list[float]) -> float:
    """Return the largest distance between the middles of two faces of an object's pixels.

    scikit-image's own fails on objects of a few voxels, whose hull it cannot build; half a pixel to each side there is
    always a hull.
    """
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    places = np.argwhere(mask)
    # Along a line of pixels only both ends can lie on the hull.
    new_line = np.any(np.diff(places[:, :-1], axis=0) != 0, axis=1)
    ends = places[np.r_[True, new_line] | np.r_[new_line, True]].astype(float)
    half = 0.5 * np.eye(mask.ndim)
    points = np.concatenate([ends + step for step in (*half, *-half)]) * sizes
    return float(pdist(points[ConvexHull(points).vertices]).max())


def _image_of(exported: ExportedLabels, index: tuple[int, ...]) -> NDArray[Any] | None:
    """Return the values behind a frame of the labels, channels and colours last; None where there are none."""
    image = exported.image
    if image is None:
        return None
    shape = exported.labels.shape
    grid = tuple(image.shape[:-1] if exported.rgb else image.shape)
    if grid == shape:
        return _whole(image[index])
    if grid[-len(shape) :] != shape:
        return None
    # Channels, or other axes that the labels do not have, come first: each gives a column.
    before = list(np.ndindex(*grid[: -len(shape)]))
    return np.stack([_whole(image[(*first, *index)]) for first in before], axis=-1) if not exported.rgb else None


def _whole(values: Any) -> NDArray[Any]:
    read = np.asarray(values)
    return read.astype(np.float64) if read.dtype.kind in "bf" else read
