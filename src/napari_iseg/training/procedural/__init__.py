"""Images that never repeat, with every object known: what photographs, microscopes and scanners show, drawn by chance.

One file a kind or two. A network meets shapes, contrasts and part-whole relations that no folder at hand has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import UnknownNameError
from napari_iseg.training.procedural.abdomen import abdomen
from napari_iseg.training.procedural.fibres import fibres, filaments
from napari_iseg.training.procedural.generated import GeneratedImage
from napari_iseg.training.procedural.head import head
from napari_iseg.training.procedural.knee import knee
from napari_iseg.training.procedural.membranes import membranes
from napari_iseg.training.procedural.nuclei import cells, nuclei
from napari_iseg.training.procedural.shapes import shapes
from napari_iseg.training.procedural.spine import spine
from napari_iseg.training.procedural.tissue import smear, tissue
from napari_iseg.training.procedural.trees import neurites, vessels

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KINDS", "GeneratedImage", "procedural_sample"]

KINDS: dict[str, Callable[[np.random.Generator, int], GeneratedImage]] = {
    "shapes": shapes,
    "membranes": membranes,
    "nuclei": nuclei,
    "cells": cells,
    "tissue": tissue,
    "smear": smear,
    "fibres": fibres,
    "filaments": filaments,
    "vessels": vessels,
    "neurites": neurites,
    "head": head,
    "knee": knee,
    "spine": spine,
    "abdomen": abdomen,
}
"""The kinds of generated images by name."""

# How often each is drawn. Shapes vary most; trees of thin lines have few objects, each hard for a click.
_WEIGHTS = {"shapes": 4.0, "membranes": 2.0, "nuclei": 1.5, "filaments": 0.7, "vessels": 0.7, "neurites": 0.7}
# Specks that an outline's cut leaves are nothing to segment, nor is what leaves hardly any ground.
_MIN_PIXELS = 8
_MOST = 0.95


def procedural_sample(rng: np.random.Generator, size: int, kind: str | None = None) -> GeneratedImage:
    """Return a new image with at least one object.

    Parameters
    ----------
    rng
        Everything random comes from it: the same state makes the same image.
    size
        Rows and columns, at least 24.
    kind
        A name of :data:`KINDS`; None for any.

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownNameError("kind of image", kind, KINDS)
    weights = np.array([_WEIGHTS.get(name, 1.0) for name in KINDS])
    while True:
        name = kind or list(KINDS)[rng.choice(len(KINDS), p=weights / weights.sum())]
        drawn = KINDS[name](rng, size)
        labels = _worth_a_click(drawn.labels)
        if labels.any():
            wholes = None if drawn.wholes is None else _worth_a_click(drawn.wholes)
            return GeneratedImage(drawn.rgb, labels, wholes)


def _worth_a_click(labels: np.ndarray) -> np.ndarray:
    counts = np.bincount(labels.ravel())
    kept = (counts >= _MIN_PIXELS) & (counts <= _MOST * labels.size)
    return np.where(kept, np.arange(counts.size, dtype=np.int32), 0)[labels]
