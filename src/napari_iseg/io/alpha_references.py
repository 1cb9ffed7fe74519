"""Soft references: grey files in a folder ``alpha``, in which each pixel says how much of it is object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.images import read_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["ALPHA", "alpha_object", "read_alpha"]

ALPHA = "alpha"
"""Name of the folder of soft references, beside ``images``."""

# More than half of the pixel.
_OBJECT = 0.5


def read_alpha(file: Path) -> NDArray[np.float32]:
    """Read a soft reference.

    Parameters
    ----------
    file
        Grey: whole numbers, of which the largest that fit the file's type mean all object, or floats in [0, 1].

    Returns
    -------
    numpy.ndarray
        Float32 in [0, 1], of the shape of the file.

    Raises
    ------
    ImageError
        If the file cannot be read, has colours, or holds other numbers.
    """
    loaded = read_image(file)
    data = np.asarray(loaded.data)
    if loaded.rgb:
        raise ImageError(f"{file} has colours; an alpha matte is a grey image, so save one channel of it.")
    if data.dtype == np.bool_:
        return data.astype(np.float32)
    if data.dtype.kind == "u":
        return (data / np.iinfo(data.dtype).max).astype(np.float32)
    if data.dtype.kind != "f" or not np.isfinite(data).all() or data.min() < 0 or data.max() > 1:
        raise ImageError(
            f"{file} holds {data.dtype} from {data.min()} to {data.max()}; an alpha matte has 8 or 16 bits without a "
            "sign, or floats from 0 to 1."
        )
    return data.astype(np.float32)


def alpha_object(alpha: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the one object of a soft reference, same shape: 1 where more than half of a pixel is object, else 0."""
    return (alpha > _OBJECT).astype(np.int32)
