"""What a run tells of itself: looks at held-back objects within their share of the time, and logs."""

from __future__ import annotations

import json
import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
import torch
from tests.training.running import RECIPE, make_folder

from napari_iseg.evaluation import evaluate_objects
from napari_iseg.evaluation.metrics import mean_iou
from napari_iseg.inference.opening import resolve
from napari_iseg.io.bad_input import BadInput
from napari_iseg.io.dataset import in_held_back
from napari_iseg.training.data import load_pictures
from napari_iseg.training.held_back import HeldBack, load_held_back
from napari_iseg.training.loop import Trainer
from napari_iseg.training.packing import pack_folders
from napari_iseg.training.progress import RunLog
from napari_iseg.training.starting_point import build_network
from napari_iseg.training.watching import Position, Watch
from napari_iseg.zoo import find_method, make_options

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("data") / "cells")


def test_the_held_back_objects_are_few_and_held_back(folder: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "few", images=1)
    assert not in_held_back("image0")
    found = load_held_back([folder, tmp_path / "few"], per_folder=2, min_pixels=20)
    assert list(found) == ["cells"]
    assert 1 <= len(found["cells"]) <= 2
    assert all(in_held_back(one.name) for one in found["cells"])
    again = load_held_back([folder], per_folder=2, min_pixels=20)
    assert [(one.name, one.object_id) for one in found["cells"]] == [
        (one.name, one.object_id) for one in again["cells"]
    ]


def test_held_back_planes_of_a_pack_are_looked_at_and_a_pack_without_any_gives_none(
    folder: Path, tmp_path: Path
) -> None:
    pack_folders([folder], tmp_path / "with", bad_input=BadInput())
    pack_folders([folder], tmp_path / "without", bad_input=BadInput(), split="train")
    found = load_held_back([tmp_path / "with", tmp_path / "without"], per_folder=2, min_pixels=20)
    assert list(found) == ["with"]
    assert all(in_held_back(one.name.removeprefix("cells/")) for one in found["with"])


def test_a_run_tells_how_well_held_back_objects_go(folder: Path, tmp_path: Path) -> None:
    objects = load_held_back([folder], per_folder=2, min_pixels=20)
    held_back = HeldBack(RECIPE.method, objects, share=1e9)
    told = []
    trainer = Trainer(RECIPE, load_pictures([folder], RECIPE.data), tmp_path, steps=2, held_back=held_back)
    trainer.run(told.append)
    assert set(told[-1].ious) == {1, 3, 5}
    assert all(0 <= iou <= 1 for iou in told[-1].ious.values())
    assert 0 < told[-1].waiting < 1
    assert told[0].seconds_left > 0
    assert told[-1].seconds_left == 0
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert entries[-1]["iou"]["cells"] == entries[-1]["iou"]["all"]
    assert entries[-1]["iou"]["all"]["3"] == pytest.approx(told[-1].ious[3], abs=1e-4)


def test_looking_keeps_to_its_share_of_the_time(folder: Path) -> None:
    torch.manual_seed(0)
    network = build_network(RECIPE)
    objects = load_held_back([folder], per_folder=1, min_pixels=20)
    held_back = HeldBack(RECIPE.method, objects, share=0.05)
    assert not held_back.due(5.0)
    assert held_back.due(7.0)
    assert set(held_back.look(network)) == {"cells", "all"}
    took = held_back.spent
    assert took > 0
    assert not held_back.due(39 * took)
    assert held_back.due(41 * took)
    assert held_back.look(network, cancelled=lambda: True) == {}
    assert not HeldBack(RECIPE.method, objects, share=0.0).due(1e9)
    assert not HeldBack(RECIPE.method, {}, share=0.5).due(1e9)


def test_held_back_objects_are_looked_at_as_in_the_published_evaluations(folder: Path) -> None:
    torch.manual_seed(0)
    network = build_network(RECIPE)
    objects = load_held_back([folder], per_folder=2, min_pixels=20)
    found = HeldBack(RECIPE.method, objects, share=1.0).look(network)["cells"]
    spec = find_method(RECIPE.method)
    wanted = {}
    for first_crop in ("whole", spec.options.first_crop):
        options = make_options(spec.options, {"threshold": 0.49, "first_crop": first_crop})
        results = evaluate_objects(
            resolve(spec.predictor)(network, options=options), objects["cells"], max_clicks=5, target_iou=1.01
        )
        wanted[first_crop] = {clicks: mean_iou([result.ious for result in results], clicks) for clicks in (1, 3, 5)}
    assert found == wanted["whole"] != wanted["size-prior"]


def test_time_spent_waiting_is_told() -> None:
    watch = Watch(None, None)
    watch.start(100.0, 0.5)
    assert watch.waiting_for(iter("a")) == "a"
    now = watch.progress(Position(step=7, samples=50, elapsed=110.0, fraction=0.75, loss=0.1), 64)
    assert now.seconds_left == pytest.approx(10.0)
    assert 0 <= now.waiting < 0.01


def test_a_log_forgets_what_will_be_done_again(tmp_path: Path) -> None:
    run_log = RunLog(tmp_path)
    for step in (20, 40, 60):
        run_log.write({"step": step, "loss": 0.5, "iou": {"all": {"1": 0.25}}})
    with run_log.file.open("a") as file:
        file.write('{"step": 80, "lo')
    run_log.forget_after(40)
    assert [json.loads(line)["step"] for line in run_log.file.read_text().splitlines()] == [20, 40]


def test_a_log_that_cannot_be_written_costs_only_the_entry(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run_log = RunLog(tmp_path)
    run_log.file.mkdir()
    with caplog.at_level(logging.WARNING):
        run_log.write({"step": 1, "loss": 0.5})
    assert "could not be written" in caplog.text
    assert "the run goes on" in caplog.text


def test_the_curves_are_there_for_tensorboard(tmp_path: Path) -> None:
    if not (find_spec("tensorboardX") or find_spec("tensorboard")):
        pytest.skip("neither tensorboardX nor tensorboard is installed")
    run_log = RunLog(tmp_path)
    run_log.write({"step": 3, "loss": 0.5, "iou": {"cells": {"1": 0.25}}})
    run_log.close()
    (events,) = (tmp_path / "tensorboard").glob("events*")
    written = events.read_bytes()
    assert b"loss" in written
    assert b"iou/cells/1" in written
