"""Read an image of any known format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iseg.errors import ImageError
from napari_iseg.io.files import ending, existing_file
from napari_iseg.io.itk_files import read_itk
from napari_iseg.io.nifti_files import read_nifti
from napari_iseg.io.raster_files import read_raster
from napari_iseg.io.tiff_files import read_tiff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_iseg.io.loaded import LoadedImage

__all__ = ["IMAGE_ENDINGS", "read_image"]

_READERS: dict[str, Callable[[Path], LoadedImage]] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp"), read_raster),
    **dict.fromkeys((".tif", ".tiff"), read_tiff),
    **dict.fromkeys((".nii", ".nii.gz"), read_nifti),
    **dict.fromkeys((".mha", ".mhd", ".nrrd"), read_itk),
}

IMAGE_ENDINGS = tuple(_READERS)
"""The endings, in lower case, of the files that :func:`read_image` reads."""


def read_image(path: str | Path) -> LoadedImage:
    """Read an image file with its spacing and its place in the world.

    Parameters
    ----------
    path
        A PNG, JPEG, BMP, TIFF, NIfTI, MetaImage or NRRD file; the ending says which.

    Returns
    -------
    LoadedImage
        The values, slowest axis first, and what :func:`write_labels` needs to write on the same grid.

    Raises
    ------
    ImageError
        If the file is missing, empty, of an unknown kind, damaged, or has no pixels.
    """
    file = existing_file(path)
    reader = _READERS.get(ending(file))
    if reader is None:
        raise ImageError(f"{file} is of an unknown kind; these can be opened: {', '.join(IMAGE_ENDINGS)}.")
    loaded = reader(file)
    if loaded.data.size == 0:
        raise ImageError(f"{file} holds no pixels: its shape is {loaded.data.shape}; export it again.")
    return loaded
