"""What the lessons of RITM, AdaptiveClick and DISNet learn from, and which parts of the networks that reaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.methods import FAMILIES

from napari_iseg import METHODS
from napari_iseg.models.disnet import Proposals
from napari_iseg.training.iterative import corrected_question
from napari_iseg.training.lessons import make_lesson
from napari_iseg.training.lessons.disnet import related_masks
from napari_iseg.training.loop import build_network
from napari_iseg.training.matching import SetCriterion
from napari_iseg.training.points import empty_points
from napari_iseg.training.recipe import DataRecipe, Recipe, Stage


def recipe_for(method: str, **changes: Any) -> Recipe:
    network = FAMILIES[METHODS[method].family].configs["tiny"]
    stages = (Stage(until=1.0, size=64, batch=2),)
    return Recipe(
        name=method,
        method=method,
        network=network,
        stages=stages,
        data=DataRecipe(),
        seconds=1.0,
        click_slots=4,
        **changes,
    )


def lesson_for(method: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    recipe = recipe_for(method, **changes)
    return make_lesson(build_network(recipe), recipe)


def scene(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return RGB, target and levels: a nucleus (the target) in a cell, a second cell that touches it, and a far one."""
    rows, columns = np.mgrid[:64, :64]
    fine, coarse = np.zeros((64, 64), np.int32), np.zeros((64, 64), np.int32)
    coarse[np.hypot(rows - 24, columns - 24) < 16] = 5
    coarse[(rows > 39) & (rows < 56) & (columns > 12) & (columns < 50)] = 6
    coarse[:8, 56:] = 9
    fine[np.hypot(rows - 22, columns - 26) < 7] = 1
    rgb = np.stack([0.2 + 0.6 * (coarse == 5), 0.2 + 0.6 * (fine == 1), 0.2 + 0.6 * (coarse == 6)]).astype(np.float32)
    levels = torch.from_numpy(np.stack([fine, coarse, np.zeros_like(fine)]))
    target = (levels[0] == 1).to(torch.int8)
    return tuple(one.expand(batch, *one.shape).contiguous() for one in (torch.from_numpy(rgb), target, levels))


def iou(logits: torch.Tensor, mask: torch.Tensor) -> float:
    inside = logits > 0
    return float((inside & mask).sum() / (inside | mask).sum())


def test_ritms_auxiliary_head_weighs_as_asked() -> None:
    rgb, target, _ = scene()
    losses, gradients = [], []
    for weight in (0.0, 0.4, 0.8):
        lesson = lesson_for("ritm", sampled_passes=(0, 0), lesson={"auxiliary_weight": weight})
        loss, _ = lesson(rgb, target, np.random.default_rng(0))
        loss.backward()
        losses.append(float(loss.detach()))
        gradients.append(lesson.network.feature_extractor.aux_head[-1].bias.grad.abs().sum().item())
    assert losses[1] > losses[0]
    assert losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-4)
    # The bias of the auxiliary head is lost in the softmax over pixels: only its own loss teaches it.
    assert gradients[0] < 1e-6 < 1e-4 < gradients[1]


def test_adaptiveclick_learns_by_its_criterion_at_every_level() -> None:
    rgb, target, _ = scene()
    lesson = lesson_for("adaptiveclick", loss="adaptive-focal")
    image, points = corrected_question(lesson.network, rgb, target, lesson.recipe, np.random.default_rng(3))
    wanted = SetCriterion()(lesson.network.answer(image, torch.from_numpy(points)), target[:, None])
    assert len(wanted.masks) == lesson.network.config.decoder_layers + 1
    loss, _ = lesson(rgb, target, np.random.default_rng(3))
    torch.testing.assert_close(loss, wanted.total)
    other = (
        {"loss": "normalized-focal"},
        {"lesson": {"upstream_targets": True}},
        {"lesson": {"class_weights": (0.1, 1.0)}},
    )
    changed = [lesson_for("adaptiveclick", **{"loss": "adaptive-focal", **change}) for change in other]
    for another in changed:
        assert abs(float(another(rgb, target, np.random.default_rng(3))[1]) - float(loss.detach())) > 1e-3


def test_hierarchy_gives_part_and_whole_and_proximity_gives_unions() -> None:
    _, (target, *_), (levels, *_) = scene()
    truth, maps = target.numpy(), levels.numpy()
    cell, touching = maps[1] == 5, maps[1] == 6
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(20):
        related = related_masks(truth, maps, "hierarchy", rng)
        assert len(related.masks) == 2
        assert np.array_equal(related.masks[0], truth == 1)
        assert np.array_equal(related.masks[1], cell)
        assert truth[int(related.click.row), int(related.click.column)] == 1
        seen.add(related.target)
    assert seen == {0, 1}
    flat = np.where(cell, 1, np.where(touching, 2, 0))[None]
    related = related_masks(cell.astype(np.int8), flat, "either", rng)
    assert [int(mask.sum()) for mask in related.masks] == [cell.sum(), (cell | touching).sum()]
    alone = related_masks(truth, maps[:0], "either", rng)
    assert len(alone.masks) == 1
    # The same thing drawn twice is one answer.
    twice = np.stack([maps[0], np.roll(maps[0], 1, axis=0)])
    assert len(related_masks(truth, twice, "hierarchy", rng).masks) == 1


def test_adaptiveclick_can_learn_from_what_it_answers_in_the_end() -> None:
    rgb, target, _ = scene(1)
    losses = {}
    for weight in (0.0, 1.0, 3.0):
        lesson = lesson_for("adaptiveclick", loss="adaptive-focal", lesson={"answer_weight": weight})
        loss, _ = lesson(rgb, target, np.random.default_rng(0))
        losses[weight] = float(loss.detach())
    # Three times the weight adds three times as much.
    assert losses[3.0] - losses[0.0] == pytest.approx(3 * (losses[1.0] - losses[0.0]), rel=1e-3)
    assert losses[1.0] > losses[0.0] + 1e-3


def test_the_proposals_learn_the_whole_that_only_the_levels_tell() -> None:
    rgb, target, levels = scene(1)
    whole, part = levels[0, 1] == 5, target[0] == 1
    found = {}
    for given in (levels, None):
        lesson = lesson_for("disnet", sampled_passes=(0, 1), lesson={"relations": "hierarchy"})
        optimizer = torch.optim.AdamW(lesson.network.parameters(), lr=3e-3)
        rng = np.random.default_rng(0)
        for _ in range(60):
            loss, _ = lesson(rgb, target, rng, given)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            proposals = lesson.network.propose(rgb, torch.tensor([[[22.0, 26.0, 1.0], [-1, -1, -1]]]))
            masks = lesson.network.enlarge(proposals.masks)[0]
        found[given is not None] = [max(iou(mask, wanted) for mask in masks) for wanted in (part, whole)]
    assert min(found[True]) > 0.8
    assert found[False][0] > 0.8
    assert found[False][1] < 0.6


def test_the_second_stage_reaches_features_and_query_but_not_the_proposal() -> None:
    rgb, target, _ = scene(1)
    lesson = lesson_for("disnet", sampled_passes=(2, 2))
    points = empty_points(1, 4)
    points[0, 0] = 22, 26, 1
    proposed = lesson.network.propose(rgb, torch.from_numpy(points))
    leaves = Proposals(*(part.detach().requires_grad_() for part in proposed[:4]), ())
    loss = lesson._refinement_loss(rgb, leaves, points, target.numpy(), np.random.default_rng(0))
    loss.backward()
    assert (points[..., 2] > 0).sum() == 3
    assert leaves.features.grad.abs().sum() > 0
    assert leaves.queries.grad.abs().sum() > 0
    assert leaves.masks.grad is None
    assert leaves.classes.grad is None
    assert all(parameter.grad is not None for parameter in lesson.network.refinement.parameters())


def test_every_answer_can_be_learnt_from() -> None:
    rgb, target, _ = scene(1)
    losses = {}
    for every in (False, True):
        lesson = lesson_for("disnet", sampled_passes=(3, 3), lesson={"every_answer": every})
        points = empty_points(1, 5)
        points[0, 0] = 22, 26, 1
        proposals = lesson.network.propose(rgb, torch.from_numpy(points))
        answers = []
        lesson.network.refinement.register_forward_hook(lambda *_args, found=answers: found.append(_args[-1]))
        losses[every] = lesson._refinement_loss(rgb, proposals, points, target.numpy(), np.random.default_rng(0))
        assert [answer.requires_grad for answer in answers] == ([True] * 3 if every else [False, False, True])
    assert losses[False] != losses[True]


def test_without_a_correction_only_the_first_stage_learns() -> None:
    rgb, target, levels = scene(1)
    lesson = lesson_for("disnet", sampled_passes=(0, 0))
    loss, _ = lesson(rgb, target, np.random.default_rng(0), levels)
    loss.backward()
    # Zero and not None: on many devices every parameter has to take part in every step.
    assert all(float(parameter.grad.abs().sum()) == 0 for parameter in lesson.network.refinement.parameters())
    assert all(parameter.grad is not None for parameter in lesson.network.proposals.parameters())
    reached = [float(parameter.grad.abs().sum()) > 0 for parameter in lesson.network.proposals.parameters()]
    assert np.mean(reached) > 0.9


def test_ignored_pixels_do_not_count_in_the_second_stage() -> None:
    rgb, target, _ = scene(1)
    lesson = lesson_for("disnet", sampled_passes=(1, 1))
    ignored = target.clone()
    ignored[:, 40:] = -1
    points = empty_points(1, 2)
    points[0, 0] = 22, 26, 1
    with torch.no_grad():
        proposals = lesson.network.propose(rgb, torch.from_numpy(points))
    clicked = points.copy()
    lesson._refinement_loss(rgb, proposals, clicked, ignored.numpy(), np.random.default_rng(0))
    added = clicked[0][(clicked[0, :, 2] > 1)]
    assert len(added) == 1
    assert added[0, 0] < 40
