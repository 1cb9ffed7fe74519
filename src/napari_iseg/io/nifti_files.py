"""NIfTI through nibabel: (i, j, k, t) in the file, (t, k, j, i) as an array, and back on the same grid."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.files import damaged, too_large
from napari_iseg.io.geometry import itk_to_ras
from napari_iseg.io.loaded import ItkGrid, LoadedImage

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_nifti", "write_nifti"]

_UNITS = {"mm": "mm", "micron": "um", "meter": "m"}
_LABEL_INTENT = 1002
_COLOURS = {("R", "G", "B"), ("R", "G", "B", "A")}


def read_nifti(file: Path) -> LoadedImage:
    """Read a NIfTI-1 or NIfTI-2 file; its axes come out in reverse, a scaled integer image as float.

    Raises
    ------
    ImageError
        If nibabel cannot read it, or it holds no image grid (CIFTI).
    """
    import nibabel as nib
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError, SpatialImage
    from nibabel.wrapstruct import WrapStructError

    # The gzip reader lets the decompressor's own errors through, and nonsense in a header ends as any of the others.
    broken = (ImageFileError, HeaderDataError, WrapStructError, OSError, EOFError, zlib.error, ValueError)
    try:
        image: Any = nib.load(file)
        if not isinstance(image, SpatialImage):
            raise damaged(file, "a NIfTI volume")
        values = np.asanyarray(image.dataobj)
    except MemoryError as error:
        raise too_large(file) from error
    except broken as error:
        raise damaged(file, "a NIfTI image") from error
    data, rgb = _turned(values)
    zooms = [float(zoom) for zoom in image.header.get_zooms()]
    zooms += [1.0] * (values.ndim - len(zooms))
    header: Any = image.header
    units = _UNITS.get(header.get_xyzt_units()[0])
    return LoadedImage(
        data=data,
        source=file,
        kind="nifti",
        rgb=rgb,
        spacing=tuple(zoom if np.isfinite(zoom) and zoom > 0 else 1.0 for zoom in zooms[::-1]),
        units=units,
        affine=np.array(image.affine, dtype=float),
        header=image.header.copy(),
    )


def is_label_image(loaded: LoadedImage) -> bool:
    """Whether a NIfTI file says that its integers are labels."""
    return (
        loaded.kind == "nifti" and loaded.data.dtype.kind in "ui" and int(loaded.header["intent_code"]) == _LABEL_INTENT
    )


def write_nifti(file: Path, labels: NDArray[Any], like: LoadedImage | None, spacing: tuple[float, ...]) -> None:
    """Write labels, slowest axis first, as NIfTI.

    Parameters
    ----------
    file
        Where to.
    labels
        Labels in their final unsigned type, at least 2-D.
    like
        The image whose header (NIfTI) or place in the world (ITK) they get, or None.
    spacing
        Per axis of ``labels``, used where ``like`` has no world.
    """
    import nibabel as nib

    source = like.header if like is not None and like.kind == "nifti" else None
    if source is not None and like is not None:
        header = source.copy()
        header.extensions.clear()
        make: Any = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
        image: Any = make(labels.T, like.affine, header)
    else:
        image = nib.Nifti1Image(labels.T, _affine(like, spacing))
        image.set_qform(image.affine, code=2)
        image.header.set_xyzt_units(_nifti_unit(like))
        image.header.set_zooms([*image.header.get_zooms()[:3], *spacing[::-1][3:]])
    image.set_data_dtype(labels.dtype)
    image.header.set_slope_inter(1, 0)
    image.header["cal_min"] = image.header["cal_max"] = 0
    image.header.set_intent(_LABEL_INTENT, (), "", allow_unknown=True)
    nib.save(image, file)


def _turned(values: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """Reverse the axes; colours, which NIfTI keeps inside a voxel, become the last axis."""
    if values.dtype.names in _COLOURS:
        turned = values.T
        return np.stack([turned[name] for name in values.dtype.names or ()], axis=-1), True
    # Byte-swapped values are slow everywhere and torch refuses them.
    return values.T.astype(values.dtype.newbyteorder("="), copy=False), False


def _affine(like: LoadedImage | None, spacing: tuple[float, ...]) -> NDArray[np.float64]:
    if like is not None and isinstance(like.header, ItkGrid):
        return itk_to_ras(like.header)
    affine = np.eye(4)
    zooms = spacing[::-1][:3]
    affine[range(len(zooms)), range(len(zooms))] = zooms
    return affine


def _nifti_unit(like: LoadedImage | None) -> str:
    known = {ours: theirs for theirs, ours in _UNITS.items()}
    return known.get((like.units if like is not None else None) or "", "unknown")
