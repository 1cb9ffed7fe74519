"""Prompts of every kind as two maps, what they include and what they exclude (FocalClick-XL, section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.inference.prediction import Window
    from napari_iseg.interactions import Prompt

__all__ = ["Frame", "as_probability", "draw_bimap"]

# Strokes are between these many pixels wide in what the network sees: that is what it is trained with (section 5.1).
_STROKE = (3.0, 7.0)
_OBJECT = 0.5


@dataclass(frozen=True, slots=True)
class Frame:
    """A crop of the plane as a network sees it: ``window``, resized to a square of ``side`` pixels."""

    window: Window
    side: int

    def place(self, points: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
        """Return points of the plane, (n, 2), in pixels of the square: neither rounded nor corners aligned (RITM)."""
        start = (self.window.row_start, self.window.column_start)
        return np.asarray((np.asarray(points, np.float64) - start) * self.side / np.asarray(self.window.shape))

    def centres(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the rows and the columns of the plane that the square's pixels lie on: :meth:`place` undone."""
        steps = np.arange(self.side) / self.side
        rows, columns = self.window.shape
        return self.window.row_start + steps * rows, self.window.column_start + steps * columns

    def back(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Return maps over the square, (..., side, side), at the window's own pixels, each the nearest one's value."""
        rows, columns = (
            np.minimum(np.rint(np.arange(count) * self.side / count).astype(int), self.side - 1)
            for count in self.window.shape
        )
        return maps[..., rows[:, None], columns]


def as_probability(prompt: MaskPrompt) -> NDArray[np.float32]:
    """Return the (H, W) probabilities of a mask prompt; masks of whole numbers are object where above 0."""
    mask = prompt.mask
    return np.asarray(mask if np.issubdtype(mask.dtype, np.floating) else mask > 0, np.float32)


def draw_bimap(prompts: Sequence[Prompt], frame: Frame, radius: float) -> NDArray[np.float32]:
    """Draw prompts.

    Clicks are disks and scribbles strokes; a box is its filled rectangle and a mask itself, both included.

    Parameters
    ----------
    prompts
        On the plane.
    frame
        What the network sees.
    radius
        Of a click, in the network's pixels.

    Returns
    -------
    numpy.ndarray
        (2, side, side) of 0 and 1: included, excluded.
    """
    drawn = np.zeros((2, frame.side, frame.side), bool)
    for prompt in prompts:
        match prompt:
            case Click():
                _draw(drawn[0 if prompt.positive else 1], frame.place([(prompt.row, prompt.column)]), radius)
            case Scribble():
                zoom = frame.side / np.sqrt(np.prod(frame.window.shape))
                width = float(np.clip(prompt.width * zoom, *_STROKE))
                _draw(drawn[0 if prompt.positive else 1], frame.place(prompt.points), width / 2)
            case Box():
                drawn[0] |= _rectangle(prompt, frame)
            case MaskPrompt():
                drawn[0] |= _shrunk(prompt, frame)
    return drawn.astype(np.float32)


def _draw(drawn: NDArray[np.bool_], points: NDArray[np.float64], reach: float) -> None:
    """Draw a polyline: every pixel whose centre is no further than ``reach`` from it. One point is a disk."""
    ends = list(pairwise(points)) if len(points) > 1 else [(points[0], points[0])]
    for start, stop in ends:
        # Only the part of the map around the segment is looked at, which may be none.
        low = np.maximum(np.ceil(np.minimum(start, stop) - reach), 0).astype(int)
        high = np.minimum(np.floor(np.maximum(start, stop) + reach) + 1, drawn.shape).astype(int)
        if (low >= high).any():
            continue
        rows, columns = np.ogrid[low[0] : high[0], low[1] : high[1]]
        along = stop - start
        length = float(along @ along)
        share = ((rows - start[0]) * along[0] + (columns - start[1]) * along[1]) / length if length else 0.0
        share = np.clip(share, 0, 1)
        distance = (rows - start[0] - share * along[0]) ** 2 + (columns - start[1] - share * along[1]) ** 2
        drawn[low[0] : high[0], low[1] : high[1]] |= distance <= reach**2


def _rectangle(box: Box, frame: Frame) -> NDArray[np.bool_]:
    """Return the pixels of the square in a box; of a box between two of them, the nearest."""
    rows, columns = frame.centres()
    inside = []
    for places, start, stop in zip((rows, columns), box.start, box.stop, strict=True):
        axis = (places >= start) & (places < stop)
        if not axis.any():
            axis[np.abs(places - (start + stop) / 2).argmin()] = True
        inside.append(axis)
    return np.asarray(inside[0][:, None] & inside[1])


def _shrunk(prompt: MaskPrompt, frame: Frame) -> NDArray[np.bool_]:
    mask = torch.from_numpy(as_probability(prompt)[frame.window.slices].copy())[None, None]
    side = (frame.side, frame.side)
    return np.asarray(functional.interpolate(mask, size=side, mode="bilinear", align_corners=True)[0, 0] > _OBJECT)
