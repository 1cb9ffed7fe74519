"""Which small network learns most in a given time: width, depth, stem, guidance, crops, generated images, pretraining.

    python benchmarks/small_networks.py --data FOLDER ... [--seconds 240] [--only NAME ...] [--output runs/small]

Each variant changes one thing of the recipe cfr-icl-small, is trained for as many seconds from random weights, and then
clicks on the same held-back objects of every folder. What is there already in the output folder is not measured again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli_w
from rich.console import Console
from rich.table import Table

_SMALL = [{"until": 1.0, "size": 128, "batch": 16}]
_LARGE = [{"until": 1.0, "size": 192, "batch": 12}]
VARIANTS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "width 192": {"network": {"embed_dim": 192}},
    "width 384": {"network": {"embed_dim": 384}},
    "depth 3": {"network": {"depth": 3}},
    "depth 9": {"network": {"depth": 9}},
    "patches, no convolutions": {"network": {"stem": []}},
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
    table = Table("variant", "million parameters", "samples", "IoU after 1 click", "NoC@85", "NoC@90")
    for name in arguments.only:
        folder = arguments.output / name.replace(",", "").replace(" ", "-")
        found = folder / "found.json"
        if not found.exists():
            found.parent.mkdir(parents=True, exist_ok=True)
            found.write_text(json.dumps(_measured(name, folder, arguments), indent=1))
        row = json.loads(found.read_text())
        table.add_row(name, *(f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" for value in row.values()))
    Console(width=120).print(table)


def _measured(name: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    changes = VARIANTS[name]
    recipe = tomllib.loads((files("napari_iseg.training") / "recipes" / "cfr-icl-small.toml").read_text())
    recipe["network"] |= changes.get("network", {})
    recipe["stages"] = changes.get("stages", recipe["stages"])
    sets = [path.name for path in arguments.data]
    recipe["data"]["weights"] = dict.fromkeys(sets, 1.0) | {
        "procedural": len(sets) * changes.get("generated", recipe["data"]["weights"]["procedural"] / 19)
    }
    share, start = changes.get("masked", 0.0), []
    if share:
        masked = recipe | {"lesson": {"masked_share": 0.6}, "stages": _SMALL}
        start = ["--weights", str(_trained(masked, folder / "masked", share * arguments.seconds, arguments))]
    weights = _trained(recipe, folder / "clicks", (1 - share) * arguments.seconds, arguments, start)
    entries = [json.loads(line) for line in (folder / "clicks" / "log.jsonl").read_text().splitlines()]
    reports = [_evaluated(weights, path, folder, arguments.objects) for path in arguments.data]
    from safetensors import safe_open

    with safe_open(weights, "pt") as opened:
        count = sum(opened.get_tensor(key).numel() for key in opened.keys())
    return {"millions": count / 1e6, "samples": int(entries[-1]["samples"])} | {
        key: statistics.fmean(report[key] for report in reports) for key in ("mIoU@1", "NoC@85", "NoC@90")
    }


def _trained(
    recipe: dict[str, Any], output: Path, seconds: float, arguments: argparse.Namespace, start: list[str] | None = None
) -> Path:
    """Train a recipe for so many seconds and return its weights."""
    output.mkdir(parents=True, exist_ok=True)
    file = output / "recipe.toml"
    file.write_text(tomli_w.dumps(recipe))
    data = [text for path in arguments.data for text in ("--data", str(path))]
    _run("train", str(file), *data, "--output", str(output), "--max-seconds", str(seconds), *(start or []))
    return next(output.glob("*.safetensors"))


def _evaluated(weights: Path, data: Path, folder: Path, objects: int) -> dict[str, float]:
    """Click on held-back objects of one folder and return the summary."""
    file = folder / f"{data.name}.json"
    options = ["--option", "cascade_steps=1", "--option", "min_crop=64", "--target-iou", "0.9", "--max-clicks", "12"]
    chosen = ["--split", "held-back", "--limit", str(objects), "--min-pixels", "50"]
    _run("evaluate", "--method", "cfr-icl", "--weights", str(weights), "--data", str(data), *chosen, *options,
         "--json", str(file))  # fmt: skip
    summary: dict[str, float] = json.loads(file.read_text())["summary"]
    return summary


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "napari_iseg", *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
