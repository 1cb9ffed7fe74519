"""Recipes of the papers' runs against the papers' numbers, and how recipes set rates, lengths and lessons' options."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tests.methods import FAMILIES
from tests.seeded import TINY

from napari_iseg.errors import IsegError, UnknownNameError
from napari_iseg.training.lessons import make_lesson
from napari_iseg.training.loop import Trainer
from napari_iseg.training.rates import learning_rate, parameter_groups
from napari_iseg.training.recipe import DataRecipe, Recipe, Stage, read_recipe, recipe_names
from napari_iseg.zoo import METHODS

if TYPE_CHECKING:
    from pathlib import Path

SQUARE, OBLONG, SMALL_SQUARE = (448, 448), (320, 480), (256, 256)
PUBLISHED: dict[str, dict[str, Any]] = {
    "simpleclick-base": {"config": "vit-base", "rate": 5e-5, "epochs": 55, "milestones": (50, 55)},
    "simpleclick-huge": {"config": "vit-huge", "rate": 5e-5, "epochs": 55, "milestones": (50, 55)},
    "cfr-icl-base": {"config": "vit-base", "rate": 5e-6, "epochs": 5, "milestones": (50, 55), "passes": (1, 3)},
    "cfr-icl-huge": {"config": "vit-huge", "rate": 5e-6, "epochs": 1, "epoch": 3000, "milestones": (50, 55)},
    "adaptiveclick-base": {"config": "vit-base", "rate": 5e-5, "epochs": 60, "milestones": (40, 60)},
    "adaptiveclick-huge": {"config": "vit-huge", "rate": 5e-5, "epochs": 60, "milestones": (40, 60)},
    "disnet-base": {"config": "vit-base", "rate": 5e-5, "epochs": 70, "betas": (0.9, 0.99)},
    "ritm-base": {"config": "hrnet18", "rate": 5e-4, "epochs": 230, "milestones": (200, 220), "batch": 28},
    "ritm-huge": {"config": "hrnet32", "rate": 5e-4, "epochs": 230, "milestones": (200, 220)},
    "focalclick-base": {
        "config": "segformer-b0-s2",
        "rate": 5e-3,
        "epochs": 230,
        "milestones": (190, 210),
        "batch": 28,
    },
    "focalclick-huge": {
        "config": "segformer-b3-s2",
        "rate": 5e-3,
        "epochs": 230,
        "milestones": (190, 210),
        "batch": 28,
    },
}


def tiny(name: str) -> Recipe:
    """Return a recipe of the package on its method's tiny network."""
    recipe = read_recipe(name)
    return replace(recipe, network=FAMILIES[METHODS[recipe.method].family].configs["tiny"])


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_papers_runs_have_the_papers_numbers(name: str) -> None:
    recipe, wanted = read_recipe(name), PUBLISHED[name]
    assert recipe.network == recipe.family.configs[wanted["config"]]
    assert recipe.learning_rate == wanted["rate"]
    assert recipe.betas == wanted.get("betas", (0.9, 0.999))
    assert recipe.weight_decay == 0
    assert (recipe.epochs, recipe.epoch_samples) == (wanted["epochs"], wanted.get("epoch", 30_000))
    assert recipe.milestones == wanted.get("milestones", ())
    assert recipe.rate_schedule == ("milestones" if recipe.milestones else "cosine")
    assert recipe.sampled_passes == wanted.get("passes", (0, 3))
    (stage,) = recipe.stages
    assert stage.batch == wanted.get("batch", 32)
    assert stage.shape == {"ritm": OBLONG, "focalclick": SMALL_SQUARE}.get(recipe.method, SQUARE)
    assert recipe.loss == ("adaptive-focal" if recipe.method == "adaptiveclick" else "normalized-focal")
    assert recipe.focal_alpha == 0.5
    assert recipe.data.copy_paste == recipe.data.image_mix == (0.5 if recipe.method == "cfr-icl" else 0)


def test_the_papers_runs_have_what_is_theirs_alone() -> None:
    assert read_recipe("cfr-icl-huge").schedule == "icl"
    assert read_recipe("cfr-icl-huge").icl_terms == 3
    assert read_recipe("cfr-icl-huge").click_slots == 12
    assert read_recipe("cfr-icl-base").schedule == read_recipe("simpleclick-base").schedule == "sampled"
    adaptive = make_lesson(torch.nn.Identity(), read_recipe("adaptiveclick-base")).criterion
    assert adaptive.class_weights == (1.0, 0.1)
    assert adaptive.upstream_targets
    assert (adaptive.class_weight, adaptive.mask_weight, adaptive.dice_weight) == (2, 5, 5)
    assert adaptive.shares == (0.3, 0.3, 0.4)
    assert make_lesson(torch.nn.Identity(), read_recipe("ritm-base")).auxiliary_weight == 0.4
    disnet = read_recipe("disnet-base")
    assert make_lesson(torch.nn.Identity(), disnet).relations == "hierarchy"
    assert disnet.data.levels == 3
    assert read_recipe("focalclick-huge").data.weights["coco_lvis"] == 0.35
    assert all(read_recipe(f"focalclick-{size}").inner_first_clicks for size in ("base", "huge"))


def test_the_runs_of_disnet_are_those_that_its_card_tells_of() -> None:
    first, later = read_recipe("disnet-small"), read_recipe("disnet-small-2")
    assert first.network == later.network
    assert [(stage.until, stage.shape[0], stage.batch) for stage in first.stages] == [(0.35, 128, 12), (1.0, 192, 8)]
    assert [(stage.shape[0], stage.batch) for stage in later.stages] == [(192, 8)]
    assert (first.learning_rate, first.seconds, first.parts_from) == (1e-3, 5400, "cfr-icl-small")
    assert (later.learning_rate, later.seconds, later.parts_from) == (5e-4, 2100, None)


@pytest.mark.parametrize("name", [name for name in recipe_names() if name.endswith("-small")])
def test_small_networks_fit_into_sixteen_megabytes(name: str) -> None:
    recipe = read_recipe(name)
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in recipe.family.build(recipe.network).parameters())
    # In float16.
    assert 6e6 < 2 * count < 16e6


def test_milestones_are_epochs() -> None:
    recipe = read_recipe("adaptiveclick-base")
    assert learning_rate(recipe, 0.0) == learning_rate(recipe, 39.99 / 60) == 5e-5
    assert learning_rate(recipe, 40 / 60) == learning_rate(recipe, 59.9 / 60) == pytest.approx(5e-6)
    never = read_recipe("cfr-icl-base")
    assert learning_rate(never, 1.0) == 5e-6


def test_the_rate_warms_up_and_falls_as_half_a_cosine() -> None:
    recipe = read_recipe("disnet-base")
    assert learning_rate(recipe, 0.0) == pytest.approx(5e-8)
    assert learning_rate(recipe, 1 / 70) == pytest.approx((5e-8 + 5e-5) / 2)
    assert learning_rate(recipe, 2 / 70) == pytest.approx(5e-5)
    assert learning_rate(recipe, (2 + 34) / 70) == pytest.approx(2.5e-5)
    assert learning_rate(recipe, 1.0) == pytest.approx(0, abs=1e-12)
    fraction = replace(TINY_RUN, warmup=0.1, final_rate=0.01)
    assert learning_rate(fraction, 0.05) == pytest.approx(1e-3 * (0.001 + 0.999 / 2))
    assert learning_rate(fraction, 1.0) == pytest.approx(1e-5)


def test_each_part_learns_at_its_own_rate() -> None:
    network = FAMILIES[METHODS["ritm"].family].build(tiny("ritm-base").network)
    groups = parameter_groups(network, tiny("ritm-base"))
    rates = {id(parameter): group["rate"] for group in groups for parameter in group["params"]}
    named = {name: rates.pop(id(parameter)) for name, parameter in network.named_parameters()}
    assert not rates
    full = ("maps_transform.", *(f"feature_extractor.{part}" for part in ("ocr_", "conv3x3_ocr")))
    assert {name for name, rate in named.items() if rate == 1.0} == {name for name in named if name.startswith(full)}
    assert named["feature_extractor.cls_head.weight"] == named["feature_extractor.aux_head.0.weight"] == 0.1
    focal = FAMILIES[METHODS["focalclick"].family].build(tiny("focalclick-base").network)
    (fast,) = (
        group["params"]
        for group in parameter_groups(focal, tiny("focalclick-base"))
        if group["rate"] == 1.0 and group["params"][0].ndim > 1
    )
    fresh = {id(p) for part in (focal.segmentor.decode_head, focal.refiner) for p in part.parameters() if p.ndim > 1}
    assert {id(parameter) for parameter in fast} == fresh
    disnet = FAMILIES[METHODS["disnet"].family].build(tiny("disnet-base").network)
    slow = {
        id(p)
        for group in parameter_groups(disnet, tiny("disnet-base"))
        if group["rate"] == 0.1
        for p in group["params"]
    }
    assert slow == {id(parameter) for parameter in disnet.refinement.parameters()}
    with pytest.raises(IsegError, match="'refinment', which is no part"):
        parameter_groups(disnet, replace(tiny("disnet-base"), rates={"refinment": 0.1}))


TINY_RUN = Recipe(
    name="tiny",
    method="cfr-icl",
    network=TINY,
    stages=(Stage(until=1.0, size=32, batch=4),),
    data=DataRecipe(),
    samples=24,
    click_slots=6,
)


def test_a_run_given_in_samples_ends_with_them_and_at_its_milestones(tmp_path: Path) -> None:
    recipe = replace(
        TINY_RUN,
        method="ritm",
        network=FAMILIES[METHODS["ritm"].family].configs["tiny"],
        stages=(Stage(until=1.0, size=24, columns=40, batch=4),),
        warmup=0,
        epoch_samples=8,
        rate_schedule="milestones",
        milestones=(2,),
        rates={"feature_extractor": 0.1},
    )
    trainer = Trainer(recipe, {}, tmp_path)
    rates = []
    trainer.run(lambda progress: rates.append([group["lr"] for group in trainer._optimizer.param_groups]))
    assert (trainer.step, trainer.samples, trainer.fraction) == (6, 24, 1.0)
    # Two steps to an epoch, and a tenth of the rate from the third epoch on.
    assert [max(one) for one in rates] == pytest.approx([1e-3] * 4 + [1e-4] * 2)
    assert [min(one) for one in rates] == pytest.approx([1e-4] * 4 + [1e-5] * 2)
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["step"] == 6


def test_lengths_and_schedules_that_make_no_sense_are_refused() -> None:
    for wrong in ({"samples": None}, {"seconds": 3.0}):
        with pytest.raises(IsegError, match=r"no length; give it one of|one length; 3 seconds and"):
            replace(TINY_RUN, **wrong)
    with pytest.raises(IsegError, match="as 'samples' too"):
        replace(TINY_RUN, samples=None, seconds=3.0, epoch_samples=8)
    with pytest.raises(UnknownNameError, match="milestones"):
        replace(TINY_RUN, rate_schedule="milestone")
    with pytest.raises(IsegError, match="exclude each other"):
        DataRecipe(levels=2, copy_paste=0.5)


def test_options_that_a_lesson_does_not_have_are_named() -> None:
    with pytest.raises(UnknownNameError, match="auxiliary_weight"):
        make_lesson(torch.nn.Identity(), replace(tiny("ritm-base"), lesson={"auxiliary_wait": 0.4}))
    with pytest.raises(UnknownNameError, match="hierarchy"):
        make_lesson(torch.nn.Identity(), replace(tiny("disnet-base"), lesson={"relations": "hierarchie"}))
    with pytest.raises(IsegError, match="'cfr-icl' does not look at parts and wholes"):
        make_lesson(torch.nn.Identity(), replace(TINY_RUN, data=DataRecipe(levels=2)))
