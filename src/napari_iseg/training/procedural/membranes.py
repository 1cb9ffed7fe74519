"""Cells between membranes as an electron microscope shows them: neurites with mitochondria and vesicles."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_iseg.training.procedural.fields import (
    blurred,
    cells_around,
    fractal,
    grid,
    log_uniform,
    scattered,
    smooth,
    soft_step,
)
from napari_iseg.training.procedural.generated import GeneratedImage, nested
from napari_iseg.training.procedural.outlines import Canvas, blob, coverage

__all__ = ["membranes"]


def membranes(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw profiles of neurites; mitochondria are parts of the profile they lie in."""
    spacing = size * log_uniform(rng, 0.08, 0.9)
    # Membranes, vesicles and mitochondria have their own sizes; a magnified image shows few cells and wide membranes.
    thick = float(np.clip(spacing * rng.uniform(0.03, 0.08), 1.0, 6.0))
    numbers, gap = _profiles(rng, size, spacing)
    # Profiles that a membrane pinches in two are two.
    cells, _ = ndimage.label((gap > 1.3 * thick) & (numbers > 0))
    image = _cytoplasm(rng, size, numbers, thick)
    image = _vesicles(rng, image, cells, thick)
    organelles = _mitochondria(rng, image, np.where(gap > 2.4 * thick, cells, 0), spacing, thick)
    rim = np.exp(-((gap / (1.1 * thick)) ** 2))
    image -= rng.uniform(0.4, 0.65) * rim * (1 + 0.15 * smooth(rng, image.shape, 4 * thick))
    image = blurred(image, rng.uniform(0.3, 0.25 * thick + 0.4))
    image += rng.uniform(0.01, 0.09) * smooth(rng, image.shape, float(rng.choice((1.0, 1.6))))
    return nested(image, cells, organelles, rest=False)


def _profiles(rng: np.random.Generator, size: int, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the cell at each pixel and how near its rim is."""
    count = int(np.clip(1.6 * (size / spacing + 1) ** 2, 3, 220))
    seeds = scattered(rng, size, count, 0.45 * spacing, margin=spacing / 2)
    bonus = np.clip(rng.gamma(1.2, 0.22 * spacing, len(seeds)), 0, 0.9 * spacing)
    rows, columns = grid(size)
    warp = spacing * rng.uniform(0.1, 0.35)
    shape = (size, size)
    rows = rows + warp * smooth(rng, shape, 1.2 * spacing) + 0.15 * warp * smooth(rng, shape, 0.3 * spacing)
    columns = columns + warp * smooth(rng, shape, 1.2 * spacing) + 0.15 * warp * smooth(rng, shape, 0.3 * spacing)
    numbers, _, gap = cells_around(
        seeds, bonus, rows, columns, 1.9 * spacing, stretch=float(rng.choice((1.0, 1.3, 1.8)))
    )
    return numbers, gap


def _cytoplasm(rng: np.random.Generator, size: int, numbers: np.ndarray, thick: float) -> np.ndarray:
    shape = (size, size)
    tones = rng.uniform(0.6, 0.9) + rng.normal(0, 0.05, int(numbers.max()) + 1)
    dark = rng.random(tones.size) < 0.08
    tones[dark] -= rng.uniform(0.1, 0.3)
    grains = smooth(rng, shape, max(1.2 * thick, 1.6))
    grains = np.where(grains < -0.5, grains, 0.5 * grains)
    return tones.astype(np.float32)[numbers] + rng.uniform(0.02, 0.09) * grains + 0.02 * smooth(rng, shape, size / 4)


def _vesicles(rng: np.random.Generator, image: np.ndarray, cells: np.ndarray, thick: float) -> np.ndarray:
    """Draw small bright rings with dark rims in swarms."""
    size = len(image)
    lines = []
    around = np.linspace(0, 2 * np.pi, 13)
    circle = np.stack([np.cos(around), np.sin(around)], axis=1)
    for _ in range(int(rng.integers(0, 7))):
        middle, spread = rng.uniform(0, size, 2), thick * rng.uniform(3, 12)
        radius = thick * rng.uniform(0.9, 1.8)
        for centre in middle + rng.normal(0, spread, (int(rng.integers(3, 16)), 2)):
            lines.append((centre + circle * radius * rng.uniform(0.8, 1.2), max(0.45 * thick, 0.6)))
    if not lines:
        return image
    return image - rng.uniform(0.2, 0.45) * coverage(size, lines) * (cells > 0)


def _mitochondria(
    rng: np.random.Generator, image: np.ndarray, cells: np.ndarray, spacing: float, thick: float
) -> np.ndarray:
    """Draw mitochondria into the image, and return their numbers."""
    size = len(image)
    canvas = Canvas(size)
    radius = float(np.clip(thick * rng.uniform(2.5, 6), 3, 0.28 * spacing + 1))
    places = scattered(rng, size, int(rng.integers(2, 30)), 2.5 * radius)
    for number, centre in enumerate(places, start=1):
        long = radius * log_uniform(rng, 1.0, 2.6)
        canvas.fill(blob(rng, centre, (long, radius * rng.uniform(0.6, 1.0)), rng.uniform(0, np.pi)), number)
    drawn = _kept(canvas.numbers, np.concatenate([[0], cells[tuple(places.astype(int).T)]]), cells)
    if not drawn.any():
        return drawn
    soft = blurred((drawn > 0).astype(np.float32), 0.5 * thick)
    rim = np.exp(-(((soft - 0.5) / 0.22) ** 2))
    # Cristae: bright gaps between dark folds, about as wide as a membrane.
    folds = np.abs(np.sin(0.6 * fractal(rng, image.shape, 4 * thick, octaves=2) + _slanted(rng, size, 2.2 * thick)))
    dark, depth = rng.uniform(0.35, 0.6), float(rng.choice((0.05, 0.3)))
    matrix = dark + 0.03 * smooth(rng, image.shape, 2) + depth * (0.5 - (1 - folds) ** 2)
    image += soft_step(soft - 0.5, 0.25) * (matrix - image) - rng.uniform(0.2, 0.45) * rim
    return drawn


def _kept(drawn: np.ndarray, home: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Cut each drawn number down to the cell that it is at home in, and leave out what is mostly cut or fills it."""
    before = np.bincount(drawn.ravel(), minlength=len(home))
    drawn = np.where((home[drawn] == cells) & (cells > 0), drawn, 0)
    after = np.bincount(drawn.ravel(), minlength=len(home))
    room = np.bincount(cells.ravel())[home]
    good = (after > 0.55 * before) & (after < 0.6 * room)
    good[0] = False
    return np.where(good[drawn], drawn, 0).astype(np.int32)


def _slanted(rng: np.random.Generator, size: int, period: float) -> np.ndarray:
    rows, columns = grid(size)
    angle = rng.uniform(0, np.pi)
    return (np.float32(np.cos(angle)) * rows + np.float32(np.sin(angle)) * columns) * np.float32(np.pi / period)
