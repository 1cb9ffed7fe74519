"""Things that branch: vessels, and neurons with their neurites."""

from __future__ import annotations

import numpy as np

from napari_iseg.training.procedural.fields import blurred, distances, fractal, log_uniform, smooth
from napari_iseg.training.procedural.generated import GeneratedImage, finished, nested
from napari_iseg.training.procedural.outlines import Canvas, blob, path

__all__ = ["neurites", "vessels"]

Branch = tuple[np.ndarray, float]


def _tree(
    rng: np.random.Generator, start: np.ndarray, heading: float, length: float, width: float, *, turn: float, most: int
) -> list[Branch]:
    """Return a tree's branches: points, (P, 2), and width in pixels, the stem first, at most ``most``."""
    grown: list[Branch] = []
    waiting = [(start, heading, length, width)]
    while waiting and len(grown) < most:
        start, heading, length, width = waiting.pop(0)
        points = path(rng, start, heading, length * rng.uniform(0.6, 1.3), turn=turn)
        grown.append((points, width))
        if width < 1.3 or length < 5:
            continue
        ends = points[-1] - points[max(len(points) - 4, 0)]
        onward = float(np.arctan2(ends[1], ends[0])) if len(points) > 1 else heading
        # Murray's law: the cubes of the children's widths sum up to their parent's.
        share = rng.uniform(0.3, 0.7)
        for part, side in ((share, 1.0), (1 - share, -1.0)):
            spread = side * rng.uniform(0.2, 0.9) * (1 - part)
            waiting.append(
                (points[-1], onward + 1.2 * spread, length * rng.uniform(0.6, 0.95), width * part ** (1 / 3))
            )
    return grown


def vessels(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw trees of vessels: of a retina, of an angiogram, or of airways; each tree is an object."""
    canvas = Canvas(size)
    width = size * log_uniform(rng, 0.015, 0.08)
    trees = int(rng.integers(1, 4))
    for number in range(1, trees + 1):
        side = rng.uniform(0, 2 * np.pi)
        start = size * (0.5 + 0.5 * np.clip(1.3 * np.array((np.cos(side), np.sin(side))), -1, 1))
        inwards = np.arctan2(*(size / 2 + rng.normal(0, 0.15 * size, 2) - start)[::-1])
        for points, wide in reversed(_tree(rng, start, float(inwards), 0.35 * size, width, turn=0.35, most=60)):
            canvas.trace(points, number, wide)
    labels = canvas.numbers
    depth = blurred((labels > 0).astype(np.float32), 0.4)
    lumen = np.sqrt(np.minimum(distances(labels > 0) / (0.4 * width), 1))
    body = depth * (0.55 + 0.45 * lumen) * (1 + 0.1 * smooth(rng, labels.shape, 4))
    ground = fractal(rng, labels.shape, size / 4)
    style = rng.random()
    if style < 0.4:
        image = _retina(rng, body, ground, labels)
    elif style < 0.75:
        image = rng.uniform(0.5, 0.85) + rng.uniform(0.01, 0.06) * ground - rng.uniform(0.2, 0.5) * body
    else:
        image = rng.uniform(0.05, 0.25) + rng.uniform(0.01, 0.05) * ground + rng.uniform(0.3, 0.7) * body
    image = blurred(image.astype(np.float32), rng.uniform(0.3, 1.0))
    image = image + rng.uniform(0.003, 0.03) * rng.standard_normal(image.shape, np.float32)
    return GeneratedImage(finished(image), labels)


def _retina(rng: np.random.Generator, body: np.ndarray, ground: np.ndarray, labels: np.ndarray) -> np.ndarray:
    tint = np.clip(np.array((0.75, 0.38, 0.15)) + rng.normal(0, 0.06, 3), 0.03, 1).astype(np.float32)
    dark = (np.array((0.35, 0.6, 0.5)) * rng.uniform(0.6, 1.1)).astype(np.float32)
    artery = rng.uniform(0.6, 1.0, int(labels.max(initial=0)) + 1).astype(np.float32)[labels]
    return tint * (1 + 0.06 * ground[..., None]) * (1 - dark * (body * artery)[..., None])


def neurites(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw neurons that glow: a neuron is a whole, its body a part; neurites stay in the neuron that owns them."""
    whole, body = Canvas(size), Canvas(size)
    radius = size * log_uniform(rng, 0.025, 0.13)
    count = int(np.clip(rng.integers(1, 6) * 0.06 * size / radius, 1, 7))
    for number in range(1, count + 1):
        centre = rng.uniform(0, size, 2)
        stems = int(rng.integers(2, 6))
        first = rng.uniform(0, 2 * np.pi)
        for stem in range(stems):
            heading = first + 2 * np.pi * stem / stems + rng.normal(0, 0.3)
            start = centre + 0.6 * radius * np.array((np.cos(heading), np.sin(heading)))
            twigs = _tree(rng, start, heading, radius * rng.uniform(2, 5), 0.35 * radius, turn=0.5, most=12)
            for points, wide in twigs:
                whole.trace(points, number, max(wide, 1.6))
        outline = blob(rng, centre, (radius, 0.75 * radius), first, wobble=0.12)
        whole.fill(outline, number)
        body.fill(outline, number)
    neurons, somas = whole.numbers, body.numbers
    somas[somas != neurons] = 0
    tones = np.exp(rng.normal(0, 0.3, count + 1)).astype(np.float32)
    light = (neurons > 0) * 0.5 + (somas > 0) * 0.5
    light = blurred((light * tones[neurons]).astype(np.float32), rng.uniform(0.5, 0.08 * radius + 0.6))
    light *= 1 + 0.2 * fractal(rng, light.shape, 0.6 * radius)
    far = blurred(smooth(rng, light.shape, 0.4 * size), 1.0)
    light = log_uniform(rng, 0.3, 1.0) * light + rng.uniform(0.0, 0.12) * (1.2 + 0.4 * far)
    light += rng.uniform(0.01, 0.06) * np.sqrt(np.maximum(light, 0.02)) * rng.standard_normal(light.shape, np.float32)
    style = rng.random()
    if style < 0.3:
        light = light[..., None] * rng.permutation((0.1, 0.25, 1.0)).astype(np.float32)
    elif style < 0.5:
        # Golgi's stain: black on straw.
        light = np.array((0.9, 0.82, 0.6), np.float32) - 0.9 * light[..., None]
    return nested(light.astype(np.float32), neurons, somas, rest=False)
