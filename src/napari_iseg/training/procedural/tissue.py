"""Bright field: sections stained with two dyes, and smears of blood."""

from __future__ import annotations

import numpy as np

from napari_iseg.training.procedural.fields import blurred, fractal, grid, log_uniform, scattered, smooth, soft_step
from napari_iseg.training.procedural.generated import GeneratedImage, nested
from napari_iseg.training.procedural.outlines import Canvas, blob

__all__ = ["smear", "tissue"]


def tissue(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw a stained section: nuclei in stroma, often with glands (whole) around a lumen (part) and nuclei (parts)."""
    radius = size * log_uniform(rng, 0.012, 0.15)
    glands, lumens, places = _glands(rng, size, radius)
    loose = scattered(
        rng, size, int(np.clip(0.25 * (size / radius) ** 2 * log_uniform(rng, 0.1, 1.0), 3, 150)), 1.8 * radius
    )
    canvas = Canvas(size)
    heading, aspect = rng.uniform(0, np.pi), rng.uniform(0.4, 1.0)
    for number, (row, column, angle) in enumerate(places, start=1):
        centre = np.array((row, column))
        radii = radius * rng.normal(1.1, 0.12), radius * rng.normal(0.75, 0.08)
        canvas.fill(blob(rng, centre, radii, angle, wobble=0.05), number)
    for number, centre in enumerate(loose, start=len(places) + 1):
        cell = tuple(np.clip(centre, 0, size - 1).astype(int))
        if glands[cell] == 0:
            radii = radius * rng.normal(1, 0.15), radius * aspect * rng.normal(1, 0.15)
            canvas.fill(blob(rng, centre, radii, rng.normal(heading, 0.6), wobble=0.08), number)
    cores = canvas.numbers
    holes = (lumens > 0) & (cores == 0)
    image = _section(rng, cores, glands > 0, holes, radius)
    parts = np.where(holes, lumens + cores.max(initial=0), cores)
    return nested(image, glands, parts, rest=False)


def _glands(rng: np.random.Generator, size: int, radius: float) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return glands and their lumens as (S, S) numbers, and places and directions of the nuclei around them."""
    outer, inner = Canvas(size), Canvas(size)
    places: list[np.ndarray] = []
    if rng.random() < 0.6:
        reach = radius * rng.uniform(5, 11)
        centres = scattered(rng, size, int(rng.integers(1, 9)), 2.3 * reach, margin=0.3 * reach)
        for number, centre in enumerate(centres, start=1):
            radii = (reach * rng.uniform(0.6, 1.1), reach * rng.uniform(0.6, 1.1))
            state = rng.bit_generator.state
            outer.fill(blob(rng, centre, radii, wobble=0.08), number)
            # The same wobbles again, nearer the middle: an epithelium of even width.
            rng.bit_generator.state = state
            inner.fill(blob(rng, centre, (radii[0] * 0.5, radii[1] * 0.5), wobble=0.08), number)
            rng.bit_generator.state = state
            ring = blob(rng, centre, (radii[0] - 1.5 * radius, radii[1] - 1.5 * radius), wobble=0.08)
            around = np.linspace(0, 48, max(int(6.28 * reach / (2.1 * radius)), 3), endpoint=False)
            spots = ring[around.astype(int)] + rng.normal(0, 0.25 * radius, (len(around), 2))
            outwards = np.arctan2(*(spots - centre)[:, ::-1].T)
            places += list(np.column_stack([spots, outwards]))
    return outer.numbers, inner.numbers, places[:160]


def _section(
    rng: np.random.Generator, cores: np.ndarray, glands: np.ndarray, holes: np.ndarray, radius: float
) -> np.ndarray:
    """Return transmitted light, (S, S, 3): each dye absorbs by its own colour (Beer and Lambert)."""
    shape = cores.shape
    fibres = smooth(rng, shape, 5 * radius)
    strands = np.sin(3 * fibres + 1.2 * fractal(rng, shape, 1.5 * radius))
    pink = 0.45 + 0.12 * strands + 0.08 * fractal(rng, shape, radius)
    pink = np.where(glands, 0.6 + 0.06 * fractal(rng, shape, radius), pink)
    gaps = soft_step(smooth(rng, shape, 6 * radius) - rng.uniform(0.8, 2.5), 0.15)
    pink = pink * (1 - 0.9 * gaps * ~glands)
    pink = np.where(holes, 0.05, pink)
    tones = rng.normal(1, 0.15, int(cores.max(initial=0)) + 1).astype(np.float32)
    inside = cores > 0
    rim = inside * (1 - blurred(inside.astype(np.float32), 0.25 * radius + 0.3))
    blue = inside * tones[cores] * (0.8 + 0.2 * fractal(rng, shape, max(0.4 * radius, 1.6), octaves=2)) + 0.7 * rim
    blue = blue + 0.06 + 0.04 * smooth(rng, shape, 3)
    first = np.array((0.65, 0.70, 0.29)) + rng.normal(0, 0.06, 3)
    second = np.array((0.07, 0.99, 0.11)) + rng.normal(0, 0.06, 3)
    if rng.random() < 0.2:
        # Immunohistochemistry: brown where it binds, blue nuclei.
        second = np.array((0.27, 0.57, 0.78)) + rng.normal(0, 0.05, 3)
    first = (rng.uniform(0.8, 1.8) * first).astype(np.float32)
    second = (rng.uniform(0.3, 0.9) * np.maximum(second, 0)).astype(np.float32)
    absorbed = blurred(blue.astype(np.float32), 0.4)[..., None] * first + pink[..., None].astype(np.float32) * second
    light = np.exp(-np.maximum(absorbed, 0)) * rng.uniform(0.9, 1.0)
    return blurred(light, rng.uniform(0.2, 0.9)) + 0.01 * rng.standard_normal((*shape, 1), np.float32)


def smear(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw a smear: red cells with a pale middle, and white ones whose lobed nucleus and cytoplasm are parts."""
    radius = size * log_uniform(rng, 0.025, 0.35)
    count = int(np.clip(log_uniform(rng, 0.1, 1.0) * (size / (2 * radius)) ** 2, 1, 110))
    centres = scattered(rng, size, count, radius * rng.uniform(1.4, 2.4), margin=0.5 * radius)
    white = rng.random(len(centres)) < rng.uniform(0.05, 0.4)
    white[0] = True
    bodies, cores = Canvas(size), Canvas(size)
    for number in np.argsort(white) + 1:
        centre, large = centres[number - 1], 1.0
        if white[number - 1]:
            large = rng.uniform(1.2, 2.0)
            _nucleus(rng, cores, centre, large * radius, int(number))
        radii = large * radius * rng.normal(1, 0.08), large * radius * rng.normal(1, 0.08)
        bodies.fill(blob(rng, centre, radii, wobble=0.03), int(number))
    whole, core = bodies.numbers, cores.numbers
    core[core != whole] = 0
    image = _dyed(rng, whole, core, np.concatenate([[False], white]), centres, radius)
    return nested(image, whole, core, rest=True)


def _nucleus(rng: np.random.Generator, canvas: Canvas, centre: np.ndarray, radius: float, number: int) -> None:
    lobes = int(rng.choice((1, 1, 2, 3, 4)))
    if lobes == 1:
        share = rng.uniform(0.5, 0.85)
        canvas.fill(blob(rng, centre, (radius * share, radius * share * 0.9), rng.uniform(0, 3.1), wobble=0.1), number)
        return
    start, step = rng.uniform(0, 6.3), rng.uniform(0.9, 1.5)
    middles = [
        centre + 0.42 * radius * np.array((np.cos(start + step * k), np.sin(start + step * k))) for k in range(lobes)
    ]
    canvas.trace(np.array(middles), number, 0.25 * radius)
    for middle in middles:
        size = radius * rng.uniform(0.27, 0.42)
        canvas.fill(blob(rng, middle, (size, 0.85 * size), rng.uniform(0, 3.1), wobble=0.06), number)


def _dyed(
    rng: np.random.Generator,
    whole: np.ndarray,
    core: np.ndarray,
    white: np.ndarray,
    centres: np.ndarray,
    radius: float,
) -> np.ndarray:
    shape = whole.shape
    tones = rng.normal(1, 0.1, len(white)).astype(np.float32)
    rows, columns = grid(len(whole))
    middles = np.concatenate([[(0.0, 0.0)], centres]).astype(np.float32)
    away = np.hypot(rows - middles[whole, 0], columns - middles[whole, 1]) / np.float32(radius)
    pale = 1 - rng.uniform(0.2, 0.7) * np.exp(-((away / rng.uniform(0.35, 0.6)) ** 2))
    ground, red, plasm, purple = _DYES + rng.normal(0, 0.06, (4, 3)).astype(np.float32)
    is_white = white[whole]
    grain = 1 + rng.uniform(0, 0.5) * smooth(rng, shape, max(0.1 * radius, 1.6))
    disc = ((whole > 0) & ~is_white) * pale * tones[whole]
    absorbed = disc[..., None] * red + (is_white * grain)[..., None] * plasm
    absorbed += ((core > 0) * (1 + 0.2 * fractal(rng, shape, 0.3 * radius + 1)))[..., None] * purple
    edge = whole > 0
    absorbed += (0.25 * edge * (1 - blurred(edge.astype(np.float32), 0.8)))[..., None]
    light = ground * np.exp(-rng.uniform(0.7, 1.4) * np.maximum(absorbed, 0))
    light = blurred(light, rng.uniform(0.3, 1.2))
    return light * (1 + 0.03 * smooth(rng, shape, len(whole) / 2))[..., None] + 0.01 * rng.standard_normal(
        (*shape, 1), np.float32
    )


# Of a smear: the light of the glass, and what red cells, cytoplasm and nuclei absorb, RGB.
_DYES = np.array(((0.9, 0.88, 0.86), (0.1, 0.42, 0.33), (0.22, 0.28, 0.1), (0.6, 1.0, 0.35)), np.float32)
