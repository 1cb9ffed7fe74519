"""Adapting to a user's images: what is held back, that it helps, that it never harms, and what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.methods import FAMILIES, NETWORK_METHODS, tiny_network
from tests.seeded import TINY, seeded_network

from napari_iseg import METHODS, Click, open_session
from napari_iseg.errors import ImageError, IsegError, OptionError, WeightsError
from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.models.simpleclick import FAMILY
from napari_iseg.training.adapted_weights import free_name, keep_adapted
from napari_iseg.training.adapting import AdaptProgress, _crop_side, _Run, adapt
from napari_iseg.training.examples import Example, Score, held_back_of, score
from napari_iseg.zoo.weights_folder import imported_weights, remove_weights

if TYPE_CHECKING:
    from pathlib import Path


def example(name: str, count: int = 3) -> Example:
    """Return a grey image with bright discs, each an object."""
    rng = np.random.default_rng(sum(map(ord, name)))
    labels = np.zeros((96, 96), np.int32)
    rows, columns = np.mgrid[:96, :96]
    for label, centre in enumerate(np.linspace(18, 78, count), start=1):
        labels[np.hypot(rows - centre, columns - rng.uniform(20, 76)) < 11] = label
    grey = 60 + 120 * (labels > 0) + rng.normal(0, 6, labels.shape)
    return Example(name, np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2), labels)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Return a file of a tiny network that has learned nothing."""
    path = tmp_path / "tiny.safetensors"
    FAMILY.save(path, seeded_network(TINY), {})
    return path


def test_a_quarter_of_the_images_is_held_back_whole() -> None:
    examples = [example(str(number)) for number in range(8)]
    pictures, judged = held_back_of(examples, np.random.default_rng(0))
    names = {one.name for one in judged}
    assert len(names) == 2
    assert len(pictures) == 6
    kept = {id(picture.rgb) for picture in pictures}
    assert not any(id(one.rgb) in kept for one in examples if one.name in names)
    assert len(judged) == 6


def test_of_few_images_objects_are_held_back_that_training_never_targets() -> None:
    examples = [example("a", 4), example("b", 4)]
    pictures, judged = held_back_of(examples, np.random.default_rng(0))
    assert len(judged) == 2
    taught = {(n, label) for n, picture in enumerate(pictures) for label in picture.boxes}
    assert len(taught) == 6
    assert not taught & {("ab".index(one.name), one.object_id) for one in judged}
    with pytest.raises(ImageError, match="1 labelled objects"):
        held_back_of([example("a", 1)], np.random.default_rng(0))


@pytest.mark.parametrize(("volumes", "planes"), [(1, 8), (2, 4), (3, 4)])
def test_of_few_volumes_planes_that_follow_each_other_are_held_back(volumes: int, planes: int) -> None:
    examples = [example(f"v{volume}[{plane}]") for volume in range(volumes) for plane in range(planes)]
    for seed in range(5):
        pictures, judged = held_back_of(examples, np.random.default_rng(seed))
        names = [one.name for one in examples]
        places = sorted({names.index(one.name) for one in judged})
        assert places == list(range(places[0], places[0] + volumes * planes // 4))
        assert len(pictures) == volumes * planes - len(places)


def test_of_four_volumes_one_is_held_back_with_all_its_planes() -> None:
    examples = [example(f"v{volume}[{plane}]", 2) for volume in range(4) for plane in range(3)]
    pictures, judged = held_back_of(examples, np.random.default_rng(0))
    assert len({one.name.partition("[")[0] for one in judged}) == 1
    assert len({one.name for one in judged}) == 3
    assert len(pictures) == 9


@pytest.mark.parametrize("images", [1, 2, 4])
def test_of_one_two_and_four_images_there_is_something_to_learn_from_and_to_judge_by(images: int) -> None:
    pictures, judged = held_back_of([example(str(number)) for number in range(images)], np.random.default_rng(0))
    assert pictures
    assert judged
    assert sum(len(picture.boxes) for picture in pictures) + len(judged) == 3 * images


def test_fewer_clicks_are_better_and_then_better_masks() -> None:
    base = Score(clicks=5.0, first=0.5, third=0.7, objects=3)
    assert Score(clicks=4.9, first=0.1, third=0.1, objects=3).better_than(base)
    assert Score(clicks=5.0, first=0.1, third=0.8, objects=3).better_than(base)
    assert not base.better_than(base)


@pytest.mark.parametrize("parts", ["all", "head", "prompts"])
def test_only_what_was_asked_for_is_trained(weights: Path, parts: str) -> None:
    before = make_predictor("simpleclick", weights=weights).network.state_dict()
    seen: list[AdaptProgress] = []
    result = adapt(
        [example("a"), example("b")],
        method="simpleclick",
        weights=weights,
        parts=parts,
        seconds=15.0,
        progress=seen.append,
        # Stops after the steps, whatever the score.
        cancelled=lambda: bool(seen) and seen[-1].samples >= 40,
    )
    assert result.cancelled
    assert seen[-1].samples >= 40
    assert result.before == seen[0].scores[0][1]
    # A run that was stopped before its first judgement has nothing better.
    assert not result.is_better
    assert result.after == result.before
    assert all(
        torch.equal(before[k], v)
        for k, v in make_predictor("simpleclick", weights=weights).network.state_dict().items()
    )


@pytest.mark.parametrize("method", [name for name in NETWORK_METHODS if name != "simpleclick"])
@pytest.mark.parametrize("parts", ["prompts", "head"])
def test_every_network_adapts_by_its_parts(method: str, parts: str, tmp_path: Path) -> None:
    family = FAMILIES[METHODS[method].family]
    file = tmp_path / "tiny.safetensors"
    family.save(file, tiny_network(family), {}, exact=True)
    examples = [example("a"), example("b")]
    seen: list[AdaptProgress] = []
    run = _Run(examples, method, file, parts, 60.0, 40.0, "cpu", np.random.default_rng(0), seen.append, lambda: False)
    run.cancelled = lambda: bool(seen) and seen[-1].samples >= 16
    assert run._learn(60.0)
    before = family.load(file).state_dict()
    named = (*family.prompt_layers, *(family.head if parts == "head" else ()))
    parameters = dict(run.network.named_parameters())
    moved = {name for name, value in parameters.items() if not torch.equal(before[name], value.cpu())}
    assert moved
    assert all(name.startswith(named) for name in moved)


@pytest.mark.parametrize("method", NETWORK_METHODS)
def test_crops_have_a_size_that_every_published_network_accepts(method: str) -> None:
    for config in FAMILIES[METHODS[method].family].configs.values():
        side = _crop_side(config)
        assert config.accepts((side, side))
        assert side <= 192 or side == max(config.image_size)


def test_prompts_that_were_not_clicked_keep_what_they_were_taught(tmp_path: Path) -> None:
    family = FAMILIES[METHODS["focalclick-xl"].family]
    file = tmp_path / "tiny.safetensors"
    family.save(file, tiny_network(family), {}, exact=True)
    examples = [example("a"), example("b")]
    run = _Run(
        examples,
        "focalclick-xl",
        file,
        "all",
        60.0,
        40.0,
        "cpu",
        np.random.default_rng(0),
        lambda now: None,
        lambda: False,
    )
    run.cancelled = lambda: run.now.samples >= 16
    assert run._learn(60.0)
    before, after = family.load(file).state_dict(), run.network.state_dict()
    for kind in ("box", "scribble", "mask"):
        assert torch.equal(before[f"object_net.prompting.{kind}.weight"], after[f"object_net.prompting.{kind}.weight"])
    assert not torch.equal(before["object_net.prompting.click.weight"], after["object_net.prompting.click.weight"])
    details = [name for name in before if name.startswith("detail_net.")]
    assert all(torch.equal(before[name], after[name]) for name in details)


def test_adapted_weights_are_better_kept_and_used(weights: Path) -> None:
    examples = [example(str(number)) for number in range(5)]
    result = adapt(examples, method="simpleclick", weights=weights, seconds=60.0, judge_every=4.0, seed=1)
    assert result.is_better
    assert result.after.better_than(result.before)
    path = keep_adapted(result, "mine", method="simpleclick", weights=weights, parts="all")
    assert path.is_file()
    assert "| after |" in path.with_suffix(".md").read_text()
    assert imported_weights()["mine"].methods[0] == "simpleclick"
    session = open_session(examples[0].rgb, "simpleclick", weights="mine")
    session.add(Click(48, 48))
    _, judged = held_back_of(examples, np.random.default_rng(1))
    again = score(make_predictor("simpleclick", weights="mine", options={"threshold": 0.5}), judged)
    # What was judged is what was kept, to the last bit.
    assert again == result.after
    with pytest.raises(WeightsError, match="already"):
        free_name("mine")
    remove_weights("mine")
    assert not path.with_suffix(".md").exists()
    there = sorted(path.parent.iterdir())
    resource = pytest.importorskip("resource", reason="Windows cannot limit the size of files")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As on a full disk: no file may grow beyond a few bytes.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(WeightsError, match="make room"):
            keep_adapted(result, "full", method="simpleclick", weights=weights, parts="all")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.parent.iterdir()) == there


def test_what_cannot_be_adapted_is_told(weights: Path) -> None:
    examples = [example("a")]
    with pytest.raises(IsegError, match="nothing to train"):
        adapt(examples, method="geodesic")
    with pytest.raises(OptionError, match="one of prompts, head, all"):
        adapt(examples, method="simpleclick", weights=weights, parts="tail")
    with pytest.raises(CancelledError):
        adapt(examples, method="simpleclick", weights=weights, cancelled=lambda: True)
