"""An image as it came from a file: its values, and all that is needed to write labels on the very same grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["ItkGrid", "Kind", "LoadedImage"]

Kind = Literal["nifti", "simpleitk", "tiff", "png"]


@dataclass(frozen=True, slots=True)
class ItkGrid:
    """The grid of an ITK image in world millimetres, LPS frame; every tuple in the order x, y, z (, t).

    Parameters
    ----------
    spacing
        Size of a voxel along each axis.
    origin
        World position of the centre of voxel 0.
    direction
        The direction cosines, row by row: n x n numbers for n axes.
    components
        Number of values per voxel.
    """

    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]
    components: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class LoadedImage:
    """An image as it came from a file.

    Parameters
    ----------
    data
        The values, slowest axis first as napari shows them. A file's own (i, j, k, t) order, as NIfTI and ITK count,
        is turned round to (t, k, j, i), so that axis 0 goes through the slices. PNG is (row, column); TIFF keeps its
        order of pages. With ``rgb`` the last axis holds 3 or 4 colours.
    source
        The file.
    kind
        What reads it.
    rgb
        Whether the last axis holds colours.
    spacing
        Size of a pixel along every axis but the colours, 1 where the file does not say.
    units
        Unit of the spacing of the spatial axes (``"mm"``, ``"um"``, ...), or None where the file does not say.
    affine
        4 x 4, from voxel (i, j, k) - the last three axes of ``data`` in reverse - to RAS+ world millimetres, or None
        for formats without a world.
    header
        What the format needs to write labels back: nibabel's header, an :class:`ItkGrid`, the axes of a TIFF (such as
        ``"TZYX"``), or None.
    source_files
        The files of a series or a folder, one per plane in slice order; empty where one file holds everything.
    """

    data: NDArray[Any] = field(repr=False)
    source: Path
    kind: Kind
    rgb: bool = False
    spacing: tuple[float, ...] = ()
    units: str | None = None
    affine: NDArray[np.float64] | None = field(default=None, repr=False)
    header: Any = field(default=None, repr=False)
    source_files: tuple[Path, ...] = ()

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Shape of a label array on this image's grid: without the colours."""
        shape = tuple(int(size) for size in self.data.shape)
        return shape[:-1] if self.rgb else shape

    @property
    def scale(self) -> tuple[float, ...]:
        """The ``scale`` of the image's layer in napari: the spacing of every axis but the colours.

        The rotation of ``affine`` is left out on purpose: a rotated layer cannot be sliced along its own planes.
        """
        return self.spacing

    @property
    def array_affine(self) -> NDArray[np.float64] | None:
        """``affine`` for the last three axes of ``data``: (k, j, i) to (S, A, R); None where there is no world."""
        if self.affine is None:
            return None
        order = [2, 1, 0, 3]
        return np.asarray(self.affine[np.ix_(order, order)])
