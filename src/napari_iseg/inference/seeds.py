"""From prompts to seeds on a reduced copy of the image, as every method without a network takes them.

Clicks seed disks and scribbles their strokes. Of two prompts on one pixel the later one holds. Everything outside a box
is background; without any positive prompt the middle of the newest box counts as one. The image's border is background
unless a positive prompt covers it. Of a mask that later prompts go on from, the core and what lies far around it are
seeds, except near clicks that contradict it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt

__all__ = [
    "FREE",
    "INSIDE",
    "NOWHERE",
    "OUTSIDE",
    "ReducedImage",
    "draw_prompts",
    "draw_seeds",
    "neighbours",
    "reduce_image",
]

FREE, INSIDE, OUTSIDE = 0, 1, 2
"""The values of seeds: to be decided, object, background."""

NOWHERE = -1
"""The value of seeds that is no part of what is to be decided."""


@dataclass(frozen=True, slots=True, eq=False)
class ReducedImage:
    """A smaller copy of an image; the corner pixels of both grids coincide.

    Parameters
    ----------
    shape
        (rows, columns) of the image.
    data
        (h, w, C) float64, in [0, 1], C = 1 for grey and 3 for colour.
    """

    shape: tuple[int, int]
    data: NDArray[np.float64] = field(repr=False)

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) of the reduced grid."""
        return self.data.shape[0], self.data.shape[1]

    @property
    def rows(self) -> NDArray[np.float64]:
        """(h, 1): the image row of each reduced row."""
        return np.linspace(0, self.shape[0] - 1, self.grid[0])[:, np.newaxis]

    @property
    def columns(self) -> NDArray[np.float64]:
        """(1, w): the image column of each reduced column."""
        return np.linspace(0, self.shape[1] - 1, self.grid[1])[np.newaxis]

    @property
    def step(self) -> tuple[float, float]:
        """Distance in image pixels of neighbouring reduced (rows, columns)."""
        return tuple((n - 1) / (m - 1) for n, m in zip(self.shape, self.grid, strict=True))  # type: ignore[return-value]


def reduce_image(image: NDArray[np.uint8], max_side: int, *, enlarge: bool = False) -> ReducedImage:
    """Reduce an image, (H, W, 3) uint8, so that its longer side has at most ``max_side`` pixels.

    With ``enlarge`` a smaller image is made as large as that, too.
    """
    shape = image.shape[0], image.shape[1]
    factor = max(shape) / max_side if enlarge else max(1.0, max(shape) / max_side)
    grey = np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 1], image[..., 2])
    data = np.stack([_reduce(image[..., c], factor) for c in range(1 if grey else 3)], axis=-1)
    return ReducedImage(shape, data)


def _reduce(channel: NDArray[np.uint8], factor: float) -> NDArray[np.float64]:
    grid = [max(2, round(side / factor)) for side in channel.shape]
    smooth = ndimage.gaussian_filter(channel / 255.0, max(factor - 1, 0) / 2)
    zoom = [m / n for m, n in zip(grid, channel.shape, strict=True)]
    return np.asarray(ndimage.zoom(smooth, zoom, order=1))


def draw_seeds(image: ReducedImage, prompts: Sequence[Prompt], radius: float) -> NDArray[np.int32]:
    """Return what prompts say about a reduced image's pixels, the border of which is background.

    Parameters
    ----------
    image, prompts, radius
        As for :func:`draw_prompts`.

    Returns
    -------
    numpy.ndarray
        (h, w) int32: ``FREE``, ``INSIDE`` or ``OUTSIDE``.
    """
    seeds = draw_prompts(image, prompts, radius)
    boxes = [prompt for prompt in prompts if isinstance(prompt, Box)]
    if boxes and not (seeds == INSIDE).any():
        seeds[_disk(image, *_middle(image, boxes[-1]), radius)] = INSIDE
    # Were the border free once there is a negative click, the next answer would flow out all around the others.
    border = np.ones(image.grid, bool)
    border[1:-1, 1:-1] = False
    seeds[border & (seeds == FREE)] = OUTSIDE
    return seeds


def draw_prompts(image: ReducedImage, prompts: Sequence[Prompt], radius: float) -> NDArray[np.int32]:
    """Return what prompts themselves say about a reduced image's pixels.

    Parameters
    ----------
    image
        The reduced image.
    prompts
        Every prompt, oldest first, in pixels of the image itself.
    radius
        Radius in image pixels of the disk that a click seeds.

    Returns
    -------
    numpy.ndarray
        (h, w) int32: ``FREE``, ``INSIDE`` or ``OUTSIDE``.
    """
    seeds = np.zeros(image.grid, np.int32)
    for number, prompt in enumerate(prompts):
        match prompt:
            case Click():
                seeds[_disk(image, prompt.row, prompt.column, radius)] = _kind(prompt.positive)
            case Scribble():
                seeds[_stroke(image, prompt)] = _kind(prompt.positive)
            case Box():
                seeds[~_inside_box(image, prompt)] = OUTSIDE
            case MaskPrompt():
                # What was said before is already in the mask that the user chose to go on from.
                seeds = _mask_seeds(image, prompt.mask, prompts[number + 1 :], radius)
    return seeds


def _kind(positive: bool) -> int:
    return INSIDE if positive else OUTSIDE


def _disk(image: ReducedImage, row: float, column: float, radius: float) -> NDArray[np.bool_]:
    """Return the disk around a point of the image, in image pixels; at least the pixel nearest to it."""
    disk = np.hypot(image.rows - row, image.columns - column) <= radius
    disk[np.abs(image.rows - row).argmin(), np.abs(image.columns - column).argmin()] = True
    return disk


def _stroke(image: ReducedImage, scribble: Scribble) -> NDArray[np.bool_]:
    """Return the pixels under a scribble; at least those nearest to its line."""
    points = np.array(scribble.points, dtype=np.float64)
    pieces = [points[:1]]
    for start, stop in pairwise(points):
        count = int(np.ceil(2 * np.hypot(*(stop - start)) / min(image.step))) + 1
        pieces.append(np.linspace(start, stop, count))
    line = np.concatenate(pieces)
    size = np.array(image.shape)
    line = line[((line >= -0.5) & (line <= size - 0.5)).all(axis=1)]
    nearest = np.rint(np.clip(line, 0, size - 1) / image.step).astype(int)
    off = np.ones(image.grid, bool)
    off[nearest[:, 0], nearest[:, 1]] = False
    return np.asarray(ndimage.distance_transform_edt(off, sampling=image.step) <= scribble.width / 2)


def _inside_box(image: ReducedImage, box: Box) -> NDArray[np.bool_]:
    in_rows = (image.rows >= box.start[0]) & (image.rows < box.stop[0])
    in_columns = (image.columns >= box.start[1]) & (image.columns < box.stop[1])
    return in_rows & in_columns


def _middle(image: ReducedImage, box: Box) -> tuple[float, float]:
    """Return the (row, column) in the middle of the part of a box that lies on the image."""
    start, stop = np.maximum(box.start, 0), np.minimum(box.stop, image.shape)
    row, column = (start + stop - 1) / 2
    return float(row), float(column)


def _mask_seeds(
    image: ReducedImage, mask: NDArray[np.generic], later: Sequence[Prompt], radius: float
) -> NDArray[np.int32]:
    """Return the seeds of a mask: its inner half, and what is as far outside, but none where later clicks object."""
    index = np.rint(image.rows).astype(int), np.rint(image.columns).astype(int)
    inside = np.asarray(mask, dtype=np.float64)[index] > 0.5
    seeds = np.zeros(image.grid, np.int32)
    if not inside.any() or inside.all():
        return seeds
    depth = ndimage.distance_transform_edt(inside, sampling=image.step)
    height = ndimage.distance_transform_edt(~inside, sampling=image.step)
    seeds[depth > depth.max() / 2] = INSIDE
    seeds[height > depth.max() / 2] = OUTSIDE
    for click in later:
        if isinstance(click, Click):
            at = np.abs(image.rows - click.row).argmin(), np.abs(image.columns - click.column).argmin()
            if inside[at] != click.positive:
                seeds[_disk(image, click.row, click.column, depth[at] + height[at] + radius)] = FREE
    return seeds


def neighbours(grid: tuple[int, int]) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice], float]]:
    """Yield every pair of neighbours of a grid once, direction by direction: right, down and the two diagonals.

    Yields
    ------
    tuple
        The slices of the first of each pair, those of the second, and the distance between them in pixels.
    """
    rows, columns = grid
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = slice(0, rows - down), slice(max(0, -right), columns - max(0, right))
        there = slice(down, rows), slice(max(0, right), columns + min(0, right))
        yield here, there, float(np.hypot(down, right))
