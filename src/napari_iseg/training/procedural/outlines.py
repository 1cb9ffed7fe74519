"""Closed curves and winding lines, and a canvas that numbers what is drawn on it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

__all__ = ["Canvas", "blob", "box", "coverage", "filled", "path", "ribbon", "ring_points", "star"]


def ring_points(centre: np.ndarray, radii: tuple[float, float], angle: float, rim: np.ndarray) -> np.ndarray:
    """Return (P, 2) points around an ellipse.

    Parameters
    ----------
    centre
        Row and column.
    radii
        Along the axis that ``angle`` (radians from the rows' axis) turns, and across it, in pixels.
    rim
        (P,) factors of the radius, one a point.
    """
    around = np.linspace(0, 2 * np.pi, rim.size, endpoint=False)
    u, v = rim * np.cos(around) * radii[0], rim * np.sin(around) * radii[1]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([centre[0] + cos * u - sin * v, centre[1] + sin * u + cos * v], axis=1)


def blob(
    rng: np.random.Generator,
    centre: np.ndarray,
    radii: tuple[float, float],
    angle: float = 0.0,
    *,
    wobble: float = 0.1,
    points: int = 48,
) -> np.ndarray:
    """Return an ellipse with a wobbling rim, (P, 2); ``wobble`` is about its share of the radius."""
    around = np.linspace(0, 2 * np.pi, points, endpoint=False)
    waves = np.arange(2, 8)[:, None]
    sizes = rng.normal(0, wobble, (6, 1)) / (waves - 1)
    rim = 1 + (sizes * np.cos(waves * around + rng.uniform(0, 2 * np.pi, (6, 1)))).sum(axis=0)
    return ring_points(centre, radii, angle, np.clip(rim, 0.2, 2.0))


def box(centre: np.ndarray, radii: tuple[float, float], angle: float, *, power: float = 6.0) -> np.ndarray:
    """Return a box with round corners, (P, 2): a superellipse; a larger ``power`` has sharper corners."""
    around = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    rim = (np.abs(np.cos(around)) ** power + np.abs(np.sin(around)) ** power) ** (-1 / power)
    return ring_points(centre, radii, angle, rim)


def star(rng: np.random.Generator, centre: np.ndarray, radius: float) -> np.ndarray:
    """Return a polygon of a few corners at random distances, (P, 2)."""
    return ring_points(centre, (radius, radius), rng.uniform(0, 6.3), rng.uniform(0.4, 1.1, int(rng.integers(3, 11))))


def path(rng: np.random.Generator, start: np.ndarray, heading: float, length: float, *, turn: float) -> np.ndarray:
    """Return a winding line as (P, 2) points, at most 4 pixels apart up to a length of 256.

    Parameters
    ----------
    heading
        Its first direction, radians from the rows' axis.
    turn
        How much it winds: the deviation of its direction in radians over 50 pixels.
    """
    count = int(np.clip(length / 4, 3, 64))
    step = length / count
    bends = turn * np.sqrt(step / 50) * np.cumsum(rng.standard_normal(count))
    # Smoothed over three points, so that no corner is left.
    bends[1:-1] = (bends[:-2] + bends[1:-1] + bends[2:]) / 3
    moves = step * np.stack([np.cos(heading + bends), np.sin(heading + bends)], axis=1)
    return start + np.cumsum(np.concatenate([np.zeros((1, 2)), moves]), axis=0)


def ribbon(points: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    """Return the outline of a band along a line.

    Parameters
    ----------
    points
        (P, 2).
    width
        Of the band, one number or (P,).

    Returns
    -------
    numpy.ndarray
        (2 * P, 2).
    """
    along = np.gradient(points, axis=0)
    across = along[:, ::-1] * (1, -1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    half = np.broadcast_to(np.asarray(width, float) / 2, len(points))[:, None]
    return np.concatenate([points + half * across, (points - half * across)[::-1]])


class Canvas:
    """A label image to draw on; later numbers cover earlier ones.

    Parameters
    ----------
    size
        Rows and columns.
    """

    def __init__(self, size: int) -> None:
        self._image = Image.new("I", (size, size))
        self._draw = ImageDraw.Draw(self._image)

    def fill(self, outline: np.ndarray, number: int) -> None:
        """Give the inside of a polygon, (P, 2) rows and columns, a number."""
        self._draw.polygon(_flat(outline), fill=number)

    def trace(self, points: np.ndarray, number: int, width: float) -> None:
        """Give a band of ``width`` pixels along a line, (P, 2), a number; it is nowhere broken, however thin."""
        self._draw.line(_flat(points), fill=number)
        if width > 1.4:
            self._draw.polygon(_flat(ribbon(points, width - 0.6)), fill=number)

    @property
    def numbers(self) -> np.ndarray:
        """The (S, S) int32 drawn so far, 0 where nothing is; a copy."""
        return np.array(self._image, np.int32)


def filled(shape: tuple[int, int], outline: np.ndarray) -> np.ndarray:
    """Return the inside of a polygon, (P, 2), as ``shape`` bool."""
    image = Image.new("L", (shape[1], shape[0]))
    ImageDraw.Draw(image).polygon(_flat(outline), fill=1)
    return np.asarray(image) > 0


def coverage(size: int, lines: list[tuple[np.ndarray, float]]) -> np.ndarray:
    """Return how much of each pixel lines cover, as (S, S) float32 in [0, 1]; a line is its points and its width."""
    image = Image.new("L", (3 * size, 3 * size))
    draw = ImageDraw.Draw(image)
    for points, width in lines:
        draw.line(_flat(3 * points + 1), fill=255, width=max(round(3 * width), 1), joint="curve")
    return np.asarray(image.reduce(3), np.float32) / 255


def _flat(points: np.ndarray) -> list[float]:
    # Pillow takes x before y.
    flat: list[float] = points[:, ::-1].ravel().tolist()
    return flat
