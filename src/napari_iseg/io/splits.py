"""Which images of a data set are for training and which are held back, decided by their names alone."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SPLITS", "Split", "held_back_names", "in_held_back", "in_split"]

Split = Literal["all", "train", "held-back"]
"""Which images: all, those to train on (about 80 %) or those held back from training (about 20 %)."""

SPLITS = ("all", "train", "held-back")
"""The names of the splits."""


def in_held_back(name: str) -> bool:
    """Return whether an image is held back from training: one in five, decided by its name alone.

    Parameters
    ----------
    name
        File name without the ending (``.nii.gz`` counts as one ending).
    """
    return int(sha1(name.encode()).hexdigest(), 16) % 10 < 2


def held_back_names(names: Iterable[str]) -> frozenset[str]:
    """Return which images of a set are held back from training: about one in five, and of two or more at least a tenth.

    Those of :func:`in_held_back`; where chance takes too few of a small set, those with the next numbers besides. One
    at least is left to train on, so that of a single image, a volume too, nothing is held back.

    Parameters
    ----------
    names
        Of all its images, without their endings.
    """
    ordered = sorted(names, key=lambda name: (not in_held_back(name), sha1(name.encode()).digest()))
    by_chance = sum(map(in_held_back, ordered))
    least = -(-len(ordered) // 10)
    return frozenset(ordered[: min(max(by_chance, least), len(ordered) - 1)]) if ordered else frozenset()


def in_split(held_back: bool, split: Split) -> bool:
    """Return whether an image that is or is not held back belongs to a split."""
    return split == "all" or held_back == (split == "held-back")
