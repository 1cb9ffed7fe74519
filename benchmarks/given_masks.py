"""Masks that nobody clicked, too large on one side: what is left of the object after each click of a simulated user.

    python benchmarks/given_masks.py DATA [--methods focalclick-xl ...] [--limit 40]

DATA is a data set of images with labels. To every object a disk of 0.6 of its radius is added at its outline, as when
two objects of another program have grown together; it is edited as such objects are ("edit again"): a simulated user
clicks the largest error, four times, once with ``mask_click`` and once without.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.ndimage import binary_erosion

from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.session import Session
from napari_iseg.interactions import MaskPrompt, iou, next_click
from napari_iseg.io.datasets import open_dataset

_METHODS = ("cfr-icl", "adaptiveclick", "focalclick", "focalclick-xl", "disnet")
_CLICKS = 4
_DISK = 0.6
_LEAST_PIXELS = 150
# What is left of the object where it counts as lost.
_LOST = 0.4


def too_large(mask: np.ndarray) -> np.ndarray:
    """Return a mask, (H, W) bool, with a disk added to it at its outline."""
    radius = np.sqrt(np.count_nonzero(mask) / np.pi)
    outline = np.argwhere(mask & ~binary_erosion(mask))
    row, column = outline[len(outline) // 3]
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    return np.asarray(mask | (np.hypot(rows - row, columns - column) <= _DISK * radius))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default=None)
    parser.add_argument("--methods", nargs="*", default=list(_METHODS))
    parser.add_argument("--limit", type=int, default=40, help="objects, at most one of each image or plane")
    given = parser.parse_args()
    chosen = {} if given.split is None else {"split": given.split}
    objects = [
        one
        for one in open_dataset(given.data, **chosen).objects(per_image=1, limit=given.limit)
        if np.count_nonzero(one.truth == 1) >= _LEAST_PIXELS
    ]
    table = Table(title=f"{given.data.name}, {len(objects)} objects: before, and after each click")
    for head in ("method", "mask_click", "mean IoU", "lost after the first"):
        table.add_column(head)
    for method in given.methods:
        for wanted in (False, True):
            predictor = make_predictor(method, device="cpu")
            if hasattr(predictor.options, "mask_click"):
                predictor = make_predictor(method, device="cpu", options={"mask_click": wanted})
            elif not wanted:
                continue
            reached = []
            for one in objects:
                session = Session(one.image, predictor)
                session.add(MaskPrompt(too_large(one.truth == 1), keep=True))
                ious = [iou(one.truth, session.mask)]
                clicks = []
                for _ in range(_CLICKS):
                    clicks.append(next_click(one.truth, session.mask, clicks))
                    session.add(clicks[-1])
                    ious.append(iou(one.truth, session.mask))
                reached.append(ious)
            has = "yes" if getattr(predictor.options, "mask_click", False) else "no"
            mean = " ".join(f"{value:.2f}" for value in np.mean(reached, axis=0))
            table.add_row(method, has, mean, str(int(np.count_nonzero(np.array(reached)[:, 1] < _LOST))))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
