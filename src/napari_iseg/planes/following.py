"""How an object moves from one plane to the next: intensity registration of the surroundings of its mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

from napari_iseg.planes.shapes import bounding_slices, signed_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Appearance", "continuity", "follow", "likeness"]

# The flow looks this far round a pixel, and the crop leaves it room.
_RADIUS = 7
_LEAST_MARGIN = 12
# A crop of more pixels is looked at coarser: the flow is smooth anyway.
_MOST_PIXELS = 160_000
_GAIN = 0.05
_CONTINUITY_MARGIN = 8
# Of a flat object: a grey level in 256 is no difference.
_LEAST_SPREAD = 1e-3


def follow(mask: NDArray[np.bool_], before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Move a mask along with what moves between two neighbouring planes, where that helps.

    The optical flow (iterative Lucas-Kanade) of the object's surroundings moves the outline; it is kept only where the
    plane before, moved along, is clearly more like the plane after than it was unmoved.

    Parameters
    ----------
    mask
        (H, W) bool, the object on the plane ``before``.
    before, after
        (H, W, 3) uint8, what the network sees of the two planes.

    Returns
    -------
    numpy.ndarray
        (H, W) bool; the very same mask where registration does not help, or the mask is empty.

    Raises
    ------
    ValueError
        If the planes and the mask differ in shape.
    """
    if not before.shape[:2] == after.shape[:2] == mask.shape:
        raise ValueError(f"the planes have the shapes {before.shape} and {after.shape}, the mask {mask.shape}")
    if not mask.any():
        return mask.copy()
    # Imported late: it takes a third of a second, and only who propagates needs it.
    from skimage.registration import optical_flow_ilk

    box = bounding_slices(mask)
    margin = max(_LEAST_MARGIN, max(s.stop - s.start for s in box) // 4)
    rows, columns = bounding_slices(mask, margin)
    inside, old, new = mask[rows, columns], _grey(before[rows, columns]), _grey(after[rows, columns])
    if min(inside.shape) < 2 * _RADIUS or old.std() == 0 or new.std() == 0:
        return mask.copy()
    step = int(np.ceil(np.sqrt(inside.size / _MOST_PIXELS)))
    flow = optical_flow_ilk(new[::step, ::step], old[::step, ::step], radius=_RADIUS) * step
    flow = np.stack([_enlarged(part, inside.shape, step) for part in flow])
    places = np.indices(inside.shape) + flow
    moved = map_coordinates(old, places, order=1, mode="nearest")
    if likeness(moved, new) < likeness(old, new) + _GAIN:
        return mask.copy()
    distance = np.clip(signed_distance(np.pad(inside, 1))[1:-1, 1:-1], -32, 32)
    result = np.zeros(mask.shape, bool)
    result[rows, columns] = map_coordinates(distance, places, order=1, mode="nearest") > 0
    return result if result.any() else mask.copy()


def likeness(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return how alike two images of one shape are: their correlation, in [-1, 1]; 0 where one of them is flat."""
    a, b = first - first.mean(), second - second.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / norm) if norm > 0 else 0.0


def _grey(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey: NDArray[np.float32] = rgb.mean(axis=2, dtype=np.float32) / 255
    return grey


def _enlarged(values: NDArray[np.float32], shape: tuple[int, ...], step: int) -> NDArray[np.float32]:
    if step == 1:
        return values
    places = np.indices(shape) / step
    enlarged: NDArray[np.float32] = map_coordinates(values, places, order=1, mode="nearest")
    return enlarged


@dataclass(frozen=True, slots=True)
class Appearance:
    """How bright an object is on a plane: mean and standard deviation of its grey values, in [0, 1]."""

    mean: float
    spread: float

    @classmethod
    def of(cls, mask: NDArray[np.bool_], image: NDArray[np.uint8]) -> Appearance:
        """Return the appearance of the object under a mask, (H, W) bool and not empty, of (H, W, 3) uint8."""
        rows, columns = bounding_slices(mask)
        values = _grey(image[rows, columns])[mask[rows, columns]]
        return cls(float(values.mean()), float(values.std()) + _LEAST_SPREAD)

    def resemblance(self, other: Appearance) -> float:
        """Return how alike two appearances are, in (0, 1]: 1 of equal means, less by their distance in spreads."""
        distance = abs(self.mean - other.mean) / float(np.hypot(self.spread, other.spread))
        return float(np.exp(-distance / 2))


def continuity(mask: NDArray[np.bool_], before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    """Return how alike two neighbouring planes are around an object, in [0, 1].

    Parameters
    ----------
    mask
        (H, W) bool and not empty.
    before, after
        (H, W, 3) uint8.
    """
    rows, columns = bounding_slices(mask, _CONTINUITY_MARGIN)
    return max(likeness(_grey(before[rows, columns]), _grey(after[rows, columns])), 0.0)
