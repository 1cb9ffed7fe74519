"""What a session keeps of an object that lies on many planes: which, how each came about, and what made it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from napari_iseg.io.saved_options import options_of_then

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_iseg.planes import PlaneAddress

__all__ = ["PROMPTED", "ObjectSlices", "SliceFact", "SliceMaking", "axis_of", "planes_of"]

PROMPTED = "prompted"
_FACT = "slices"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SliceMaking:
    """How one or several planes were made at once, so that the very same masks can be computed again.

    Parameters
    ----------
    moment
        When, on the clock that orders everything that was written into the labels of this image.
    start
        Position to digest of the object's mask there then, see :func:`napari_iseg.io.session_labels.mask_digest`: the
        plane from which the object was carried on, or those that told what lies between two of them. Empty where the
        user prompted.
    method, weights, options, threshold
        What answered, as for :class:`~napari_iseg.io.session_file.SavedObject`; no method where the object was carried
        without one.
    answered
        Of the prompts, as for an object; None where there are none.
    register, least_confidence
        As for :class:`napari_iseg.inference.propagation.Propagation`.
    pixel_size
        (row, column) size of a pixel.
    facts
        How the planes were shown to the method and the mask smoothed, as for an object.
    edges
        Whether shapes between planes were moved to the image's edges, without a method.
    """

    moment: int
    start: Mapping[int, str] = field(default_factory=dict)
    method: str | None = None
    weights: str | None = None
    options: Mapping[str, bool | int | float | str | None] = field(default_factory=dict)
    threshold: float = 0.5
    answered: tuple[int, ...] | None = None
    register: bool = True
    least_confidence: float = 0.0
    pixel_size: tuple[float, float] = (1.0, 1.0)
    facts: Mapping[str, Any] = field(default_factory=dict)
    edges: bool = False

    def values(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "moment": self.moment,
            "start": {str(position): digest for position, digest in sorted(self.start.items())},
            "method": self.method,
            "weights": self.weights,
            "options": dict(self.options),
            "threshold": self.threshold,
            "answered": None if self.answered is None else list(self.answered),
            "register": self.register,
            "least_confidence": self.least_confidence,
            "pixel_size": list(self.pixel_size),
            "facts": dict(self.facts),
            **({"edges": True} if self.edges else {}),
        }

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> SliceMaking:
        """Return what JSON values say; raises TypeError, KeyError or ValueError where they make no sense."""
        rows, columns = values["pixel_size"]
        answered, method, weights = values["answered"], values["method"], values["weights"]
        return cls(
            moment=int(values["moment"]),
            start={int(position): str(digest) for position, digest in values["start"].items()},
            method=None if method is None else str(method),
            weights=None if weights is None else str(weights),
            options=options_of_then(str(method), values["options"]),
            threshold=float(values["threshold"]),
            answered=None if answered is None else tuple(int(count) for count in answered),
            register=bool(values["register"]),
            least_confidence=float(values["least_confidence"]),
            pixel_size=(float(rows), float(columns)),
            facts=dict(values["facts"]),
            edges=bool(values.get("edges", False)),
        )


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
    made
        What made the mask; None of the plane that the object began on, and where nobody noted it.
    digest
        Of the mask before finished objects were protected; None where nobody noted it.
    """

    origin: str
    confidence: float
    prompts: tuple[Any, ...] = ()
    made: SliceMaking | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectSlices:
    """The planes of one object.

    Parameters
    ----------
    axis
        The axis that the planes follow one another along.
    planes
        Position on it to what is known.
    ends
        The positions of which the user said that the object is not there, in order: it ends before.
    """

    axis: int
    planes: Mapping[int, SliceFact] = field(default_factory=dict)
    ends: tuple[int, ...] = ()

    @property
    def prompted(self) -> list[int]:
        """The positions that the user prompted, in order."""
        return sorted(position for position, fact in self.planes.items() if fact.origin == PROMPTED)

    def with_plane(self, position: int, fact: SliceFact | None) -> ObjectSlices:
        """Return the same with another plane; None takes it away."""
        planes = {key: value for key, value in self.planes.items() if key != position}
        if fact is None:
            return replace(self, planes=planes)
        ends = tuple(end for end in self.ends if end != position)
        return replace(self, planes={**planes, position: fact}, ends=ends)

    def without(self, positions: range) -> ObjectSlices:
        """Return the same ending before the first of some positions, and on none of them."""
        planes = {key: value for key, value in self.planes.items() if key not in positions}
        ends = {*(end for end in self.ends if end not in positions), positions[0]}
        return replace(self, planes=planes, ends=tuple(sorted(ends)))

    def bounds(self, position: int) -> tuple[int | None, int | None]:
        """Return the nearest lower and higher position that the user prompted or ended the object at; None for none."""
        said = (*self.prompted, *self.ends)
        below, above = (place for place in said if place < position), (place for place in said if place > position)
        return max(below, default=None), min(above, default=None)

    def origins(self, positions: range) -> set[str]:
        """Return in which ways the object came about on some positions; nothing where it is on none of them."""
        return {fact.origin for position, fact in self.planes.items() if position in positions}

    def facts(self) -> dict[str, Any]:
        """Return them as JSON values; what made several planes is told once."""
        made: dict[int, int] = {}
        told: list[dict[str, Any]] = []
        planes: dict[str, list[Any]] = {}
        for position, fact in sorted(self.planes.items()):
            values: list[Any] = [fact.origin, round(fact.confidence, 4)]
            if fact.prompts or fact.made is not None:
                values.append(list(fact.prompts))
            if fact.made is not None:
                if id(fact.made) not in made:
                    made[id(fact.made)] = len(told)
                    told.append(fact.made.values())
                values.append({"made": made[id(fact.made)], "mask_sha256": fact.digest})
            planes[str(position)] = values
        more = {**({"made": told} if told else {}), **({"ends": list(self.ends)} if self.ends else {})}
        return {_FACT: {"axis": self.axis, "planes": planes, **more}}

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> ObjectSlices | None:
        """Return what the facts of an object say; None of an object of one plane, or where they make no sense."""
        said: Any = facts.get(_FACT)
        try:
            made = _makings(said)
            planes = {int(position): _fact(values, made) for position, values in said["planes"].items()}
            return cls(int(said["axis"]), planes, tuple(sorted(int(end) for end in said.get("ends", ()))))
        except (TypeError, KeyError, ValueError, IndexError, AttributeError):
            # A file of somebody else's: the object is there, on its own plane.
            return None


def _makings(said: Mapping[str, Any]) -> list[SliceMaking]:
    try:
        return [SliceMaking.of_values(values) for values in said.get("made", [])]
    except (TypeError, KeyError, ValueError, AttributeError):
        # Another version's: the planes are there, and cannot be made anew.
        return []


def _fact(values: Any, made: list[SliceMaking]) -> SliceFact:
    prompts = tuple(values[2]) if values[2:] else ()
    more: Any = values[3] if values[3:] else {}
    number, digest = more.get("made"), more.get("mask_sha256")
    known = isinstance(number, int) and 0 <= number < len(made)
    return SliceFact(
        str(values[0]),
        float(values[1]),
        prompts,
        made[number] if known else None,
        str(digest) if known and digest else None,
    )


def axis_of(plane: PlaneAddress, facts: Mapping[str, Any]) -> int | None:
    """Return the axis along which the planes of an object follow one another; None where it lies on one plane.

    It looks at no plane, so that a table of thousands of objects can ask.

    Parameters
    ----------
    plane
        The object's own.
    facts
        Its facts.
    """
    said = facts.get(_FACT)
    if not isinstance(said, dict) or not isinstance(said.get("planes"), dict) or len(said["planes"]) < 2:
        return None
    axis = said.get("axis")
    return axis if axis in plane.other_axes else None


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
