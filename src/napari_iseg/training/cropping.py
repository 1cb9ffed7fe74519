"""Windows of an image around one object, at the scale that is asked for, and cutting them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.training.data import Picture
    from napari_iseg.training.recipe import DataRecipe

__all__ = ["MIN_VISIBLE", "Window", "choose_crop", "close_window", "cut_labels", "cut_rgb", "window_of_share"]

Window = tuple[int, int, int, int]
"""Row start, row stop, column start, column stop."""

MIN_VISIBLE = 12
"""Pixels of an object that a crop must show."""

# Pictures looked through for an object that a share of the crop suits, and how far its share may be off (logarithm).
_ATTEMPTS = 6
_ALIKE = 0.2
# Share of its bounding box that a thing about fills.
_FILLED = 0.6
# A window may be this much shorter than its object is long.
_CUT = 0.8
# Pixels of a crop that may come from one pixel of the image, along an axis: more would show nothing but blur.
_MAGNIFIED = 8
# Windows tried for the share, and how near is near enough.
_TRIES = 4
_NEAR = 1.1
# How much longer than wide a window may be where the image is too small for a square one.
_OBLONG = 2.0


def choose_crop(
    pick: Callable[[], Picture], recipe: DataRecipe, size: int, rng: np.random.Generator
) -> tuple[Picture, int, Window] | None:
    """Choose a picture, an object on it and a window around that.

    The share of the crop that the object takes is drawn first, then an object that can have it: else the objects' sizes
    and the images' would decide. Crops as zoom-in makes them take any object.

    Parameters
    ----------
    pick
        Draws a picture; it may be called a few times.
    recipe
        Its ``close_share``, ``smallest_share`` and ``largest_share`` count.
    size
        Rows and columns of the crop.

    Returns
    -------
    tuple or None
        The picture, the object's label and the window; None where no picture that was drawn has an object.
    """
    if rng.random() < recipe.close_share:
        picture = pick()
        if not picture.boxes:
            return None
        label = int(rng.choice(list(picture.boxes)))
        return picture, label, close_window(picture.boxes[label], picture.labels.shape, rng)
    least = max(recipe.smallest_share, 1.5 * MIN_VISIBLE / size**2)
    share = float(np.exp(rng.uniform(np.log(least), np.log(recipe.largest_share))))
    best: tuple[float, Picture, int] | None = None
    for _ in range(_ATTEMPTS):
        picture = pick()
        if not picture.boxes:
            continue
        misfit = _misfits(np.array(list(picture.boxes.values())), picture.labels.shape, share, size)
        index = int(rng.choice(np.flatnonzero(misfit < misfit.min() + _ALIKE)))
        if best is None or misfit[index] < best[0]:
            best = float(misfit[index]), picture, list(picture.boxes)[index]
        if best[0] < _ALIKE:
            break
    if best is None:
        return None
    _, picture, label = best
    return picture, label, window_of_share(picture.labels, label, picture.boxes[label], share, size, rng)


def _misfits(boxes: np.ndarray, shape: tuple[int, ...], share: float, size: int) -> np.ndarray:
    """Return how badly each object suits a crop that it shall fill to ``share``.

    For (N, 4) boxes these are (N,) logarithms of the factor by which the best possible share is about too large or too
    small; 0 is good.
    """
    heights, widths = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]
    areas = _FILLED * heights * widths
    least = areas / (shape[0] * shape[1])
    most = areas / np.maximum(_CUT * np.maximum(heights, widths), size / _MAGNIFIED) ** 2
    return np.maximum(np.log(least / share), 0) + np.maximum(np.log(share / most), 0)


def close_window(box: Window, shape: tuple[int, ...], rng: np.random.Generator) -> Window:
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

    It lies anywhere around the object; for a large share of a long or ragged one it may cut the object. An image that
    is too small, or an object of too few pixels, gives what comes nearest.

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
    side = float(np.sqrt(int(np.count_nonzero(inside)) / share))
    stretch = np.exp(rng.uniform(-0.15, 0.15))
    best, off = box, float(np.inf)
    for _ in range(_TRIES):
        window = _square(box, max(side, size / _MAGNIFIED), stretch, labels.shape, rng)
        seen = int(np.count_nonzero(labels[window[0] : window[1], window[2] : window[3]] == label))
        factor = max(seen, 1) / ((window[1] - window[0]) * (window[3] - window[2])) / share
        if abs(np.log(factor)) < off:
            best, off = window, float(abs(np.log(factor)))
        if off < np.log(_NEAR):
            break
        side *= float(np.clip(np.sqrt(factor), 0.6, 1.5))
    return best


def _square(box: Window, side: float, stretch: float, shape: tuple[int, ...], rng: np.random.Generator) -> Window:
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
    # A copy, since what lies in a mapped file cannot become a tensor; as bytes, which resize several times faster.
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
