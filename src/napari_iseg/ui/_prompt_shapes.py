"""Boxes and scribbles on the canvas, those that were given and the one that is being drawn: one Shapes layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.interactions import Box, Scribble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.planes import PlaneAddress

__all__ = ["PromptShapes", "scribble_line"]

Given = tuple["PlaneAddress", Box | Scribble]

_BOX_LINE = 2.5
"""Width of a box's line, in screen pixels."""


class PromptShapes:
    """What is drawn in the Shapes layer.

    Parameters
    ----------
    layer
        Returns the layer; makes it if it is not there.
    is_there
        Tells whether it is there.
    pixel
        Returns the size of a screen pixel in pixels of the image.
    colours
        Of what includes (True) and what excludes (False).
    """

    def __init__(
        self,
        layer: Callable[[], Any],
        is_there: Callable[[], bool],
        pixel: Callable[[], float],
        colours: dict[bool, str],
    ) -> None:
        self._layer = layer
        self._is_there = is_there
        self._pixel = pixel
        self._colours = colours
        self._given: list[Given] = []
        self._drawn: list[Given] = []
        self._drawn_at = 0.0

    def draw(self, given: Sequence[Given]) -> None:
        """Show these and no others."""
        self._given = list(given)
        self._show(self._given)

    def draft(self, plane: PlaneAddress, prompt: Box | Scribble | None) -> None:
        """Show one more, which is being drawn; None takes it away."""
        self._show(self._given if prompt is None else [*self._given, (plane, prompt)])

    def follow_zoom(self) -> None:
        """Keep the lines of boxes about as wide as they were on the screen."""
        if any(isinstance(prompt, Box) for _, prompt in self._drawn) and self._is_there():
            ratio = self._pixel() / self._drawn_at
            if not 0.7 < ratio < 1.4:
                self._layer().edge_width = [self._width(prompt) for _, prompt in self._drawn]
                self._drawn_at = self._pixel()

    def _show(self, wanted: list[Given]) -> None:
        if not self._is_there():
            self._drawn = []
        if wanted == self._drawn:
            return
        layer = self._layer()
        kept = 0
        while kept < min(len(wanted), len(self._drawn)) and wanted[kept] == self._drawn[kept]:
            kept += 1
        if kept < len(self._drawn):
            layer.remove(list(range(kept, len(self._drawn))))
        for plane, prompt in wanted[kept:]:
            layer.add(
                _vertices(plane, prompt, self._pixel()),
                shape_type="rectangle" if isinstance(prompt, Box) else "path",
                edge_width=self._width(prompt),
                edge_color=self._colours[not isinstance(prompt, Scribble) or prompt.positive],
                face_color="transparent",
            )
        self._drawn = list(wanted)
        self._drawn_at = self._pixel()

    def _width(self, prompt: Box | Scribble) -> float:
        if isinstance(prompt, Box):
            return _BOX_LINE * self._pixel()
        # A line that excludes is a thin one with ticks as long as the brush is wide.
        return prompt.width if prompt.positive else max(prompt.width / 4, self._pixel())


def _vertices(plane: PlaneAddress, prompt: Box | Scribble, pixel: float) -> NDArray[np.float64]:
    if isinstance(prompt, Box):
        # A pixel's centre is at a whole number, its edge half a pixel before.
        (top, left), (bottom, right) = np.array(prompt.start) - 0.5, np.array(prompt.stop) - 0.5
        places = np.array([(top, left), (top, right), (bottom, right), (bottom, left)])
    else:
        places = scribble_line(prompt, pixel)
    return np.array([plane.point(float(row), float(column)) for row, column in places])


def scribble_line(scribble: Scribble, pixel: float) -> NDArray[np.float64]:
    """Return the line that shows a scribble.

    Parameters
    ----------
    scribble
        If it excludes, its line has ticks across, so that its form tells it from one that includes.
    pixel
        Size of a screen pixel in pixels of the image; ticks are at least some screen pixels long and apart.

    Returns
    -------
    numpy.ndarray
        (n, 2) rows and columns, at least two.
    """
    points = np.array(scribble.points, np.float64)
    if len(points) == 1:
        # A line needs two ends.
        points = points + np.array([(0, -0.25), (0, 0.25)])
    if scribble.positive:
        return points
    steps = np.diff(points, axis=0)
    lengths = np.maximum(np.hypot(*steps.T), 1e-9)
    travelled = np.concatenate([[0.0], np.cumsum(lengths)])
    apart, half = max(2 * scribble.width, 14 * pixel), max(scribble.width, 14 * pixel) / 2
    count = max(1, int(travelled[-1] / apart))
    ticks = (np.arange(count) + 0.5) / count * travelled[-1]
    pieces = np.clip(np.searchsorted(travelled, ticks, side="right") - 1, 0, len(steps) - 1)
    at = np.stack([np.interp(ticks, travelled, points[:, axis]) for axis in (0, 1)], axis=1)
    across = steps[pieces][:, ::-1] * (-1, 1) / lengths[pieces, np.newaxis] * half
    # Out and back again at each tick, so that it stays one line.
    thorns = np.stack([at, at + across, at - across, at], axis=1).reshape(-1, 2)
    order = np.argsort(np.concatenate([travelled, np.repeat(ticks, 4)]), kind="stable")
    return np.concatenate([points, thorns])[order]
