"""Knees as magnetic resonance shows them from the side: bones with their cartilage, menisci, ligaments, muscles."""

from __future__ import annotations

import numpy as np

from napari_iseg.training.procedural.fields import log_uniform
from napari_iseg.training.procedural.generated import GeneratedImage, nested
from napari_iseg.training.procedural.outlines import blob, box, ribbon
from napari_iseg.training.procedural.phantoms import Body, Fill, Placing, scanned

__all__ = ["knee"]

_AIR, _FAT, _MUSCLE, _CORTEX, _MARROW, _CARTILAGE, _MENISCUS, _FLUID = range(8)

# Rows: T1, double echo (bright cartilage), fat-suppressed proton density; columns: the tissues above.
_SIGNALS = np.array(
    (
        (0.01, 0.90, 0.35, 0.05, 0.75, 0.45, 0.08, 0.25),
        (0.01, 0.45, 0.30, 0.05, 0.22, 0.80, 0.10, 0.95),
        (0.01, 0.18, 0.40, 0.05, 0.15, 0.62, 0.10, 0.95),
    )
)


def knee(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw a knee. Wholes: femur, tibia and patella each with its cartilage; parts: the bone, the cartilage.

    Menisci stand alone.
    """
    radius = size * log_uniform(rng, 0.3, 0.75)
    place = Placing(size / 2 + rng.normal(0, 0.06 * size, 2), radius, rng.normal(0, 0.15), mirrored=rng.random() < 0.5)
    body = Body(size, place)
    fill = body.fill
    thickness = rng.uniform(0.03, 0.075)
    _soft_tissue(rng, fill)
    _femur(rng, fill, thickness)
    _tibia(rng, fill, thickness)
    _patella(rng, fill, thickness)
    _menisci(rng, fill)
    tissue, wholes, parts = body.drawn()
    signals = _SIGNALS[rng.integers(len(_SIGNALS))] * rng.uniform(0.8, 1.1) + rng.normal(0, 0.03, _SIGNALS.shape[1])
    image = scanned(rng, tissue, np.maximum(signals, 0), fine=radius / 50)
    return nested(image, wholes, parts, rest=False)


def _soft_tissue(rng: np.random.Generator, fill: Fill) -> None:
    """Draw the leg, upright, with muscles behind and above, and the tendon in front."""
    leg = box(np.zeros(2), (2.5, rng.uniform(0.85, 1.0)), 0.0)
    fill(leg, _FAT)
    for row, column in ((-1.0, 0.62), (0.95, 0.65), (-1.2, -0.62), (-0.6, 0.75), (0.6, 0.72)):
        centre = np.array((row, column)) + rng.normal(0, 0.05, 2)
        fill(
            blob(rng, centre, (rng.uniform(0.4, 0.8), rng.uniform(0.09, 0.2)), rng.normal(0, 0.1), wobble=0.08), _MUSCLE
        )
    fill(ribbon(np.array(((-0.55, -0.72), (-0.1, -0.7), (0.35, -0.5), (0.55, -0.42))), 0.05), _CORTEX)
    fill(blob(rng, np.array((0.0, -0.05)), (0.25, 0.55), wobble=0.1), _FLUID if rng.random() < 0.3 else _FAT)


def _femur(rng: np.random.Generator, fill: Fill, thickness: float) -> None:
    radius, long = rng.uniform(0.36, 0.44), rng.uniform(0.9, 1.15)
    centre = np.array((-0.36, 0.02))
    shaft = box(np.array((-1.3, -0.1)), (1.0, rng.uniform(0.2, 0.28)), rng.normal(0, 0.03))
    knob = blob(rng, centre, (radius, radius * long), wobble=0.025)
    # Cartilage covers the lower front and back of the knob.
    around = np.linspace(rng.uniform(-1.9, -1.2), rng.uniform(1.2, 1.8), 40)
    arc = centre + np.stack([radius * np.cos(around), radius * long * np.sin(around)], axis=1)
    fill(ribbon(arc, 2 * thickness), _CARTILAGE, 1, 2)
    for outline, shrunk in ((shaft, 0.94), (knob, 0.94)):
        fill(outline, _CORTEX, 1, 1)
        middle = outline.mean(axis=0)
        fill(middle + (outline - middle) * shrunk, _MARROW, 1, 1)
    fill(box(np.array((-1.2, -0.08)), (1.05, 0.19), 0.0), _MARROW, 1, 1)


def _tibia(rng: np.random.Generator, fill: Fill, thickness: float) -> None:
    wide, top = rng.uniform(0.4, 0.48), 0.12 + thickness
    head = np.array(
        (
            *((top, -wide), (top + 0.03, -0.1), (top, wide), (top + 0.25, 0.9 * wide), (top + 0.6, 0.45)),
            *((2.4, 0.35), (2.4, -0.28), (top + 0.6, -0.4), (top + 0.25, -wide)),
        )
    )
    plateau = np.stack([np.full(20, top) + 0.02 * np.cos(np.linspace(-3, 3, 20)), np.linspace(-0.9, 0.9, 20) * wide], 1)
    fill(ribbon(plateau, 2 * thickness * rng.uniform(0.7, 1.1)), _CARTILAGE, 2, 4)
    fill(head, _CORTEX, 2, 3)
    middle = head.mean(axis=0)
    fill(middle + (head - middle) * (0.97, 0.94), _MARROW, 2, 3)
    if rng.random() < 0.6:
        fibula = blob(rng, np.array((0.75, 0.62)), (0.3, 0.1), wobble=0.04)
        fill(fibula, _CORTEX, 4)
        fill(fibula.mean(axis=0) + (fibula - fibula.mean(axis=0)) * 0.85, _MARROW, 4)


def _patella(rng: np.random.Generator, fill: Fill, thickness: float) -> None:
    centre = np.array((-0.42, -0.62)) + rng.normal(0, 0.02, 2)
    bone = blob(rng, centre, (rng.uniform(0.18, 0.26), rng.uniform(0.08, 0.12)), -0.15, wobble=0.04)
    back = centre + np.stack([np.linspace(-0.14, 0.14, 12), np.full(12, 0.09)], axis=1)
    fill(ribbon(back, 1.6 * thickness), _CARTILAGE, 3, 6)
    fill(bone, _CORTEX, 3, 5)
    fill(centre + (bone - centre) * 0.85, _MARROW, 3, 5)


def _menisci(rng: np.random.Generator, fill: Fill) -> None:
    for number, side in enumerate((-1, 1), start=5):
        tip = np.array((0.07, side * rng.uniform(0.1, 0.2)))
        height = rng.uniform(0.05, 0.08)
        wedge = np.array((tip, (tip[0] - height, side * 0.36), (tip[0] + height, side * 0.36)))
        fill(wedge, _MENISCUS, number)
