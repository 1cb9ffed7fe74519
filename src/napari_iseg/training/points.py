"""Clicks as the network takes them: a fixed number of slots for each sign, drawn at random or added one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_iseg.interactions.simulated import sample_training_click
from napari_iseg.interactions.simulated_clicks import sample_boundary_click

if TYPE_CHECKING:
    from napari_iseg.interactions import Click

__all__ = ["add_click", "add_correcting_clicks", "draw_count", "empty_points", "sample_first_points"]

_DECAY = 0.8


def empty_points(batch: int, slots: int) -> np.ndarray:
    """Return (batch, 2 * slots, 3) float32 with every slot unused (-1)."""
    return np.full((batch, 2 * slots, 3), -1, np.float32)


def add_click(points: np.ndarray, click: Click, *, from_end: int | None = None) -> None:
    """Put a click into a slot of its half, in place.

    Parameters
    ----------
    points
        (2 n, 3): n positive slots, then n negative.
    from_end
        None is CFR-ICL's rule: the first free slot (the last one if all are taken), with an order one more than the
        largest so far. A number is RITM's: that slot from the end, whatever is in it, with the number as order.
    """
    half = points.shape[0] // 2
    mine = points[:half] if click.positive else points[half:]
    if from_end is None:
        free = np.flatnonzero(mine[:, 2] < 0)
        slot, order = (free[0] if free.size else half - 1), max(points[:, 2].max(), 0) + 1
    else:
        slot, order = half - from_end, from_end
    mine[slot] = click.row, click.column, order


def add_correcting_clicks(
    points: np.ndarray,
    probabilities: np.ndarray,
    targets: np.ndarray,
    rng: np.random.Generator,
    *,
    from_end: int | None = None,
    boundary_share: float = 0.0,
) -> None:
    """Add to each sample the click that a user would correct its answer with, in place.

    Parameters
    ----------
    points
        (B, 2 n, 3).
    probabilities
        (B, H, W) present answers in [0, 1].
    targets
        (B, H, W): 1, 0 or -1 for ignored.
    from_end
        The slot, as in :func:`add_click`.
    boundary_share
        Share of clicks that are drawn from the errors within 10 pixels of the object's boundary, where there are any.
    """
    for sample, probability, target in zip(points, probabilities, targets, strict=True):
        click = None
        if boundary_share and rng.random() < boundary_share:
            click = sample_boundary_click(probability, target, rng)
        click = click or sample_training_click(probability, target, rng)
        if click is not None:
            add_click(sample, click, from_end=from_end)


def sample_first_points(
    target: np.ndarray, slots: int, rng: np.random.Generator, *, inner_first: bool = False
) -> np.ndarray:
    """Draw the clicks that training starts from (RITM, section 4): random ones, not only the best.

    The number of each sign is drawn with probability falling by 0.8 per click: one or more positive, none or more
    negative. Positive clicks mostly avoid the object's rim; negative ones lie half the time in a band around the
    object, else anywhere outside.

    Parameters
    ----------
    target
        (H, W): 1, 0 or -1 for ignored, with at least one 1.
    slots
        Most clicks of each sign.
    rng
        Where the chance comes from.
    inner_first
        Whether the first positive click lies in the object's middle, where it is more than 1/1.7 of its largest
        depth, and gets order 1 (FocalClick).

    Returns
    -------
    numpy.ndarray
        (2 * slots, 3) float32; orders 2, 3, ... in random order.
    """
    points = empty_points(1, slots)[0]
    inside = target == 1
    eroded = ndimage.binary_erosion(inside, iterations=3, structure=np.ones((3, 3)))
    core = eroded if eroded.sum() > 10 and rng.random() < 0.9 else inside
    _fill(points[:slots], core, 1 + draw_count(slots - 1, rng), rng)
    negatives = draw_count(slots, rng)
    if negatives:
        width = int(np.ceil(0.1 * np.sqrt(inside.sum())))
        band = ndimage.binary_dilation(inside, iterations=width, structure=np.ones((3, 3))) & (target == 0)
        near = rng.binomial(negatives, 0.5)
        _fill(points[slots : slots + near], band, near, rng)
        _fill(points[slots + near : slots + negatives], target == 0, negatives - near, rng)
    used = np.flatnonzero(points[:, 2] > 0)
    # Order 1 belongs to a click that is known to be the first.
    points[used, 2] = 2 + rng.permutation(used.size)
    if inner_first:
        depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
        _fill(points[:1], depth > depth.max() / 1.7, 1, rng)
    return points


def draw_count(most: int, rng: np.random.Generator) -> int:
    """Draw from 0..most with probability proportional to 0.8 to the power of the number."""
    weights = _DECAY ** np.arange(most + 1)
    return int(rng.choice(most + 1, p=weights / weights.sum()))


def _fill(slots: np.ndarray, where: np.ndarray, count: int, rng: np.random.Generator) -> None:
    positions = np.flatnonzero(where)
    if positions.size == 0 or count == 0:
        return
    chosen = rng.choice(positions, size=count)
    slots[:count, 0], slots[:count, 1] = np.unravel_index(chosen, where.shape)
    slots[:count, 2] = 1
