"""``napari-iseg train``: from a folder of images to weights that segment."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from tests.methods import FAMILIES
from tests.released import save_simpleclick
from tests.seeded import TINY, seeded_network

from napari_iseg.models.simpleclick import FAMILY
from napari_iseg.training.procedural import procedural_sample
from napari_iseg.zoo.weights import non_commercial_licence

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
    card = (output / "mini.md").read_text()
    command = "napari-iseg train mini.toml --data cells --output run --device cpu --max-seconds"
    assert f"```\n{command} 2\n```" in card
    assert str(tmp_path) not in card
    first = weights.stat().st_mtime_ns
    done = run(*given, "--max-seconds", 3, "--resume")
    assert done.code == 0, done.err
    assert weights.stat().st_mtime_ns > first
    assert f"{command} 3\n" in (output / "mini.md").read_text()
    done = run(
        "segment", flat, "-o", tmp_path / "out.tif", "--method", "cfr-icl", "--weights", weights, "--click", "17,33,+"
    )
    assert done.code == 0, done.err
    assert imageio.imread(tmp_path / "out.tif").shape == (41, 57)


def test_a_run_starts_from_released_weights_and_keeps_their_terms(
    run: Run, folder: Path, flat: Path, tmp_path: Path
) -> None:
    released, recipe = save_simpleclick(tmp_path / "renamed.pth"), tmp_path / "mini.toml"
    network = "\n".join(f"{name} = {json.dumps(value)}" for name, value in asdict(TINY).items())
    size = TINY.image_size[0]
    recipe.write_text(
        f'name = "mini"\nmethod = "cfr-icl"\nseconds = 600\nlearning_rate = 1e-9\n[network]\n{network}\n'
        f"[[stages]]\nuntil = 1.0\nsize = {size}\nbatch = 2\n[data]\n"
    )
    given = ("train", recipe, "--data", folder, "--output", tmp_path / "run", "--device", "cpu", "--max-seconds", 0.5)
    done = run(*given, "--weights", released)
    assert done.code == 0, done.err
    assert "not for commercial use" in done.err
    trained = FAMILY.load(tmp_path / "run" / "mini.safetensors").state_dict()
    for name, tensor in seeded_network(TINY).state_dict().items():
        # So slow a run goes nowhere: it is where it started, but for the file's half precision.
        torch.testing.assert_close(trained[name], tensor.half().float(), atol=1e-3, rtol=2e-3)
    assert non_commercial_licence(tmp_path / "run" / "mini.safetensors") is not None
    # Going on need not name them again.
    assert run(*given, "--max-seconds", 1, "--resume").code == 0
    card = (tmp_path / "run" / "mini.md").read_text()
    assert "| Started from | `renamed.pth` |" in card
    assert "| not for commercial use: inherited from `renamed.pth`" in card
    assert "    --weights renamed.pth\n```" in card
    done = run(*given, "--max-seconds", 1.5, "--resume", "--weights", "cfr-icl-small")
    assert (done.code, "--weights does not count" in done.err) == (0, True), done.err
    assert non_commercial_licence(tmp_path / "run" / "mini.safetensors") is not None


def test_weights_that_do_not_fit_the_recipe_are_refused_in_a_sentence(run: Run, folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mini.toml"
    recipe.write_text(RECIPE)
    given = ("train", recipe, "--data", folder, "--output", tmp_path / "run", "--device", "cpu", "--max-seconds", 1)
    other = tmp_path / "ritm.safetensors"
    family = FAMILIES["napari_iseg.models.ritm:FAMILY"]
    family.save(other, family.build(family.configs["tiny"]), {})
    bad = {
        save_simpleclick(tmp_path / "renamed.pth"): "set [network]",
        other: "belong to another network than SimpleClick's",
        "cfr-icl-smal": "cfr-icl-small",
        "ritm-hrnet18-sbd": "for ritm, not for cfr-icl",
    }
    for weights, words in bad.items():
        done = run(*given, "--weights", weights)
        assert (done.code, words in " ".join(done.err.split()), "Traceback" in done.err) == (2, True, False), done.err
    assert not (tmp_path / "run" / "mini.safetensors").exists()


def test_bad_training_input_ends_with_a_sentence(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run("train", "cfr-icl-smal", "--data", folder)
    assert (done.code, "cfr-icl-small" in done.err, "Traceback" in done.err) == (2, True, False)
    done = run("train", "cfr-icl-small", "--data", tmp_path / "nowhere")
    assert (done.code, "nowhere" in done.err, "Traceback" in done.err) == (2, True, False)
    done = run("train", "cfr-icl-small", "--data", folder, "--resume", "--output", tmp_path / "none")
    assert (done.code, "no checkpoint" in done.err.replace("\n", " ")) == (2, True)
