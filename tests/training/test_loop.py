"""The loop when things happen to it: kills, signals, many processes, numbers that are none, a full disk."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from tests.seeded import TINY, seeded_network
from tests.training.running import RECIPE, RECIPE_FILE, make_folder, same, start
from torch.utils.data import DataLoader

from napari_iseg.errors import IsegError, OptionError
from napari_iseg.inference.importing import import_weights
from napari_iseg.inference.opening import make_predictor
from napari_iseg.models.simpleclick import FAMILY
from napari_iseg.training.data import Crops, Picture, load_pictures
from napari_iseg.training.devices import open_fabric
from napari_iseg.training.length import RunLength
from napari_iseg.training.lessons import make_lesson
from napari_iseg.training.loop import Trainer, build_network
from napari_iseg.training.rates import running_average
from napari_iseg.training.starting import inherited
from napari_iseg.training.stopping import StoppedError
from napari_iseg.training.stream import SampleNumbers, seed_step

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("data") / "cells")


@pytest.fixture(scope="module")
def pictures(folder: Path) -> dict[str, list[Picture]]:
    return load_pictures([folder], RECIPE.data)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Add up in one order, as the processes do that a run is compared with."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def checkpoint_of(output: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(output / "checkpoint.pt", weights_only=True)
    return state


def wait_for(file: Path, *, patience: float = 120.0) -> None:
    end = time.monotonic() + patience
    while not file.is_file():
        assert time.monotonic() < end, f"no {file.name} came"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [time.time_ns() % 1000])
def test_a_run_that_is_killed_ends_with_the_same_bits(
    folder: Path, pictures: dict[str, list[Picture]], tmp_path: Path, seed: int
) -> None:
    recipe, output = tmp_path / "tiny.toml", tmp_path / "killed"
    recipe.write_text(RECIPE_FILE)
    command = ("-m", "napari_iseg", "train", recipe, "--data", folder, "--output", output, "--device", "cpu")
    options = ("--max-steps", 60, "--save-every", 0.3, "--look-share", 0.3)
    with start(*command, *options) as process:
        wait_for(output / "checkpoint.pt")
        # Whatever it does then: a step, a look at held-back objects, half of a checkpoint.
        time.sleep(np.random.default_rng(seed).uniform(0.0, 0.6))
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"
    killed_at = checkpoint_of(output)["step"]
    assert 0 < killed_at < 60
    with start(*command, *options, "--resume") as process:
        said = process.communicate()[1]
    assert process.returncode == 0, said

    straight = Trainer(RECIPE, pictures, tmp_path / "straight", steps=60)
    straight.run()
    interrupted, whole = checkpoint_of(output), checkpoint_of(tmp_path / "straight")
    for part in ("step", "samples", "mean_loss", "network", "average", "optimizer"):
        assert same(interrupted[part], whole[part]), part
    steps = [json.loads(line)["step"] for line in (output / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps)), "steps done twice are told once"


def test_a_run_goes_on_in_the_middle_of_a_stage_with_the_same_bits(
    pictures: dict[str, list[Picture]], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, accumulate=2, steps=8)
    for stop_after, output in ((1, tmp_path / "halted"), (None, tmp_path / "straight")):
        trainer = Trainer(recipe, pictures, output)

        def ask(progress: Any, stop_after: int | None = stop_after) -> None:
            if progress.step == stop_after:
                os.kill(os.getpid(), signal.SIGINT)

        if stop_after is None:
            trainer.run(ask)
            continue
        with pytest.raises(StoppedError, match=r"Stopped at step 2, 25% of the run, saved\..*--resume"):
            trainer.run(ask)
        again = Trainer(recipe, pictures, output)
        again.resume()
        assert again.fraction == 0.25
        again.run()
    halted, straight = checkpoint_of(tmp_path / "halted"), checkpoint_of(tmp_path / "straight")
    assert {**halted, "elapsed": 0, "average": 0}.keys() == straight.keys()
    assert same({**halted, "elapsed": 0}, {**straight, "elapsed": 0})


def test_a_checkpoint_from_before_there_were_rates_is_gone_on_from(
    pictures: dict[str, list[Picture]], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, steps=4, rates={"backbone": 0.1})
    Trainer(recipe, pictures, tmp_path, steps=2).run()
    # Such a run had one rate, two groups of parameters (the ones that decay first), and nothing inherited.
    state = checkpoint_of(tmp_path)
    plain = Trainer(RECIPE, pictures, tmp_path / "plain", steps=2)
    plain.run()
    old = checkpoint_of(tmp_path / "plain")
    assert [group["weight_decay"] for group in old["optimizer"]["param_groups"]] == [RECIPE.weight_decay, 0.0]
    for checkpoint, folder in ((state, tmp_path), (old, tmp_path / "plain")):
        for group in checkpoint["optimizer"]["param_groups"]:
            del group["rate"]
        del checkpoint["inherited"]
        torch.save(checkpoint, folder / "checkpoint.pt")
    for found, folder, expected in ((RECIPE, tmp_path / "plain", {1.0}), (recipe, tmp_path, {1.0, 0.1})):
        again = Trainer(found, pictures, folder, steps=4)
        again.resume()
        again.run()
        groups = checkpoint_of(folder)["optimizer"]["param_groups"]
        assert {group["rate"] for group in groups} == expected
        assert len({group["lr"] / group["rate"] for group in groups}) == 1
        assert checkpoint_of(folder)["step"] == 4


@pytest.mark.slow
def test_sigterm_saves_and_says_how_to_go_on(folder: Path, tmp_path: Path) -> None:
    recipe, output = tmp_path / "tiny.toml", tmp_path / "run"
    recipe.write_text(RECIPE_FILE)
    command = ("-m", "napari_iseg", "train", recipe, "--data", folder, "--output", output, "--device", "cpu")
    with start(*command, "--max-seconds", 300, "--save-every", 1000) as process:
        wait_for(output / "log.jsonl")
        assert not (output / "checkpoint.pt").exists()
        process.terminate()
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM, said
    step = checkpoint_of(output)["step"]
    assert f"Stopped at step {step}" in said
    assert "The same command with --resume goes on" in said


@pytest.mark.slow
def test_two_processes_see_other_samples_and_keep_the_same_weights(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "two"
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "tests.training.running")
    with start(*launcher, folder, output, 6) as process:
        said = process.communicate()[1]
    assert process.returncode == 0, said
    first, second = (torch.load(output / f"process{number}.pt") for number in range(2))
    assert first["processes"] == second["processes"] == 2
    assert len(first["seen"]) == len(second["seen"]) == 3 * 4 + 3 * 2
    assert not set(first["seen"]) & set(second["seen"])
    assert same(first["network"], second["network"])
    state = checkpoint_of(output)
    assert same(state["network"], first["network"])
    assert (state["step"], state["samples"]) == (6, 36)
    # Two processes that both write would tell each step twice.
    steps = [json.loads(line)["step"] for line in (output / "log.jsonl").read_text().splitlines()]
    assert steps == [3, 6]


def test_a_step_learns_from_all_its_batches(pictures: dict[str, list[Picture]], tmp_path: Path) -> None:
    recipe = replace(RECIPE, accumulate=3, steps=1)
    trainer = Trainer(recipe, pictures, tmp_path)
    trainer.run()
    assert trainer.samples == 12
    momentum = [entry["exp_avg"] for entry in checkpoint_of(tmp_path)["optimizer"]["state"].values()]

    torch.manual_seed(recipe.seed)
    network = build_network(recipe).to(memory_format=torch.channels_last)
    fabric = open_fabric("cpu")
    lesson = fabric.setup_module(make_lesson(network, recipe))
    crops = Crops(pictures, recipe.data, size=32, seed=recipe.seed)
    rng = seed_step(recipe.seed, 0, 0)
    for part in range(3):
        samples = [crops[number] for number in range(4 * part, 4 * part + 4)]
        rgb, target = (torch.stack(column) for column in zip(*samples, strict=True))
        fabric.backward(lesson(rgb, target, rng)[0] / 3)
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    expected = sorted(float(gradient.abs().sum()) * 0.1 for gradient in gradients)
    found = sorted(float(entry.abs().sum()) for entry in momentum)
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-7)


def test_the_average_follows_fast_at_first_and_slowly_later() -> None:
    average, weight = [torch.zeros(1)], [torch.ones(1)]
    expected = 0.0
    for number in range(1, 400):
        running_average(0.95)(average, weight, torch.tensor(number))
        expected += (1 - min(0.95, (1 + number) / (10 + number))) * (1 - expected)
        assert float(average[0]) == pytest.approx(expected, abs=1e-5)
    assert float(average[0]) > 0.999


def test_numbers_that_are_none_stop_the_run_and_leave_the_batch(
    pictures: dict[str, list[Picture]], tmp_path: Path
) -> None:
    trainer = Trainer(replace(RECIPE, learning_rate=1e36), pictures, tmp_path)
    with pytest.raises(IsegError, match=r"no finite number at step \d.*not-finite-step-\d\.pt.*--resume"):
        trainer.run()
    left = torch.load(tmp_path / f"not-finite-step-{trainer.step}.pt", weights_only=True)
    (batch,) = left["batches"]
    crops = Crops(pictures, RECIPE.data, size=32, seed=RECIPE.seed)
    assert torch.equal(batch[0][0], crops[4 * trainer.step][0])
    assert left["network"].keys() == build_network(RECIPE).state_dict().keys()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_costs_no_checkpoint(
    pictures: dict[str, list[Picture]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = Trainer(RECIPE, pictures, tmp_path, steps=4)
    trainer.run()
    good = (tmp_path / "checkpoint.pt").read_bytes()

    def fill(progress: object) -> None:
        assert (tmp_path / "checkpoint.pt").read_bytes() == good
        if not (tmp_path / "checkpoint.part").exists():
            (tmp_path / "checkpoint.part").symlink_to("/dev/full")

    longer = Trainer(RECIPE, pictures, tmp_path, steps=6, save_every=1000.0)
    longer.resume()
    with pytest.raises(IsegError, match=r"The run is done, but .*No space left on device.*--resume"):
        longer.run(fill)
    warned = Trainer(RECIPE, pictures, tmp_path, steps=6, save_every=0.0)
    warned.resume()
    assert warned.step == 4
    warned.run(fill)
    assert checkpoint_of(tmp_path)["step"] == 6
    assert "the run goes on, and the last good checkpoint stays" in caplog.text


def test_samples_do_not_depend_on_who_draws_them(pictures: dict[str, list[Picture]]) -> None:
    crops = Crops(pictures, replace(RECIPE.data, copy_paste=0.3), size=32, seed=5)
    numbers = SampleNumbers(start=40, batch=3)
    other = Crops(pictures, replace(RECIPE.data, copy_paste=0.3), size=32, seed=5)
    drawn = iter(DataLoader(crops, batch_sampler=numbers))  # type: ignore[arg-type]
    helped = iter(
        DataLoader(crops, batch_sampler=numbers, num_workers=1, multiprocessing_context="spawn")  # type: ignore[arg-type]
    )
    for first in (40, 43, 46):
        here, there = next(drawn), next(helped)
        assert torch.equal(here[0], there[0])
        assert torch.equal(here[1], there[1])
        assert torch.equal(here[0][2], other[first + 2][0])


def test_every_process_has_its_own_samples_and_together_they_have_all() -> None:
    streams = [iter(SampleNumbers(start=7, batch=2, rank=rank, processes=3)) for rank in range(3)]
    drawn = [number for _ in range(4) for stream in streams for number in next(stream)]
    assert drawn == list(range(7, 7 + 24))


def test_the_chance_of_a_step_is_its_own() -> None:
    def chance(*numbers: int) -> tuple[float, float]:
        return float(seed_step(*numbers).random()), float(torch.rand(()))

    assert chance(3, 5, 0) == chance(3, 5, 0)
    assert len({chance(*numbers) for numbers in ((3, 5, 0), (3, 5, 1), (3, 6, 0), (4, 5, 0))}) == 4


def test_a_length_is_one_number() -> None:
    assert RunLength(8, "steps").fraction(seconds=9e9, steps=2, samples=10**9) == 0.25
    assert RunLength(8, "samples").fraction(seconds=0, steps=0, samples=80) == 1.0
    with pytest.raises(OptionError, match="5 steps and 7 samples were given"):
        RunLength.of({"seconds": None, "steps": 5, "samples": 7})
    with pytest.raises(OptionError, match="more than 0 steps"):
        RunLength.of({"steps": 0})
    with pytest.raises(OptionError, match="'tiny' has no length"):
        replace(RECIPE, steps=None)


def test_devices_that_are_not_there_are_refused_in_a_sentence() -> None:
    with pytest.raises(OptionError, match=r"started by torchrun on each of them"):
        open_fabric("cpu", devices=2, nodes=2)
    with pytest.raises(OptionError, match="at least one device"):
        open_fabric("cpu", devices=0)


def test_what_goes_on_from_weights_goes_on_with_their_options(
    pictures: dict[str, list[Picture]], user_folder: Path, tmp_path: Path
) -> None:
    best = {"graph_cut": True, "min_crop": 40, "target_size": [64, 64]}
    begun = tmp_path / "begun.safetensors"
    FAMILY.save(begun, seeded_network(TINY), {"options": json.dumps(best)})
    trainer = Trainer(RECIPE, pictures, tmp_path / "run", steps=1, weights=begun)
    trainer.run()
    longer = Trainer(RECIPE, pictures, tmp_path / "run", steps=2)
    longer.resume()
    longer.run()
    imported = import_weights(longer.weights, name="mine")
    assert json.loads(best_text(imported.path)) == best
    for weights in (begun, longer.weights, "mine"):
        options = make_predictor("cfr-icl", weights=weights, device="cpu").options
        assert (options.graph_cut, options.min_crop, options.target_size) == (True, 40, (64, 64))
    # Of a network only parts of which were taken over nothing is known, nor of one that began at random.
    assert "options" in inherited("cfr-icl-small")
    assert inherited(None, "cfr-icl-small") == inherited(None) == {}


def best_text(weights: Path) -> str:
    with safe_open(weights, framework="np") as file:
        return str(file.metadata()["options"])
