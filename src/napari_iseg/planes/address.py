"""Which 2-D plane of an n-D array is looked at, and the way there and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["PlaneAddress"]


@dataclass(frozen=True, slots=True)
class PlaneAddress:
    """One 2-D plane of an n-D array.

    Parameters
    ----------
    rows, columns
        The axes of the array that run along the plane's rows (downwards) and columns (to the right), from 0.
    index
        The position on each other axis, in the order of these axes. The colour axis has none.
    rgb
        Whether the image's last axis holds colours. A label array of the same grid lacks that axis.

    Raises
    ------
    ImageError
        If an axis is named twice or does not exist, or a position is negative.
    """

    rows: int = 0
    columns: int = 1
    index: tuple[int, ...] = ()
    rgb: bool = False

    def __post_init__(self) -> None:
        if self.rows == self.columns or not (0 <= self.rows < self.ndim and 0 <= self.columns < self.ndim):
            raise ImageError(
                f"A plane of {self.ndim} axes needs two different ones, from 0 to {self.ndim - 1}, for its rows and "
                f"columns; {self.rows} and {self.columns} were given."
            )
        if any(position < 0 for position in self.index):
            raise ImageError(f"The positions of a plane count from 0; {self.index} was given.")

    @classmethod
    def across(
        cls, shape: Sequence[int], axis: int = 0, plane: int | None = None, *, rgb: bool = False
    ) -> PlaneAddress:
        """Address the plane that lies across one axis.

        Parameters
        ----------
        shape
            Shape of the image, the colour axis included.
        axis
            The axis to go along, negative values count from the last one. Ignored for a 2-D image.
        plane
            Position on ``axis``; None takes the middle one. Every further axis but the last two stays at 0.
        rgb
            Whether the last axis holds colours.

        Raises
        ------
        ImageError
            If the image has no such axis or no such plane, or fewer than two axes.
        """
        grid = tuple(shape[:-1]) if rgb else tuple(shape)
        if len(grid) < 2:
            raise ImageError(f"An image needs at least two axes; this one has the shape {tuple(shape)}.")
        if len(grid) == 2:
            if plane not in (None, 0):
                raise ImageError(f"The image has a single plane, so plane {plane} does not exist; leave the plane out.")
            return cls(rgb=rgb)
        if not -len(grid) <= axis < len(grid):
            raise ImageError(f"The image has no axis {axis}; choose one from 0 to {len(grid) - 1}.")
        axis %= len(grid)
        _check_position(axis, grid[axis] // 2 if plane is None else plane, grid[axis])
        position = grid[axis] // 2 if plane is None else plane
        others = [other for other in range(len(grid)) if other != axis]
        rows, columns = others[-2:]
        return cls.shown((rows, columns), [position if other == axis else 0 for other in range(len(grid))], rgb=rgb)

    @classmethod
    def shown(cls, displayed: Sequence[int], step: Sequence[int], *, rgb: bool = False) -> PlaneAddress:
        """Address the plane that a viewer shows.

        Parameters
        ----------
        displayed
            The axes along the screen's rows and columns, in this order.
        step
            A position for every axis but the colours; those of ``displayed`` are ignored.
        rgb
            Whether the image's last axis holds colours.
        """
        rows, columns = (int(axis) for axis in displayed)
        index = tuple(int(position) for axis, position in enumerate(step) if axis not in (rows, columns))
        return cls(rows, columns, index, rgb)

    @property
    def ndim(self) -> int:
        """Number of axes of the grid, the colours not counted."""
        return len(self.index) + 2

    @property
    def other_axes(self) -> tuple[int, ...]:
        """The axes that are not shown, in the order of ``index``."""
        return tuple(axis for axis in range(self.ndim) if axis not in (self.rows, self.columns))

    @property
    def label_index(self) -> tuple[int | slice, ...]:
        """What to index a label array with; the result has its axes in the array's order, not the plane's."""
        positions = dict(zip(self.other_axes, self.index, strict=True))
        return tuple(positions.get(axis, slice(None)) for axis in range(self.ndim))

    def position(self, axis: int) -> int:
        """Return where the plane lies on an axis that is not shown.

        Raises
        ------
        ImageError
            If the axis runs along the plane or does not exist.
        """
        self._check_hidden(axis)
        return self.index[self.other_axes.index(axis)]

    def at(self, axis: int, position: int) -> PlaneAddress:
        """Return the parallel plane at another position of an axis that is not shown.

        Raises
        ------
        ImageError
            If the axis runs along the plane or does not exist, or the position is negative.
        """
        self._check_hidden(axis)
        index = tuple(position if a == axis else p for a, p in zip(self.other_axes, self.index, strict=True))
        return PlaneAddress(self.rows, self.columns, index, self.rgb)

    def _check_hidden(self, axis: int) -> None:
        if axis not in self.other_axes:
            raise ImageError(
                f"Planes do not lie one behind the other along axis {axis}; choose one of {self.other_axes}."
            )

    def check(self, shape: Sequence[int]) -> None:
        """Check that an image of ``shape`` (colours included) has this plane.

        Raises
        ------
        ImageError
            If the number of axes differs or a position lies beyond the end.
        """
        grid = tuple(shape[:-1]) if self.rgb else tuple(shape)
        self._check_grid(grid)

    def take(self, array: Any) -> NDArray[Any]:
        """Read the plane out of an image; of a lazy array nothing else is computed.

        Parameters
        ----------
        array
            Anything with ``shape`` that integers and slices index: NumPy, dask, zarr, nibabel's proxies.

        Returns
        -------
        numpy.ndarray
            (H, W), or (H, W, 3 or 4) in colour, of the array's dtype; a view where the array allows.

        Raises
        ------
        ImageError
            If the array does not have this plane.
        """
        self.check(array.shape)
        index = (*self.label_index, slice(None)) if self.rgb else self.label_index
        plane = np.asarray(array[index])
        return plane if self.rows < self.columns else plane.swapaxes(0, 1)

    def take_labels(self, labels: Any) -> NDArray[Any]:
        """Read the plane out of a label array on the image's grid (no colour axis); returns (H, W)."""
        self._check_grid(tuple(labels.shape))
        plane = np.asarray(labels[self.label_index])
        return plane if self.rows < self.columns else plane.T

    def put(self, labels: Any, plane: NDArray[Any]) -> None:
        """Write a whole plane into a label array on the image's grid, in place.

        Parameters
        ----------
        labels
            n-D label array without a colour axis.
        plane
            (H, W) values.

        Raises
        ------
        ImageError
            If the array does not have this plane, or the plane has another size.
        """
        grid = tuple(labels.shape)
        self._check_grid(grid)
        expected = (grid[self.rows], grid[self.columns])
        if plane.shape != expected:
            raise ImageError(f"The plane has {expected[0]} x {expected[1]} pixels; {plane.shape} values were given.")
        labels[self.label_index] = plane if self.rows < self.columns else plane.T

    def mask_index(self, mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], ...]:
        """Index arrays, one per axis of the label array, of the pixels that are True in an (H, W) mask."""
        row, column = np.nonzero(mask)
        positions = dict(zip(self.other_axes, self.index, strict=True))
        along = {self.rows: row, self.columns: column}
        return tuple(
            along[axis] if axis in along else np.full(row.shape, positions[axis], dtype=np.intp)
            for axis in range(self.ndim)
        )

    def row_column(self, point: Sequence[float]) -> tuple[float, float]:
        """Find the (row, column) on the plane of a point given in pixels along every axis but the colours."""
        return float(point[self.rows]), float(point[self.columns])

    def point(self, row: float, column: float) -> tuple[float, ...]:
        """Find the point, in pixels along every axis but the colours, of a place on the plane."""
        positions: dict[int, float] = dict(zip(self.other_axes, self.index, strict=True))
        return tuple({**positions, self.rows: row, self.columns: column}[axis] for axis in range(self.ndim))

    def pixel_size(self, spacing: Sequence[float]) -> tuple[float, float]:
        """(row, column) spacing on the plane, of the spacing along every axis but the colours."""
        return float(spacing[self.rows]), float(spacing[self.columns])

    def _check_grid(self, grid: tuple[int, ...]) -> None:
        if len(grid) != self.ndim:
            raise ImageError(f"The plane belongs to an image of {self.ndim} axes; one of the shape {grid} was given.")
        for axis, position in zip(self.other_axes, self.index, strict=True):
            _check_position(axis, position, grid[axis])


def _check_position(axis: int, position: int, size: int) -> None:
    if not 0 <= position < size:
        raise ImageError(f"Axis {axis} of the image has no plane {position}; choose one from 0 to {size - 1}.")
