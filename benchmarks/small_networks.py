"""Which small network learns most in a given time: width, depth, stem, guidance, crops, generated images, pretraining.

    python benchmarks/small_networks.py --data FOLDER ... [--seconds 240] [--only NAME ...] [--output runs/small]

Each variant changes one thing of the recipe cfr-icl-small, is trained for as many seconds from random weights, and then
clicks five times on the same held-back objects of every folder. What is there already in the output folder is not
measured again. Run it alone: the seconds are those of the clock.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from napari_iseg.evaluation.objects import evaluate_objects, published_options
from napari_iseg.inference.opening import make_predictor
from napari_iseg.training.data import load_pictures
from napari_iseg.training.held_back import load_held_back
from napari_iseg.training.loop import Trainer
from napari_iseg.training.recipe import Stage, read_recipe
from napari_iseg.zoo import find_method

CLICKS = (1, 3, 5)
_SMALL = (Stage(until=1.0, size=128, batch=16),)
_LARGE = (Stage(until=1.0, size=192, batch=12),)
VARIANTS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "width 192": {"network": {"embed_dim": 192}},
    "width 384": {"network": {"embed_dim": 384}},
    "depth 4": {"network": {"depth": 4}},
    "depth 8": {"network": {"depth": 8}},
    "patches, no convolutions": {"network": {"stem": ()}},
    "no guidance": {"network": {"guidance": False}},
    "crops of 128 only": {"stages": _SMALL},
    "crops of 192 only": {"stages": _LARGE},
    "no generated images": {"generated": 0.0},
    "half generated images": {"generated": 1.0},
    "masked images first": {"masked": 0.25},
}
"""Each by what it changes; ``generated`` is their share against that of all folders, ``masked`` a share of the time."""


def main() -> None:
    """Train and measure the variants asked for, or all, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="folders as for napari-iseg train")
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--objects", type=int, default=30, help="held-back objects of each folder")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--output", type=Path, default=Path("runs/small"))
    arguments = parser.parse_args()
    shipped = read_recipe("cfr-icl-small")
    pictures = load_pictures(arguments.data, shipped.data)
    objects = load_held_back(arguments.data, per_folder=arguments.objects, min_pixels=50)
    table = Table("variant", "million parameters", "samples", *(f"IoU after {count}" for count in CLICKS))
    for name in arguments.only:
        folder = arguments.output / name.replace(",", "").replace(" ", "-")
        found = folder / "found.json"
        if not found.exists():
            folder.mkdir(parents=True, exist_ok=True)
            found.write_text(json.dumps(_measured(name, pictures, objects, folder, arguments.seconds), indent=1))
        row = json.loads(found.read_text())
        table.add_row(name, *(f"{value:,.3f}" if isinstance(value, float) else f"{value:,}" for value in row.values()))
        Console(width=120).print(table)


def _measured(
    name: str, pictures: dict[str, Any], objects: dict[str, Any], folder: Path, seconds: float
) -> dict[str, float | int]:
    changes, recipe = VARIANTS[name], read_recipe("cfr-icl-small")
    weights = dict.fromkeys(pictures, 1.0) | {"procedural": changes.get("generated", 0.25) * len(pictures)}
    recipe = replace(
        recipe,
        network=replace(recipe.network, **changes.get("network", {})),
        stages=changes.get("stages", recipe.stages),
        data=replace(recipe.data, weights=weights),
    )
    share, start = changes.get("masked", 0.0), None
    if share:
        masked = replace(recipe, lesson={"masked_share": 0.6}, stages=_SMALL)
        before = Trainer(masked, pictures, folder / "masked", seconds=share * seconds)
        before.run()
        start = before.weights
    trainer = Trainer(recipe, pictures, folder / "clicks", seconds=(1 - share) * seconds, weights=start)
    trainer.run()
    spec = find_method(recipe.method)
    options = published_options(spec) | {"cascade_steps": 0, "flip": False, "min_crop": 64}
    predictor: Any = make_predictor(recipe.method, weights=trainer.weights, options=options)
    ious: dict[int, list[float]] = {count: [] for count in CLICKS}
    for some in objects.values():
        results = evaluate_objects(predictor, some, max_clicks=max(CLICKS), target_iou=1.01)
        for count, means in ious.items():
            means.append(statistics.fmean(result.ious[count - 1] for result in results))
    parameters = sum(one.numel() for one in predictor.network.parameters())
    return {"millions": parameters / 1e6, "samples": trainer.samples} | {
        f"IoU after {count}": statistics.fmean(means) for count, means in ious.items()
    }


if __name__ == "__main__":
    main()
