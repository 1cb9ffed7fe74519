"""What a generator returns, and how drawn numbers become its label images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["GeneratedImage", "finished", "nested"]


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedImage:
    """A generated image with everything in it that could be an object.

    Parameters
    ----------
    rgb
        (S, S, 3) uint8.
    labels
        (S, S) int32, the finest objects: 0 none, else the object's number. Numbers need not be consecutive.
    wholes
        (S, S) int32, the same scene more coarsely, where it has parts and wholes; None where it has not. A number that
        occurs in both images is the same object, with the same pixels; an object of ``labels`` whose number does not
        occur in ``wholes`` is a part: it lies inside one object of ``wholes``, or it belongs to none.
    """

    rgb: np.ndarray
    labels: np.ndarray
    wholes: np.ndarray | None = None


def finished(image: np.ndarray) -> np.ndarray:
    """Return (S, S) or (S, S, 3) floats, meant for [0, 1], as (S, S, 3) uint8."""
    values = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values


def nested(image: np.ndarray, wholes: np.ndarray, parts: np.ndarray, *, rest: bool) -> GeneratedImage:
    """Combine wholes with the parts drawn on them.

    Parameters
    ----------
    image
        (S, S) or (S, S, 3) floats in [0, 1].
    wholes, parts
        (S, S) int32, each with numbers of its own from 1 and 0 for none. A part that reaches over the rim of the whole
        in which most of it lies is cut there.
    rest
        Whether what the parts leave of a whole is a part too (a cell's cytoplasm), or nothing that anyone would click
        (a neurite without its mitochondria).

    Returns
    -------
    GeneratedImage
        ``wholes`` is None where no whole has a part.
    """
    most = int(wholes.max(initial=0))
    parts = np.where(_belongs(wholes, parts), parts, 0)
    divided = np.zeros(most + 1, bool)
    divided[np.unique(wholes[parts > 0])] = True
    divided[0] = False
    remains = np.where(divided[wholes], wholes + most + int(parts.max(initial=0)) if rest else 0, wholes)
    labels = np.where(parts > 0, parts + most, remains).astype(np.int32)
    return GeneratedImage(finished(image), labels, wholes.astype(np.int32) if divided.any() else None)


def _belongs(wholes: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return where a part lies in the whole (or the ground) that holds most of it."""
    shape = int(parts.max(initial=0)) + 1, int(wholes.max(initial=0)) + 1
    counts = np.bincount((parts * shape[1] + wholes).ravel(), minlength=shape[0] * shape[1])
    return wholes == counts.reshape(shape).argmax(axis=1)[parts]
