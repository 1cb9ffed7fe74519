"""Where an object that lies on many planes has its pixels, and what several such objects become."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import PromptError
from napari_iseg.io.session_slices import PROMPTED, ObjectSlices, SliceFact, planes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._objects import FinishedObject

__all__ = ["merged_facts", "object_places"]


def object_places(record: FinishedObject, labels: NDArray[Any], values: list[int]) -> tuple[NDArray[np.intp], ...]:
    """Return the pixels with some values on the planes of an object, one index array per axis."""
    found = [
        plane.mask_index(np.isin(plane.take_labels(labels), values))
        for plane in planes_of(record.plane, record.facts)
        if _is_there(plane, labels.shape)
    ]
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def merged_facts(records: Sequence[FinishedObject]) -> dict[str, Any]:
    """Return the facts of the object that several become: those of the first, with the planes of all.

    What made the planes is forgotten: none of them holds the mask that was computed there.

    Raises
    ------
    PromptError
        If they lie on planes that do not follow one another along one axis.
    """
    first = records[0]
    planes = {plane for record in records for plane in planes_of(record.plane, record.facts)}
    if planes == {first.plane}:
        return first.facts
    axes = [a for a in first.plane.other_axes if all(_beside(first.plane, plane, a) for plane in planes)]
    if not axes:
        raise PromptError("The selected objects lie on planes that do not follow one another; merge those that do.")
    known: dict[int, SliceFact] = {}
    for record in reversed(records):
        slices = ObjectSlices.of_facts(record.facts)
        planes_there = slices.planes if slices is not None else {}
        known |= {place: replace(fact, made=None, digest=None) for place, fact in planes_there.items()}
        known[record.plane.position(axes[0])] = SliceFact(PROMPTED, 1.0)
    return {**first.facts, **ObjectSlices(axes[0], known).facts()}


def _beside(first: PlaneAddress, other: PlaneAddress, axis: int) -> bool:
    return first.other_axes == other.other_axes and first.at(axis, other.position(axis)) == other


def _is_there(plane: PlaneAddress, shape: tuple[int, ...]) -> bool:
    return all(position < shape[axis] for axis, position in zip(plane.other_axes, plane.index, strict=True))
