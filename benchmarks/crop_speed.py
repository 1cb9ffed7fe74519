"""How many crops a second training gets, made one by one on the host and in batches on the device.

    python benchmarks/crop_speed.py FOLDER... [--recipe focalclick-b0] [--size 192] [--batch 12] [--batches 20]
        [--device cpu] [--copy-paste 0.5] [--levels 3] [--soft-factor 3] [--json FILE]

Both paths draw from the same recipe with one process and as many threads as torch has; medians over the batches.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from rich.console import Console
from rich.table import Table

from napari_iseg.training.data import Crops, load_pictures
from napari_iseg.training.device_crops import DeviceCrops
from napari_iseg.training.recipe import read_recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def main() -> None:
    """Measure both paths and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--recipe", default="focalclick-b0")
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--copy-paste", type=float, default=0.0)
    parser.add_argument("--levels", type=int, default=0)
    parser.add_argument("--soft-factor", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    recipe = replace(
        read_recipe(given.recipe).data,
        copy_paste=given.copy_paste,
        image_mix=given.copy_paste,
        levels=given.levels,
        soft_factor=given.soft_factor,
    )
    pictures = load_pictures(given.folders, recipe)
    host = Crops(pictures, recipe, size=given.size, seed=0)
    device = DeviceCrops(Crops(pictures, recipe, size=given.size, seed=0), [], torch.device(given.device))
    rows = {
        "host": crops_per_second(lambda numbers: [host[number] for number in numbers], given),
        "device": crops_per_second(device.draw, given),
    }
    table = Table("path", "crops per second", title=f"{given.size} x {given.size}, {torch.get_num_threads()} threads")
    for path, rate in rows.items():
        table.add_row(path, f"{rate:.1f}")
    Console().print(table)
    if given.json is not None:
        given.json.write_text(json.dumps(rows, indent=2))


def crops_per_second(draw: Callable[[Sequence[int]], object], given: argparse.Namespace) -> float:
    """Return the median over batches; the first ones, which make images and find memory, do not count."""
    seconds = []
    for batch in range(given.batches + 3):
        numbers = range(batch * given.batch, (batch + 1) * given.batch)
        start = time.perf_counter()
        draw(numbers)
        if given.device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return given.batch / statistics.median(seconds[3:])


if __name__ == "__main__":
    main()
