"""Training runs in processes of their own, which a test can start many of, kill, and look into.

``python -m tests.training.running FOLDER OUTPUT STEPS`` is a run of the tiny recipe that leaves what each process saw.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import torch
from tests.seeded import TINY

from napari_iseg.training.procedural import procedural_sample
from napari_iseg.training.recipe import DataRecipe, Recipe, Stage

ROOT = Path(__file__).resolve().parents[2]

RECIPE = Recipe(
    name="tiny",
    method="cfr-icl",
    network=TINY,
    stages=(Stage(until=0.5, size=32, batch=4), Stage(until=1.0, size=64, batch=2)),
    data=DataRecipe(max_side=80, weights={"procedural": 0.5}),
    steps=12,
    click_slots=6,
)

RECIPE_FILE = """
name = "tiny"
method = "cfr-icl"
steps = 12
click_slots = 6
[network]
image_size = [64, 64]
patch_size = [8, 8]
embed_dim = 24
depth = 4
heads = 2
neck_channels = [8, 12, 16, 20]
head_channels = 12
[[stages]]
until = 0.5
size = 32
batch = 4
[[stages]]
until = 1.0
size = 64
batch = 2
[data]
max_side = 80
[data.weights]
procedural = 0.5
"""
"""The same recipe as a file."""


def make_folder(root: Path, images: int = 8) -> Path:
    """Write a dataset folder of generated images, two of the first eight of which are held back."""
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    rng = np.random.default_rng(2)
    for number in range(images):
        drawn = procedural_sample(rng, 61)
        rgb, labels = drawn.rgb, drawn.labels
        imageio.imwrite(root / "images" / f"image{number}.png", rgb)
        imageio.imwrite(root / "labels" / f"image{number}.png", labels.astype(np.uint16))
    return root


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start Python with arguments, on one thread, so that sums are the same in every process."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    surroundings = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *(str(argument) for argument in arguments)],
        env=surroundings,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def same(first: Any, second: Any) -> bool:
    """Whether two checkpoints' parts are the same, every bit of every number."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(value, second[key]) for key, value in first.items())
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(same(*pair) for pair in zip(first, second, strict=True))
    return bool(first == second)


def _run(folder: Path, output: Path, steps: int) -> None:
    """Run the tiny recipe, and leave the weights and the sums of the images that this process saw."""
    from torch.nn.modules.module import register_module_forward_pre_hook

    from napari_iseg.training.data import load_pictures
    from napari_iseg.training.devices import open_fabric
    from napari_iseg.training.lessons.clicks import ClickLesson
    from napari_iseg.training.loop import Trainer

    seen: list[float] = []
    networks: list[torch.nn.Module] = []

    def look(module: torch.nn.Module, given: tuple[Any, ...]) -> None:
        if isinstance(module, ClickLesson):
            seen.extend(given[0].double().sum(dim=(1, 2, 3)).tolist())
            networks.append(module.network)

    register_module_forward_pre_hook(look)
    fabric = open_fabric("cpu")
    trainer = Trainer(RECIPE, load_pictures([folder], RECIPE.data), output, fabric=fabric, steps=steps)
    trainer.run()
    left = {"seen": seen, "network": networks[-1].state_dict(), "processes": fabric.world_size}
    torch.save(left, output / f"process{fabric.global_rank}.pt")


if __name__ == "__main__":
    _run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
