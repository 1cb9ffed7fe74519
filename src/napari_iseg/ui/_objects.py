"""The finished objects of one image: their records, and how they get into the Objects layer and out of it again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ExportError, PromptError
from napari_iseg.inference.mask_refinement import PLAIN
from napari_iseg.io.session_labels import mask_digest
from napari_iseg.io.session_slices import ObjectSlices, planes_of
from napari_iseg.ui._layers import LABEL_TYPE
from napari_iseg.ui._object_slices import object_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.inference.mask_refinement import MaskRefinement
    from napari_iseg.inference.session import Session
    from napari_iseg.interactions import Prompt
    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._edit_history import Edit
    from napari_iseg.ui._method_choice import MethodChoice
    from napari_iseg.ui._plane_work import PlaneWork

__all__ = ["FinishedObject", "FinishedObjects", "TakenBack"]


@dataclass(eq=False)
class FinishedObject:
    """An accepted object.

    Parameters
    ----------
    label
        Its value in the Objects layer.
    plane
        Where it lies.
    choice
        The method, weights and options that it was made with.
    prompts, threshold, refinement
        What it was made from.
    pixels
        How many pixels it got.
    session
        Its session with every undo step; None for an object from a file.
    overwrite
        Whether it was allowed to take pixels from other objects.
    answered, digest
        ``Session.answered`` and the digest of its mask before finished objects were protected; None where unknown.
    facts
        What a session file said of it that nobody here knows; written again.
    indices, before
        Where it was written, one index array per axis, and the values that were there.
    class_name, note
        What kind of thing it is, and what the user wrote about it; empty for none.
    reviewed
        Whether the user has looked it over.
    seconds
        From its first prompt to its acceptance.
    moment
        When it was accepted, in steps of the image's own clock.
    opened
        The edit that had opened it again, or None.
    """

    label: int
    plane: PlaneAddress
    choice: MethodChoice
    prompts: tuple[Prompt, ...]
    threshold: float
    pixels: int = 0
    refinement: MaskRefinement = PLAIN
    session: Session | None = None
    overwrite: bool = False
    answered: tuple[int, ...] | None = None
    digest: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    indices: tuple[NDArray[np.intp], ...] = field(default=(), repr=False)
    before: NDArray[Any] | None = field(default=None, repr=False)
    class_name: str = ""
    note: str = ""
    reviewed: bool = False
    seconds: float = 0.0
    moment: int = 0
    opened: Edit | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class TakenBack:
    """An acceptance that was undone: the object, and the work on the next one that had already begun."""

    finished: FinishedObject
    following: PlaneWork


class FinishedObjects:
    """The records, oldest first, and the writing into a Labels layer.

    Attributes
    ----------
    records
        The objects.
    revision
        Grows whenever something about them changes.
    """

    def __init__(self) -> None:
        self.records: list[FinishedObject] = []
        self.revision = 0
        self._clock = 0
        # The array whose highest value is known, and that value: looking through gigabytes takes a quarter of a second.
        self._counted: Any = None
        self._highest = 0

    @property
    def now(self) -> int:
        """The present moment of the clock: it rises with whatever is written."""
        return self._clock

    def tick(self) -> int:
        """Return the next moment of the clock that orders acceptances, edits and planes that are filled."""
        self._clock += 1
        return self._clock

    def find(self, label: int) -> FinishedObject | None:
        """Return the object of that id, or None."""
        return next((record for record in self.records if record.label == label), None)

    def account(self, before: NDArray[Any], after: NDArray[Any] | int) -> None:
        """Bring the objects' sizes in step after pixels changed from the values ``before`` to those ``after``."""
        there = {record.label: record for record in self.records}
        self._highest = max(self._highest, int(np.max(after, initial=0)), int(np.max(before, initial=0)))
        for values, sign in ((before, -1), (np.broadcast_to(after, before.shape), 1)):
            for label, count in zip(*np.unique(values, return_counts=True), strict=True):
                if int(label) in there:
                    there[int(label)].pixels += sign * int(count)
        self.revision += 1

    def recount(self, layer: Any, plane: PlaneAddress) -> None:
        """Count the pixels of a plane's objects anew, after somebody painted there."""
        self._highest = max(self._highest, int(plane.take_labels(layer.data).max()))
        on = {record.label: planes_of(record.plane, record.facts) for record in self.records}
        here = [record for record in self.records if plane in on[record.label]]
        if here:
            counts = np.bincount(plane.take_labels(layer.data).ravel(), minlength=max(r.label for r in here) + 1)
            for record in here:
                many = len(on[record.label]) > 1
                places = object_places(record, layer.data, [record.label]) if many else ()
                record.pixels = int(places[0].size) if many else int(counts[record.label])
            self.revision += 1

    def next_label(self, layer: Any) -> int:
        """Return an id that no object and no pixel of the layer has.

        Raises
        ------
        ExportError
            If the layer's type has no further id.
        """
        if self._counted is not layer.data:
            self._counted, self._highest = layer.data, int(layer.data.max())
        highest = max([self._highest, *(record.label for record in self.records)])
        if highest >= np.iinfo(layer.data.dtype).max:
            raise ExportError(
                f"The layer {layer.name!r} is full: no id above {highest} fits; export it and start anew."
            )
        return highest + 1

    def write(self, layer: Any, record: FinishedObject, mask: NDArray[np.bool_], *, overwrite: bool) -> None:
        """Write an object and keep its record.

        Parameters
        ----------
        layer
            The Labels layer of the finished objects.
        record
            The object; where it was written is noted in it.
        mask
            (H, W) bool, the object on its plane.
        overwrite
            Whether it may take pixels from finished objects.

        Raises
        ------
        PromptError
            If the mask is empty, or nothing of it is free; nothing was written then.
        """
        there = record.plane.take_labels(layer.data)
        free = mask if overwrite else mask & (there == 0)
        if not mask.any():
            raise PromptError("There is no mask to accept yet; click the object first.")
        if not free.any():
            raise PromptError(
                "Finished objects already cover all of this mask; choose 'Overwrite' for finished objects under "
                "'Mask options' to replace them."
            )
        record.indices = record.plane.mask_index(free)
        record.before = layer.data[record.indices].copy()
        record.digest = mask_digest(mask)
        layer.data_setitem(record.indices, LABEL_TYPE(record.label))
        record.pixels = 0
        record.moment = self.tick()
        self.records.append(record)
        self.account(record.before, record.label)

    def look_again(self) -> None:
        """Look through all pixels before the next id is given: somebody wrote others into the layer."""
        self._counted = None

    def know(self, data: Any, highest: int) -> None:
        """Take note of the highest id in an array, so that nobody has to look through all of it."""
        self._counted, self._highest = data, highest

    def adopt(self, record: FinishedObject) -> None:
        """Keep the record of an object whose pixels are in the layer already; its moment, if it is a later one."""
        self._counted = None
        record.pixels = int(record.indices[0].size)
        if (self.records and record.moment <= self.records[-1].moment) or not record.moment:
            record.moment = self.tick()
        self.records.append(record)
        slices = ObjectSlices.of_facts(record.facts)
        made = [fact.made.moment for fact in slices.planes.values() if fact.made is not None] if slices else []
        # What comes next is later than everything that an earlier session noted.
        self._clock = max(self._clock, record.moment, *made)
        self.revision += 1

    def last_on(self, plane: PlaneAddress) -> FinishedObject | None:
        """Return the object last finished on a plane whose acceptance can be undone, or None."""
        return next(
            (
                record
                for record in reversed(self.records)
                if record.plane == plane and record.prompts and len(planes_of(plane, record.facts)) == 1
            ),
            None,
        )

    def erase(self, layer: Any, record: FinishedObject) -> None:
        """Take an object out again: its pixels get back what they were, unless someone painted over them since."""
        self.records.remove(record)
        self.revision += 1
        before = record.before
        if before is None:
            return
        still = layer.data[record.indices] == record.label
        layer.data_setitem(tuple(index[still] for index in record.indices), before[still])
        self.account(np.full(int(still.sum()), record.label), before[still])
        record.indices, record.before = (), None
