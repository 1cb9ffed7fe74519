"""Bellies and chests across, as computed tomography shows them: organs, kidneys, vessels, spine, ribs, gas."""

from __future__ import annotations

import numpy as np

from napari_iseg.training.procedural.fields import blurred, fractal, log_uniform, smooth
from napari_iseg.training.procedural.generated import GeneratedImage, nested
from napari_iseg.training.procedural.outlines import blob, ribbon
from napari_iseg.training.procedural.phantoms import Body, Fill, Placing

__all__ = ["abdomen"]

_AIR, _SKIN, _FAT, _MUSCLE, _LIVER, _SPLEEN, _CORTEX, _MEDULLA, _VESSEL, _BONE, _SPONGY, _GUT, _GAS, _TUMOUR = range(14)

# Hounsfield units with contrast agent in the veins.
_UNITS = np.array((-1000, 0, -100, 55, 110, 120, 190, 130, 170, 600, 220, 40, -950, 70), np.float32)


def abdomen(rng: np.random.Generator, size: int) -> GeneratedImage:
    """Draw a slice of a belly. Wholes: organs; parts: a liver's tumours, a kidney's marrow, a vertebra's canal."""
    radius = size * log_uniform(rng, 0.3, 0.9)
    place = Placing(size / 2 + rng.normal(0, 0.1 * size, 2), radius, rng.normal(0, 0.08), mirrored=rng.random() < 0.5)
    body = Body(size, place)
    _wall(rng, body.fill)
    _organs(rng, body.fill)
    _kidneys(rng, body.fill)
    _backbone(rng, body.fill)
    units = _UNITS + rng.normal(0, 12, len(_UNITS)).astype(np.float32)
    if rng.random() < 0.4:
        # Without contrast agent.
        units[[_CORTEX, _MEDULLA, _VESSEL]] = rng.uniform(25, 45)
        units[[_LIVER, _SPLEEN]] -= 55
    tissue, wholes, parts = body.drawn()
    image = units[tissue]
    image += 8 * fractal(rng, image.shape, 0.05 * radius + 2) + rng.uniform(4, 45) * smooth(rng, image.shape, 1.6)
    image = blurred(image, float(np.clip(radius / 150, 0.4, 1.5)))
    level, width = rng.normal(60, 40), log_uniform(rng, 180, 1500)
    return nested((image - level) / width + 0.5, wholes, parts, rest=False)


def _wall(rng: np.random.Generator, fill: Fill) -> None:
    """Draw skin, fat, the muscles of the wall, ribs and the belly's fat."""
    trunk = blob(rng, np.zeros(2), (rng.uniform(0.66, 0.8), 1.0), wobble=0.02, points=72)
    thick = rng.uniform(0.03, 0.14)
    fill(trunk, _SKIN)
    fill(trunk * 0.985, _FAT)
    fill(trunk * (1 - thick), _MUSCLE)
    inner = trunk * (1 - thick - rng.uniform(0.05, 0.1))
    fill(inner, _FAT)
    for number, place in enumerate(range(4, 72, int(rng.integers(8, 16))), start=20):
        at = trunk[place] * (1 - thick - 0.03)
        if at[0] > 0.45:
            continue
        outline = blob(rng, at, (0.07, 0.03), float(np.arctan2(at[1], at[0]) + np.pi / 2), wobble=0.05)
        fill(outline, _BONE, number)
        fill(at + (outline - at) * 0.55, _SPONGY, number)


def _organs(rng: np.random.Generator, fill: Fill) -> None:
    """Draw liver, spleen, stomach and bowel."""
    liver = blob(rng, np.array((-0.12, -0.42)), (0.36, 0.36 * rng.uniform(0.9, 1.2)), 0.4, wobble=0.12)
    fill(liver, _LIVER, 1)
    for number in range(1, 1 + int(rng.choice((0, 1, 3)))):
        centre = np.array((-0.12, -0.42)) + rng.normal(0, 0.12, 2)
        reach = log_uniform(rng, 0.02, 0.1)
        fill(blob(rng, centre, (reach, 0.85 * reach), wobble=0.1), _TUMOUR, 1, number)
    for _ in range(3):
        start = np.array((-0.1, -0.4))
        away = start + rng.normal(0, 0.15, 2)
        fill(ribbon(np.array((start, (start + away) / 2 + rng.normal(0, 0.02, 2), away)), 0.02), _VESSEL, 1)
    fill(blob(rng, np.array((0.1, 0.62)), (0.22, 0.12), 0.2, wobble=0.08), _SPLEEN, 2)
    stomach = blob(rng, np.array((-0.3, 0.3)), (0.16, 0.25), rng.normal(0, 0.3), wobble=0.1)
    fill(stomach, _GUT, 3)
    if rng.random() < 0.7:
        middle = stomach.mean(axis=0)
        fill(middle - (0.03, 0) + (stomach - middle) * (0.45, 0.7), _GAS, 3, 4)
    for number in range(4, 4 + int(rng.integers(2, 7))):
        centre = np.array((rng.uniform(-0.35, 0.15), rng.uniform(-0.1, 0.5)))
        reach = rng.uniform(0.05, 0.1)
        loop = blob(rng, centre, (reach, reach * rng.uniform(0.7, 1.5)), rng.uniform(0, 3), wobble=0.12)
        fill(loop, _GUT, number)
        if rng.random() < 0.5:
            fill(centre + (loop - centre) * rng.uniform(0.3, 0.7), _GAS, number, number + 1)


def _kidneys(rng: np.random.Generator, fill: Fill) -> None:
    for number, side in enumerate((-1, 1), start=12):
        centre = np.array((0.3, side * 0.38)) + rng.normal(0, 0.02, 2)
        kidney = blob(rng, centre, (0.16, 0.11), -side * 0.5, wobble=0.05)
        fill(kidney, _CORTEX, number)
        fill(centre + (kidney - centre) * 0.62, _MEDULLA, number, number)
        fill(blob(rng, centre - (0, side * 0.07), (0.06, 0.05), wobble=0.1), _FAT)
    fill(blob(rng, np.array((0.14, 0.05)), (0.055, 0.055), wobble=0.02), _VESSEL, 14)
    fill(blob(rng, np.array((0.12, -0.1)), (0.05, 0.07), wobble=0.05), _VESSEL, 15)


def _backbone(rng: np.random.Generator, fill: Fill) -> None:
    for side in (-1, 1):
        fill(blob(rng, np.array((0.5, side * 0.25)), (0.12, 0.16), wobble=0.06), _MUSCLE)
        fill(blob(rng, np.array((0.3, side * 0.2)), (0.09, 0.07), wobble=0.06), _MUSCLE)
        process = np.array(((0.42, side * 0.06), (0.46, side * 0.15), (0.48, side * 0.24)))
        fill(ribbon(process, 0.05), _BONE, 16)
    fill(ribbon(np.array(((0.45, 0.0), (0.55, 0.0), (0.66, 0.0))), 0.05), _BONE, 16)
    fill(blob(rng, np.array((0.47, 0.0)), (0.09, 0.1), wobble=0.04), _BONE, 16)
    body = blob(rng, np.array((0.3, 0.0)), (0.11, 0.14), wobble=0.03)
    fill(body, _BONE, 16)
    fill((0.3, 0) + (body - (0.3, 0)) * 0.88, _SPONGY, 16)
    fill(blob(rng, np.array((0.455, 0.0)), (0.05, 0.06), wobble=0.03), _SKIN, 16, 30)
