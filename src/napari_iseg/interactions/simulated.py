"""A simulated user: where it clicks next, by the rules of the interactive segmentation papers.

The evaluation's rule and its measure are those of RITM (Sofiiuk et al., ICIP 2022) and of every method that compares
itself with it, reproduced exactly. The training's rule is RITM's as well, with an exact distance transform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_iseg.interactions.prompts import Click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["IGNORE", "iou", "next_click", "sample_training_click"]

IGNORE = -1
"""The value of a reference that marks pixels which no score looks at."""

_TRAINING_THRESHOLD = 0.49


def next_click(truth: NDArray[np.integer], mask: NDArray[np.bool_], clicks: Iterable[Click] = ()) -> Click:
    """Return the evaluation's next click: the middle of the larger error.

    Every error is measured by the exact Euclidean distance to what is no error, where the image's border counts as no
    error. The larger maximum wins; a tie gives a negative click. Of several pixels at the maximum the first in
    row-major order is taken. Clicked pixels are never clicked again, except that without any error left the click is
    negative, at (0, 0).

    Parameters
    ----------
    truth
        (H, W): 1 object, 0 background, -1 ignored.
    mask
        (H, W) bool, the present answer.
    clicks
        The clicks so far; their positions are rounded to whole pixels.

    Returns
    -------
    Click
        At whole pixels.
    """
    valid = truth != IGNORE
    clicked = [(round(click.row), round(click.column)) for click in clicks]
    missed = _deepest((truth == 1) & ~mask & valid, clicked)
    wrong = _deepest((truth != 1) & mask & valid, clicked)
    if missed[0] > wrong[0]:
        return Click(missed[1], missed[2], positive=True)
    return Click(wrong[1], wrong[2], positive=False)


def iou(truth: NDArray[np.integer], mask: NDArray[np.bool_]) -> float:
    """Return the intersection over union of an answer with the reference, ignored pixels left out.

    Parameters
    ----------
    truth
        (H, W): 1 object, 0 background, -1 ignored.
    mask
        (H, W) bool.

    Returns
    -------
    float
        In [0, 1]; 1 where both are empty.
    """
    valid = truth != IGNORE
    union = np.count_nonzero((mask | (truth == 1)) & valid)
    return float(np.count_nonzero(mask & (truth == 1)) / union) if union else 1.0


def sample_training_click(
    probability: NDArray[np.floating], truth: NDArray[np.integer], rng: np.random.Generator
) -> Click | None:
    """Draw the training's next click: uniformly from the inner half of the larger error.

    An object pixel below 0.49 is missed, a background pixel above 0.49 is wrong. The error whose largest distance to
    its own border is larger wins (a tie gives a negative click), and every pixel deeper than half of that distance is
    equally likely. The released trainings use OpenCV's 5x5 approximation of the distance; here it is exact.

    Parameters
    ----------
    probability
        (H, W) in [0, 1], the present answer.
    truth
        (H, W): 1 object, 0 background, -1 ignored.
    rng
        Where the chance comes from.

    Returns
    -------
    Click or None
        At whole pixels; None where nothing is wrong.
    """
    missed, missed_at = _depth((truth == 1) & (probability < _TRAINING_THRESHOLD))
    wrong, wrong_at = _depth((truth == 0) & (probability > _TRAINING_THRESHOLD))
    deepest_missed, deepest_wrong = missed.max(initial=0), wrong.max(initial=0)
    if deepest_missed == deepest_wrong == 0:
        return None
    positive = bool(deepest_missed > deepest_wrong)
    depth, (row, column) = (missed, missed_at) if positive else (wrong, wrong_at)
    rows, columns = np.nonzero(depth > depth.max() / 2)
    chosen = rng.integers(len(rows))
    return Click(int(rows[chosen]) + row, int(columns[chosen]) + column, positive)


def _deepest(error: NDArray[np.bool_], clicked: list[tuple[int, int]]) -> tuple[float, int, int]:
    """Return the largest depth among the pixels not clicked, and the first (row, column) that has it."""
    depth, (row, column) = _depth(error)
    rows, columns = depth.shape
    for clicked_row, clicked_column in clicked:
        if 0 <= clicked_row - row < rows and 0 <= clicked_column - column < columns:
            depth[clicked_row - row, clicked_column - column] = 0
    if not depth.any():
        return 0.0, 0, 0
    first_row, first_column = divmod(int(depth.argmax()), columns)
    return float(depth[first_row, first_column]), first_row + row, first_column + column


def _depth(error: NDArray[np.bool_]) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Return how deep each pixel lies within an error, cut to the error's bounding box, and the box's first pixel.

    Cutting changes no distance: all around the box lie pixels without error (or beyond the border), and for whichever
    pixel further away one of these is at least as near.
    """
    rows, columns = np.flatnonzero(error.any(axis=1)), np.flatnonzero(error.any(axis=0))
    if not len(rows):
        return np.zeros((0, 0), np.float32), (0, 0)
    box = error[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    distance = distance_transform_edt(np.pad(box, 1))[1:-1, 1:-1]
    # Papers compare float32 distances; in float64 other pixels could win.
    return distance.astype(np.float32), (int(rows[0]), int(columns[0]))
