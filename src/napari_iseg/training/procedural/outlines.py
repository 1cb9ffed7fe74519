"""Closed curves and winding lines, and a canvas that numbers what is drawn on it."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

__all__ = ["Canvas", "blob", "box", "coverage", "path", "ribbon", "ring_points", "star", "stencil"]


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
    cos, sin = math.cos(angle), math.sin(angle)
    frame = np.array(((cos * radii[0], -sin * radii[1]), (sin * radii[0], cos * radii[1])))
    outline: np.ndarray = centre + (rim * _waves(rim.size)[:2]).T @ frame.T
    return outline


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
    # Two to seven waves around it; the fewer, the larger.
    sizes = 0.7 * wobble * rng.standard_normal(12) / np.repeat(np.arange(1, 7), 2)
    rim = 1 + sizes @ _waves(points)[2:]
    return ring_points(centre, radii, angle, rim.clip(0.2, 2.0))


@lru_cache(maxsize=64)
def _waves(points: int) -> np.ndarray:
    """Return cosine and sine of one to seven waves around a circle, one after the other, as (14, points)."""
    turns = np.arange(1, 8)[:, None] * np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([np.cos(turns), np.sin(turns)], axis=1).reshape(14, points)


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
        (P, 2), at least two.
    width
        Of the band, one number or (P,).

    Returns
    -------
    numpy.ndarray
        (2 * P, 2).
    """
    along = np.empty_like(points)
    along[1:-1] = points[2:] - points[:-2]
    along[0], along[-1] = points[1] - points[0], points[-1] - points[-2]
    across = along[:, ::-1] * (0.5, -0.5) / np.sqrt((along * along).sum(axis=1) + 1e-12)[:, None]
    across *= width if isinstance(width, float) else width[:, None]
    return np.concatenate([points + across, (points - across)[::-1]])


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


def stencil(size: int, outline: np.ndarray, margin: int = 1) -> tuple[tuple[slice, slice], np.ndarray]:
    """Return the inside of a polygon where it lies, so that what is small costs little.

    Parameters
    ----------
    size
        Rows and columns of the image.
    outline
        (P, 2).
    margin
        Pixels to add around it.

    Returns
    -------
    tuple
        The rows and columns of the image that its bounding box covers, at least 2 x 2 pixels, and their (rows, columns)
        bool.
    """
    low = np.clip(np.floor(outline.min(axis=0)) - margin, 0, size - 2).astype(int)
    high = np.clip(np.ceil(outline.max(axis=0)) + margin + 1, low + 2, size).astype(int)
    image = Image.new("L", (int(high[1] - low[1]), int(high[0] - low[0])))
    ImageDraw.Draw(image).polygon(_flat(outline - low), fill=1)
    return (slice(low[0], high[0]), slice(low[1], high[1])), np.asarray(image) > 0


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
