"""The random walker (Grady, IEEE TPAMI 2006) as scikit-image computes it: the method that needs no network.

Every prompt becomes seeds on a reduced copy of the image; each pixel's probability is that of a walker, slowed down by
edges, to reach a positive seed before a negative one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.segmentation import random_walker

from napari_iseg.inference.prediction import Prediction, Window
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.zoo import RandomWalkerOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt

__all__ = ["RandomWalkerPredictor", "ReducedImage"]

_FREE, _INSIDE, _OUTSIDE = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class ReducedImage:
    """An image on the grid that the walker walks on; the corner pixels of both grids coincide.

    Parameters
    ----------
    shape
        (rows, columns) of the image.
    data
        (h, w, C) float64, in [0, 1], C = 1 for grey and 3 for colour; not all equal.
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


class RandomWalkerPredictor:
    """The random walker as a predictor.

    Clicks seed disks and scribbles their strokes. Of two prompts on one pixel the later one holds. Everything outside
    a box is background; without any positive prompt the middle of the newest box counts as one. The image's border is
    background unless a positive prompt covers it. A mask as the newest prompt is itself the answer; later on its core
    and what lies far around it are seeds, except near clicks that contradict it.

    Parameters
    ----------
    options
        The options.
    """

    def __init__(self, *, options: RandomWalkerOptions | None = None) -> None:
        self._options = options or RandomWalkerOptions()

    @property
    def options(self) -> RandomWalkerOptions:
        """The options it works with."""
        return self._options

    def encode(self, image: NDArray[np.uint8]) -> ReducedImage:
        """Reduce an image, (H, W, 3) uint8, so that its longer side has at most ``options.max_side`` pixels."""
        shape = image.shape[0], image.shape[1]
        grey = np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 1], image[..., 2])
        data = np.stack([self._reduce(image[..., c]) for c in range(1 if grey else 3)], axis=-1)
        if not data.std():
            # The walker divides by the standard deviation; to it, so faint a ramp is as good as no contrast.
            data = np.linspace(0, 1e-6, data.size).reshape(data.shape)
        return ReducedImage(shape, data)

    def predict(
        self,
        encoding: ReducedImage,
        prompts: Sequence[Prompt],
        previous: Prediction | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Prediction:
        """Answer one state of the prompts; ``previous`` makes no difference.

        Returns
        -------
        Prediction
            At the reduced size, over the whole image.

        Raises
        ------
        CancelledError
            If ``cancelled()`` became True.
        """
        if isinstance(prompts[-1], MaskPrompt):
            return Prediction.from_mask(prompts[-1].mask)
        seeds = _draw_seeds(encoding, prompts, self._options.seed_radius)
        if cancelled():
            raise CancelledError
        patch = _walk(encoding.data, seeds, self._options.beta)
        return Prediction.single(encoding.shape, Window.whole(encoding.shape), patch, forwards=1)

    def _reduce(self, channel: NDArray[np.uint8]) -> NDArray[np.float64]:
        factor = max(1.0, max(channel.shape) / self._options.max_side)
        grid = [max(2, round(side / factor)) for side in channel.shape]
        smooth = ndimage.gaussian_filter(channel / 255.0, (factor - 1) / 2)
        zoom = [m / n for m, n in zip(grid, channel.shape, strict=True)]
        return np.asarray(ndimage.zoom(smooth, zoom, order=1))


def _walk(data: NDArray[np.float64], seeds: NDArray[np.int32], beta: float) -> NDArray[np.float32]:
    """Return the probability of the inside, (h, w) float32 in [0, 1]."""
    free, inside = seeds == _FREE, seeds == _INSIDE
    if not free.any() or not inside.any():
        # With one kind of seed, or with no pixel left to decide, there is nothing to walk.
        only: NDArray[np.float32] = inside.astype(np.float32)
        return only
    # "bf" is exact and always takes the same time; conjugate gradients stop early, or take a minute, on weak links.
    # prob_tol only decides about a warning: rounding beyond [0, 1] is clipped here.
    probability = random_walker(
        data, seeds, beta=beta, mode="bf", return_full_prob=True, prob_tol=np.inf, channel_axis=-1
    )
    answer: NDArray[np.float32] = np.clip(probability[0], 0, 1).astype(np.float32)
    return answer


def _draw_seeds(image: ReducedImage, prompts: Sequence[Prompt], radius: float) -> NDArray[np.int32]:
    """Return (h, w) seeds: 0 free, 1 inside, 2 outside."""
    seeds = np.zeros(image.grid, np.int32)
    for number, prompt in enumerate(prompts):
        match prompt:
            case Click():
                seeds[_disk(image, prompt.row, prompt.column, radius)] = _kind(prompt.positive)
            case Scribble():
                seeds[_stroke(image, prompt)] = _kind(prompt.positive)
            case Box():
                seeds[~_inside_box(image, prompt)] = _OUTSIDE
            case MaskPrompt():
                # What was said before is already in the mask that the user chose to go on from.
                seeds = _mask_seeds(image, prompt.mask, prompts[number + 1 :], radius)
    boxes = [prompt for prompt in prompts if isinstance(prompt, Box)]
    if boxes and not (seeds == _INSIDE).any():
        seeds[_disk(image, *_middle(image, boxes[-1]), radius)] = _INSIDE
    # Were the border free once there is a negative click, the next answer would flow out all around the others.
    border = np.ones(image.grid, bool)
    border[1:-1, 1:-1] = False
    seeds[border & (seeds == _FREE)] = _OUTSIDE
    return seeds


def _kind(positive: bool) -> int:
    return _INSIDE if positive else _OUTSIDE


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
    seeds[depth > depth.max() / 2] = _INSIDE
    seeds[height > depth.max() / 2] = _OUTSIDE
    for click in later:
        if isinstance(click, Click):
            at = np.abs(image.rows - click.row).argmin(), np.abs(image.columns - click.column).argmin()
            if inside[at] != click.positive:
                seeds[_disk(image, click.row, click.column, depth[at] + height[at] + radius)] = _FREE
    return seeds
