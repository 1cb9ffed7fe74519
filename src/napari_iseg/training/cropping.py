"""Windows of an image around one object, at the scale that is asked for, and cutting them out."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

__all__ = ["Window", "close_window", "cut_labels", "cut_rgb", "misfits", "window_of_share"]

Window = tuple[int, int, int, int]
"""Row start, row stop, column start, column stop."""

# Share of its bounding box that a thing about fills.
_FILLED = 0.6
# A window may be this much shorter than its object is long.
_CUT = 0.8
# Pixels of a crop that may come from one pixel of the image, along an axis: more would show nothing but blur.
_MAGNIFIED = 8
# Windows tried for the share, and how near is near enough.
_TRIES = 4
_NEAR = 1.2
# How much longer than wide a window may be where the image is too small for a square one.
_OBLONG = 2.0


def misfits(boxes: np.ndarray, shape: tuple[int, int], share: float, size: int) -> np.ndarray:
    """Return how badly each object suits a crop that it shall fill to ``share``.

    Parameters
    ----------
    boxes
        (N, 4) windows of the objects.
    shape
        Rows and columns of their image.
    share
        Of the crop's area, in (0, 1).
    size
        Rows and columns of the crop.

    Returns
    -------
    numpy.ndarray
        (N,) logarithms of the factor by which the best possible share is about too large or too small; 0 is good.
    """
    heights, widths = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]
    areas = _FILLED * heights * widths
    least = areas / (shape[0] * shape[1])
    most = areas / np.maximum(_CUT * np.maximum(heights, widths), size / _MAGNIFIED) ** 2
    return np.maximum(np.log(least / share), 0) + np.maximum(np.log(share / most), 0)


def close_window(box: Window, shape: tuple[int, int], rng: np.random.Generator) -> Window:
    """Return a window of which the object's longer side takes a half to nine tenths, as zoom-in makes them."""
    side = max(box[1] - box[0], box[3] - box[2]) / rng.uniform(0.5, 0.9)
    stretch = np.exp(rng.uniform(-0.15, 0.15))
    rows = max(side * stretch, box[1] - box[0])
    columns = max(side / stretch, box[3] - box[2])
    return (*_span(box[0], box[1], rows, shape[0], rng), *_span(box[2], box[3], columns, shape[1], rng))


def window_of_share(
    labels: np.ndarray, label: int, box: Window, share: float, size: int, rng: np.random.Generator
) -> Window:
    """Return a window of which an object takes about a share of the area.

    It lies anywhere around the object; for a large share of a long or ragged one it may cut the object. An image that is
    too small, or an object of too few pixels, gives what comes nearest.

    Parameters
    ----------
    labels
        (H, W).
    label, box
        The object and its bounding box.
    share
        In (0, 1).
    size
        Rows and columns of the crop that the window becomes.
    """
    inside = labels[box[0] : box[1], box[2] : box[3]] == label
    side = np.sqrt(np.count_nonzero(inside) / share)
    stretch = np.exp(rng.uniform(-0.15, 0.15))
    best: tuple[float, Window] | None = None
    for _ in range(_TRIES):
        window = _square(box, max(side, size / _MAGNIFIED), stretch, labels.shape, rng)
        seen = np.count_nonzero(labels[window[0] : window[1], window[2] : window[3]] == label)
        factor = max(seen, 1) / ((window[1] - window[0]) * (window[3] - window[2])) / share
        if best is None or abs(np.log(factor)) < best[0]:
            best = abs(np.log(factor)), window
        if best[0] < np.log(_NEAR):
            break
        side *= np.clip(np.sqrt(factor), 0.6, 1.5)
    assert best is not None
    return best[1]


def _square(
    box: Window, side: float, stretch: float, shape: tuple[int, ...], rng: np.random.Generator
) -> Window:
    """Return a window of about ``side`` squared pixels; where the image has too few rows it gets more columns."""
    rows, columns = min(side * stretch, shape[0]), min(side / stretch, shape[1])
    rows = min(max(rows, min(side * side / columns, _OBLONG * columns)), shape[0])
    columns = min(max(columns, min(side * side / rows, _OBLONG * rows)), shape[1])
    return (*_span(box[0], box[1], rows, shape[0], rng), *_span(box[2], box[3], columns, shape[1], rng))


def _span(start: int, stop: int, side: float, limit: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return (first, last + 1) of about ``side`` within 0..limit, at a random place around or inside start..stop."""
    length = int(np.clip(round(side), min(8, limit), limit))
    ends = sorted((start, stop - length))
    low, high = int(np.clip(ends[0], 0, limit - length)), int(np.clip(ends[1], 0, limit - length))
    first = int(rng.integers(low, high + 1))
    return first, first + length


def cut_rgb(rgb: np.ndarray, window: Window, size: tuple[int, int], *, antialias: bool) -> np.ndarray:
    """Cut a window out and resize it.

    Parameters
    ----------
    rgb
        (H, W, 3) uint8.
    size
        Rows and columns of the result.
    antialias
        Whether all pixels of the window count, as in a resized file; else it is sampled as the predictors do it.

    Returns
    -------
    numpy.ndarray
        (rows, columns, 3) float32 in [0, 1].
    """
    # A copy, since what lies in a mapped file cannot become a tensor. Resizing bytes is several times faster than floats.
    cut = torch.from_numpy(np.array(rgb[window[0] : window[1], window[2] : window[3]])).permute(2, 0, 1)[None]
    resized = functional.interpolate(
        cut, size=list(size), mode="bilinear", align_corners=not antialias, antialias=antialias
    )
    return resized[0].permute(1, 2, 0).numpy().astype(np.float32) / 255


def cut_labels(labels: np.ndarray, window: Window, size: tuple[int, int]) -> np.ndarray:
    """Cut a window out and resize it to ``size`` rows and columns; each pixel keeps the label of its centre."""
    rows = window[0] + ((np.arange(size[0]) + 0.5) * (window[1] - window[0]) / size[0]).astype(int)
    columns = window[2] + ((np.arange(size[1]) + 0.5) * (window[3] - window[2]) / size[1]).astype(int)
    return labels[rows[:, None], columns]
