"""Objects of real volumes made plane by plane, by interpolation, and by propagation: clicks and Dice of each.

    python benchmarks/through_planes.py DATA [--method focalclick-xl] [--limit 6] [--planes first] [--json OUT]

DATA is the folder of the data sets. Every object is made three times by the same simulated user; the two ways that fill
planes by themselves go on until the Dice is within 0.02 of that of clicking every plane. Held-back volumes where a set
has them (hippocampus); the other sets are one or two volumes, on planes of which the bundled weights were trained.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import ndimage

from napari_iseg.evaluation.volumes import WAYS, VolumeResult, evaluate_volume_object
from napari_iseg.inference.opening import make_predictor
from napari_iseg.io.dataset import DatasetFolder
from napari_iseg.io.images import read_image

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class _Set:
    """What is measured: which volumes of a data set, and whether all labels of one are one object."""

    folder: str
    split: Any
    together: bool = False


_SETS = {
    "hippocampus": _Set("msd_hippocampus", "held-back", together=True),
    "hippocampus-parts": _Set("msd_hippocampus", "held-back"),
    "gala_fibsem": _Set("gala_fibsem", "all"),
    "sct_spinalcord": _Set("sct_spinalcord", "all"),
    "open_ms": _Set("open_ms", "all"),
}
_WITHIN = 0.02
_LEAST_PLANES = 6


@dataclass(frozen=True, slots=True)
class _Object:
    """An object with its image, planes first."""

    image_name: str
    label: int
    axis: int
    image: np.ndarray
    mask: np.ndarray


def objects(data: DatasetFolder, limit: int, *, together: bool = False, planes: str = "across") -> Iterator[_Object]:
    """Yield objects that lie on several planes, at most ``limit`` of a volume.

    ``planes`` is ``across``: those that cross an object's longest extent, in the volume's unit; or ``first``: along the
    volume's first axis unless the object hardly extends along it.
    """
    for name in data.names:
        sample = data.samples(name)[0]
        labels = (sample.labels > 0).astype(int) if together else sample.labels
        found = []
        for label in np.unique(labels[labels > 0]):
            # A label of scattered lesions is no object that anybody follows: its largest piece is.
            pieces, count = ndimage.label(labels == label)
            sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
            found.append((int(label), pieces == int(np.argmax(sizes)) + 1, int(sizes.max())))
        found.sort(key=lambda one: -one[2])
        spacing = np.asarray(read_image(data.source(name)).spacing or (1.0, 1.0, 1.0))
        # Large and small ones alike.
        for label, mask, _size in found[:: max(1, len(found) // limit)][:limit]:
            extents = np.array([mask.any(axis=tuple(a for a in range(3) if a != axis)).sum() for axis in range(3)])
            if planes == "first" and extents[0] >= _LEAST_PLANES:
                axis = 0
            else:
                axis = int(np.argmax(extents * spacing if planes == "across" else extents))
            if extents[axis] >= _LEAST_PLANES:
                yield _Object(name, label, axis, np.moveaxis(sample.image, axis, 0), np.moveaxis(mask, axis, 0))


def measure(predictor: Any, one: _Object, most: int) -> dict[str, Any]:
    """Make one object in each way."""
    image, mask = one.image, one.mask
    limits = (float(np.percentile(image, 0.1)), float(np.percentile(image, 99.9)))
    row: dict[str, Any] = {"image": one.image_name, "object": one.label, "axis": one.axis}
    goal = 1.0
    for way in WAYS:
        result: VolumeResult = evaluate_volume_object(
            image, mask, predictor, way, max_clicks=most, goal=goal, limits=limits
        )
        row["planes"] = result.planes
        row[way] = {
            "clicks": result.clicks,
            "dice": round(result.dice, 4),
            "first_dice": round(result.steps[0].dice, 4),
            "visits": len(result.steps),
            "seconds": round(result.steps[-1].seconds, 1),
            "reached": way == "every-plane" or result.dice >= goal,
        }
        if way == "every-plane":
            goal = result.dice - _WITHIN
    return row


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--method", default="focalclick-xl")
    parser.add_argument("--weights", default=None)
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="of the method")
    parser.add_argument("--limit", type=int, default=6, help="objects of each set")
    parser.add_argument("--max-clicks", type=int, default=10, help="on a plane")
    parser.add_argument("--sets", nargs="*", default=list(_SETS))
    parser.add_argument("--planes", choices=["across", "first"], default="across", help="which the user works on")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    options = dict(text.split("=", 1) for text in given.option)
    predictor = make_predictor(given.method, weights=given.weights, device="cpu", options=options)
    rows = []
    for name in given.sets:
        what = _SETS[name]
        data = DatasetFolder(given.data / what.folder, split=what.split)
        per_image = max(1, given.limit // len(data.names))
        found = objects(data, per_image, together=what.together, planes=given.planes)
        for one in islice(found, given.limit):
            row = measure(predictor, one, given.max_clicks)
            rows.append({"set": name, **row})
            Console(width=1000).print_json(json.dumps(rows[-1]), indent=None)
            if given.json is not None:
                given.json.write_text(json.dumps({"method": given.method, "rows": rows}, indent=1))
    show(rows, given.method)


def show(rows: list[dict[str, Any]], method: str) -> None:
    """Print the means of each set."""
    table = Table(title=f"{method}: mean over objects; clicks until the Dice is within {_WITHIN} of every plane's")
    for head in ("set", "objects", "planes", *(f"{way}: clicks / Dice" for way in WAYS), "times fewer", "not reached"):
        table.add_column(head)
    for name in dict.fromkeys(row["set"] for row in rows):
        mine = [row for row in rows if row["set"] == name]
        mean = {way: [float(np.mean([row[way][key] for row in mine])) for key in ("clicks", "dice")] for way in WAYS}
        table.add_row(
            name,
            str(len(mine)),
            f"{np.mean([row['planes'] for row in mine]):.0f}",
            *(f"{mean[way][0]:.1f} / {mean[way][1]:.3f}" for way in WAYS),
            f"{mean['every-plane'][0] / mean['propagate'][0]:.1f}",
            str(sum(not row["propagate"]["reached"] for row in mine)),
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
