"""From an image plane of any type to the 8-bit RGB that every method looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PERCENTILES", "to_rgb"]

PERCENTILES = (0.1, 99.9)
"""The percentiles of the values that become black and white where no limits are given (of big planes, of a sample)."""

_MID_GREY = 128
_SAMPLED = 2**20


def to_rgb(image: NDArray[np.generic], limits: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """Turn an image plane into 8-bit RGB.

    8-bit images pass unchanged and RGB floats that lie in [0, 1] are multiplied by 255. Anything else is stretched
    linearly between two limits that all channels share. NaN becomes the lowest value, and an image without any
    contrast becomes mid grey.

    Parameters
    ----------
    image
        (H, W), (H, W, 3) or (H, W, 4), of bool or any real number type. Of four channels the last, alpha, is dropped.
    limits
        (low, high), the values that become 0 and 255, in units of ``image``. None stands for the 0.1 and 99.9
        percentiles of the finite values, except for 8-bit images and RGB floats in [0, 1].

    Returns
    -------
    numpy.ndarray
        (H, W, 3) uint8, a new array.

    Raises
    ------
    ImageError
        If the image is empty, narrower than 2 pixels, all NaN or has infinities, its axes are not those above, its
        values are not real numbers, or the limits are not two finite numbers in rising order.
    """
    plane = np.asarray(image)
    _check_plane(plane)
    if plane.ndim == 3:
        plane = plane[..., :3]
    if limits is not None:
        _check_limits(limits)
    if plane.dtype == np.uint8 and limits is None:
        return _three_channels(plane)
    values = plane.astype(np.float64)
    _check_values(values)
    return _three_channels(_stretch(values, limits or _default_limits(plane, values)))


def _stretch(values: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = limits
    if not low < high:
        return np.full(values.shape, _MID_GREY, dtype=np.uint8)
    scaled = np.interp(values, (low, high), (0.0, 255.0))
    return np.rint(np.nan_to_num(scaled, copy=False, nan=0.0), out=scaled).astype(np.uint8)


def _default_limits(plane: NDArray[np.generic], values: NDArray[np.float64]) -> tuple[float, float]:
    missing = np.isnan(values)
    known = values[~missing] if missing.any() else values
    lowest, highest = float(known.min()), float(known.max())
    if plane.ndim == 3 and plane.dtype.kind == "f" and lowest >= 0.0 and highest <= 1.0 and lowest < highest:
        return 0.0, 1.0
    # A million values tell the percentiles well enough; an odd step does not fall into the rhythm of the columns.
    sample = known.ravel()[:: (known.size // _SAMPLED) | 1]
    low, high = (float(limit) for limit in np.percentile(sample, PERCENTILES))
    # A few bright pixels on an even background lie beyond the percentiles, yet they are all there is to see.
    return (low, high) if low < high else (lowest, highest)


def _three_channels(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(plane[..., np.newaxis], 3, axis=2) if plane.ndim == 2 else np.array(plane, order="C")


def _check_plane(plane: NDArray[np.generic]) -> None:
    if plane.dtype.kind not in "buif":
        raise ImageError(
            f"An image needs real numbers as values; this one has the type {plane.dtype}, so convert it first."
        )
    if plane.ndim not in (2, 3) or (plane.ndim == 3 and plane.shape[2] not in (3, 4)):
        raise ImageError(
            f"An image plane has the shape (rows, columns), or (rows, columns, 3 or 4) in colour; this one has the "
            f"shape {plane.shape}, so choose one plane of it."
        )
    if plane.size == 0:
        raise ImageError(f"The image is empty: its shape is {plane.shape}; open one that has pixels.")
    if min(plane.shape[:2]) < 2:
        raise ImageError(
            f"The image has {plane.shape[0]} x {plane.shape[1]} pixels, but at least 2 x 2 are needed; "
            "open a larger one."
        )


def _check_values(values: NDArray[np.float64]) -> None:
    if np.isinf(values).any():
        raise ImageError("The image holds infinite values; replace them with finite numbers and open it again.")
    if np.isnan(values).all():
        raise ImageError("Every value of the image is NaN (not a number); open an image that has values.")


def _check_limits(limits: tuple[float, float]) -> None:
    if not (np.isfinite(limits).all() and limits[0] < limits[1]):
        raise ImageError(
            f"The contrast limits must be two finite numbers, the lower one first; "
            f"{limits[0]:g} and {limits[1]:g} were given."
        )
