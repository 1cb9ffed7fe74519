"""The card that a run writes beside its weights, and what it is made of."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import torch
from tests.training.running import RECIPE, make_folder

from napari_iseg.io.labelled_images import in_held_back
from napari_iseg.io.markdown import find_section, find_tables, split_cells
from napari_iseg.training.card import RunCard
from napari_iseg.training.data import load_pictures
from napari_iseg.training.data_rows import DataRow, data_rows
from napari_iseg.training.devices import open_fabric
from napari_iseg.training.hardware import hardware_in_words
from napari_iseg.training.learning_curve import learning_curve
from napari_iseg.training.loop import Trainer
from napari_iseg.training.recipe import read_recipe, recipe_names
from napari_iseg.training.starting_point import build_network
from napari_iseg.training.watching import Position

if TYPE_CHECKING:
    from pathlib import Path

ROW = DataRow(name="cells", planes=6, objects=31, share=0.25, held_back=("c5", "d2"), images=8, licence="CC0 | or so")


def card_of(recipe=RECIPE) -> RunCard:
    return RunCard(recipe=recipe, command="napari-iseg train tiny", data=[ROW], hardware="an abacus")


def facts(text: str) -> dict[str, str]:
    lines = text.split("\n")
    table = find_tables(lines)[0]
    return dict(split_cells(lines[row]) for row in table.rows)


def test_a_run_writes_a_card_with_its_weights_and_going_on_writes_the_sum(tmp_path: Path) -> None:
    folder, output = make_folder(tmp_path / "cells"), tmp_path / "run"
    (folder / "README.md").write_text("Licence: CC BY 4.0\n")
    pictures = load_pictures([folder], RECIPE.data)
    rows = data_rows([folder], pictures, RECIPE.data)
    card = replace(card_of(), data=rows)
    for steps in (4, 6):
        trainer = Trainer(RECIPE, pictures, output, steps=steps)
        trainer.keep_card(card)
        if steps == 6:
            trainer.resume()
        trainer.run()
        text = (output / "tiny.md").read_text()
        told = facts(text)
        assert f"{steps} steps" in told["Run"]
        assert f"{trainer.samples} samples" in told["Run"]
        assert "stopped" not in told["Run"]
        assert told["Started from"] == "random initialisation"
        size = (output / "tiny.safetensors").stat().st_size / 1e6
        assert told["File"] == f"`tiny.safetensors`, float16, {size:.1f} MB"
    lines = text.split("\n")
    start, stop = find_section(lines, "Data") or (0, 0)
    (table,) = find_tables(lines, start, stop)
    cells = {split_cells(lines[row])[0]: split_cells(lines[row]) for row in table.rows}
    held = sum(in_held_back(f"image{number}") for number in range(8))
    assert cells["cells"][1] == str(8 - held)
    assert cells["cells"][3:] == ["66.7%", f"{held} of 8 images", "CC BY 4.0"]
    assert cells["generated"][3] == "33.3%"
    assert [line for line in lines if line.startswith("## ")] == [
        "## Data", "## Recipe", "## Learning curve", "## What it reaches", "## Where it fails",
    ]  # fmt: skip
    assert str(tmp_path) not in text


def test_a_card_says_what_was_started_from_and_what_is_inherited(tmp_path: Path) -> None:
    weights = tmp_path / "tiny.safetensors"
    weights.write_bytes(bytes(1_500_000))
    position = Position(step=3, samples=12, elapsed=61.0, fraction=0.25, loss=0.5)
    card_of().write(weights, position, build_network(RECIPE), started_from="sbd.pth", licence="CC-BY-NC-4.0")
    text = weights.with_suffix(".md").read_text()
    told = facts(text)
    assert told["Started from"] == "`sbd.pth`"
    assert told["Licence"] == "not for commercial use: inherited from `sbd.pth`, CC-BY-NC-4.0"
    assert told["Run"] == "61 seconds, 3 steps, 12 samples; stopped at 25% of its length"
    assert told["File"].endswith("1.5 MB")
    assert "napari-iseg train tiny \\\n    --weights sbd.pth\n```" in text
    assert "| cells | 6 | 31 | 25.0% | 2 of 8 images | CC0 \\| or so |" in text
    assert "<details><summary>Held back of cells</summary>\n\nc5, d2\n\n</details>" in text
    assert "`click_slots` 6" in text


def test_going_on_from_a_checkpoint_remembers_what_the_run_started_from(tmp_path: Path) -> None:
    pictures = load_pictures([make_folder(tmp_path / "cells")], RECIPE.data)
    first = Trainer(RECIPE, pictures, tmp_path / "first", steps=1)
    first.run()
    second = Trainer(RECIPE, pictures, tmp_path / "second", steps=1, weights=first.weights)
    second.run()
    again = Trainer(RECIPE, pictures, tmp_path / "second", steps=2)
    again.keep_card(card_of())
    again.resume()
    again.run()
    text = (tmp_path / "second" / "tiny.md").read_text()
    assert facts(text)["Started from"] == "`tiny.safetensors`"
    assert str(tmp_path) not in text


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_of_the_package_has_a_card_that_a_table_holds(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name)
    weights = tmp_path / f"{name}.safetensors"
    weights.touch()
    position = Position(step=1, samples=1, elapsed=1.0, fraction=1.0, loss=1.0)
    card_of(recipe).write(weights, position, torch.nn.Linear(2, 3), started_from=None, licence=None)
    told = facts(weights.with_suffix(".md").read_text())
    assert told["Method"].startswith(f"`{recipe.method}`")
    assert told["Network"].endswith("; 9 parameters")
    # What is named as differing from a published configuration is all that differs.
    base, _, but = told["Network"].partition(" as `")[2].removesuffix("; 9 parameters").partition("`")
    published = asdict(recipe.family.configs[base])
    differing = {field: value for field, value in asdict(recipe.network).items() if value != published[field]}
    assert but == (f" but for {', '.join(f'{field}={value}' for field, value in differing.items())}" if but else "")
    assert bool(but) == bool(differing)


def test_a_card_that_cannot_be_written_costs_the_run_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    weights = tmp_path / "tiny.safetensors"
    weights.touch()
    weights.with_suffix(".md").mkdir()
    position = Position(step=1, samples=1, elapsed=1.0, fraction=1.0, loss=1.0)
    with caplog.at_level(logging.WARNING):
        card_of().write(weights, position, torch.nn.Linear(2, 3), started_from=None, licence=None)
    assert "not their card" in caplog.text
    assert {file.name for file in tmp_path.iterdir()} == {"tiny.safetensors", "tiny.md"}


def test_the_curve_is_of_the_last_run_and_has_few_rows_evenly_with_the_last_one(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert learning_curve(log) == []
    entries = [{"step": step, "seconds": step, "samples": step, "loss": 1.0} for step in (500, *range(1, 101))]
    for entry in entries:
        if entry["step"] % 2 == 0:
            entry["iou"] = {"all": {"1": 0.5}}
    entries.append({"step": 101, "seconds": 101, "samples": 101, "loss": 1.0})
    log.write_text("\n".join(json.dumps(entry) for entry in entries) + '\n{"step": 1')
    steps = [entry["step"] for entry in learning_curve(log)]
    assert (steps[0], steps[-2:], len(steps)) == (2, [100, 101], 8)
    assert all(8 < second - first < 25 for first, second in pairwise(steps[:-1]))


def test_a_card_has_the_curve_with_what_was_found_on_held_back_objects(tmp_path: Path) -> None:
    weights = tmp_path / "tiny.safetensors"
    weights.touch()
    looked = {
        "step": 20,
        "seconds": 1234.5,
        "samples": 80,
        "loss": 0.25,
        "iou": {"all": {"1": 0.5, "3": 0.6, "5": 0.7}},
    }
    (tmp_path / "log.jsonl").write_text(json.dumps(looked) + "\n")
    position = Position(step=20, samples=80, elapsed=1234.5, fraction=1.0, loss=0.25)
    card_of().write(weights, position, torch.nn.Linear(2, 3), started_from=None, licence=None)
    text = weights.with_suffix(".md").read_text()
    assert "| seconds | samples | loss | IoU after 1 click | IoU after 3 clicks | IoU after 5 clicks |" in text
    assert "| 1,234 | 80 | 0.2500 | 0.50 | 0.60 | 0.70 |" in text


def test_hardware_is_told_in_words() -> None:
    told = hardware_in_words(open_fabric("cpu"))
    assert f"{torch.get_num_threads()} thread" in told
    assert " cores" in told
    assert "bfloat16" in told
