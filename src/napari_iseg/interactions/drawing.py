"""Curves and strokes: points along a curve, and the pixels under a brush that follows them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.special import gammaln, xlogy
from skimage.draw import line

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["bezier_curve", "draw_stroke", "one_point_a_pixel"]


def bezier_curve(control: ArrayLike, samples: int) -> NDArray[np.float64]:
    """Return points along the Bezier curve of some control points.

    Parameters
    ----------
    control
        (n, 2) points; the curve has degree n - 1, begins at the first and ends at the last.
    samples
        How many points, at even steps of the curve's parameter.

    Returns
    -------
    numpy.ndarray
        (samples, 2).
    """
    points = np.asarray(control, np.float64)
    degree = len(points) - 1
    step, number = np.linspace(0, 1, samples)[:, np.newaxis], np.arange(degree + 1)
    # By logarithms: binomial coefficients of a high degree are too large, and powers too small, for a float.
    choices = gammaln(degree + 1) - gammaln(number + 1) - gammaln(degree - number + 1)
    weights = np.exp(choices + xlogy(number, step) + xlogy(degree - number, 1 - step))
    return np.asarray(weights @ points)


def one_point_a_pixel(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave out the points of a curve, (n, 2), that round to the same pixel as the one before; the last one stays."""
    pixels = np.rint(points)
    kept = np.r_[True, (pixels[1:] != pixels[:-1]).any(axis=1)]
    kept[-1] = True
    return points[kept]


def draw_stroke(points: ArrayLike, width: float, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels under a stroke.

    Parameters
    ----------
    points
        (n, 2) rows and columns of a polyline; it may leave the image.
    width
        Of the round brush, in pixels: a pixel is painted where its centre is no further than half of it from a pixel
        of the line.
    shape
        (rows, columns) of the image.

    Returns
    -------
    numpy.ndarray
        (H, W) bool.
    """
    corners = np.rint(np.asarray(points, np.float64)).astype(int)
    ends = list(pairwise(corners)) or [(corners[0], corners[0])]
    pixels = np.concatenate([np.stack(line(*start, *stop), axis=1) for start, stop in ends])
    reach = int(np.ceil(width / 2))
    # Only the part around the line is looked at, also where it lies outside the image.
    first = pixels.min(axis=0) - reach
    bare = np.ones(pixels.max(axis=0) + reach + 1 - first, bool)
    bare[tuple((pixels - first).T)] = False
    painted = distance_transform_edt(bare) <= width / 2
    drawn = np.zeros(shape, bool)
    low, high = np.maximum(first, 0), np.minimum(first + painted.shape, shape)
    if (low < high).all():
        cut = tuple(slice(a - f, b - f) for a, b, f in zip(low, high, first, strict=True))
        drawn[low[0] : high[0], low[1] : high[1]] = painted[cut]
    return drawn
