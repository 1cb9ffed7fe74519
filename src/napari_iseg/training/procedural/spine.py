"""Spines as magnetic resonance shows them from the side: vertebrae, discs, canal, cord, the fat of the back."""

from __future__ import annotations

import numpy as np

from napari_iseg.training.procedural.fields import log_uniform
from napari_iseg.training.procedural.generated import GeneratedImage, nested
from napari_iseg.training.procedural.outlines import blob, box, ribbon
from napari_iseg.training.procedural.phantoms import Body, Fill, Placing, scanned

__all__ = ["spine"]

_AIR, _FAT, _MUSCLE, _BONE, _DISC, _NUCLEUS, _CSF, _CORD, _CORTEX, _ORGAN, _VESSEL = range(11)

# Rows: T1, T2, T2 with suppressed fat; columns: the tissues above.
_SIGNALS = np.array(
    (
        (0.01, 0.95, 0.25, 0.45, 0.25, 0.28, 0.12, 0.40, 0.05, 0.30, 0.04),
        (0.01, 0.85, 0.15, 0.38, 0.12, 0.50, 0.92, 0.45, 0.05, 0.25, 0.04),
        (0.01, 0.20, 0.30, 0.25, 0.18, 0.75, 0.98, 0.45, 0.05, 0.40, 0.06),
    )
)


def spine(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw a stretch of a spine. Wholes: the column of vertebrae, the canal; parts: vertebrae, discs, the cord."""
    # A vertebra's height in pixels: from a whole back to a single disc.
    pitch = size * log_uniform(rng, 0.075, 0.4)
    place = Placing(size / 2 + rng.normal(0, 0.1 * size, 2), pitch, rng.normal(0, 0.12), mirrored=rng.random() < 0.5)
    body = Body(size, place)
    fill = body.fill
    reach = 0.75 * size / pitch
    along = np.linspace(-reach, reach, 120)
    bend, phase = rng.uniform(0.1, 0.9), rng.uniform(0, 6.3)
    course = np.stack([along, bend * np.sin(along * rng.uniform(0.25, 0.6) + phase)], axis=1)

    def shifted(away: float, width: float) -> np.ndarray:
        return ribbon(course + np.array((0, away)), width)

    fill(shifted(-1.5, 7.0), _MUSCLE)
    _front(rng, fill, course)
    fat = rng.uniform(0.3, 1.3)
    fill(shifted(3.0 + fat / 2, fat), _FAT)
    fill(shifted(1.35, 0.4), _FAT)
    width = rng.uniform(0.45, 0.65)
    fill(shifted(1.1, width), _CSF, 2)
    fill(shifted(1.1 + rng.normal(0, 0.02), width * rng.uniform(0.35, 0.55)), _CORD, 2, 1)
    _column(rng, fill, course, reach)
    tissue, wholes, parts = body.drawn()
    signals = _SIGNALS[rng.integers(len(_SIGNALS))] * rng.uniform(0.7, 1.1) + rng.normal(0, 0.03, _SIGNALS.shape[1])
    image = scanned(rng, tissue, np.maximum(signals, 0), fine=float(np.clip(pitch / 20, 0.7, 4)))
    return nested(image, wholes, parts, rest=False)


def _front(rng: np.random.Generator, fill: Fill, course: np.ndarray) -> None:
    """Draw what lies before the column: the belly's organs, and a great vessel along it."""
    for row in course[::6, 0]:
        centre = np.array((row, rng.uniform(-4.5, -2.0)))
        kind = int(rng.choice((_ORGAN, _FAT, _MUSCLE, _VESSEL)))
        fill(blob(rng, centre, (rng.uniform(0.3, 1.2), rng.uniform(0.2, 0.9)), wobble=0.12), kind)
    if rng.random() < 0.7:
        fill(ribbon(course + np.array((0, -1.0)), rng.uniform(0.2, 0.5)), _VESSEL)


def _column(rng: np.random.Generator, fill: Fill, course: np.ndarray, reach: float) -> None:
    """Draw vertebra after disc after vertebra, with the spinous processes behind the canal."""
    fill(ribbon(course, 1.25), _CORTEX, 1)
    disc, deep = rng.uniform(0.2, 0.36), rng.uniform(0.55, 0.66)
    slopes = np.gradient(course[:, 1], course[:, 0])
    shape, wedge = rng.uniform(4, 9), rng.uniform(0.35, 0.5)
    for number, row in enumerate(np.arange(-np.floor(reach), reach, 1.0), start=1):
        column, slope = np.interp(row, course[:, 0], course[:, 1]), np.interp(row, course[:, 0], slopes)
        angle = -np.arctan(slope)
        lean, upright = np.array((np.sin(angle), np.cos(angle))), np.array((np.cos(angle), -np.sin(angle)))
        centre = np.array((row, column))
        body = box(centre, (0.5 - disc / 2 - 0.03, deep * rng.uniform(0.94, 1.04)), -angle, power=shape)
        fill(body, _BONE, 1, 2 * number)
        below = centre + 0.5 * upright
        between = box(below, (0.55 * disc, deep * rng.uniform(0.95, 1.1)), -angle, power=2.8)
        fill(between, _DISC, 1, 2 * number + 1)
        if rng.random() < 0.75:
            fill(blob(rng, below, (0.28 * disc, 0.6 * deep), -angle, wobble=0.05), _NUCLEUS, 1, 2 * number + 1)
        process = centre + 1.95 * lean + 0.35 * upright
        fill(blob(rng, process, (0.22, 0.5), wedge - angle, wobble=0.06), _CORTEX)
        fill(blob(rng, process, (0.17, 0.45), wedge - angle, wobble=0.06), _BONE)
