"""Along which axis the planes of an image follow one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._project import Project

__all__ = ["slice_axis"]


def slice_axis(project: Project, plane: PlaneAddress) -> int | None:
    """Return the axis that one goes along from plane to plane; None of an image of one plane.

    That is the last axis with several positions among those not shown: z in (t, z, y, x), time in a movie.
    """
    long = [axis for axis in plane.other_axes if project.shape[axis] > 1]
    return long[-1] if long else None
