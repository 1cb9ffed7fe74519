"""How large a pixel of a plane of a file is, where both of its sides lie in space."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_iseg.io.loaded import LoadedImage

__all__ = ["pixel_size"]

# Letters of TIFF axes that go through space; Q and I are pages of which the file says nothing else.
_SPACE = "ZYXQI"
_SPACE_AXES = 3


def pixel_size(loaded: LoadedImage, rows: int, columns: int) -> tuple[float, float] | None:
    """Return the height and width of a pixel of a plane.

    Parameters
    ----------
    loaded
        The image.
    rows, columns
        The axes along the plane's rows and columns, colours not counted.

    Returns
    -------
    tuple or None
        In the image's unit; None where an axis is time or a channel, so that there is no such size.
    """
    axes, ndim = loaded.header, len(loaded.grid_shape)
    if len(loaded.spacing) != ndim:
        return None
    if isinstance(axes, str):
        in_space = all(axis < len(axes) and axes[axis] in _SPACE for axis in (rows, columns))
    else:
        # Medical formats have time, and whatever else, before the last three axes.
        in_space = min(rows, columns) >= ndim - _SPACE_AXES
    return (loaded.spacing[rows], loaded.spacing[columns]) if in_space else None
