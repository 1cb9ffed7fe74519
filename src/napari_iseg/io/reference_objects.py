"""What a data set is made of: images with their references, and single objects of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DatasetObject", "Sample"]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One image of a data set with its reference.

    Parameters
    ----------
    name
        Of the image; in a folder its file name without the ending.
    image
        (H, W), (H, W, 3 or 4), or a volume (K, H, W), of the type stored in the file.
    labels
        (H, W) or (K, H, W) int32: 0 background, 1..N objects, -1 ignored.
    pixel_size
        Height and width of a pixel of the planes along axis 0, in one unit; None where nobody knows.
    alpha
        The shape of ``labels``, float32 in [0, 1]: how much of each pixel is object, where the reference is soft.
    start
        The shape of ``labels``, bool: a defective mask of the only object to start from, where the set has one.
    """

    name: str
    image: NDArray[np.generic] = field(repr=False)
    labels: NDArray[np.int32] = field(repr=False)
    pixel_size: tuple[float, float] | None = None
    alpha: NDArray[np.float32] | None = field(default=None, repr=False)
    start: NDArray[np.bool_] | None = field(default=None, repr=False)

    @property
    def is_volume(self) -> bool:
        """Whether axis 0 goes through planes."""
        return self.labels.ndim == 3

    def plane(self, index: int | None) -> tuple[NDArray[np.generic], NDArray[np.int32]]:
        """Return the image and the labels of one plane; ``index`` is None for an image that is no volume."""
        return (self.image, self.labels) if index is None else (self.image[index], self.labels[index])


@dataclass(frozen=True, slots=True, eq=False)
class DatasetObject:
    """One object on one plane: what an interactive method is asked to segment.

    Parameters
    ----------
    name
        Of the image.
    plane
        Index of the plane along axis 0 of a volume, else None.
    object_id
        The object's value in the reference.
    image
        (H, W, 3) uint8 RGB.
    truth
        (H, W) int8: 1 this object, 0 anything else, -1 ignored.
    pixel_size
        Height and width of a pixel, in one unit; None where nobody knows.
    alpha
        (H, W) float32 in [0, 1]: how much of each pixel is object, where the reference is soft; else None.
    start
        (H, W) bool: a defective mask to start from, where the set has one; else None.
    """

    name: str
    plane: int | None
    object_id: int
    image: NDArray[np.uint8] = field(repr=False)
    truth: NDArray[np.int8] = field(repr=False)
    pixel_size: tuple[float, float] | None = None
    alpha: NDArray[np.float32] | None = field(default=None, repr=False)
    start: NDArray[np.bool_] | None = field(default=None, repr=False)
