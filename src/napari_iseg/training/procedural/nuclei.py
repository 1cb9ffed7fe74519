"""Fluorescence: nuclei alone, and cells with cytoplasm and nucleus."""

from __future__ import annotations

import numpy as np

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
from napari_iseg.training.procedural.generated import GeneratedImage, finished, nested
from napari_iseg.training.procedural.outlines import Canvas, blob

__all__ = ["cells", "nuclei"]


def nuclei(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw glowing nuclei on a dark ground, some of them touching, some faint, as a camera sees them."""
    radius = size * log_uniform(rng, 0.015, 0.45)
    centres = _colony(rng, size, radius)
    canvas = Canvas(size)
    aspect, wobble, heading = rng.uniform(0.6, 1.0), rng.choice((0.02, 0.06, 0.12)), rng.uniform(0, np.pi)
    order = rng.choice((0.2, 3.0))
    for number, centre in enumerate(centres, start=1):
        radii = radius * rng.normal(1, 0.12), radius * aspect * rng.normal(1, 0.12)
        canvas.fill(blob(rng, centre, radii, rng.normal(heading, order), wobble=wobble), number)
    labels = canvas.numbers
    tones = np.exp(rng.normal(0, rng.uniform(0.1, 0.5), len(centres) + 1)).astype(np.float32)
    tones[0] = 0
    light = _chromatin(rng, labels, radius) * tones[labels]
    light = blurred(light, min(radius * rng.uniform(0.03, 0.12) + 0.3, 3))
    # Light from other focal planes.
    coarse = max(int(radius / 2), 1)
    haze = blurred(light[::coarse, ::coarse], 2 * radius / coarse)
    haze = haze.repeat(coarse, axis=0).repeat(coarse, axis=1)[:size, :size]
    light = light + rng.uniform(0, 0.15) * blurred(haze, coarse / 2) + rng.uniform(0, 0.1)
    return GeneratedImage(finished(_camera(rng, light)), labels)


def _colony(rng: np.random.Generator, size: int, radius: float) -> np.ndarray:
    """Return the nuclei's places: spread out, or grown together in heaps."""
    crowd = log_uniform(rng, 0.05, 0.9)
    count = int(np.clip(crowd * (size / (2 * radius)) ** 2, 1, 160))
    apart = radius * rng.uniform(1.1, 2.2)
    if count < 4 or rng.random() < 0.6:
        return scattered(rng, size, count, apart, margin=0.5 * radius)
    heaps = rng.uniform(0, size, (int(rng.integers(1, 5)), 2))
    spread = radius * np.sqrt(count / len(heaps)) * rng.uniform(0.8, 1.5)
    wanted = heaps[rng.integers(len(heaps), size=2 * count)] + rng.normal(0, spread, (2 * count, 2))
    kept: list[np.ndarray] = []
    for point in wanted:
        if len(kept) < count and all(np.hypot(*(point - other)) > apart for other in kept[-40:]):
            kept.append(point)
    return np.array(kept)


def _chromatin(rng: np.random.Generator, labels: np.ndarray, radius: float) -> np.ndarray:
    """Return how brightly the inside of nuclei glows: mottled, with dark nucleoli, rounded off towards the rim."""
    inside = labels > 0
    mottled = 1 + rng.uniform(0, 0.25) * fractal(rng, labels.shape, max(0.5 * radius, 2), octaves=3)
    if rng.random() < 0.4 and radius > 5:
        holes = smooth(rng, labels.shape, 0.45 * radius)
        mottled = mottled - rng.uniform(0.2, 0.6) * soft_step(holes - 1.5, 0.3)
    dome = blurred(inside.astype(np.float32), min(0.25 * radius + 0.3, 5))
    return np.where(inside, np.maximum(mottled, 0.1) * dome ** rng.uniform(0, 2), 0).astype(np.float32)


def _camera(rng: np.random.Generator, light: np.ndarray) -> np.ndarray:
    """Return light as an image with exposure, shot noise and offset; mostly grey, sometimes in a channel's colour."""
    top = np.percentile(light[::3, ::3], 99.5) + 1e-3
    # Many microscope images use little of the range that 8 bits have.
    light = light / top * log_uniform(rng, 0.12, 1.1) + rng.uniform(0, 0.06)
    light = light * (1 + rng.uniform(0, 0.3) * smooth(rng, light.shape[:2], len(light) / 1.5).reshape(_like(light)))
    shot = rng.uniform(0, 0.06) * np.sqrt(np.maximum(light, 0)) + rng.uniform(0, 0.01)
    light = light + shot * rng.standard_normal(light.shape, np.float32)
    if light.ndim == 2 and rng.random() < 0.25:
        tint = np.array(((0.1, 0.2, 1.0), (0.1, 1.0, 0.2), (1.0, 0.1, 0.1), (0.0, 0.9, 0.9), (1.0, 0.0, 1.0)))
        return light[..., None] * tint[rng.integers(len(tint))].astype(np.float32)
    return light


def _like(light: np.ndarray) -> tuple[int, ...]:
    return (*light.shape[:2], *(1,) * (light.ndim - 2))


def cells(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw stained cells that touch, each with a nucleus: cytoplasm and nucleus are parts of the cell."""
    spacing = size * log_uniform(rng, 0.08, 1.1)
    seeds = scattered(rng, size, int(np.clip(1.3 * (size / spacing + 1) ** 2, 1, 130)), 0.75 * spacing, spacing / 3)
    seeds = seeds[rng.random(len(seeds)) < rng.uniform(0.3, 1.0)] if len(seeds) > 3 else seeds
    rows, columns = grid(size)
    warp = spacing * rng.uniform(0.04, 0.16)
    rows = rows + warp * fractal(rng, rows.shape, 0.6 * spacing, octaves=2)
    columns = columns + warp * fractal(rng, rows.shape, 0.6 * spacing, octaves=2)
    bonus = rng.normal(0, 0.08 * spacing, len(seeds))
    reach = spacing * rng.uniform(0.5, 0.85)
    whole, away, gap = cells_around(seeds, bonus, rows, columns, 2.2 * spacing)
    seam = 1.0 + 0.01 * spacing
    whole = np.where((away < reach) & (gap > seam), whole, 0)
    canvas = Canvas(size)
    share = rng.uniform(0.2, 0.45)
    for number, seed in enumerate(seeds, start=1):
        place = seed + rng.normal(0, 0.06 * spacing, 2)
        radii = spacing * share * rng.normal(1, 0.1), spacing * share * rng.uniform(0.65, 1.0)
        canvas.fill(blob(rng, place, radii, rng.uniform(0, np.pi), wobble=0.04), number)
    inner = canvas.numbers
    inner[inner != whole] = 0
    rim = np.minimum(gap, reach - away)
    return nested(_stained(rng, whole, inner, rim, spacing), whole, inner, rest=True)


def _stained(
    rng: np.random.Generator, whole: np.ndarray, inner: np.ndarray, rim: np.ndarray, spacing: float
) -> np.ndarray:
    """Return cells in two channels of light, or in grey as one channel or phase contrast shows them."""
    shape, inside = whole.shape, whole > 0
    tones = np.exp(rng.normal(0, 0.25, int(whole.max()) + 1)).astype(np.float32)
    thin = np.float32(0.08 * spacing)
    body = (0.25 + 0.75 * soft_step(rim / thin - 2, 2.5)) * inside * tones[whole]
    body *= 1 + 0.25 * fractal(rng, shape, 0.3 * spacing)
    if rng.random() < 0.5:
        body += rng.uniform(0.3, 1.0) * np.exp(-((rim / (0.35 * thin + 0.7)) ** 2)) * inside
    core = (inner > 0) * tones[whole] * (1 + 0.15 * fractal(rng, shape, 0.15 * spacing + 1, octaves=2))
    style = rng.random()
    if style < 0.6:
        low, high = rng.choice(_PAIRS)
        body = body * (1 - rng.uniform(0, 0.6) * (inner > 0))
        light = rng.uniform(0.4, 1.0) * body[..., None] * low + core[..., None] * high
        if rng.random() < 0.3:
            light = light.mean(axis=2)
        return _camera(rng, blurred(light.astype(np.float32), rng.uniform(0.3, 1.2)))
    ground, sign = rng.uniform(0.35, 0.65), float(rng.choice((-1.0, 1.0)))
    grey = ground + sign * 0.2 * (body - 0.5 * inside) + rng.uniform(-0.3, 0.3) * core
    halo = np.exp(-((rim / (0.5 * thin + 1)) ** 2))
    grey += rng.uniform(0.05, 0.35) * halo + rng.uniform(0.005, 0.03) * rng.standard_normal(shape, np.float32)
    return blurred(grey.astype(np.float32), rng.uniform(0.3, 1.0))


# The colours, RGB, that a body and its nucleus are shown in.
_PAIRS = np.array(
    (
        ((0.0, 1.0, 0.1), (0.1, 0.1, 1.0)),
        ((1.0, 0.1, 0.0), (0.1, 0.2, 1.0)),
        ((1.0, 1.0, 1.0), (0.3, 0.3, 0.3)),
        ((0.0, 0.8, 0.8), (1.0, 0.0, 0.9)),
        ((0.9, 0.7, 0.0), (0.1, 0.1, 1.0)),
        ((0.5, 0.5, 0.5), (1.0, 1.0, 1.0)),
    ),
    np.float32,
)
