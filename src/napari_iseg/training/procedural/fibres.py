"""Long things side by side and over one another: bundles of fibres, and single thin filaments."""

from __future__ import annotations

import numpy as np

from napari_iseg.training.procedural.fields import blurred, distances, fractal, log_uniform, smooth
from napari_iseg.training.procedural.generated import GeneratedImage, finished
from napari_iseg.training.procedural.outlines import Canvas, path
from napari_iseg.training.procedural.textures import colour, texture

__all__ = ["fibres", "filaments"]


def fibres(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw winding bands that lie over one another, round and shaded: fibres, hairs, muscle, worms."""
    canvas = Canvas(size)
    width = size * log_uniform(rng, 0.015, 0.2)
    count = int(np.clip(size / width * rng.uniform(0.3, 1.5), 1, 24))
    heading, order = rng.uniform(0, np.pi), rng.choice((0.1, 0.4, 3.0))
    turn = rng.choice((0.05, 0.3, 0.8))
    for number in range(1, count + 1):
        length = size * (log_uniform(rng, 0.25, 2.5) if rng.random() < 0.5 else 2.5)
        along = rng.normal(heading, order)
        start = rng.uniform(0, size, 2) - 0.5 * length * np.array((np.cos(along), np.sin(along)))
        wide = width * rng.uniform(0.6, 1.4)
        points = path(rng, start, along, length, turn=turn)
        canvas.trace(points, number, wide)
    labels = canvas.numbers
    inside = labels > 0
    rims = np.ones_like(inside)
    # A rim between two fibres belongs to both.
    rims[1:] &= labels[1:] == labels[:-1]
    rims[:, 1:] &= labels[:, 1:] == labels[:, :-1]
    height = np.minimum(distances(rims & inside) / (0.5 * width), 1)
    round_off = 1 - rng.uniform(0.2, 0.9) * (1 - height) ** 2
    ground = texture(rng, labels.shape, rng.choice((0.05, 0.5, 0.95)) * np.ones(3) if rng.random() < 0.5 else None)
    tone = colour(rng)
    if np.abs(tone - ground.mean(axis=(0, 1))).max() < 0.25:
        tone = 1 - tone
    tones = np.clip(tone + rng.normal(0, rng.choice((0.03, 0.1, 0.25)), (count + 1, 3)), 0, 1).astype(np.float32)
    body = tones[labels] * (round_off * (1 + 0.1 * fractal(rng, labels.shape, max(0.4 * width, 2))))[..., None]
    image = np.where(inside[..., None], body, ground)
    return GeneratedImage(finished(blurred(image, rng.uniform(0.3, 1.0))), labels)


def filaments(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw glowing filaments or their dark negative: an instance each, one over the other, out of focus in places."""
    canvas = Canvas(size)
    width = size * log_uniform(rng, 0.008, 0.04)
    count = int(rng.integers(1, 26))
    turn, heading, order = rng.choice((0.1, 0.3, 0.7)), rng.uniform(0, np.pi), rng.choice((0.3, 3.0))
    hub = rng.uniform(0.2 * size, 0.8 * size, 2) if rng.random() < 0.3 else None
    for number in range(1, count + 1):
        start = rng.uniform(0, size, 2) if hub is None else hub + rng.normal(0, 0.06 * size, 2)
        along = rng.normal(heading, order) if hub is None else rng.uniform(0, 2 * np.pi)
        canvas.trace(path(rng, start, along, size * rng.uniform(0.25, 1.4), turn=turn), number, max(width, 1.6))
    labels = canvas.numbers
    tones = np.exp(rng.normal(0, 0.35, count + 1)).astype(np.float32)
    tones[0] = 0
    line = blurred(tones[labels], 0.25 * width + 0.3)
    beads = 1 + rng.uniform(0, 0.35) * smooth(rng, labels.shape, 2 * width + 2)
    haze = blurred(line[::4, ::4], 2.0).repeat(4, axis=0).repeat(4, axis=1)[:size, :size]
    light = np.maximum(line * beads, 0) + rng.uniform(0, 0.6) * blurred(haze, 2.0)
    light = light * log_uniform(rng, 0.2, 0.9) + rng.uniform(0, 0.12) * (1 + 0.3 * smooth(rng, labels.shape, size / 3))
    light += rng.uniform(0.005, 0.06) * np.sqrt(np.maximum(light, 0.01)) * rng.standard_normal(light.shape, np.float32)
    style = rng.random()
    if style < 0.25:
        light = rng.uniform(0.6, 0.95) - 0.7 * light
    elif style < 0.5:
        light = light[..., None] * rng.permutation((0.1, 0.2, 1.0)).astype(np.float32)
    elif style < 0.6:
        # Differential interference contrast: a relief lit from one side.
        rows, columns = np.gradient(light)
        angle = rng.uniform(0, 2 * np.pi)
        light = 0.5 + 1.5 * (np.cos(angle) * rows + np.sin(angle) * columns)
    return GeneratedImage(finished(light.astype(np.float32)), labels)
