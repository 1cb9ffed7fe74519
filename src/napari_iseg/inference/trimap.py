"""Tri-maps, and the patches in which what they leave unknown is looked at closely (FocalClick-XL, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt
from skimage.morphology import disk

from napari_iseg.inference.prediction import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["BACKGROUND", "OBJECT", "UNKNOWN", "HannAverage", "Trimap", "choose_patches", "patch_side"]

# In the order of the Detail-Net's input.
OBJECT, BACKGROUND, UNKNOWN = 0, 1, 2
# What is unknown grows by this many pixels.
_GROWTH = 2
_OBJECT = 0.5
# A patch's side is this share of the object's longer side, within these bounds in pixels of the image.
_SHARE = 0.25
_SIDES = (64, 512)
# Patches lie this share of their side apart; those with fewer unknown pixels than this are not worth a pass.
_PITCH = 0.75
_FEWEST = 16


@dataclass(frozen=True, slots=True, eq=False)
class Trimap:
    """What is certain about the pixels of a window.

    Parameters
    ----------
    window
        The crop; everything outside it is certain background.
    labels
        (h, w) uint8 of ``OBJECT``, ``BACKGROUND`` and ``UNKNOWN``.
    """

    window: Window
    labels: NDArray[np.uint8]

    @classmethod
    def of(
        cls,
        window: Window,
        probability: NDArray[np.float32],
        marks: NDArray[np.float32] | None,
        certainty: float,
        *,
        band: float = 0.0,
    ) -> Trimap:
        """Return the tri-map of a primitive mask and the user's marks.

        Parameters
        ----------
        window
            Where the mask lies.
        probability
            (h, w) of the primitive mask.
        marks
            (2, h, w) of 0 and 1, included and excluded: certain, unless both. None where the prompts are not certain.
        certainty
            Object is certain above this probability, background below one minus this.
        band
            Pixels further than this share of the window's longer side from the mask's outline are certain, too,
            whatever their probability: a network that is unsure of whole regions says nothing about details there. 0 is
            no limit, as in the paper.
        """
        unknown = (probability <= certainty) & (probability >= 1 - certainty)
        unknown = binary_dilation(unknown, disk(_GROWTH))
        labels = np.where(probability > certainty, OBJECT, BACKGROUND).astype(np.uint8)
        if band:
            inside = probability > _OBJECT
            labels = np.where(inside, OBJECT, BACKGROUND).astype(np.uint8)
            unknown &= _from_outline(inside) <= band * max(probability.shape)
        labels[unknown] = UNKNOWN
        if marks is not None:
            included, excluded = marks > 0
            labels[included & ~excluded] = OBJECT
            labels[excluded & ~included] = BACKGROUND
        return cls(window, labels)

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """(h, w) of the unknown pixels."""
        return np.asarray(self.labels == UNKNOWN)

    def cut(self, patch: Window, side: int) -> NDArray[np.float32]:
        """Return (3, side, side) of 0 and 1, one plane per label: a patch of the plane, nearest pixels."""
        rows = np.minimum(((np.arange(side) + 0.5) * patch.shape[0] / side).astype(int), patch.shape[0] - 1)
        columns = np.minimum(((np.arange(side) + 0.5) * patch.shape[1] / side).astype(int), patch.shape[1] - 1)
        rows += patch.row_start - self.window.row_start
        columns += patch.column_start - self.window.column_start
        height, width = self.labels.shape
        labels = self.labels[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)]
        labels[(rows < 0) | (rows >= height)] = BACKGROUND
        labels[:, (columns < 0) | (columns >= width)] = BACKGROUND
        return np.asarray(labels == np.array([OBJECT, BACKGROUND, UNKNOWN])[:, None, None], np.float32)


def patch_side(probability: NDArray[np.float32]) -> int:
    """Return the side in pixels of the patches for an object, (h, w) probabilities; of no object, of the whole."""
    inside = probability > _OBJECT
    spans = [np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0)]
    longest = max(np.ptp(span) + 1 for span in spans) if inside.any() else max(probability.shape)
    return int(np.clip(round(_SHARE * longest), *_SIDES))


def choose_patches(trimap: Trimap, side: int, shape: tuple[int, int], most: int) -> list[Window]:
    """Choose where to look closely; the same tri-map always gives the same patches.

    Parameters
    ----------
    trimap
        Of the crop.
    side
        Of a patch, in pixels; shorter where the plane is.
    shape
        (rows, columns) of the plane, in which patches lie whole.
    most
        How many there may be: those with most unknown pixels.

    Returns
    -------
    list of Window
        Row by row over the unknown pixels' box; none where there are hardly any.
    """
    unknown = trimap.unknown
    starts = []
    for axis, corner in ((1, trimap.window.row_start), (0, trimap.window.column_start)):
        span = np.flatnonzero(unknown.any(axis=axis))
        if not len(span):
            return []
        starts.append(_grid(corner + int(span[0]), corner + int(span[-1]) + 1, side, shape[1 - axis]))
    height, width = min(side, shape[0]), min(side, shape[1])
    patches = [Window(row, row + height, column, column + width) for row in starts[0] for column in starts[1]]
    counts = [_count(unknown, trimap.window, patch) for patch in patches]
    worth = [number for number, count in enumerate(counts) if count >= _FEWEST]
    best = sorted(worth, key=lambda number: -counts[number])[:most]
    return [patches[number] for number in sorted(best)]


class HannAverage:
    """The average of overlapping patches, each weighted by a Hann window: most in its middle, hardly at its rim.

    Parameters
    ----------
    window
        Of the plane, where the average is wanted.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self._sum = np.zeros(window.shape, np.float64)
        self._weight = np.zeros(window.shape, np.float64)

    def add(self, patch: Window, values: NDArray[np.float32]) -> None:
        """Add a patch and its values, (h, w), one per pixel; what lies outside the window is left out."""
        weight = np.outer(*(_hann(count) for count in patch.shape))
        target, source = _shared(self.window, patch), _shared(patch, self.window)
        self._sum[target] += (weight * values)[source]
        self._weight[target] += weight[source]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(h, w) of the pixels under a patch."""
        return self._weight > 0

    def at(self, pixels: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the (n,) averages at covered pixels, row by row."""
        return np.asarray(self._sum[pixels] / self._weight[pixels], np.float32)


def _from_outline(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how many pixels each one is from the nearest of the other side; infinitely many if there is no outline."""
    if inside.all() or not inside.any():
        return np.full(inside.shape, np.inf)
    return np.asarray(np.where(inside, distance_transform_edt(inside), distance_transform_edt(~inside)))


def _grid(start: int, stop: int, side: int, limit: int) -> list[int]:
    """Return where patches begin along one axis so that they cover ``start`` to ``stop`` inside ``limit`` pixels."""
    pitch = max(round(_PITCH * side), 1)
    count = 1 + ceil(max(stop - start - side, 0) / pitch)
    furthest = max(limit - side, 0)
    return sorted({min(start + number * pitch, furthest) for number in range(count)})


def _count(unknown: NDArray[np.bool_], window: Window, patch: Window) -> int:
    return int(np.count_nonzero(unknown[_shared(window, patch)]))


def _shared(one: Window, other: Window) -> tuple[slice, slice]:
    """Return the slices of an array over ``one`` that lie in ``other``."""
    rows = slice(*_clipped(other.row_start - one.row_start, other.row_stop - one.row_start, one.shape[0]))
    return rows, slice(
        *_clipped(other.column_start - one.column_start, other.column_stop - one.column_start, one.shape[1])
    )


def _clipped(start: int, stop: int, limit: int) -> Sequence[int]:
    return min(max(start, 0), limit), min(max(stop, 0), limit)


def _hann(count: int) -> NDArray[np.float64]:
    """Return a Hann window sampled at pixels' middles, so that it is nowhere zero."""
    return np.asarray(np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2)
