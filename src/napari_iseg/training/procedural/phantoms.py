"""What all drawn bodies share: where they lie, what is drawn, and how a scanner blurs, shades and roughens it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from napari_iseg.training.procedural.fields import blurred, fractal, smooth
from napari_iseg.training.procedural.outlines import Canvas

__all__ = ["Body", "Fill", "Placing", "scanned"]


class Placing:
    """Where a body lies: a turn, a size and a place, from its own frame to pixels.

    Parameters
    ----------
    centre
        Row and column of its middle.
    radius
        Pixels that a length of 1 in the body's frame takes.
    angle
        Its turn in radians.
    mirrored
        Whether its columns run backwards before it is turned.

    Attributes
    ----------
    frame
        (2, 2): pixel offsets from the centre, as rows, times it are the body's own axes, in pixels.
    """

    def __init__(self, centre: np.ndarray, radius: float, angle: float, *, mirrored: bool = False) -> None:
        self.centre = centre
        self.radius = radius
        cos, sin = np.cos(angle), np.sin(angle)
        self.frame = np.array(((cos, -sin), (sin, cos))) * (1, -1 if mirrored else 1)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Move points, (P, 2) rows and columns of the body's frame, into the image."""
        return self.centre + self.radius * (points @ self.frame.T)


class Fill(Protocol):
    """What :meth:`Body.fill` is to those who draw."""

    def __call__(self, outline: np.ndarray, kind: int, whole: int = 0, part: int = 0) -> None:
        """Draw an outline."""


class Body:
    """A canvas that knows of each pixel its tissue, the number of its whole and that of its part.

    Parameters
    ----------
    size
        Rows and columns.
    place
        From the body's frame to pixels.
    """

    def __init__(self, size: int, place: Placing) -> None:
        self._place = place
        self._canvas = Canvas(size)

    def fill(self, outline: np.ndarray, kind: int, whole: int = 0, part: int = 0) -> None:
        """Draw an outline, (P, 2) in the body's frame: its tissue, whole and part, all below 256."""
        # One drawing instead of three.
        self._canvas.fill(self._place(outline), kind | whole << 8 | part << 16)

    def drawn(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return tissues, wholes and parts, (S, S) int32 each."""
        numbers = self._canvas.numbers
        return numbers & 255, numbers >> 8 & 255, numbers >> 16


def scanned(rng: np.random.Generator, tissue: np.ndarray, signals: np.ndarray, *, fine: float) -> np.ndarray:
    """Return tissues as magnetic resonance shows them.

    Parameters
    ----------
    tissue
        (S, S) whole numbers.
    signals
        (N,) brightness of each tissue number, about [0, 1].
    fine
        Pixels over which tissues change; sets blur and texture.

    Returns
    -------
    numpy.ndarray
        (S, S) float32 in about [0, 1], with partial volumes, a coil's shading and Rician noise.
    """
    size = len(tissue)
    image = signals.astype(np.float32)[tissue]
    image = image * (1 + rng.uniform(0.01, 0.08) * fractal(rng, tissue.shape, max(2 * fine, 2), octaves=3))
    image = blurred(image, float(np.clip(rng.uniform(0.3, 1.0) * fine, 0.4, 2.5)))
    shade = np.exp(rng.uniform(0, 0.35) * smooth(rng, tissue.shape, size / rng.uniform(1, 2.5)))
    level = rng.uniform(0.004, 0.05)
    noise = level * rng.standard_normal((2, size, size), np.float32)
    return np.hypot(image * shade + noise[0], noise[1])
