"""What is known of an object that lies on many planes: which, and how each came about. Plain values in its facts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._objects import FinishedObject

__all__ = ["PROMPTED", "ObjectSlices", "SliceFact", "merged_facts", "object_places", "planes_of"]

PROMPTED = "prompted"
_FACT = "slices"


@dataclass(frozen=True, slots=True)
class SliceFact:
    """How an object came about on one plane.

    Parameters
    ----------
    origin
        ``"prompted"``, ``"propagated"`` or ``"interpolated"``.
    confidence
        In [0, 1].
    prompts
        What the user said there, as JSON values.
    """

    origin: str
    confidence: float
    prompts: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectSlices:
    """The planes of one object.

    Parameters
    ----------
    axis
        The axis that the planes follow one another along.
    planes
        Position on it to what is known.
    """

    axis: int
    planes: Mapping[int, SliceFact] = field(default_factory=dict)

    @property
    def prompted(self) -> list[int]:
        """The positions that the user prompted, in order."""
        return sorted(position for position, fact in self.planes.items() if fact.origin == PROMPTED)

    def with_plane(self, position: int, fact: SliceFact | None) -> ObjectSlices:
        """Return the same with another plane; None takes it away."""
        planes = {key: value for key, value in self.planes.items() if key != position}
        return replace(self, planes={**planes, position: fact} if fact is not None else planes)

    def facts(self) -> dict[str, Any]:
        """Return them as JSON values."""
        planes = {
            str(position): [fact.origin, round(fact.confidence, 4), *([list(fact.prompts)] if fact.prompts else [])]
            for position, fact in sorted(self.planes.items())
        }
        return {_FACT: {"axis": self.axis, "planes": planes}}

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> ObjectSlices | None:
        """Return what the facts of an object say; None of an object of one plane, or where they make no sense."""
        said: Any = facts.get(_FACT)
        try:
            planes = {
                int(position): SliceFact(str(values[0]), float(values[1]), tuple(values[2]) if values[2:] else ())
                for position, values in said["planes"].items()
            }
            return cls(int(said["axis"]), planes)
        except (TypeError, KeyError, ValueError, IndexError, AttributeError):
            # A file of somebody else's: the object is there, on its own plane.
            return None


def planes_of(plane: PlaneAddress, facts: Mapping[str, Any]) -> list[PlaneAddress]:
    """Return every plane that an object lies on, its own first.

    Parameters
    ----------
    plane
        Its own.
    facts
        Its facts.
    """
    slices = ObjectSlices.of_facts(facts)
    if slices is None or slices.axis not in plane.other_axes:
        return [plane]
    others = [plane.at(slices.axis, position) for position in sorted(slices.planes) if position >= 0]
    return [plane, *(other for other in others if other != plane)]


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
        known |= slices.planes if slices is not None else {}
        known[record.plane.position(axes[0])] = SliceFact(PROMPTED, 1.0)
    return {**first.facts, **ObjectSlices(axes[0], known).facts()}


def _beside(first: PlaneAddress, other: PlaneAddress, axis: int) -> bool:
    return first.other_axes == other.other_axes and first.at(axis, other.position(axis)) == other


def _is_there(plane: PlaneAddress, shape: tuple[int, ...]) -> bool:
    return all(position < shape[axis] for axis, position in zip(plane.other_axes, plane.index, strict=True))
