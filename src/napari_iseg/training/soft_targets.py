"""Alpha from hard labels: how much of each pixel of a crop an object covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import uniform_filter

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["coverage", "hard_target"]


def coverage(
    inside: NDArray[np.bool_], ignored: NDArray[np.bool_], factor: int, *, pixel: float = 1.0
) -> NDArray[np.float32]:
    """Return the share of each pixel that an object covers.

    A crop that is smaller than its source is cut ``factor`` times as large and averaged: the rims' fractions are the
    labels' own. Where a crop magnifies its source, an edge is as wide as the source's pixels, just as the bilinearly
    magnified image shows it.

    Parameters
    ----------
    inside, ignored
        (factor * H, factor * W): the object, and what is not known.
    factor
        Finer pixels along a pixel.
    pixel
        Side of a pixel of the source, in finer pixels.

    Returns
    -------
    numpy.ndarray
        (H, W) in [0, 1]; -1 where any of a pixel is ignored.
    """
    width = 2 * int(pixel / 2) + 1
    share = inside.astype(np.float32)
    if width > 1:
        share = uniform_filter(share, width, mode="nearest")
    rows, columns = inside.shape[0] // factor, inside.shape[1] // factor
    blocks = (rows, factor, columns, factor)
    alpha = share.reshape(blocks).mean(axis=(1, 3)).clip(0, 1)
    return np.where(ignored.reshape(blocks).any(axis=(1, 3)), -1, alpha).astype(np.float32)


def hard_target(alpha: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return the (H, W) target of alpha: 1 above a half, -1 where ignored, else 0; the fullest pixel at the least."""
    target = np.where(alpha < 0, -1, alpha > 0.5).astype(np.int8)
    if not (target == 1).any() and alpha.max() > 0:
        target.flat[int(alpha.argmax())] = 1
    return target
