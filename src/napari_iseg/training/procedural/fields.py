"""Smooth and rough random fields, and the partition of the plane around seeds."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image
from scipy import ndimage

__all__ = ["blurred", "cells_around", "distances", "fractal", "grid", "log_uniform", "scattered", "smooth", "soft_step"]


@lru_cache(maxsize=16)
def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns, (S, S) float32 each, read-only."""
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    rows.setflags(write=False)
    columns.setflags(write=False)
    return rows, columns


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number of [low, high], both above 0, each factor as likely as any other."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def smooth(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    """Return smooth noise.

    Parameters
    ----------
    shape
        Rows and columns.
    scale
        Distance in pixels over which it changes; below 1.5 every pixel is on its own.

    Returns
    -------
    numpy.ndarray
        ``shape`` float32 with mean 0 and deviation 1.
    """
    if scale < 1.5:
        return rng.standard_normal(shape, np.float32)
    cells = [max(int(np.ceil(side / scale)), 1) + 1 for side in shape]
    coarse = Image.fromarray(rng.standard_normal(cells, np.float32))
    field = np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    return (field - field.mean()) / (field.std() + 1e-6)


def fractal(rng: np.random.Generator, shape: tuple[int, int], scale: float, *, octaves: int = 4) -> np.ndarray:
    """Return noise of ``scale`` pixels with finer and weaker noise on it; ``shape`` float32, mean 0, deviation 1."""
    field = smooth(rng, shape, scale)
    for octave in range(1, octaves):
        if scale / 2**octave < 1:
            break
        field = field + 0.6**octave * smooth(rng, shape, scale / 2**octave)
    return field / (field.std() + 1e-6)


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return (S, S) or (S, S, C) float32 after a Gaussian blur of ``sigma`` pixels along rows and columns."""
    if sigma < 0.2:
        return image
    return ndimage.gaussian_filter(image, (sigma, sigma, 0)[: image.ndim], truncate=3)


def soft_step(field: np.ndarray, width: float) -> np.ndarray:
    """Return 0 below ``-width``, 1 above ``width`` and a smooth rise between."""
    rise = np.clip(field / (2 * width) + 0.5, 0, 1)
    return rise * rise * (3 - 2 * rise)


def distances(inside: np.ndarray) -> np.ndarray:
    """Return for every pixel of (S, S) bool its distance to the outside as float32; 0 outside."""
    return ndimage.distance_transform_edt(inside).astype(np.float32)


def scattered(rng: np.random.Generator, size: int, count: int, apart: float, margin: float = 0.0) -> np.ndarray:
    """Return up to ``count`` points, (N, 2), no two of them nearer than ``apart``; a first one always.

    They lie in the image or up to ``margin`` pixels outside it.
    """
    kept = np.empty((count, 2))
    found = 0
    for point in rng.uniform(-margin, size + margin, (3 * count, 2)):
        if found == 0 or ((kept[:found] - point) ** 2).sum(axis=1).min() > apart * apart:
            kept[found] = point
            found += 1
            if found == count:
                break
    return kept[:found]


def cells_around(
    seeds: np.ndarray,
    bonus: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    reach: float,
    *,
    stretch: float = 1.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide the plane among seeds: an additively weighted Voronoi diagram.

    Parameters
    ----------
    seeds
        (N, 2) rows and columns.
    bonus
        (N,) pixels by which a seed's distances are shortened: larger cells, with round rims.
    rows, columns
        (S, S) float32, where each pixel is seen from; warped ones give winding rims.
    reach
        Pixels beyond which a seed is not looked at. Only for speed: take a few times the distance between seeds.
    stretch
        How much longer a pixel is along the rows than along the columns: above 1 the cells are flat.

    Returns
    -------
    tuple
        (S, S) int32 index of the nearest seed from 1, 0 where there is none within reach; (S, S) float32 distance to
        it; (S, S) float32 how much farther the second nearest is.
    """
    nearest = np.zeros(rows.shape, np.int32)
    first = np.full(rows.shape, reach, np.float32)
    second = first.copy()
    side, tall = rows.shape[0], np.float32(stretch)
    for number, ((row, column), more) in enumerate(zip(seeds, bonus, strict=True), start=1):
        low = np.clip(np.array((row, column)) - reach, 0, side).astype(int)
        high = np.clip(np.array((row, column)) + reach + 1, 0, side).astype(int)
        box = (slice(low[0], high[0]), slice(low[1], high[1]))
        down, across = tall * (rows[box] - np.float32(row)), columns[box] - np.float32(column)
        # Many times faster than hypot, and nothing here can overflow.
        away = np.sqrt(down * down + across * across) - np.float32(more)
        closer = away < first[box]
        second[box] = np.where(closer, first[box], np.minimum(second[box], away))
        first[box] = np.minimum(first[box], away)
        nearest[box][closer] = number
    return nearest, first, second - first
