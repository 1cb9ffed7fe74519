"""FocalClick-XL's lessons: every stage learns, and moves nothing but what it teaches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.methods import seed_weights

from napari_iseg.errors import IsegError, UnknownNameError, WeightsError
from napari_iseg.models.focalclick_xl import FAMILY, FocalClickXL
from napari_iseg.models.object_net import PROMPT_KINDS
from napari_iseg.training.lessons import make_lesson
from napari_iseg.training.loop import Trainer, build_network
from napari_iseg.training.recipe import DataRecipe, Recipe, Stage, read_recipe
from napari_iseg.training.starting import start_from

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = Recipe(
    name="tiny-xl",
    method="focalclick-xl",
    network=FAMILY.configs["tiny"],
    stages=(Stage(until=1.0, size=64, batch=2),),
    data=DataRecipe(),
    seconds=2.0,
    schedule="sampled",
    sampled_passes=(0, 1),
    click_slots=6,
    boundary_clicks=0.5,
)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Return four images with a bright rectangle each, and the rectangles."""
    target = torch.zeros(4, 64, 64, dtype=torch.int8)
    target[:, 16:48, 20:52] = 1
    rgb = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.6 * (target == 1)[:, None]
    return rgb, target


def teach(network: FocalClickXL, steps: int, rate: float = 3e-3, **options: Any) -> list[float]:
    """Train some steps on the one batch and return their losses."""
    lesson = make_lesson(network, replace(RECIPE, lesson=options))
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
    rng = np.random.default_rng(0)
    losses = []
    for _ in range(steps):
        loss, shown = lesson(*batch(), rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(shown))
    return losses


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """Return the names of what is not the same bit for bit."""
    assert before.keys() == after.keys()
    return {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}


def copied(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    ("options", "share"),
    [
        ({"stage": "details"}, 0.3),
        ({"stage": "prompts", "prompts": ("scribble",)}, 0.93),
        ({"stage": "prompts", "prompts": ("box",)}, 0.93),
        ({"stage": "prompts", "prompts": ("mask",)}, 0.93),
        ({"stage": "joint", "encoder": True}, 0.75),
    ],
    ids=lambda value: "-".join([value["stage"], *value.get("prompts", ())]) if isinstance(value, dict) else "",
)
def test_every_stage_lowers_its_loss(options: dict[str, Any], share: float) -> None:
    torch.manual_seed(0)
    network = build_network(RECIPE)
    if options["stage"] == "prompts":
        # Prompts are learnt for a network that has learnt to answer; a new one's classifier says next to nothing.
        torch.nn.init.normal_(network.object_net.mlp[-1].weight, std=1.0)
    losses = teach(network, 24, rate=8e-3, **options)
    assert np.isfinite(losses).all()
    assert np.mean(losses[-4:]) < share * np.mean(losses[:4])


@pytest.mark.parametrize(
    ("options", "taught", "left"),
    [
        ({}, {"object_net", "context_net"}, {"context_net.encoder", "detail_net"}),
        ({"stage": "details"}, {"detail_net"}, {"object_net", "context_net"}),
        ({"stage": "joint", "encoder": True}, {"object_net", "context_net.encoder", "detail_net"}, set()),
        ({"stage": "joint", "prompts": ("click", "box")}, {"object_net"}, {"object_net.prompting.mask"}),
    ],
)
def test_a_stage_moves_its_own_part_alone(options: dict[str, Any], taught: set[str], left: set[str]) -> None:
    network = FocalClickXL(FAMILY.configs["tiny"])
    seed_weights(network)
    before = copied(network)
    teach(network, 3, **options)
    names = moved(before, network.state_dict())
    assert all(any(name.startswith(part) for name in names) for part in taught)
    assert not [name for name in names if any(name.startswith(part) for part in left)]


@pytest.mark.parametrize("kind", PROMPT_KINDS[1:])
def test_a_run_that_transfers_moves_one_prompting_layer_and_nothing_else(kind: str, tmp_path: Path) -> None:
    network = FocalClickXL(FAMILY.configs["tiny"])
    seed_weights(network)
    start = tmp_path / "start.safetensors"
    FAMILY.save(start, network, {})
    recipe = replace(RECIPE, lesson={"stage": "prompts", "prompts": (kind,)}, learning_rate=0.05, ema=0.5)
    trainer = Trainer(recipe, {}, tmp_path / kind, weights=start)
    trainer.run()
    assert trainer.step >= 1
    before, after = FAMILY.load(start), FAMILY.load(trainer.weights)
    own = {f"object_net.prompting.{kind}.weight", f"object_net.prompting.{kind}.bias"}
    assert moved(before.state_dict(), after.state_dict()) == own
    rgb, _ = batch()
    image, points = torch.cat([rgb, torch.zeros_like(rgb[:, :1])], dim=1), torch.tensor([[[30.0, 30, 1], [-1, -1, -1]]])
    with torch.no_grad():
        answers = [one(image, points.expand(4, 2, 3)) for one in (before, after)]
    assert torch.equal(*answers)


def test_the_published_transfer_tunes_as_many_parameters_as_the_paper_layer_has() -> None:
    network = FocalClickXL(replace(FAMILY.configs["tiny"], object_dims=(64, 12, 16, 24)))
    make_lesson(network, replace(RECIPE, lesson={"stage": "prompts", "prompts": ("box",)}))
    assert sum(one.numel() for one in network.parameters() if one.requires_grad) == 18_880


def test_other_prompts_start_from_what_clicks_have_taught() -> None:
    network = FocalClickXL(FAMILY.configs["tiny"])
    seed_weights(network)
    lesson = make_lesson(network, RECIPE)
    lesson(*batch(), np.random.default_rng(0))
    layers = network.object_net.prompting
    assert all(torch.equal(layers[kind].weight, layers["click"].weight) for kind in PROMPT_KINDS)
    seed_weights(network)
    kept = copied(layers)
    alone = make_lesson(network, replace(RECIPE, lesson={"layers_follow": False}))
    alone(*batch(), np.random.default_rng(0))
    assert not moved(kept, layers.state_dict())


def test_a_run_on_soft_crops_teaches_everything_at_once(tmp_path: Path) -> None:
    data = DataRecipe(soft_factor=2, generated_scale=1.5)
    trainer = Trainer(replace(RECIPE, data=data, lesson={"stage": "joint", "encoder": True}), {}, tmp_path)
    losses: list[float] = []
    trainer.run(lambda progress: losses.append(progress.loss))
    assert np.isfinite(losses).all()
    assert FAMILY.load(trainer.weights).config == RECIPE.network


def test_what_a_lesson_does_not_know_is_said_in_a_sentence() -> None:
    network = FocalClickXL(FAMILY.configs["tiny"])
    for options, said in (
        ({"stge": "joint"}, "stage"),
        ({"stage": "detail"}, "details"),
        ({"prompts": ("bx",)}, "box"),
        ({"prompts": ("click", "box")}, "joint"),
    ):
        with pytest.raises(IsegError, match=said):
            make_lesson(network, replace(RECIPE, lesson=options))
    with pytest.raises(IsegError, match="does not look at alpha"):
        make_lesson(network, replace(RECIPE, method="cfr-icl", data=DataRecipe(soft_factor=2)))
    with pytest.raises(IsegError, match="exclude each other"):
        DataRecipe(soft_factor=2, copy_paste=0.5)
    with pytest.raises(UnknownNameError, match="linear"):
        replace(RECIPE, rate_schedule="linar")


def test_weights_of_another_size_start_nothing_and_sams_start_the_encoder(tmp_path: Path) -> None:
    network = FocalClickXL(FAMILY.configs["tiny"])
    seed_weights(network)
    other = FocalClickXL(replace(FAMILY.configs["tiny"], object_width=24))
    file = tmp_path / "other.safetensors"
    FAMILY.save(file, other, {})
    with pytest.raises(WeightsError, match="object_width = 24 but the recipe"):
        start_from(network, replace(RECIPE, network=network.config), file)

    sam = {
        "image_encoder." + name.replace(".mlp.fc", ".mlp.lin"): tensor + 1
        for name, tensor in network.context_net.encoder.state_dict().items()
    }
    torch.save({**sam, "prompt_encoder.no_mask": torch.zeros(3)}, tmp_path / "sam.pth")
    before = copied(network)
    start_from(network, RECIPE, tmp_path / "sam.pth")
    names = moved(before, network.state_dict())
    assert len(names) == len(sam)
    assert all(name.startswith("context_net.encoder.") for name in names)
    with pytest.raises(WeightsError, match=r"sam\.pth"):
        start_from(FocalClickXL(replace(FAMILY.configs["tiny"], context_width=32)), RECIPE, tmp_path / "sam.pth")


def test_the_published_recipes_hold_the_papers_numbers() -> None:
    for size in ("base", "huge"):
        first, second, third = (read_recipe(f"focalclick-xl-{size}-{part}") for part in ("stage1", "stage2", "prompts"))
        assert all(recipe.network == FAMILY.configs[size] for recipe in (first, second, third))
        assert [recipe.samples for recipe in (first, second, third)] == [230 * 30_000, 100 * 30_000, 3 * 30 * 30_000]
        assert [recipe.learning_rate for recipe in (first, second, third)] == [6e-4, 1e-3, 1e-4]
        assert first.learning_rate * first.rates["object_net.encoder"] == pytest.approx(6e-5)
        assert (first.weight_decay, second.weight_decay) == (0.01, 0.0)
        assert (first.rate_schedule, second.rate_schedule) == ("linear", "cosine")
        assert (first.boundary_clicks, first.sampled_passes, first.stages[0].batch) == (0.5, (0, 3), 32)
        assert [recipe.lesson["stage"] for recipe in (first, second, third)] == ["objects", "details", "prompts"]
        assert second.data.soft_factor == 4
        assert set(third.lesson["prompts"]) == {"scribble", "box", "mask"}


def test_the_shipped_network_is_within_its_sixteen_megabytes() -> None:
    recipe = read_recipe("focalclick-xl-small")
    network = build_network(recipe)
    assert sum(one.numel() for one in network.parameters()) <= 7.97e6
    assert 2 * sum(tensor.numel() for tensor in network.state_dict().values()) <= 16e6
    make_lesson(network, recipe)
    assert all(one.requires_grad for one in network.parameters())
