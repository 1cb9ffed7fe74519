"""NIfTI through nibabel: (i, j, k, t) in the file, (t, k, j, i) as an array, and back on the same grid."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.files import damaged, too_large
from napari_iseg.io.geometry import itk_to_ras
from napari_iseg.io.lazily import SMALL, lazy_array
from napari_iseg.io.loaded import ItkGrid, LoadedImage
from napari_iseg.io.shown import Shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_nifti", "write_nifti"]

_TIMES = {"sec": "s", "msec": "ms", "usec": "us"}
_UNITS = {"mm": "mm", "micron": "um", "meter": "m"}
_LABEL_INTENT = 1002
_COLOURS = {("R", "G", "B"), ("R", "G", "B", "A")}


def read_nifti(file: Path, *, lazy: bool = False) -> LoadedImage:
    """Read a NIfTI-1 or NIfTI-2 file; its axes come out in reverse, a scaled integer image as float.

    Parameters
    ----------
    file
        The file.
    lazy
        Whether a large one that is not compressed stays in the file.

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
        values = _whole_or_lazy(image, file, lazy=lazy)
    except MemoryError as error:
        raise too_large(file) from error
    except broken as error:
        raise damaged(file, "a NIfTI image") from error
    data, rgb = _turned(values)
    zooms = [float(zoom) for zoom in image.header.get_zooms()]
    zooms += [1.0] * (values.ndim - len(zooms))
    header: Any = image.header
    space, time = header.get_xyzt_units()
    units, axes = _UNITS.get(space), "tzyx"[-values.ndim :] if values.ndim <= 4 else ""
    return LoadedImage(
        data=data,
        source=file,
        kind="nifti",
        rgb=rgb,
        spacing=tuple(zoom if np.isfinite(zoom) and zoom > 0 else 1.0 for zoom in zooms[::-1]),
        units=units,
        affine=np.array(image.affine, dtype=float),
        header=image.header.copy(),
        shown=Shown(
            axes=axes,
            units=tuple(_TIMES.get(time, "pixel") if axis == "t" else units or "pixel" for axis in axes),
            limits=_display_limits(header),
        ),
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
        seconds = like is not None and "t" in like.shown.axes and "s" in like.shown.units
        image.header.set_xyzt_units(_nifti_unit(like), "sec" if seconds else None)
        image.header.set_zooms([*image.header.get_zooms()[:3], *spacing[::-1][3:]])
    image.set_data_dtype(labels.dtype)
    image.header.set_slope_inter(1, 0)
    image.header["cal_min"] = image.header["cal_max"] = 0
    image.header.set_intent(_LABEL_INTENT, (), "", allow_unknown=True)
    nib.save(image, file)


def _whole_or_lazy(image: Any, file: Path, *, lazy: bool) -> Any:
    """Return the values in the file's own order of axes, small or compressed ones as an array."""
    proxy = image.dataobj
    size = int(np.prod(proxy.shape)) * proxy.dtype.itemsize
    if not lazy or size <= SMALL or file.name.lower().endswith(".gz") or proxy.dtype.names:
        return np.asanyarray(proxy)
    if file.stat().st_size < proxy.offset + size:
        raise OSError("cut off")
    # One value tells the type after scaling.
    dtype = np.asarray(proxy[(slice(0, 1),) * len(proxy.shape)]).dtype
    blocks = [*proxy.shape[:2], *[1] * (len(proxy.shape) - 2)]
    return lazy_array(lambda where: np.asarray(proxy[where]), proxy.shape, dtype.newbyteorder("="), blocks, file)


def _display_limits(header: Any) -> tuple[float, float] | None:
    low, high = float(header["cal_min"]), float(header["cal_max"])
    return (low, high) if np.isfinite([low, high]).all() and low < high else None


def _turned(values: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """Reverse the axes; colours, which NIfTI keeps inside a voxel, become the last axis."""
    if values.dtype.names in _COLOURS:
        turned = values.T
        return np.stack([turned[name] for name in values.dtype.names or ()], axis=-1), True
    # Byte-swapped values are slow everywhere and torch refuses them.
    native = values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))
    return native.T, False


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
