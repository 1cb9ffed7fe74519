"""Clicks of a whole batch at once, as tensor operations on the device where the batch is.

The rules are those of ``training.points`` and ``interactions.simulated``; distances are those of an octagon, by
repeated minimum filters, which differ from Euclid's by at most an eighth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from napari_iseg.training.points import draw_count

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["correcting_clicks", "depth", "first_points", "pick_places"]

_THRESHOLD = 0.49
_BOUNDARY = 10
# How often it is asked whether there is anything left to filter: asking makes the host wait for the device.
_ASKED_EVERY = 16


def depth(error: Tensor) -> Tensor:
    """Return how deep each pixel lies in an error: (B, H, W) bool to (B, H, W) float32, 0 outside, 1 at its rim.

    The image's border counts as no error.
    """
    inside = functional.pad(error[:, None].float(), (1, 1, 1, 1))
    total = inside.clone()
    for turn in range((max(error.shape[-2:]) + 1) // 2):
        inside = -_octagon(-inside, turn)
        if turn % _ASKED_EVERY == _ASKED_EVERY - 1 and not bool(inside.any()):
            break
        total += inside
    return total[:, 0, 1:-1, 1:-1]


def correcting_clicks(
    probability: Tensor, target: Tensor, rng: np.random.Generator, *, boundary_share: float = 0.0
) -> np.ndarray:
    """Draw the click that corrects each answer (``interactions.sample_training_click``).

    Parameters
    ----------
    probability
        (B, H, W) in [0, 1], the present answers.
    target
        (B, H, W): 1 object, 0 background, -1 ignored.
    rng
        Where the chance comes from; the device's own is seeded from it.
    boundary_share
        Share of clicks from the errors within 10 pixels of the object's boundary, where there are any.

    Returns
    -------
    numpy.ndarray
        (B, 3) int64: row, column, and 1 for a positive click, 0 for a negative one, -1 where nothing is wrong.
    """
    chance = _generator(target, rng)
    missed, wrong = (target == 1) & (probability < _THRESHOLD), (target == 0) & (probability > _THRESHOLD)
    both = depth(torch.cat([missed, wrong])).view(2, *target.shape)
    deepest = both.flatten(2).amax(2)
    positive = deepest[0] > deepest[1]
    chosen = torch.where(positive[:, None, None], both[0], both[1])
    places = pick_places(chosen > deepest.amax(0)[:, None, None] / 2, 1, chance)[:, 0]
    if boundary_share:
        inside = (target == 1).float()[:, None]
        side = 2 * _BOUNDARY + 1
        near = functional.max_pool2d(inside, side, 1, _BOUNDARY) * functional.max_pool2d(1 - inside, side, 1, _BOUNDARY)
        along = pick_places((missed | wrong) & (near[:, 0] > 0), 1, chance)[:, 0]
        taken = torch.from_numpy(rng.random(len(target)) < boundary_share).to(target.device) & (along >= 0)
        on_object = (target == 1).flatten(1).gather(1, along.clamp(min=0)[:, None])[:, 0]
        places, positive = torch.where(taken, along, places), torch.where(taken, on_object, positive)
    columns = target.shape[-1]
    sign = torch.where(places < 0, -1, positive.long())
    return torch.stack([places // columns, places % columns, sign], dim=1).cpu().numpy()


def first_points(target: Tensor, slots: int, rng: np.random.Generator, *, inner_first: bool = False) -> np.ndarray:
    """Draw the clicks that training starts from, for a batch; see :func:`training.points.sample_first_points`.

    Parameters
    ----------
    target
        (B, H, W): 1, 0 or -1, with at least one 1 each.
    slots
        Most clicks of each sign.
    rng
        Where the chance comes from.
    inner_first
        Whether the first positive click lies in the object's middle.

    Returns
    -------
    numpy.ndarray
        (B, 2 * slots, 3) float32.
    """
    chance = _generator(target, rng)
    inside = target == 1
    core = -functional.max_pool2d(-functional.pad(inside.float(), (3, 3, 3, 3)), 7, 1) > 0
    dice = torch.from_numpy(rng.random(len(target)) < 0.9).to(target.device)
    core = torch.where(((core.sum((1, 2)) > 10) & dice)[:, None, None], core, inside)
    middle = depth(inside) if inner_first else inside.float()
    masks = (core, _band(inside) & (target == 0), target == 0, middle > middle.amax((1, 2), keepdim=True) / 1.7)
    # One transfer for the batch: places for every slot, of which each sample takes as many as it has clicks.
    places = torch.stack([pick_places(mask, slots, chance) for mask in masks]).cpu().numpy()
    points = np.full((len(target), 2 * slots, 3), -1, np.float32)
    for sample, (cores, bands, grounds, middles) in zip(points, places.swapaxes(0, 1), strict=True):
        negatives = draw_count(slots, rng)
        near = rng.binomial(negatives, 0.5)
        flat = np.full(2 * slots, -1)
        flat[: 1 + draw_count(slots - 1, rng)] = -2
        flat[:slots] = np.where(flat[:slots] == -2, cores, -1)
        flat[slots : slots + negatives] = np.r_[bands[:near], grounds[near:negatives]]
        used = np.flatnonzero(flat >= 0)
        sample[used, 2] = 2 + rng.permutation(used.size)
        if inner_first:
            flat[0], sample[0, 2] = middles[0], 1
        used = np.flatnonzero(flat >= 0)
        sample[used, 0], sample[used, 1] = np.divmod(flat[used], target.shape[-1])
    return points


def _octagon(values: Tensor, turn: int) -> Tensor:
    """Return the maximum over a cross or, every other turn, a square: (B, 1, H, W) to the same."""
    if turn % 2:
        return functional.max_pool2d(values, 3, 1, 1)
    return torch.maximum(
        functional.max_pool2d(values, (3, 1), 1, (1, 0)), functional.max_pool2d(values, (1, 3), 1, (0, 1))
    )


def _band(inside: Tensor) -> Tensor:
    """Return (B, H, W) bool: around each object, a tenth of the root of its area wide."""
    width = torch.ceil(0.1 * inside.sum((1, 2)).sqrt())
    grown, reached = inside[:, None].float(), torch.zeros_like(inside)
    for step in range(1, int(np.ceil(0.1 * np.sqrt(inside[0].numel()))) + 1):
        grown = functional.max_pool2d(grown, 3, 1, 1)
        reached |= (grown[:, 0] > 0) & (width >= step)[:, None, None]
    return reached


def pick_places(mask: Tensor, count: int, chance: torch.Generator) -> Tensor:
    """Return (B, count) flat places, each pixel of a mask equally likely, with repetition; -1 where it is empty."""
    ranks = mask.flatten(1).cumsum(1)
    most = ranks[:, -1:]
    drawn = torch.rand(len(mask), count, generator=chance, device=mask.device)
    wanted = (drawn.double() * most).long().clamp(max=(most - 1).clamp(min=0)) + 1
    return torch.where(most > 0, torch.searchsorted(ranks, wanted), -1)


def _generator(like: Tensor, rng: np.random.Generator) -> torch.Generator:
    chance = torch.Generator(like.device)
    chance.manual_seed(int(rng.integers(2**62)))
    return chance
