"""Between the worlds of NIfTI (RAS: right, anterior, superior) and of ITK (LPS: left, posterior, superior)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.io.loaded import ItkGrid

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["grid_from_spacing", "itk_to_ras", "ras_to_itk"]

_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def itk_to_ras(grid: ItkGrid) -> NDArray[np.float64]:
    """Return the 4 x 4 RAS affine of an ITK grid; a missing third axis has the spacing 1, a fourth is left out."""
    ndim = len(grid.spacing)
    space = min(ndim, 3)
    direction = np.asarray(grid.direction, dtype=float).reshape(ndim, ndim)[:space, :space]
    lps = np.eye(4)
    lps[:space, :space] = direction * np.asarray(grid.spacing[:space])
    lps[:space, 3] = grid.origin[:space]
    return np.asarray(_FLIP @ lps)


def ras_to_itk(affine: NDArray[np.float64], ndim: int, time_spacing: float = 1.0) -> ItkGrid:
    """Return the ITK grid of a RAS affine.

    Parameters
    ----------
    affine
        4 x 4, voxel (i, j, k) to RAS+ world.
    ndim
        Number of axes of the image: 2 drops k, further ones than 3 stand straight.
    time_spacing
        Spacing of the axes after the third.
    """
    lps = _FLIP @ affine
    space = min(ndim, 3)
    lengths = np.linalg.norm(lps[:3, :3], axis=0)
    direction, spacing, origin = np.eye(ndim), np.full(ndim, time_spacing), np.zeros(ndim)
    direction[:space, :space] = (lps[:3, :3] / lengths)[:space, :space]
    spacing[:space] = lengths[:space]
    origin[:space] = lps[:space, 3]
    if abs(np.linalg.det(direction)) < 1e-6:
        # A 2-D image that stands upright in the world has no 2-D direction; its place is lost, its spacing is not.
        direction = np.eye(ndim)
    return ItkGrid(tuple(spacing.tolist()), tuple(origin.tolist()), tuple(direction.ravel().tolist()))


def grid_from_spacing(spacing: tuple[float, ...]) -> ItkGrid:
    """Return an axis-parallel ITK grid at the origin for a spacing in array order (slowest axis first)."""
    ndim = len(spacing)
    return ItkGrid(tuple(spacing[::-1]), (0.0,) * ndim, tuple(np.eye(ndim).ravel().tolist()))
