"""Both schedules of answers, with a network whose every call is written down."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.seeded import TINY
from torch import Tensor, nn

from napari_iseg.errors import UnknownNameError
from napari_iseg.training.iterative import answering, answers_to_learn_from, icl_answers, sampled_answer
from napari_iseg.training.lessons.clicks import answer_loss
from napari_iseg.training.recipe import DataRecipe, Recipe, Stage

RECIPE = Recipe(
    name="tiny",
    method="cfr-icl",
    network=TINY,
    stages=(Stage(until=1.0, size=20, batch=1),),
    data=DataRecipe(),
    seconds=1.0,
    click_slots=6,
)


class Faint(nn.Module):
    """A network that answers a little more than the red channel shows, and remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.calls: list[tuple[Tensor, Tensor, bool, bool]] = []

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        self.calls.append((image, points.clone(), self.training, torch.is_grad_enabled()))
        return (image[:, :1] - 0.3) * self.weight * 4


def batch(count: int = 1) -> tuple[Tensor, Tensor]:
    """Return (count, 3, 20, 24) noise and an object in the middle."""
    target = torch.zeros(count, 20, 24, dtype=torch.int8)
    target[:, 5:15, 5:15] = 1
    return torch.rand(count, 3, 20, 24, generator=torch.Generator().manual_seed(0)), target


def used(points: Tensor) -> int:
    return int((points[..., 2] > 0).sum())


def test_answers_do_not_pass_gradients_through_the_mask() -> None:
    """Each answer's gradient is that of its own pass: with the mask's input cut off, nothing else can change."""
    network, (rgb, target), rng = Faint(), batch(), np.random.default_rng(0)
    answers: list[Tensor] = []
    while len(answers) < 3:
        network.calls.clear()
        answers = icl_answers(network, rgb, target, RECIPE, rng)
    images = [call[0] for call in network.calls]
    assert images[0][:, 3].abs().max() == 0
    for image, answer in zip(images[1:], answers, strict=False):
        assert not image.requires_grad
        torch.testing.assert_close(image[:, 3:], answer.detach().sigmoid())
    assert all(answer.requires_grad for answer in answers)
    assert all(training and graded for _, _, training, graded in network.calls)


def test_one_to_three_terms_are_equally_likely_and_each_has_one_click_more() -> None:
    network, (rgb, target), rng = Faint(), batch(), np.random.default_rng(1)
    terms: Counter[int] = Counter()
    recipe = replace(RECIPE, random_first_clicks=0.0)
    for _ in range(300):
        network.calls.clear()
        terms[len(icl_answers(network, rgb, target, recipe, rng))] += 1
        assert [used(call[1]) for call in network.calls] == list(range(1, len(network.calls) + 1))
    assert sorted(terms) == [1, 2, 3]
    assert min(terms.values()) > 70


def test_without_random_clicks_the_first_answer_is_to_one_positive_click() -> None:
    network, (rgb, target), rng = Faint(), batch(), np.random.default_rng(2)
    for _ in range(10):
        network.calls.clear()
        icl_answers(network, rgb, target, replace(RECIPE, random_first_clicks=0.0), rng)
        points = network.calls[0][1][0]
        assert used(points) == 1
        row, column, order = points[0].tolist()
        assert target[0, int(row), int(column)] == 1
        assert order == 1


def test_previous_masks_are_dropped_for_single_samples() -> None:
    network, (rgb, target), rng = Faint(), batch(8), np.random.default_rng(3)
    dropped, seen = 0, 0
    for _ in range(40):
        network.calls.clear()
        icl_answers(network, rgb, target, replace(RECIPE, mask_drop_share=0.25), rng)
        for image, *_ in network.calls[1:]:
            empty = (image[:, 3].flatten(1) == 0).all(dim=1)
            dropped, seen = dropped + int(empty.sum()), seen + len(empty)
    assert dropped / seen == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize("passes", [(0, 3), (1, 3)])
def test_sampled_answers_learn_from_the_last_one_only(passes: tuple[int, int]) -> None:
    network, (rgb, target), rng = Faint(), batch(), np.random.default_rng(4)
    recipe = replace(RECIPE, schedule="sampled", sampled_passes=passes)
    numbers: Counter[int] = Counter()
    for _ in range(200):
        network.calls.clear()
        (answer,) = answers_to_learn_from(network, rgb, target, recipe, rng)
        assert answer.requires_grad
        assert [call[2:] for call in network.calls] == [(False, False)] * (len(network.calls) - 1) + [(True, True)]
        numbers[len(network.calls) - 1] += 1
    assert sorted(numbers) == list(range(passes[0], passes[1] + 1))
    assert min(numbers.values()) > 25


def test_sampled_clicks_fill_the_slots_from_the_end() -> None:
    network, (rgb, target), rng = Faint(), batch(), np.random.default_rng(5)
    recipe = replace(RECIPE, sampled_passes=(2, 2), random_first_clicks=0.0)
    sampled_answer(network, rgb, target, recipe, rng)
    last = network.calls[-1][1][0]
    added = sorted((slot % 6, int(order)) for slot, order in enumerate(last[:, 2]) if order > 0)
    assert added == [(0, 1), (4, 2), (5, 1)]


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="sampled"):
        replace(RECIPE, schedule="sample")


class Normed(nn.Module):
    """A norm that is trained, one that is not, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.trained, self.kept = nn.BatchNorm2d(1), nn.BatchNorm2d(1).requires_grad_(False)
        self.dropout = nn.Dropout(0.5)


@pytest.mark.parametrize("batch_statistics", [False, True])
def test_without_gradient_only_norms_that_are_trained_may_look_at_the_batch(batch_statistics: bool) -> None:
    network = Normed()
    with answering(network, replace(RECIPE, batch_statistics=batch_statistics)):
        assert not torch.is_grad_enabled()
        assert network.trained.training is batch_statistics
        assert not network.kept.training
        assert not network.dropout.training
    assert network.dropout.training
    assert torch.is_grad_enabled()


def test_dice_is_added_to_the_pixels_loss_and_ignores_what_is_ignored() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 6, 6, generator=generator)
    target = torch.zeros(2, 1, 6, 6)
    target[..., :3, :3] = 1
    target[..., 5, :] = -1
    pixels, both = answer_loss(RECIPE), answer_loss(replace(RECIPE, dice_weight=0.5))
    valid = (target != -1).float()
    probability, wanted = logits.sigmoid() * valid, (target == 1).float()
    overlap = 2 * (probability * wanted).sum((1, 2, 3)) + 1
    dice = 1 - overlap / (probability.sum((1, 2, 3)) + wanted.sum((1, 2, 3)) + 1)
    torch.testing.assert_close(both(logits, target), pixels(logits, target) + 0.5 * dice, atol=1e-5, rtol=0)
