"""Textured things in front of one another, some with parts: what photographs are made of."""

from __future__ import annotations

import numpy as np

from napari_iseg.training.procedural.fields import blurred, log_uniform
from napari_iseg.training.procedural.generated import GeneratedImage, nested
from napari_iseg.training.procedural.outlines import blob, box, star, stencil
from napari_iseg.training.procedural.textures import colour, texture

__all__ = ["shapes"]


def shapes(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw up to a dozen things from back to front, with shadows, soft rims and parts."""
    image = texture(rng, (size, size))
    wholes, parts = np.zeros((size, size), np.int32), np.zeros((size, size), np.int32)
    count = int(rng.integers(1, 12))
    # The larger ones mostly lie behind, so that much remains to be seen of everything.
    radii = [size * log_uniform(rng, 0.02, 1.0) for _ in range(count)]
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
    outline = _outline(rng, centre, radius)
    if rng.random() < 0.3:
        window, shadow = stencil(size, outline + rng.normal(0, 0.12 * radius + 1, 2), margin=4)
        soft = blurred(shadow.astype(np.float32), min(0.1 * radius + 0.5, 4))
        image[window] *= 1 - rng.uniform(0.2, 0.7) * soft[..., None]
    window, inside = stencil(size, outline)
    np.copyto(image[window], texture(rng, inside.shape), where=inside[..., None])
    wholes[window][inside] = number
    parts[window][inside] = 0
    if radius < 0.05 * size or rng.random() < 0.5:
        return
    for index in range(int(rng.integers(1, 4))):
        middle = centre + rng.normal(0, 0.35 * radius, 2)
        window, inside = stencil(size, _outline(rng, middle, radius * rng.uniform(0.15, 0.6)))
        inside = inside & (wholes[window] == number)
        np.copyto(image[window], texture(rng, inside.shape, colour(rng)), where=inside[..., None])
        parts[window][inside] = 4 * number + index


def _outline(rng: np.random.Generator, centre: np.ndarray, radius: float) -> np.ndarray:
    radii = (radius, radius * rng.uniform(0.25, 1.0))
    angle, choice = rng.uniform(0, np.pi), rng.random()
    if choice < 0.2:
        return box(centre, radii, angle, power=rng.choice((4.0, 8.0, 20.0)))
    if choice < 0.35:
        return star(rng, centre, radius)
    return blob(rng, centre, radii, angle, wobble=rng.choice((0.0, 0.1, 0.25)))
