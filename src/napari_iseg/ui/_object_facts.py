"""What is known of an object besides its pixels: kept when it is finished, taken back, and finished again."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import OptionError
from napari_iseg.inference.mask_refinement import PLAIN, MaskRefinement
from napari_iseg.planes import PlaneLook, SquarePixels
from napari_iseg.ui._square_pixels import NOT_SPACE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.io.session_file import SavedObject
    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._plane_work import PlaneWork

__all__ = [
    "area_of_a_pixel",
    "describe",
    "middle_of",
    "plane_in_words",
    "refinement_in",
    "remember",
    "saved_facts",
    "take_saved_facts",
    "volume_of_a_voxel",
]

# What napari calls an axis that nobody gave a unit.
_NO_UNIT = ("", "pixel", "px", "dimensionless")


def describe(record: FinishedObject, work: PlaneWork) -> None:
    """Write what a work knows of its object into the record."""
    record.class_name = work.class_name or ""
    record.note = work.note
    record.reviewed = work.reviewed
    record.seconds = work.seconds
    record.opened = work.opened
    if work.begun_at is not None:
        record.seconds += time.perf_counter() - work.begun_at


def remember(work: PlaneWork, record: FinishedObject) -> None:
    """Give a work what the record knows of the object that it goes on with."""
    work.label = record.label
    work.choice = record.choice
    work.opened = record.opened
    work.look = PlaneLook.of_facts(record.facts)
    work.square = SquarePixels.of_facts(record.facts, work.shape)
    work.class_name = record.class_name
    work.note = record.note
    # Somebody is changing it: what was reviewed is another one.
    work.reviewed = False
    work.seconds = record.seconds
    work.begun_at = time.perf_counter()


def saved_facts(record: FinishedObject) -> dict[str, Any]:
    """Return what a session file keeps of an object besides its prompts, as JSON values."""
    known = {
        "note": record.note,
        "reviewed": record.reviewed,
        "seconds": round(record.seconds, 3),
        "moment": record.moment,
    }
    return {**record.facts, **{name: value for name, value in known.items() if value}, **record.refinement.facts()}


def take_saved_facts(record: FinishedObject, item: SavedObject) -> None:
    """Give a record what a session file kept of its object; what nobody here knows is kept for the next file."""
    facts = dict(item.facts)
    record.class_name = item.class_name or ""
    # A fact of another kind than ours is somebody else's.
    for name, kind in (("note", str), ("reviewed", bool), ("seconds", (int, float)), ("moment", int)):
        if isinstance(facts.get(name), kind):
            setattr(record, name, facts.pop(name))
    record.refinement = refinement_in(facts)
    record.facts = facts


def refinement_in(facts: dict[str, Any]) -> MaskRefinement:
    """Take the refinement of a mask out of what a session file says; what cannot be one stays there."""
    try:
        refinement = MaskRefinement.of_facts(facts)
    except OptionError:
        return PLAIN
    facts.pop("refinement", None)
    return refinement


def area_of_a_pixel(image: Any, plane: PlaneAddress) -> tuple[float, str] | None:
    """Return the area of a pixel of a plane and its unit ("µm²"), or None where the image does not say.

    Parameters
    ----------
    image
        An Image layer.
    plane
        A plane of it.

    Returns
    -------
    tuple or None
        With an empty unit where the image has a scale but no unit.
    """
    rows, columns = plane.pixel_size([abs(float(size)) for size in image.scale])
    names = [_short(image.units[axis]) for axis in (plane.rows, plane.columns)]
    if names[0] in _NO_UNIT and names[1] in _NO_UNIT:
        return None if rows == columns == 1 else (rows * columns, "")
    unit = f"{names[0]}²" if names[0] == names[1] else f"{names[0]}·{names[1]}"
    return rows * columns, unit


def volume_of_a_voxel(image: Any, plane: PlaneAddress, axis: int) -> tuple[float, str] | None:
    """Return the volume of a voxel and its unit ("µm³"), or None where the image does not say how large it is.

    Parameters
    ----------
    image
        An Image layer.
    plane
        A plane of it.
    axis
        That the planes follow one another along.

    Returns
    -------
    tuple or None
        With an empty unit where the image has a scale but no unit; None along an axis that is no space, such as time,
        where planes make no volume.
    """
    area = area_of_a_pixel(image, plane)
    height = _short(image.units[axis])
    if area is None or image.units[axis].dimensionality != image.units[plane.rows].dimensionality:
        return None
    if str(image.axis_labels[axis]).lower() in NOT_SPACE:
        return None
    size, unit = area[0] * abs(float(image.scale[axis])), area[1]
    if not unit:
        return size, ""
    return size, f"{unit[:-1]}³" if unit == f"{height}²" else f"{unit}·{height}"


@lru_cache
def _short(unit: Any) -> str:
    # Thousands of rows ask for it, and formatting a unit takes long.
    return f"{unit:~P}"


def plane_in_words(plane: PlaneAddress) -> str:
    """Return the positions of a plane along the axes that it lies across; empty for a flat image."""
    return ", ".join(str(position) for position in plane.index)


def middle_of(mask: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Return the (row, column) in the middle of a mask's box, or None if it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return ((rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2) if len(rows) else None
