"""A whole training run on a small folder: data, loop, checkpoint, resume, weights that load; and its parts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from tests.methods import FAMILIES
from tests.seeded import TINY

from napari_iseg import METHODS
from napari_iseg.errors import ImageError, IsegError, UnknownNameError
from napari_iseg.io.dataset import in_held_back
from napari_iseg.models.simpleclick import FAMILY, SimpleClickConfig
from napari_iseg.training.data import Crops, load_pictures
from napari_iseg.training.initialisation import mimetic_attention_, sinusoidal_positions
from napari_iseg.training.iterative import icl_answers
from napari_iseg.training.lessons import make_lesson
from napari_iseg.training.loop import Trainer, build_network
from napari_iseg.training.procedural import procedural_sample
from napari_iseg.training.recipe import LOSSES, DataRecipe, Recipe, Stage, read_recipe, recipe_names

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = Recipe(
    name="tiny",
    method="cfr-icl",
    network=TINY,
    stages=(Stage(until=0.5, size=32, batch=4), Stage(until=1.0, size=64, batch=2)),
    data=DataRecipe(max_side=80, weights={"procedural": 0.5}),
    seconds=4.0,
    click_slots=6,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a dataset folder with five images of procedural objects, one of them larger than ``max_side``."""
    root = tmp_path / "cells"
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    rng = np.random.default_rng(2)
    for number in range(8):
        drawn = procedural_sample(rng, 120 if number == 3 else 61)
        labels = drawn.labels.astype(np.uint16)
        labels[:2, :2] = 65535
        imageio.imwrite(root / "images" / f"image{number}.png", drawn.rgb)
        imageio.imwrite(root / "labels" / f"image{number}.png", labels)
    return root


def test_a_run_learns_resumes_and_leaves_weights(folder: Path, tmp_path: Path) -> None:
    pictures = load_pictures([folder], RECIPE.data)
    output = tmp_path / "run"
    first = Trainer(RECIPE, pictures, output)
    seen = []
    first.run(lambda progress: seen.append((progress.size, progress.loss)))
    assert {size for size, _ in seen} == {32, 64}
    assert first.step == len(seen)
    assert FAMILY.load(first.weights).config == TINY

    longer = Trainer(RECIPE, pictures, output, seconds=6.0)
    longer.resume()
    assert longer.step == first.step
    steps_before = longer.step
    longer.run()
    assert longer.step > steps_before
    assert longer.elapsed >= 6.0
    logged = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in logged if entry["size"] == 64][-1] == longer.step

    other = Trainer(replace(RECIPE, name="other"), pictures, output)
    with pytest.raises(IsegError, match="of the recipe 'tiny'"):
        other.resume()
    with pytest.raises(IsegError, match="no checkpoint"):
        Trainer(RECIPE, pictures, tmp_path / "empty").resume()


@pytest.mark.parametrize("method", [name for name, spec in METHODS.items() if spec.lesson is not None])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_lesson_teaches_its_network(method: str, loss: str) -> None:
    torch.manual_seed(0)
    recipe = replace(RECIPE, method=method, loss=loss, network=FAMILIES[METHODS[method].family].configs["tiny"])
    network = build_network(recipe)
    lesson = make_lesson(network, recipe)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    rng = np.random.default_rng(0)
    target = torch.zeros(4, 64, 64, dtype=torch.int8)
    target[:, 16:48, 20:52] = 1
    rgb = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.6 * (target == 1)[:, None]
    losses = []
    for _ in range(40):
        loss, shown = lesson(rgb, target, rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(shown))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    taught = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    unmoved = [name for name, parameter in taught.items() if parameter.grad is None]
    assert taught
    assert unmoved == []


def test_a_method_without_a_lesson_says_which_have_one() -> None:
    with pytest.raises(IsegError, match=r"'random-walker' has no network to train"):
        replace(RECIPE, method="random-walker").family  # noqa: B018
    with pytest.raises(IsegError, match=r"these can: focalclick-xl, cfr-icl, "):
        make_lesson(torch.nn.Identity(), replace(RECIPE, method="random-walker"))


def test_the_loss_falls_on_one_batch() -> None:
    torch.manual_seed(0)
    network = build_network(replace(RECIPE, mimetic=True))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    rng = np.random.default_rng(0)
    target = torch.zeros(4, 32, 32, dtype=torch.int8)
    target[:, 8:24, 10:26] = 1
    rgb = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.6 * (target == 1)[:, None]
    losses = []
    for _ in range(60):
        answers = icl_answers(network, rgb, target, RECIPE, rng)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(answers[-1], (target == 1)[:, None].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.3 * np.mean(losses[:5])


def test_training_leaves_held_back_images_out(folder: Path) -> None:
    names = [f"image{number}" for number in range(8)]
    held = sum(in_held_back(name) for name in names)
    assert 0 < held < 8
    pictures = load_pictures([folder], RECIPE.data)["cells"]
    assert len(pictures) <= 8 - held
    assert all(max(picture.labels.shape) <= 80 for picture in pictures)
    assert all((picture.labels == -1).any() for picture in pictures)


def test_crops_show_one_object_and_keep_ignored_pixels(folder: Path) -> None:
    stream = iter(Crops(load_pictures([folder], RECIPE.data), RECIPE.data, size=48, seed=0))
    for _ in range(30):
        rgb, target = next(stream)
        assert rgb.shape == (3, 48, 48)
        assert rgb.dtype == torch.float32
        assert 0 <= rgb.min() <= rgb.max() <= 1
        assert target.shape == (48, 48)
        assert set(target.unique().tolist()) <= {-1, 0, 1}
        assert (target == 1).sum() >= 12


def test_crops_with_copy_paste_still_show_one_object(folder: Path) -> None:
    recipe = replace(RECIPE.data, copy_paste=0.5, image_mix=0.5, merged_share=0.15)
    stream = iter(Crops(load_pictures([folder], recipe), recipe, size=48, seed=0))
    plain = iter(Crops(load_pictures([folder], RECIPE.data), RECIPE.data, size=48, seed=0))
    changed = 0
    for _ in range(30):
        rgb, target = next(stream)
        assert rgb.dtype == torch.float32
        assert 0 <= rgb.min() <= rgb.max() <= 1
        assert target.dtype == torch.int8
        assert set(target.unique().tolist()) <= {-1, 0, 1}
        assert (target == 1).sum() >= 12
        changed += not torch.equal(rgb, next(plain)[0])
    assert changed >= 20


def test_two_objects_are_merged_as_often_as_asked(folder: Path) -> None:
    def parts(share: float) -> float:
        recipe = replace(RECIPE.data, merged_share=share, close_share=0.0, largest_share=0.1)
        stream = iter(Crops(load_pictures([folder], recipe), recipe, size=48, seed=3))
        return float(np.mean([(next(stream)[1] == 1).float().mean() for _ in range(40)]))

    assert parts(1.0) > 1.2 * parts(0.0)


def test_a_folder_with_nothing_to_learn_is_refused(tmp_path: Path) -> None:
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    imageio.imwrite(tmp_path / "images" / "a.png", np.zeros((20, 30), np.uint8))
    imageio.imwrite(tmp_path / "labels" / "a.png", np.zeros((20, 30), np.uint16))
    with pytest.raises(ImageError):
        load_pictures([tmp_path], RECIPE.data)


def test_mimetic_attention_correlates_queries_with_keys() -> None:
    torch.manual_seed(0)
    qkv, projection = torch.nn.Linear(64, 192), torch.nn.Linear(64, 64)
    mimetic_attention_(qkv, projection, heads=2)
    queries, keys, values = qkv.weight.detach().chunk(3)
    product = queries[:32].T @ keys[:32]
    assert product.diagonal().mean() > 5 * product.fill_diagonal_(0).mean().abs()
    assert (projection.weight @ values).diagonal().mean() < -0.2


def test_positions_tell_every_cell_apart() -> None:
    positions = sinusoidal_positions((5, 9), 24)
    assert positions.shape == (45, 24)
    assert torch.cdist(positions, positions).fill_diagonal_(9).min() > 0.1


def test_recipes_of_the_package_are_read() -> None:
    assert "cfr-icl-small" in recipe_names()
    for name in recipe_names():
        recipe = read_recipe(name)
        assert recipe.name == name
        assert recipe.stages[-1].until == 1.0
        assert all(recipe.network.accepts((stage.size, stage.size)) for stage in recipe.stages)


def test_bad_recipes_are_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="cfr-icl-small"):
        read_recipe("cfr-icl-smal")
    broken = tmp_path / "broken.toml"
    for text in (
        "name = ",
        'name = "x"',
        'name = "x"\nmethod = "ritm"\nseconds = 1\nspeed = 3\nstages = []\n[network]\n[data]',
    ):
        broken.write_text(text)
        with pytest.raises(IsegError, match=r"broken\.toml"):
            read_recipe(str(broken))


def test_the_shipped_recipe_makes_about_six_million_parameters() -> None:
    network = build_network(replace(read_recipe("cfr-icl-small"), mimetic=False))
    count = sum(parameter.numel() for parameter in network.parameters())
    assert 5e6 < count < 8e6
    assert isinstance(network.config, SimpleClickConfig)


def test_any_run_can_learn_by_the_adaptive_focal_loss(folder: Path, tmp_path: Path) -> None:
    pictures = load_pictures([folder], RECIPE.data)
    first = {}
    for loss in ("normalized-focal", "adaptive-focal"):
        seen: list[float] = []
        trainer = Trainer(replace(RECIPE, loss=loss), pictures, tmp_path / loss, seconds=1.5)
        trainer.run(lambda progress, seen=seen: seen.append(progress.loss))  # type: ignore[misc]
        assert all(np.isfinite(seen))
        first[loss] = seen[0]
    # The same first batch, judged by another loss.
    assert first["normalized-focal"] != first["adaptive-focal"]
    with pytest.raises(UnknownNameError, match="adaptive-focal"):
        replace(RECIPE, loss="adaptive-focl")
