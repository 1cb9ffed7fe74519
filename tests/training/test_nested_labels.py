"""Label maps of parts and wholes from folders to crops: matched by name, moved together, and there for the lesson."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import imageio.v3 as imageio
import numpy as np
import pytest
from tests.methods import FAMILIES

from napari_iseg import METHODS
from napari_iseg.errors import ImageError
from napari_iseg.io.bad_input import BadInput
from napari_iseg.training.data import Crops, load_pictures
from napari_iseg.training.lessons.disnet import related_masks
from napari_iseg.training.loop import Trainer
from napari_iseg.training.recipe import DataRecipe, Recipe, Stage

if TYPE_CHECKING:
    from pathlib import Path

DATA = DataRecipe(weights={"procedural": 0.0}, levels=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of eight images of cells with nuclei; the files of each kind are written in another order."""
    root = tmp_path / "cells"
    numbers = np.arange(8)
    for kind in ("images", "labels", "labels_coarse"):
        (root / kind).mkdir(parents=True)
        numbers = np.roll(numbers, 3)
        for number in numbers:
            rows, columns = np.mgrid[:70, :91]
            place = np.hypot(rows - 15 - 5 * number, columns - 70 + 6 * number)
            cell, nucleus = place < 15, np.hypot(rows - 12 - 5 * number, columns - 66 + 6 * number) < 6
            array = {
                "images": (60 + 80 * cell + 80 * nucleus).astype(np.uint8),
                "labels": nucleus.astype(np.uint16),
                "labels_coarse": (7 * cell).astype(np.uint16),
            }[kind]
            imageio.imwrite(root / kind / f"image{number}.png", array)
    return root


def test_parts_and_wholes_of_one_image_reach_the_crop_together(folder: Path) -> None:
    pictures = load_pictures([folder], DATA)
    assert all(len(picture.others) == 1 for picture in pictures["cells"])
    stream = iter(Crops(pictures, DATA, size=(40, 56), seed=0))
    rng = np.random.default_rng(0)
    parts = 0
    for _ in range(40):
        rgb, target, levels = (array.numpy() for array in next(stream))
        assert rgb.shape == (3, 40, 56)
        assert levels.shape == (3, 40, 56)
        assert np.array_equal(levels[0] == 1, target == 1)
        assert not levels[2].any()
        if (levels[1] == 7).any():
            parts += 1
            # However the crop was flipped, turned and cut, the nucleus lies in its cell.
            assert (levels[1][target == 1] == 7).mean() > 0.95
            assert (levels[1] == 7).sum() > 1.3 * (target == 1).sum()
            related = related_masks(target, levels, "hierarchy", rng)
            assert len(related.masks) == 2
    assert 10 <= parts <= 30


def test_without_levels_crops_are_as_they_were(folder: Path) -> None:
    recipe = replace(DATA, levels=0)
    pictures = load_pictures([folder], recipe)
    assert len(next(iter(Crops(pictures, recipe, size=48, seed=0)))) == 2


def test_label_maps_of_two_shapes_are_refused_by_name(folder: Path) -> None:
    imageio.imwrite(folder / "labels_coarse" / "image3.png", np.ones((70, 90), np.uint16))
    imageio.imwrite(folder / "labels_coarse" / "image4.png", np.ones((70, 90), np.uint16))
    imageio.imwrite(folder / "labels_coarse" / "image5.png", np.ones((70, 90), np.uint16))
    with pytest.raises(ImageError, match=r"'image\d'"):
        load_pictures([folder], DATA, bad_input=BadInput("stop"))
    # Otherwise they are left out and named.
    skipped = BadInput()
    load_pictures([folder], DATA, bad_input=skipped)
    assert 1 <= len(skipped.found) <= 3
    assert all("(70, 90)" in one.sentence for one in skipped.found)


def test_disnet_trains_on_nested_labels(folder: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        name="tiny",
        method="disnet",
        network=FAMILIES[METHODS["disnet"].family].configs["tiny"],
        stages=(Stage(until=1.0, size=64, batch=2),),
        data=DATA,
        samples=6,
        rates={"refinement": 0.1},
        lesson={"relations": "hierarchy"},
    )
    trainer = Trainer(recipe, load_pictures([folder], recipe.data), tmp_path / "run")
    seen: list[float] = []
    weights = trainer.run(lambda progress: seen.append(progress.loss))
    assert trainer.step == 3
    assert np.isfinite(seen).all()
    assert recipe.family.load(weights).config == recipe.network
