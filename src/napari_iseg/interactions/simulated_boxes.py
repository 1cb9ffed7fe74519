"""Boxes as a simulated user draws them: exact ones for evaluation, rough ones for training (FocalClick-XL)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import PromptError
from napari_iseg.interactions.prompts import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["exact_box", "jittered_box"]

# How far a side of a rough box moves: deviation and limit, in lengths of the sides that it joins.
_DEVIATION = 0.05
_LIMIT = 0.15
_SHORTEST = 8


def exact_box(mask: NDArray[np.bool_]) -> Box:
    """Return the smallest box around a mask, (H, W) bool.

    Raises
    ------
    PromptError
        If the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise PromptError("An empty mask has no box; give a mask with at least one pixel.")
    return Box((int(rows[0]), int(columns[0])), (int(rows[-1]) + 1, int(columns[-1]) + 1))


def jittered_box(mask: NDArray[np.bool_], rng: np.random.Generator) -> Box:
    """Return a box around a mask as somebody in a hurry draws it.

    Every side moves by a normal step, deviation 0.05 and at most 0.15 of the box's height or width.

    Parameters
    ----------
    mask
        (H, W) bool.
    rng
        Where the chance comes from.

    Returns
    -------
    Box
        Within the image, at least 8 pixels high and wide where the image is, at fractions of pixels.

    Raises
    ------
    PromptError
        If the mask is empty.
    """
    box = exact_box(mask)
    edges = []
    for start, stop, limit in zip(box.start, box.stop, mask.shape, strict=True):
        steps = np.clip(rng.normal(0, _DEVIATION, 2), -_LIMIT, _LIMIT) * (stop - start)
        edges.append(_widened(max(start + steps[0], 0.0), min(stop + steps[1], float(limit)), float(limit)))
    (top, bottom), (left, right) = edges
    return Box((top, left), (bottom, right))


def _widened(start: float, stop: float, limit: float) -> tuple[float, float]:
    """Return a span of 8 pixels around the middle of a shorter one, moved into 0..limit."""
    length = min(max(stop - start, _SHORTEST), limit)
    start = float(np.clip((start + stop - length) / 2, 0, limit - length))
    return start, start + length
