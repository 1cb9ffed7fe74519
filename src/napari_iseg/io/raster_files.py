"""PNG, JPEG and BMP through Pillow: flat images without a world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.files import damaged
from napari_iseg.io.loaded import LoadedImage

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_raster", "write_png"]

_SAME = {"1", "L", "I", "F", "RGB", "RGBA"}
_TO_GREY = {"LA": "L", "La": "L"}


def read_raster(file: Path) -> LoadedImage:
    """Read the first image of a PNG, JPEG or BMP file: grey as (H, W), anything coloured as (H, W, 3 or 4).

    A camera's "turned" mark is not followed, so that rows and columns are those of the file, as in napari.

    Raises
    ------
    ImageError
        If Pillow cannot read it or takes it for an attack, because it unpacks to so many pixels.
    """
    from PIL import Image

    try:
        with Image.open(file) as image:
            keep = image.mode in _SAME or image.mode.startswith("I;16")
            data = np.array(image if keep else image.convert(_TO_GREY.get(image.mode, "RGB")))
    except Image.DecompressionBombError as error:
        raise ImageError(f"{file} has too many pixels for a PNG, JPEG or BMP; cut it or save it as TIFF.") from error
    # Pillow's plug-ins raise all of these for broken chunks and headers.
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise damaged(file, "a PNG, JPEG or BMP image") from error
    return LoadedImage(data, file, "png", data.ndim == 3, (1.0, 1.0))


def write_png(file: Path, labels: NDArray[Any]) -> None:
    """Write (H, W) labels of type uint8 or uint16 as a grey PNG."""
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(labels)).save(file, format="PNG")
