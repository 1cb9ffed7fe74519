"""What a predictor answers: a small patch of probabilities, where it lies, and what the next click must know of it.

A patch at the network's own resolution is a hundred times smaller than a probability map of a large image, so that
hundreds of undo steps fit in memory, and drawing it again gives the same bits every time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional

__all__ = ["Prediction", "Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole pixels of an image plane, half-open per axis."""

    row_start: int
    row_stop: int
    column_start: int
    column_stop: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.row_stop - self.row_start, self.column_stop - self.column_start

    @property
    def slices(self) -> tuple[slice, slice]:
        """The two slices that cut this window out of an array."""
        return slice(self.row_start, self.row_stop), slice(self.column_start, self.column_stop)

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> Window:
        """Return the window that covers a plane of ``shape`` (rows, columns)."""
        return cls(0, shape[0], 0, shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """One answer.

    Parameters
    ----------
    shape
        (rows, columns) of the image plane.
    window
        Where the patch lies; the probability is 0 outside.
    patch
        (h, w) float32 probabilities in [0, 1] at any resolution; bilinear resizing, corners aligned, fits it to the
        window.
    zoom
        The zoom-in region that the next click starts from, or None.
    forwards
        How many passes of the network this answer took.
    """

    shape: tuple[int, int]
    window: Window
    patch: np.ndarray = field(repr=False)
    zoom: Window | None = None
    forwards: int = 0

    def __post_init__(self) -> None:
        self.patch.setflags(write=False)

    @classmethod
    def from_mask(cls, mask: np.ndarray) -> Prediction:
        """Return the answer that a given mask is: (H, W), float probabilities in [0, 1], else object where above 0."""
        shape = (mask.shape[0], mask.shape[1])
        probability = mask if np.issubdtype(mask.dtype, np.floating) else mask > 0
        return cls(shape=shape, window=Window.whole(shape), patch=probability.astype(np.float32))

    def render(self) -> np.ndarray:
        """Return the probability map of the whole plane: (H, W) float32 in [0, 1]."""
        probability = np.zeros(self.shape, np.float32)
        probability[self.window.slices] = self._fitted()
        return probability

    def _fitted(self) -> np.ndarray:
        if self.patch.shape == self.window.shape:
            return self.patch
        patch = torch.from_numpy(self.patch.copy())[None, None]
        fitted = functional.interpolate(patch, size=self.window.shape, mode="bilinear", align_corners=True)
        return np.asarray(fitted[0, 0])
