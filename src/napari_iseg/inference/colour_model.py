"""What the seeds' colours say about every pixel: smoothed histograms of object and background, compared.

Boykov and Jolly (ICCV 2001) take the histograms of the seeds, Bai and Sapiro (ICCV 2007) a kernel density estimate of
them; a histogram smoothed by a Gaussian is both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["object_share"]

# Bins per channel, of one channel and of three: finer ones cost memory and say nothing more after smoothing.
_BINS = {1: 64, 3: 24}
# Width of the kernel, as a share of the range of the image's values.
_WIDTH = 0.05
# How much of each density is uniform: a colour that no seed has says nothing, and no colour excludes anything.
_UNIFORM = 0.05


def object_share(
    data: NDArray[np.float64], inside: NDArray[np.bool_], outside: NDArray[np.floating] | NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return p(colour | object) / (p(colour | object) + p(colour | background)) of every pixel.

    Parameters
    ----------
    data
        (h, w, C) float64, C = 1 or 3.
    inside
        (h, w) bool: the pixels that show the object's colours; at least one.
    outside
        (h, w): how much each pixel counts for the background's colours; without any the background is uniform.

    Returns
    -------
    numpy.ndarray
        (h, w) float64 in (0, 1); 0.5 everywhere in an image of one colour.
    """
    low, high = data.min(), data.max()
    if low == high:
        return np.full(data.shape[:2], 0.5)
    bins = _BINS[data.shape[-1]]
    index = tuple(np.minimum((data - low) / (high - low) * bins, bins - 1).astype(int).reshape(-1, data.shape[-1]).T)
    shape = (bins,) * data.shape[-1]
    of_object = _density(index, inside.ravel().astype(np.float64), shape)
    of_background = _density(index, outside.ravel().astype(np.float64), shape)
    share: NDArray[np.float64] = (of_object / (of_object + of_background))[index].reshape(data.shape[:2])
    return share


def _density(
    index: tuple[NDArray[np.int_], ...], weight: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return the density of each bin as a multiple of the uniform one."""
    flat = np.ravel_multi_index(index, shape)
    counts = np.bincount(flat, weight, int(np.prod(shape))).reshape(shape)
    if not counts.any():
        return np.ones(shape)
    smooth = ndimage.gaussian_filter(counts / counts.mean(), _WIDTH * shape[0], mode="reflect", truncate=3.0)
    return np.asarray((1 - _UNIFORM) * smooth + _UNIFORM)
