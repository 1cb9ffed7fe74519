"""Erosion and dilation of masks by small kernels of three shapes; time grows with the image, hardly with the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter1d

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KERNELS", "dilated", "eroded"]

KERNELS = ("ellipse", "rect", "cross")
"""The shapes: a disk, a square, and a row with a column."""


def dilated(mask: NDArray[np.bool_], kernel: str, size: int) -> NDArray[np.bool_]:
    """Return a mask, (H, W) bool, dilated by a kernel of :data:`KERNELS`, ``size`` (odd) pixels high and wide."""
    if kernel == "ellipse":
        return np.asarray(distance_transform_edt(~mask) <= (size - 1) / 2) if mask.any() else mask
    down = maximum_filter1d(mask, size, axis=0, mode="constant")
    if kernel == "rect":
        return np.asarray(maximum_filter1d(down, size, axis=1, mode="constant"))
    return np.asarray(down | maximum_filter1d(mask, size, axis=1, mode="constant"))


def eroded(mask: NDArray[np.bool_], kernel: str, size: int) -> NDArray[np.bool_]:
    """Return a mask eroded, as :func:`dilated` dilates; the image's border takes nothing off it."""
    return ~dilated(~mask, kernel, size)
