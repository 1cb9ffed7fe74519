"""What one training step answers: random clicks, then corrections of the network's own errors.

Two schedules. CFR-ICL's loss looks at every answer. RITM, SimpleClick and CFR-ICL's own runs without that loss look at
the last one only and give the ones before without gradient.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from napari_iseg.interactions import Click
from napari_iseg.training.device_clicks import correcting_clicks, first_points
from napari_iseg.training.points import add_click, add_correcting_clicks, empty_points, sample_first_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_iseg.training.recipe import Recipe

__all__ = ["answering", "answers_to_learn_from", "corrected_question", "icl_answers", "sampled_answer"]


def answers_to_learn_from(
    network: nn.Module, rgb: Tensor, target: Tensor, recipe: Recipe, rng: np.random.Generator
) -> list[Tensor]:
    """Return the logits that the recipe's schedule has the loss look at, first to last; see the functions below."""
    if recipe.schedule == "sampled":
        return [sampled_answer(network, rgb, target, recipe, rng)]
    return icl_answers(network, rgb, target, recipe, rng)


def icl_answers(
    network: Callable[[Tensor, Tensor], Tensor], rgb: Tensor, target: Tensor, recipe: Recipe, rng: np.random.Generator
) -> list[Tensor]:
    """Answer a batch one to ``icl_terms`` times, adding one correcting click between answers (CFR-ICL, equation 3).

    Parameters
    ----------
    network
        Takes (B, 4, H, W) images and (B, 2n, 3) points.
    rgb
        (B, 3, H, W) in [0, 1].
    target
        (B, H, W): 1, 0, or -1 for ignored.
    recipe
        Its ``icl_terms``, ``click_slots``, ``random_first_clicks`` and ``mask_drop_share`` count.
    rng
        Where the chance comes from.

    Returns
    -------
    list
        Logits (B, 1, H, W) of each answer. The previous mask enters detached: gradients flow through each pass alone.
    """
    points = _first_points(target, recipe, rng)
    previous = torch.zeros_like(rgb[:, :1])
    answers = []
    for term in range(int(rng.integers(1, recipe.icl_terms + 1))):
        if term:
            _correct(points, previous, target, recipe, rng)
        logits = network(_input(rgb, previous, recipe, rng), torch.from_numpy(points).to(rgb.device))
        previous = logits.detach().float().sigmoid()
        answers.append(logits)
    return answers


def sampled_answer(network: nn.Module, rgb: Tensor, target: Tensor, recipe: Recipe, rng: np.random.Generator) -> Tensor:
    """Answer a batch once with gradient, after some corrected answers without: (B, 1, H, W) logits.

    See :func:`corrected_question` for the parameters.
    """
    image, points = corrected_question(network, rgb, target, recipe, rng)
    answer: Tensor = network(image, torch.from_numpy(points).to(rgb.device))
    return answer


def corrected_question(
    network: nn.Module, rgb: Tensor, target: Tensor, recipe: Recipe, rng: np.random.Generator
) -> tuple[Tensor, np.ndarray]:
    """Return what to ask the network after some corrected answers that were given without gradient (RITM, section 3.2).

    Those answers are given in evaluation mode (:func:`answering`); their number is drawn from ``sampled_passes``. RITM
    puts the clicks that it adds into the last slots, where they take the place of random ones if all slots are full.

    Parameters
    ----------
    network
        Takes (B, 4, H, W) images and (B, 2n, 3) points; left in training mode.
    rgb, target, rng
        As in :func:`icl_answers`.
    recipe
        Its ``sampled_passes``, ``click_slots``, ``random_first_clicks`` and ``mask_drop_share`` count.

    Returns
    -------
    tuple
        (B, 4, H, W) image and previous mask, and (B, 2n, 3) float32 points.
    """
    points = _first_points(target, recipe, rng)
    previous = torch.zeros_like(rgb[:, :1])
    fewest, most = recipe.sampled_passes
    passes = int(rng.integers(fewest, most + 1))
    with answering(network, recipe):
        for number in range(1, passes + 1):
            given = torch.from_numpy(points.copy()).to(rgb.device)
            previous = network(_input(rgb, previous, recipe, rng), given).float().sigmoid()
            _correct(points, previous, target, recipe, rng, from_end=number)
    return _input(rgb, previous, recipe, rng), points


@contextmanager
def answering(network: nn.Module, recipe: Recipe) -> Iterator[None]:
    """Within it a network answers without gradient, in evaluation mode; afterwards it is in training mode.

    With the recipe's ``batch_statistics`` norms go on looking at the batch, where they are being trained.
    """
    network.eval()
    if recipe.batch_statistics:
        for module in network.modules():
            if isinstance(module, _BatchNorm) and any(one.requires_grad for one in module.parameters()):
                module.train()
    with torch.no_grad():
        yield
    network.train()


def _first_points(target: Tensor, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """Return (B, 2 * slots, 3): random clicks, or for some batches the one that corrects an empty answer."""
    slots, inner = recipe.click_slots, recipe.inner_first_clicks
    if rng.random() < recipe.random_first_clicks:
        if target.is_cuda:
            return first_points(target, slots, rng, inner_first=inner)
        return np.stack([sample_first_points(truth, slots, rng, inner_first=inner) for truth in target.cpu().numpy()])
    points = empty_points(len(target), slots)
    _add_corrections(points, torch.zeros_like(target, dtype=torch.float32), target, rng)
    return points


def _input(rgb: Tensor, previous: Tensor, recipe: Recipe, rng: np.random.Generator) -> Tensor:
    """Return (B, 4, H, W); some samples do without their previous mask, which the clicks still correct."""
    if recipe.mask_drop_share:
        kept = torch.from_numpy(rng.random(len(rgb)) >= recipe.mask_drop_share).to(rgb)
        previous = previous * kept[:, None, None, None]
    return torch.cat([rgb, previous], dim=1)


def _correct(
    points: np.ndarray,
    previous: Tensor,
    target: Tensor,
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    from_end: int | None = None,
) -> None:
    share = recipe.boundary_clicks
    _add_corrections(points, previous[:, 0].float(), target, rng, from_end=from_end, boundary_share=share)


def _add_corrections(
    points: np.ndarray,
    probability: Tensor,
    target: Tensor,
    rng: np.random.Generator,
    *,
    from_end: int | None = None,
    boundary_share: float = 0.0,
) -> None:
    """Add a click to each sample, in place; simulated where the batch is."""
    if not target.is_cuda:
        answers, truths = probability.cpu().numpy(), target.cpu().numpy()
        add_correcting_clicks(points, answers, truths, rng, from_end=from_end, boundary_share=boundary_share)
        return
    clicks = correcting_clicks(probability, target, rng, boundary_share=boundary_share)
    for sample, (row, column, sign) in zip(points, clicks.tolist(), strict=True):
        if sign >= 0:
            add_click(sample, Click(row, column, positive=bool(sign)), from_end=from_end)
