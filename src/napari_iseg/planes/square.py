"""A plane whose pixels are not square, shown resampled to square ones, and the way back to its own grid.

Networks learnt from pictures with square pixels; in a sagittal plane of 5 mm slices they would see everything squashed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt

__all__ = ["SquarePixels"]

_FACT = "shown_as"
# What nobody sees: resampling would only blur. Voxel sizes in files are rounded, too.
_NEARLY_SQUARE = 1.05
# Farther apart the two axes hardly measure the same thing (a stack of frames, a unit that was forgotten).
_MOST_UNLIKE = 50.0
# A resampled plane has at most so many times the pixels, unless it is small all the same.
_MOST_GROWTH = 4.0
_SMALL = 2**20
_INSIDE = 0.5


@dataclass(frozen=True, slots=True)
class SquarePixels:
    """The two grids of one plane: its own, and the one with square pixels. Both cover the very same area.

    Parameters
    ----------
    shape
        (rows, columns) of the plane.
    shown
        (rows, columns) that it is resampled to.

    Raises
    ------
    ImageError
        If one of the numbers is no size of an image.
    """

    shape: tuple[int, int]
    shown: tuple[int, int]

    def __post_init__(self) -> None:
        if min(*self.shape, *self.shown) < 1:
            raise ImageError(f"A plane of {self.shape} pixels cannot be shown as {self.shown}; sizes count from 1.")

    @classmethod
    def of(cls, shape: tuple[int, int], pixel_size: Sequence[float] | None) -> SquarePixels | None:
        """Find how a plane is shown.

        The finer side keeps its pixels, unless the plane would become larger than four times its pixels and a
        megapixel; then both sides give way.

        Parameters
        ----------
        shape
            (rows, columns) of the plane.
        pixel_size
            Height and width of a pixel in one unit, the sign does not matter; None where nobody knows.

        Returns
        -------
        SquarePixels or None
            None where the plane is shown as it is: its pixels are square (to 5 %), or sizes are unknown, or so far
            apart (50 times) that they cannot mean the same thing.
        """
        if pixel_size is None:
            return None
        height, width = (abs(float(size)) for size in pixel_size)
        if not (np.isfinite([height, width]).all() and min(height, width) > 0):
            return None
        unlike = max(height, width) / min(height, width)
        if not _NEARLY_SQUARE < unlike <= _MOST_UNLIKE:
            return None
        fine = min(height, width)
        factors = np.array([height / fine, width / fine])
        most = max(_MOST_GROWTH, _SMALL / (shape[0] * shape[1]))
        if unlike > most:
            factors *= np.sqrt(most / unlike)
        rows, columns = (max(round(size * factor), 2) for size, factor in zip(shape, factors, strict=True))
        return cls(shape, (rows, columns))

    @property
    def factors(self) -> tuple[float, float]:
        """How many shown rows there are to a row, and shown columns to a column."""
        return self.shown[0] / self.shape[0], self.shown[1] / self.shape[1]

    @property
    def aspect(self) -> tuple[float, float]:
        """Height and width of a pixel of the plane's own grid; the shorter is 1."""
        rows, columns = self.factors
        return rows / min(rows, columns), columns / min(rows, columns)

    def image(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resample what a method sees, linearly: (H, W, 3) uint8 on the plane's grid to the same on the shown one."""
        channels = [_resized(pixels[..., channel].astype(np.float32), self.shown) for channel in range(pixels.shape[2])]
        return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)

    def point(self, row: float, column: float) -> tuple[float, float]:
        """Find where a place of the plane is shown; pixel centres lie at whole numbers on both grids."""
        rows, columns = self.factors
        return (row + 0.5) * rows - 0.5, (column + 0.5) * columns - 0.5

    def point_back(self, row: float, column: float) -> tuple[float, float]:
        """Find the place of the plane that is shown somewhere."""
        rows, columns = self.factors
        return (row + 0.5) / rows - 0.5, (column + 0.5) / columns - 0.5

    def box(self, box: Box) -> Box:
        """Find where a half-open box of the plane is shown."""
        return _scaled(box, self.factors)

    def box_back(self, box: Box) -> Box:
        """Find the box of the plane that is shown as ``box``."""
        rows, columns = self.factors
        return _scaled(box, (1 / rows, 1 / columns))

    def mask(self, mask: NDArray[Any]) -> NDArray[Any]:
        """Resample a mask of the plane: (H, W) bool, or float probabilities, to the same type on the shown grid."""
        shown = _resized(mask.astype(np.float32), self.shown)
        return shown > _INSIDE if mask.dtype == np.bool_ else shown

    def back(self, probability: NDArray[np.floating]) -> NDArray[np.float32]:
        """Bring a probability map of the shown grid, (rows, columns), linearly onto the plane's own, float32."""
        return _resized(probability.astype(np.float32), self.shape)

    def prompt(self, prompt: Prompt) -> Prompt:
        """Return a prompt of the plane as it is shown. A stroke stays within the pixels that it covered."""
        match prompt:
            case Click():
                row, column = self.point(prompt.row, prompt.column)
                return replace(prompt, row=row, column=column, view=self._view(prompt.view))
            case Box():
                return self.box(prompt)
            case Scribble():
                points = tuple(self.point(*point) for point in prompt.points)
                width = prompt.width * min(self.factors)
                return replace(prompt, points=points, width=width, view=self._view(prompt.view))
            case MaskPrompt():
                return MaskPrompt(self.mask(prompt.mask), keep=prompt.keep, source=prompt.source)
        return prompt

    def facts(self) -> dict[str, Any]:
        """Return what a session file needs to know of it."""
        return {_FACT: list(self.shown)}

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any], shape: tuple[int, int]) -> SquarePixels | None:
        """Return what a session file says of an object, see :meth:`facts`; None where it says nothing.

        Parameters
        ----------
        facts
            Of the object.
        shape
            (rows, columns) of its plane.

        Raises
        ------
        ImageError
            If it says what cannot be.
        """
        said = facts.get(_FACT)
        if said is None:
            return None
        is_pair = isinstance(said, Sequence) and len(said) == 2 and all(isinstance(size, int) for size in said)
        if not is_pair or not 0 < said[0] * said[1] <= _MOST_UNLIKE * max(shape[0] * shape[1], _SMALL):
            raise ImageError(f"A plane is shown with so many rows and columns, two whole numbers; {said!r} was given.")
        return cls(shape, (said[0], said[1]))

    def _view(self, view: Box | None) -> Box | None:
        return None if view is None else self.box(view)


def _scaled(box: Box, factors: tuple[float, float]) -> Box:
    # Its edges are edges of pixels, which lie at half numbers: both grids begin at the same edge.
    return Box(
        (box.start[0] * factors[0], box.start[1] * factors[1]), (box.stop[0] * factors[0], box.stop[1] * factors[1])
    )


def _resized(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    from skimage.transform import resize

    if values.shape == shape:
        return values
    return np.asarray(resize(values, shape, order=1, mode="edge", anti_aliasing=False, preserve_range=True), np.float32)
