"""Images that never repeat: textured blobs over one another, membranes around cells, bright nuclei, thin fibres.

A first, small generator. Each returns an RGB image and a label image, so that a network meets shapes and contrasts that
no photograph in the training folders has.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

__all__ = ["procedural_sample"]


def procedural_sample(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a new image.

    Parameters
    ----------
    size
        Rows and columns.

    Returns
    -------
    tuple
        (size, size, 3) uint8 RGB and (size, size) int32 labels, 0 background.
    """
    kind = rng.choice(4, p=(0.4, 0.2, 0.25, 0.15))
    image, labels = (_blobs, _membranes, _nuclei, _fibres)[kind](rng, size)
    image = image + rng.normal(0, rng.uniform(0, 0.04), image.shape)
    return (np.clip(image, 0, 1) * 255).astype(np.uint8), labels


def _noise(rng: np.random.Generator, size: int, scale: float) -> np.ndarray:
    """Return smooth noise (size, size) with mean 0 and deviation 1."""
    cells = max(int(size / scale), 2)
    coarse = rng.normal(size=(cells, cells))
    field = ndimage.zoom(coarse, size / cells, order=3, mode="reflect", grid_mode=True)[:size, :size]
    return (field - field.mean()) / (field.std() + 1e-6)


def _shape(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a random closed shape as (size, size) bool: an ellipse with a wobbling rim, or a rotated box."""
    rows, columns = np.mgrid[:size, :size]
    centre = rng.uniform(0, size, 2)
    radius = size * np.exp(rng.uniform(np.log(0.04), np.log(0.5)))
    angle, ratio = rng.uniform(0, np.pi), rng.uniform(0.35, 1.0)
    down, across = rows - centre[0], columns - centre[1]
    u = (np.cos(angle) * down + np.sin(angle) * across) / radius
    v = (-np.sin(angle) * down + np.cos(angle) * across) / (radius * ratio)
    if rng.random() < 0.25:
        return np.maximum(np.abs(u), np.abs(v)) < 1
    around = np.arctan2(v, u)
    rim = 1 + sum(rng.normal(0, 0.16 / k) * np.cos(k * around + rng.uniform(0, 2 * np.pi)) for k in range(2, 7))
    return np.hypot(u, v) < rim


def _colour(rng: np.random.Generator) -> np.ndarray:
    grey = rng.uniform(0.05, 0.95)
    return np.clip(grey + rng.normal(0, rng.choice((0.0, 0.2)), 3), 0, 1)


def _texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return (size, size, 3): a colour with smooth noise, or stripes, on it."""
    base = _colour(rng)
    field = _noise(rng, size, size * np.exp(rng.uniform(np.log(0.02), np.log(0.4))))
    if rng.random() < 0.3:
        rows, columns = np.mgrid[:size, :size]
        turn, period = rng.uniform(0, np.pi), size * rng.uniform(0.03, 0.2)
        field = np.sin(2 * np.pi * (np.cos(turn) * rows + np.sin(turn) * columns) / period)
    return base + rng.uniform(0.0, 0.15) * field[..., None] * (_colour(rng) - base + 0.2)


def _blobs(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    image, labels = _texture(rng, size), np.zeros((size, size), np.int32)
    for label in range(1, rng.integers(2, 10)):
        shape = _shape(rng, size)
        image = np.where(shape[..., None], _texture(rng, size), image)
        labels[shape] = label
    return ndimage.gaussian_filter(image, (rng.uniform(0, 1),) * 2 + (0,)), labels


def _membranes(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw cells between dark membranes with dark inclusions, as in electron microscopy."""
    count = int(rng.integers(6, 50))
    seeds = rng.uniform(0, size, (count, 2))
    rows, columns = np.mgrid[:size, :size].astype(float)
    warp = size * 0.04
    rows, columns = rows + warp * _noise(rng, size, size / 6), columns + warp * _noise(rng, size, size / 6)
    distance = np.stack([np.hypot(rows - r, columns - c) for r, c in seeds])
    nearest = np.sort(distance, axis=0)[:2]
    membrane = nearest[1] - nearest[0] < rng.uniform(1.5, 4)
    labels = np.where(membrane, 0, distance.argmin(axis=0) + 1).astype(np.int32)
    image = np.full((size, size), rng.uniform(0.55, 0.85)) + 0.05 * _noise(rng, size, 3)
    image[membrane] = rng.uniform(0.1, 0.35)
    for _ in range(rng.integers(0, 12)):
        spot = np.hypot(*(np.mgrid[:size, :size] - rng.uniform(0, size, (2, 1, 1)))) < size * rng.uniform(0.01, 0.05)
        image[spot & ~membrane] = rng.uniform(0.2, 0.5)
    return np.repeat(ndimage.gaussian_filter(image, rng.uniform(0.4, 1.2))[..., None], 3, axis=2), labels


def _nuclei(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw bright (or dark) roundish bodies, some touching, on an even ground, as in fluorescence or stained tissue."""
    labels = np.zeros((size, size), np.int32)
    image = np.full((size, size), 0.0)
    mean = size * np.exp(rng.uniform(np.log(0.02), np.log(0.12)))
    rows, columns = np.mgrid[:size, :size]
    for label in range(1, int(rng.integers(4, 40))):
        centre, axes = rng.uniform(0, size, 2), mean * rng.uniform(0.7, 1.3, 2)
        angle = rng.uniform(0, np.pi)
        down, across = rows - centre[0], columns - centre[1]
        u = (np.cos(angle) * down + np.sin(angle) * across) / axes[0]
        v = (-np.sin(angle) * down + np.cos(angle) * across) / axes[1]
        body = (np.hypot(u, v) < 1) & (labels == 0)
        labels[body] = label
        image[body] = rng.uniform(0.35, 1.0)
    image = ndimage.gaussian_filter(image, rng.uniform(0.5, 2)) * (1 + 0.15 * _noise(rng, size, 4))
    ground, peak = _colour(rng), _colour(rng)
    if np.abs(ground - peak).max() < 0.25:
        ground, peak = np.zeros(3) + 0.05, np.ones(3) * 0.8
    return ground + image[..., None] * (peak - ground), labels


def _fibres(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a few winding bands across the image, each one object."""
    image, labels = _texture(rng, size), np.zeros((size, size), np.int32)
    for label in range(1, rng.integers(2, 6)):
        height = _noise(rng, size, size / 3) + np.linspace(-2, 2, size)[:, None] * rng.uniform(0.5, 1.5)
        if rng.random() < 0.5:
            height = height.T
        band = np.abs(height - rng.uniform(-1, 1)) < rng.uniform(0.04, 0.25)
        image = np.where(band[..., None], _texture(rng, size), image)
        labels[band] = label
    return image, labels
