"""Which planes of a followed object deserve a look: where it jumps, changes its size, or is doubtful."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import center_of_mass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Suspicion", "suspicions"]

# Below this a plane is as good as its neighbours.
_WORTH_A_LOOK = 0.15


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A plane to look at.

    Parameters
    ----------
    position
        Of the plane.
    score
        In [0, 1]: how suspicious.
    reason
        The strongest reason, in words.
    """

    position: int
    score: float
    reason: str


def suspicions(masks: Mapping[int, NDArray[np.bool_]], confidences: Mapping[int, float]) -> list[Suspicion]:
    """Order the planes of an object by suspicion.

    Three things count, each in [0, 1], the strongest decides: how much less the mask overlaps that of its neighbours
    than theirs overlap each other on the whole; how much its area leaves the middle of its neighbours'; and one less
    the confidence.

    Parameters
    ----------
    masks
        Position to mask, (H, W) bool; planes without the object are left out or empty.
    confidences
        Position to confidence in [0, 1]; of a missing one it is 1.

    Returns
    -------
    list of Suspicion
        Those worth a look, the most suspicious first; planes of confidence 1 that were prompted only where they jump.
    """
    there = sorted(position for position, mask in masks.items() if mask.any())
    areas = {position: int(np.count_nonzero(masks[position])) for position in there}
    overlap = {(a, b): _overlap(masks[a], masks[b]) for a, b in pairwise(there)}
    usual = float(np.median(list(overlap.values()))) if overlap else 1.0
    found = []
    for number, position in enumerate(there):
        around = [other for other in there[max(number - 1, 0) : number + 2] if other != position]
        # Of two neighbours the mean: beside a plane that jumps lie two that are good.
        jumps = [usual - overlap[min(position, other), max(position, other)] for other in around]
        jump = float(np.mean(jumps)) if jumps else 0.0
        middle = float(np.exp(np.mean([np.log(areas[o]) for o in around]))) if around else areas[position]
        # At its two ends an object may shrink as it likes.
        size = 1 - min(areas[position], middle) / max(areas[position], middle) if len(around) == 2 else 0.0
        doubt = 1 - confidences.get(position, 1.0)
        score, reason = max((jump, "it jumps"), (size, "its size jumps"), (doubt, "low confidence"))
        if score >= _WORTH_A_LOOK:
            found.append(Suspicion(position, min(float(score), 1.0), reason))
    return sorted(found, key=lambda one: (-one.score, one.position))


def _overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the IoU of two masks after their centres were laid onto each other: steady motion is no jump."""
    step = np.rint(np.subtract(center_of_mass(second), center_of_mass(first))).astype(int)
    rows, columns = np.nonzero(first)
    rows, columns = rows + step[0], columns + step[1]
    inside = (rows >= 0) & (rows < second.shape[0]) & (columns >= 0) & (columns < second.shape[1])
    both = int(np.count_nonzero(second[rows[inside], columns[inside]]))
    moved = float(np.hypot(*step)) / max(np.sqrt(np.count_nonzero(second)), 1.0)
    union = len(rows) + int(np.count_nonzero(second)) - both
    # Far motion is suspicious all the same.
    return float(both / union / (1 + max(moved - 0.5, 0.0)))
