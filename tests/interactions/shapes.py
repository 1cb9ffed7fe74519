"""Regions that simulated users are tried on."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

SHAPE = (121, 160)


def bar() -> np.ndarray:
    region = np.zeros(SHAPE, bool)
    region[50:71, 15:146] = True
    return region


def letter_t() -> np.ndarray:
    region = np.zeros(SHAPE, bool)
    region[10:31, 20:141] = True
    region[31:115, 70:91] = True
    return region


def disc(radius: float = 50.0) -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(rows - 60, columns - 80) <= radius


def ring() -> np.ndarray:
    return disc(55) & ~disc(35)


def frame(thickness: int = 9) -> np.ndarray:
    """Return a frame whose corners a smooth curve would cut."""
    region = np.zeros(SHAPE, bool)
    region[20:101, 20:141] = True
    region[20 + thickness : 101 - thickness, 20 + thickness : 141 - thickness] = False
    return region


def blob(seed: int, scale: float = 9.0, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), scale)
    return field > 0.3 * field.std()


def ellipse(rows: float, columns: float) -> np.ndarray:
    """Return an ellipse of some half axes within a margin of its own size."""
    height, width = int(6 * rows) + 9, int(5 * columns) + 8
    down, across = np.mgrid[:height, :width]
    return ((down - height / 2) / rows) ** 2 + ((across - width / 2) / columns) ** 2 <= 1
