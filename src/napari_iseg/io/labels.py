"""Write labels and probabilities on the grid of the image that they belong to."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ExportError
from napari_iseg.io.exported import ExportedLabels, no_tick
from napari_iseg.io.files import ending, replacing
from napari_iseg.io.itk_files import write_itk
from napari_iseg.io.nifti_files import write_nifti
from napari_iseg.io.ome_tiff import is_ome_tiff, write_ome_tiff
from napari_iseg.io.raster_files import write_png
from napari_iseg.io.tiff_files import write_tiff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.io.exported import Tick
    from napari_iseg.io.loaded import LoadedImage

__all__ = [
    "LABEL_ENDINGS",
    "check_grid",
    "smallest_labels",
    "write_alpha",
    "write_exported",
    "write_labels",
    "write_probability",
]

_WRITERS = {
    **dict.fromkeys((".tif", ".tiff"), write_tiff),
    **dict.fromkeys((".nii", ".nii.gz"), write_nifti),
    **dict.fromkeys((".mha", ".nrrd"), write_itk),
}

LABEL_ENDINGS = (*_WRITERS, ".png")
"""The endings, in lower case, of the files that :func:`write_labels` writes."""


def write_labels(
    path: str | Path,
    labels: NDArray[Any],
    like: LoadedImage | None = None,
    spacing: Sequence[float] | None = None,
    units: str | None = None,
    tick: Tick = no_tick,
) -> Path:
    """Write labels in the smallest unsigned type that holds them; the file appears whole or not at all.

    Parameters
    ----------
    path
        The ending chooses the format: ``.tif``, ``.tiff``, ``.ome.tif``, ``.ome.tiff``, ``.nii``, ``.nii.gz``,
        ``.mha``, ``.nrrd``, or ``.png`` for a single plane with ids up to 65535.
    labels
        (H, W) or n-D labels, integers from 0 or bool, slowest axis first, without a colour axis.
    like
        The image that they were drawn on. The file gets its grid: spacing, and where the format has them orientation
        and place. Of an image with time or channels in front, labels of the last axes alone may be written too.
    spacing
        Size of a pixel per axis of ``labels``, in place of that of ``like`` where the format takes it from there;
        the world of a NIfTI or ITK image stays its own. None takes that of ``like``, else 1.
    units
        Unit of the spacing in an OME-TIFF; None takes that of ``like``.
    tick
        Is told 1 before the file appears; what it raises ends the writing.

    Returns
    -------
    pathlib.Path
        Where they were written.

    Raises
    ------
    ExportError
        If the ending is unknown, the values are no labels, the shape is not that of ``like``, the format cannot
        hold them, or the file cannot be written.
    """
    given = ExportedLabels(np.asarray(labels), like, None if spacing is None else tuple(spacing), units)
    return write_exported(Path(path), given, tick)


def write_exported(file: Path, exported: ExportedLabels, tick: Tick = no_tick) -> Path:
    """Write labels with what is known of their axes; otherwise as :func:`write_labels`."""
    if ending(file) not in LABEL_ENDINGS:
        raise ExportError(_unknown_ending(file, ending(file)))
    array = smallest_labels(np.asarray(exported.labels))
    if exported.like is not None:
        check_grid(array, exported.like)
    _write(file, replace(exported, labels=array), tick)
    return file


def _write(file: Path, exported: ExportedLabels, tick: Tick) -> None:
    labels, sizes, kind = exported.labels, exported.sizes, ending(file)
    if kind == ".png":
        _check_png(labels)
    with replacing(file) as temporary:
        if kind == ".png":
            write_png(temporary, labels)
        elif is_ome_tiff(file):
            write_ome_tiff(temporary, labels, exported.axes, sizes, exported.unit, exported.stem)
        else:
            if kind not in (".tif", ".tiff") and exported.axes == "tyx":
                # The third axis of these is space, the fourth is time: seconds must not become a thickness.
                labels, sizes = labels[:, np.newaxis], (sizes[0], 1.0, *sizes[1:])
            _WRITERS[kind](temporary, labels, exported.like, sizes)
        tick(1)


def write_probability(path: str | Path, probability: NDArray[np.floating[Any]]) -> Path:
    """Write probabilities as a NumPy ``.npy`` file of float32; the file appears whole or not at all.

    Raises
    ------
    ExportError
        If the ending is not ``.npy`` or the file cannot be written.
    """
    file = Path(path)
    if ending(file) != ".npy":
        raise ExportError(f"Probabilities are written as NumPy arrays; give {file.name} the ending .npy.")
    with replacing(file) as temporary:
        np.save(temporary, np.asarray(probability, dtype=np.float32), allow_pickle=False)
    return file


def write_alpha(
    path: str | Path, alpha: NDArray[np.floating[Any]], like: LoadedImage | None = None, pixel: Sequence[float] = (1, 1)
) -> Path:
    """Write the alpha matte of one plane as a float32 TIFF; the file appears whole or not at all.

    Parameters
    ----------
    path
        Ends in ``.tif`` or ``.tiff``.
    alpha
        (H, W) in [0, 1].
    like
        The image whose unit of length it gets, or None.
    pixel
        (row, column) size of a pixel.

    Raises
    ------
    ExportError
        If the ending is another one or the file cannot be written.
    """
    file = Path(path)
    if ending(file) not in (".tif", ".tiff"):
        raise ExportError(f"An alpha matte is written as TIFF; give {file.name} the ending .tif.")
    down, across = (float(size) for size in pixel)
    with replacing(file) as temporary:
        write_tiff(temporary, np.asarray(alpha, dtype=np.float32), like, (down, across))
    return file


def smallest_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels in the smallest unsigned type that holds them.

    Raises
    ------
    ExportError
        If they are no whole numbers from 0 to 2**32 - 1, or have no pixel or fewer than two axes.
    """
    if labels.dtype.kind not in "bui":
        raise ExportError(
            f"Labels must be whole numbers; an array of the type {labels.dtype} was given, so convert it."
        )
    if labels.ndim < 2 or labels.size == 0:
        raise ExportError(
            f"Labels need at least two axes and one pixel; an array of the shape {labels.shape} was given."
        )
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= 2**32:
        raise ExportError(
            f"Label ids must lie in 0 to {2**32 - 1}; these go from {lowest} to {highest}, so renumber them."
        )
    return labels.astype(np.uint8 if highest < 2**8 else np.uint16 if highest < 2**16 else np.uint32)


def check_grid(labels: NDArray[Any], like: LoadedImage) -> None:
    """Check that labels lie on the grid of an image, or on its last axes alone where it has a place in the world.

    Raises
    ------
    ExportError
        If they do not.
    """
    grid = like.grid_shape
    flat_world = like.affine is not None and 2 < labels.ndim < len(grid)
    if labels.shape != grid and not (flat_world and labels.shape == grid[-labels.ndim :]):
        raise ExportError(
            f"The labels have the shape {labels.shape} but {like.source.name} has {grid}; "
            "export the labels of that image."
        )


def _check_png(labels: NDArray[Any]) -> None:
    if labels.ndim != 2:
        raise ExportError(f"A PNG holds one plane, not labels of the shape {labels.shape}; export them as TIFF (.tif).")
    if labels.dtype == np.uint32:
        raise ExportError(f"A PNG holds ids up to 65535, not {labels.max()}; export them as TIFF (.tif).")


def _unknown_ending(file: Path, kind: str) -> str:
    close = get_close_matches(kind, LABEL_ENDINGS, n=1, cutoff=0.6)
    advice = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(LABEL_ENDINGS)}."
    return f"Labels cannot be written as {file.name}; {advice}"
