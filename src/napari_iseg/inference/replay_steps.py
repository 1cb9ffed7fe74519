"""In which steps the labels of a session were written: objects, corrected planes, and planes that were filled."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_iseg.errors import IsegError
from napari_iseg.inference.propagation import Filling, Propagation, Tracker
from napari_iseg.inference.square_predictor import on_square_pixels
from napari_iseg.io.prompt_values import prompt_from_values
from napari_iseg.io.session_slices import ObjectSlices, SliceFact, SliceMaking
from napari_iseg.planes import PlaneLook, SquarePixels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.io.session_file import SavedObject
    from napari_iseg.planes import PlaneAddress

__all__ = ["Step", "fill", "kept_planes", "steps_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What was written at once.

    Parameters
    ----------
    owner
        The object whose pixels they are.
    moment
        When, on the session's own clock.
    asked
        What was answered on one plane: the object itself, or the object as it was corrected there; None where planes
        were filled, and of an object without prompts.
    making
        How planes were filled, else None.
    axis
        The axis that the planes follow one another along.
    planes
        Position of every plane that was filled and still is, to what is known of it.
    """

    owner: SavedObject
    moment: float
    asked: SavedObject | None
    making: SliceMaking | None = None
    axis: int = 0
    planes: Mapping[int, SliceFact] = field(default_factory=dict)

    def plane(self, position: int) -> PlaneAddress:
        """Return the object's plane at a position."""
        return self.owner.plane.at(self.axis, position)


def steps_of(objects: Iterable[SavedObject], shape: tuple[int, ...]) -> list[Step]:
    """Return every step of a session, the first one first.

    Parameters
    ----------
    objects
        As the session tells them.
    shape
        Of the image's grid: planes outside of it, in a damaged file, are left out.
    """
    steps: list[Step] = []
    moment: float = 0
    for item in objects:
        said = item.facts.get("moment")
        later = float(said) if isinstance(said, int) and not isinstance(said, bool) else moment
        # Files that do not say when have the objects in their order, and what is unfinished was written last.
        moment = max(moment, later) if item.finished else math.inf
        steps.append(Step(item, moment, item if item.prompts else None))
        steps += _further(item, moment, shape)
    return sorted(steps, key=lambda step: step.moment)


def kept_planes(item: SavedObject, shape: tuple[int, ...]) -> dict[int, PlaneAddress]:
    """Return the further planes of an object, by position, of which a session does not say how they were made."""
    slices = _slices(item, shape)
    if slices is None:
        return {}
    planes = {place: item.plane.at(slices.axis, place) for place, fact in slices.planes.items() if fact.made is None}
    return {place: plane for place, plane in planes.items() if plane != item.plane}


def fill(
    step: Step,
    known: Mapping[int, NDArray[np.bool_]],
    data: Any,
    load: Callable[[SavedObject], Predictor],
) -> dict[int, NDArray[np.bool_]]:
    """Fill the planes of a step again.

    Parameters
    ----------
    step
        Which, and how.
    known
        Position to mask of the planes that it began from.
    data
        The image's array, colours included.
    load
        Returns the predictor of an object.

    Returns
    -------
    dict
        Position to mask, (H, W) bool; one that the object did not reach is missing.

    Raises
    ------
    IsegError
        If the method cannot be loaded, or does not answer.
    """
    making = step.making
    if making is None or not step.planes:
        return {}
    look = PlaneLook.of_facts(making.facts)
    predictor = None
    if making.method is not None:
        named = replace(step.owner, method=making.method, weights=making.weights, options=making.options)
        shape = next(iter(known.values())).shape
        square = SquarePixels.of_facts(making.facts, (shape[0], shape[1]))
        predictor = on_square_pixels(load(named), square)
    tracker = Tracker(
        lambda position: look.rgb(step.plane(position).take(data)),
        predictor,
        Propagation(register=making.register, refine=predictor is not None, least_confidence=making.least_confidence),
        pixel_size=making.pixel_size,
        threshold=making.threshold,
    )
    if len(known) > 1:
        inside = [place for place in sorted(step.planes) if min(known) < place < max(known) and place not in known]
        filling: Filling = "edges" if making.edges else "method"
        return {one.position: one.mask for one in tracker.interpolate(known, inside, filling=filling)}
    ((start, mask),) = known.items()
    last = max(step.planes, key=lambda place: abs(place - start))
    way = 1 if last > start else -1
    return {one.position: one.mask for one in tracker.propagate(start, mask, range(start + way, last + way, way))}


def _further(item: SavedObject, moment: float, shape: tuple[int, ...]) -> list[Step]:
    """Return the steps of an object after its first one."""
    slices = _slices(item, shape)
    if slices is None or not item.prompts:
        return []
    steps: list[Step] = []
    filled: dict[int, dict[int, SliceFact]] = {}
    makings: dict[int, SliceMaking] = {}
    for place, fact in sorted(slices.planes.items()):
        if fact.made is None:
            continue
        if not fact.made.start:
            corrected = _corrected(item, slices.axis, place, fact)
            if corrected is not None:
                steps.append(Step(item, max(moment, fact.made.moment), corrected))
        elif all(0 <= start < shape[slices.axis] for start in fact.made.start):
            makings[id(fact.made)] = fact.made
            filled.setdefault(id(fact.made), {})[place] = fact
    for key, making in makings.items():
        steps.append(Step(item, max(moment, making.moment), None, making, slices.axis, filled[key]))
    return steps


def _corrected(item: SavedObject, axis: int, place: int, fact: SliceFact) -> SavedObject | None:
    """Return an object as it was corrected on one of its planes."""
    making = fact.made
    if making is None or making.method is None:
        return None
    values = [dict(one) for one in fact.prompts]
    try:
        prompts = tuple(prompt_from_values(one.pop("kind"), one, f"object {item.label}") for one in values)
    except (IsegError, KeyError):
        return None
    return replace(
        item,
        plane=item.plane.at(axis, place),
        method=making.method,
        weights=making.weights,
        options=making.options,
        threshold=making.threshold,
        prompts=prompts,
        answered=making.answered,
        mask_sha256=fact.digest,
        overwrite=False,
        facts=making.facts,
    )


def _slices(item: SavedObject, shape: tuple[int, ...]) -> ObjectSlices | None:
    slices = ObjectSlices.of_facts(item.facts)
    if slices is None or slices.axis not in item.plane.other_axes:
        return None
    inside = {place: fact for place, fact in slices.planes.items() if 0 <= place < shape[slices.axis]}
    return replace(slices, planes=inside)
