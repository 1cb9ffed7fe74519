"""The measures of interactive segmentation, from the IoU after each click: NoC, NoF and mean IoU.

As in RITM (Sofiiuk et al., ICIP 2022) and the methods that compare themselves with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["clicks_to_reach", "count_failures", "matting_errors", "mean_iou", "number_of_clicks", "reaches"]


def reaches(iou: float, target: float) -> bool:
    """Return whether an IoU is at least the target, compared in float32 as the published evaluations do."""
    return bool(np.float32(iou) >= np.float32(target))


def clicks_to_reach(ious: Sequence[float], target: float) -> int | None:
    """Return the number of the first click (from 1) whose IoU reaches the target; None if none does.

    Later clicks that fall below the target again do not matter.
    """
    return next((click for click, iou in enumerate(ious, start=1) if reaches(iou, target)), None)


def number_of_clicks(sequences: Sequence[Sequence[float]], target: float, max_clicks: int = 20) -> float:
    """Return NoC@target: the clicks to reach the target, ``max_clicks`` where it is not reached, mean over objects.

    Parameters
    ----------
    sequences
        For every object the IoU after each click.
    target
        The IoU to reach, such as 0.85.
    max_clicks
        How many clicks a user gives before giving up.
    """
    return float(np.mean([clicks_to_reach(ious, target) or max_clicks for ious in sequences]))


def count_failures(
    sequences: Sequence[Sequence[float]], target: float, max_clicks: int = 20, *, strict: bool = False
) -> int:
    """Return NoF@target: how many objects need ``max_clicks``.

    The published numbers count an object that reaches the target with its very last click as a failure.

    Parameters
    ----------
    sequences, target, max_clicks
        As for :func:`number_of_clicks`.
    strict
        Count only the objects that never reach the target.
    """
    needed = [clicks_to_reach(ious, target) for ious in sequences]
    return sum(clicks is None or (clicks >= max_clicks and not strict) for clicks in needed)


def mean_iou(sequences: Sequence[Sequence[float]], click: int) -> float | None:
    """Return mIoU@click: the mean over objects of the IoU after that many clicks.

    Returns
    -------
    float or None
        None where some object has fewer clicks, because the run stopped at its target; a run with a target above 1
        gives every object all clicks.
    """
    if not sequences or min(len(ious) for ious in sequences) < click:
        return None
    return float(np.mean([ious[click - 1] for ious in sequences]))


def matting_errors(
    alpha: NDArray[np.floating], reference: NDArray[np.floating], counted: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return the two usual errors of an alpha matte, over the whole plane, as AIM-500 and P3M-500 are scored.

    No tri-map limits them: none is given to an interactive method.

    Parameters
    ----------
    alpha, reference
        (H, W) in [0, 1].
    counted
        (H, W) bool: the pixels that are scored.

    Returns
    -------
    mse : float
        The mean squared difference, times 1000.
    sad : float
        The sum of absolute differences, divided by 1000.
    """
    difference = alpha[counted].astype(np.float64) - reference[counted]
    if not difference.size:
        return 0.0, 0.0
    return 1000 * float(np.mean(difference**2)), float(np.abs(difference).sum()) / 1000
