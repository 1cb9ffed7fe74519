"""MetaImage and NRRD through SimpleITK: (x, y, z) in the file, (z, y, x) as an array, spacing and direction kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ExportError
from napari_iseg.io.files import damaged
from napari_iseg.io.geometry import grid_from_spacing, itk_to_ras, ras_to_itk
from napari_iseg.io.lazily import SMALL, lazy_array
from napari_iseg.io.loaded import ItkGrid, LoadedImage
from napari_iseg.io.shown import Shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_itk", "write_itk"]

# ITK raises one kind of error for everything; what it says tells a full disk from a grid that a format cannot hold.
_OF_THE_DISK = ("No space left", "File too large", "Error writing", "File cannot be written")


def read_itk(file: Path, *, lazy: bool = False) -> LoadedImage:
    """Read what SimpleITK reads; several values per voxel become colours (3 or 4 bytes) or a first axis.

    Parameters
    ----------
    file
        The file.
    lazy
        Whether a large MetaImage that is not compressed stays in the file.

    Raises
    ------
    ImageError
        If SimpleITK cannot read it.
    """
    import SimpleITK

    if lazy and file.stat().st_size > SMALL and file.suffix.lower() == ".mha" and (found := _lazy(file)) is not None:
        return found
    try:
        image: Any = SimpleITK.ReadImage(str(file))
    except RuntimeError as error:
        raise damaged(file, "a MetaImage or NRRD image") from error
    grid = ItkGrid(
        spacing=tuple(image.GetSpacing()),
        origin=tuple(image.GetOrigin()),
        direction=tuple(image.GetDirection()),
        components=image.GetNumberOfComponentsPerPixel(),
    )
    data = SimpleITK.GetArrayFromImage(image)
    spacing = grid.spacing[::-1]
    rgb = grid.components in (3, 4) and data.dtype == np.uint8
    if grid.components > 1 and not rgb:
        data, spacing = np.moveaxis(data, -1, 0), (1.0, *spacing)
    axes = ("c" if len(spacing) > len(grid.spacing) else "") + "tzyx"[-len(grid.spacing) :]
    return LoadedImage(data, file, "simpleitk", rgb, spacing, "mm", itk_to_ras(grid), grid, shown=_shown(axes))


def _shown(axes: str) -> Shown:
    return Shown(axes=axes, units=tuple("mm" if axis in "zyx" else "pixel" for axis in axes))


def _lazy(file: Path) -> LoadedImage | None:
    """Return a MetaImage whose planes are read one by one, None where they are compressed or hold several values."""
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise damaged(file, "a MetaImage or NRRD image") from error
    with file.open("rb") as stream:
        head = stream.read(4096)
    size = reader.GetSize()
    if b"CompressedData = True" in head or reader.GetNumberOfComponents() > 1 or len(size) != 3:
        return None
    grid = ItkGrid(tuple(reader.GetSpacing()), tuple(reader.GetOrigin()), tuple(reader.GetDirection()))
    first = SimpleITK.ImageFileReader()
    dtype = _plane_of(first, file, 0, size).dtype

    def read(where: tuple[slice, ...]) -> NDArray[Any]:
        planes = [_plane_of(SimpleITK.ImageFileReader(), file, k, size) for k in range(where[0].start, where[0].stop)]
        return np.concatenate(planes)[(slice(None), *where[1:])]

    shape = tuple(size[::-1])
    data = lazy_array(read, shape, dtype, [1, *shape[1:]], file)
    return LoadedImage(
        data, file, "simpleitk", False, grid.spacing[::-1], "mm", itk_to_ras(grid), grid, shown=_shown("zyx")
    )


def _plane_of(reader: Any, file: Path, k: int, size: tuple[int, ...]) -> NDArray[Any]:
    import SimpleITK

    reader.SetFileName(str(file))
    reader.SetExtractIndex((0, 0, k))
    reader.SetExtractSize((size[0], size[1], 1))
    return np.asarray(SimpleITK.GetArrayFromImage(reader.Execute()))


def write_itk(file: Path, labels: NDArray[Any], like: LoadedImage | None, spacing: tuple[float, ...]) -> None:
    """Write labels, slowest axis first, with the place in the world that ``like`` has.

    Parameters
    ----------
    file
        Where to.
    labels
        Labels in their final unsigned type, 2-D to 4-D.
    like
        The image whose grid they get, or None.
    spacing
        Per axis of ``labels``, used where ``like`` has no world.

    Raises
    ------
    ExportError
        If the format cannot hold the grid or cannot be written.
    """
    import SimpleITK

    vector = like is not None and isinstance(like.header, ItkGrid) and labels.ndim > len(like.header.spacing)
    try:
        array = np.ascontiguousarray(np.moveaxis(labels, 0, -1) if vector else labels)
        image: Any = SimpleITK.GetImageFromArray(array, isVector=vector)
        grid = _grid(like, spacing, image.GetDimension())
        image.SetSpacing(grid.spacing)
        image.SetOrigin(grid.origin)
        image.SetDirection(grid.direction)
        SimpleITK.WriteImage(image, str(file), useCompression=True)
    except (RuntimeError, NotImplementedError) as error:
        if any(sign in str(error) for sign in _OF_THE_DISK):
            raise ExportError(
                f"The labels cannot be written to {file.parent}: the disk is full or refuses; make room or choose "
                "another folder."
            ) from error
        raise ExportError(
            f"Labels of the shape {labels.shape} cannot be written as {file.suffix} with this grid; "
            "export them as TIFF or NIfTI."
        ) from error


def _grid(like: LoadedImage | None, spacing: tuple[float, ...], ndim: int) -> ItkGrid:
    if like is not None and isinstance(like.header, ItkGrid) and len(like.header.spacing) == ndim:
        return like.header
    if like is not None and like.affine is not None:
        return ras_to_itk(like.affine, ndim, spacing[0] if ndim > 3 else 1.0)
    return grid_from_spacing(spacing[-ndim:])
