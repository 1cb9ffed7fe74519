"""``napari-iseg train``: from a folder of images to weights that segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imageio.v3 as imageio
import numpy as np
import pytest

from napari_iseg.training.procedural import procedural_sample

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

RECIPE = """
name = "mini"
method = "cfr-icl"
seconds = 600

[network]
image_size = [32, 32]
patch_size = [8, 8]
embed_dim = 24
depth = 4
heads = 2
neck_channels = [8, 8, 8, 8]
head_channels = 8

[[stages]]
until = 1.0
size = 32
batch = 2

[data]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a dataset folder of ten small images."""
    root = tmp_path / "cells"
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(10):
        drawn = procedural_sample(rng, 47)
        imageio.imwrite(root / "images" / f"{number}.png", drawn.rgb)
        imageio.imwrite(root / "labels" / f"{number}.png", drawn.labels.astype(np.uint16))
    return root


def test_train_then_resume_then_segment(run: Run, folder: Path, flat: Path, tmp_path: Path) -> None:
    recipe, output = tmp_path / "mini.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    given = ("train", recipe, "--data", folder, "--output", output, "--device", "cpu")
    done = run(*given, "--max-seconds", 2)
    assert done.code == 0, done.err
    weights = output / "mini.safetensors"
    assert weights.is_file()
    first = weights.stat().st_mtime_ns
    done = run(*given, "--max-seconds", 3, "--resume")
    assert done.code == 0, done.err
    assert weights.stat().st_mtime_ns > first
    done = run("segment", flat, "-o", tmp_path / "out.tif", "--weights", weights, "--click", "17,33,+")
    assert done.code == 0, done.err
    assert imageio.imread(tmp_path / "out.tif").shape == (41, 57)


def test_bad_training_input_ends_with_a_sentence(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run("train", "cfr-icl-smal", "--data", folder)
    assert (done.code, "cfr-icl-small" in done.err, "Traceback" in done.err) == (2, True, False)
    done = run("train", "cfr-icl-small", "--data", tmp_path / "nowhere")
    assert (done.code, "nowhere" in done.err, "Traceback" in done.err) == (2, True, False)
    done = run("train", "cfr-icl-small", "--data", folder, "--resume", "--output", tmp_path / "none")
    assert (done.code, "no checkpoint" in done.err.replace("\n", " ")) == (2, True)
