"""Textured things in front of one another, some with parts: what photographs are made of."""

from __future__ import annotations

import numpy as np

from napari_iseg.training.procedural.fields import blurred, log_uniform
from napari_iseg.training.procedural.generated import GeneratedImage, nested
from napari_iseg.training.procedural.outlines import blob, box, filled, star
from napari_iseg.training.procedural.textures import colour, texture

__all__ = ["shapes"]


def shapes(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw up to a dozen things from back to front, with shadows, soft rims and parts."""
    image = texture(rng, (size, size))
    wholes, parts = np.zeros((size, size), np.int32), np.zeros((size, size), np.int32)
    count = int(rng.integers(1, 12))
    # The larger ones mostly lie behind, so that much remains to be seen of everything.
    radii = [size * log_uniform(rng, 0.02, 0.75) for _ in range(count)]
    if rng.random() < 0.7:
        radii.sort(reverse=True)
    for number, radius in enumerate(radii, start=1):
        _place(rng, image, wholes, parts, radius, number)
    return nested(blurred(image, rng.uniform(0, 0.9)), wholes, parts, rest=True)


def _place(
    rng: np.random.Generator, image: np.ndarray, wholes: np.ndarray, parts: np.ndarray, radius: float, number: int
) -> None:
    size = len(image)
    centre = rng.uniform(0, size, 2)
    window, shape = _window(centre, 1.8 * radius + 4, size)
    local = centre - (window[0].start, window[1].start)
    outline = _outline(rng, local, radius)
    inside = filled(shape, outline)
    if rng.random() < 0.3:
        shadow = filled(shape, outline + rng.normal(0, 0.12 * radius + 1, 2)).astype(np.float32)
        image[window] *= 1 - rng.uniform(0.2, 0.7) * blurred(shadow, min(0.1 * radius + 0.5, 4))[..., None]
    image[window] = np.where(inside[..., None], texture(rng, shape), image[window])
    wholes[window][inside] = number
    parts[window][inside] = 0
    if radius < 0.05 * size or rng.random() < 0.5:
        return
    for index in range(int(rng.integers(1, 4))):
        middle = local + rng.normal(0, 0.35 * radius, 2)
        patch = filled(shape, _outline(rng, middle, radius * rng.uniform(0.15, 0.6))) & inside
        image[window] = np.where(patch[..., None], texture(rng, shape, colour(rng)), image[window])
        parts[window][patch] = 4 * number + index


def _outline(rng: np.random.Generator, centre: np.ndarray, radius: float) -> np.ndarray:
    radii = (radius, radius * rng.uniform(0.25, 1.0))
    angle, choice = rng.uniform(0, np.pi), rng.random()
    if choice < 0.2:
        return box(centre, radii, angle, power=rng.choice((4.0, 8.0, 20.0)))
    if choice < 0.35:
        return star(rng, centre, radius)
    return blob(rng, centre, radii, angle, wobble=rng.choice((0.0, 0.1, 0.25)))


def _window(centre: np.ndarray, reach: float, size: int) -> tuple[tuple[slice, slice], tuple[int, int]]:
    low = np.clip(np.floor(centre - reach), 0, size - 2).astype(int)
    high = np.clip(np.ceil(centre + reach), low + 2, size).astype(int)
    return (slice(low[0], high[0]), slice(low[1], high[1])), (int(high[0] - low[0]), int(high[1] - low[1]))

