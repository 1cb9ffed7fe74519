"""Read an image of any known format."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.choices import HDF5_ENDINGS, holds_choices, read_choice
from napari_iseg.io.dicom_files import read_dicom
from napari_iseg.io.dicom_headers import is_dicom
from napari_iseg.io.files import ending, existing_file
from napari_iseg.io.itk_files import read_itk
from napari_iseg.io.nifti_files import read_nifti
from napari_iseg.io.raster_files import read_raster
from napari_iseg.io.shown import shear_in_degrees
from napari_iseg.io.tiff_files import read_tiff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_iseg.io.loaded import LoadedImage

__all__ = ["DICOM_ENDINGS", "IMAGE_ENDINGS", "read_image"]

_READERS: dict[str, Callable[[Path], LoadedImage]] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp"), read_raster),
    **dict.fromkeys((".tif", ".tiff"), read_tiff),
    **dict.fromkeys((".nii", ".nii.gz"), read_nifti),
    **dict.fromkeys((".mha", ".mhd", ".nrrd"), read_itk),
}
_LAZY_READERS: dict[str, Callable[..., LoadedImage]] = {
    **dict.fromkeys((".tif", ".tiff"), read_tiff),
    ".nii": read_nifti,
    ".mha": read_itk,
}
_SHEARED = 1.0

IMAGE_ENDINGS = tuple(_READERS)
"""The endings, in lower case, of the files with one image that :func:`read_image` reads whatever is in them."""

DICOM_ENDINGS = (".dcm", ".dicom", ".ima")
"""The endings that DICOM files have, if they have any; see :func:`napari_iseg.io.dicom_headers.is_dicom`."""


def read_image(path: str | Path, *, lazy: bool = False) -> LoadedImage:
    """Read an image with its spacing and its place in the world.

    Parameters
    ----------
    path
        A PNG, JPEG, BMP, TIFF, NIfTI, MetaImage or NRRD file, by its ending; a DICOM file, whatever it is called; an
        HDF5 file; a folder with DICOM files, slices, an OME-Zarr or a case of BraTS or OAI-ZIB; the address of an
        OME-Zarr. Of what holds several images, ``::`` and a name behind it choose one, else the largest is read and
        ``shown.notes`` says so.
    lazy
        Whether a large image may stay in its file, as a dask array. Otherwise everything is read.

    Returns
    -------
    LoadedImage
        The values, slowest axis first, and what :func:`write_labels` needs to write on the same grid. Complex values
        are given as their magnitude, half and extended precision as single and double.

    Raises
    ------
    ImageError
        If the file is missing, empty, of an unknown kind, damaged, or has no pixels.
    UnknownNameError
        If the image named behind ``::`` is not there.
    """
    loaded = _usable(_read(path, lazy=lazy), path)
    if loaded.data.size == 0:
        raise ImageError(f"{path} holds no pixels: its shape is {loaded.data.shape}; export it again.")
    return loaded


def _read(path: str | Path, *, lazy: bool) -> LoadedImage:
    if holds_choices(path):
        return read_choice(path, lazy=lazy)
    file = existing_file(path)
    kind = ending(file)
    if lazy and kind in _LAZY_READERS:
        return _LAZY_READERS[kind](file, lazy=True)
    reader = _READERS.get(kind)
    if reader is None and (kind in DICOM_ENDINGS or is_dicom(file)):
        reader = read_dicom
    if reader is None:
        known = ", ".join((*IMAGE_ENDINGS, *DICOM_ENDINGS, *HDF5_ENDINGS, ".zarr"))
        raise ImageError(f"{file} is of an unknown kind; these can be opened: {known}.")
    return reader(file)


def _usable(loaded: LoadedImage, path: str | Path) -> LoadedImage:
    """Make the values such that napari and every method take them, and say what is not as it looks."""
    data: Any = loaded.data
    notes = list(loaded.shown.notes)
    if data.dtype.kind == "c":
        data = abs(data)
        notes.append(f"{path} holds complex numbers; their magnitude is shown. Save phase or parts as real numbers.")
    elif data.dtype.kind not in "buif":
        raise ImageError(f"{path} holds values of the type {data.dtype}, no numbers; export it as numbers.")
    if data.dtype.kind == "f" and data.dtype.itemsize not in (4, 8):
        data = data.astype(np.float32 if data.dtype.itemsize == 2 else np.float64)
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    sheared = 0.0 if loaded.affine is None else shear_in_degrees(loaded.affine)
    if sheared > _SHEARED:
        notes.append(
            f"The grid of {path} is sheared by {sheared:.0f} degrees; it is shown with right angles, and exports keep "
            "its true place where their format can."
        )
    if data is loaded.data and len(notes) == len(loaded.shown.notes):
        return loaded
    levels = loaded.shown.levels if data is loaded.data else ()
    return replace(loaded, data=data, shown=replace(loaded.shown, notes=tuple(notes), levels=levels))
