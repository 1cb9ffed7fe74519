"""One object through many planes: propagated, interpolated, corrected by clicks that fill anew what lies around.

It is a file of over 300 lines because half of them say what callers can rely on; what computes, writes and checks is in
the modules beside it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_iseg.errors import PromptError
from napari_iseg.interactions import MaskPrompt
from napari_iseg.io.session_slices import PROMPTED, ObjectSlices, SliceFact
from napari_iseg.planes.shapes import gaps_around
from napari_iseg.ui._edit_history import Edit, Fact, PixelChange
from napari_iseg.ui._object_steps import ObjectSteps
from napari_iseg.ui._plane_work import PlaneWork
from napari_iseg.ui._saved import saved_work
from napari_iseg.ui._slice_axis import slice_axis
from napari_iseg.ui._slice_check import SliceCheck
from napari_iseg.ui._slice_filling import SliceFilling
from napari_iseg.ui._slice_prompts import prompted, prompts_of
from napari_iseg.ui._slice_tracking import SliceTracking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._slice_filling import Found
    from napari_iseg.ui._workers import Workers

__all__ = ["Slices"]


class Slices(ObjectSteps):
    """Follows objects of the chosen image through its planes.

    While an object is active, prompts on any of its planes correct it there.

    Parameters
    ----------
    controller
        The dock's.
    workers
        Does the work in threads, a plane at a time.
    edited
        Called with the project and the work on the canvas after a step.

    Attributes
    ----------
    changed
        Another object is active, or a plane was filled.
    refine
        Whether the method corrects what is carried from plane to plane.
    checked
        The planes that deserve a look.
    """

    changed = Signal()

    def __init__(self, controller: Controller, workers: Workers, edited: Callable[[Project, PlaneWork], None]) -> None:
        super().__init__(controller, edited)
        self.refine = True
        self._active: tuple[Project, int] | None = None
        self.checked = SliceCheck(workers)
        self.checked.changed.connect(self.changed.emit)
        self._filling = SliceFilling(controller, workers)
        self._filling.changed.connect(self.changed.emit)

    @property
    def active(self) -> FinishedObject | None:
        """The object that prompts correct, or None."""
        if self._active is None or self._active[0] is not self._controller.project:
            return None
        project, label = self._active
        return project.finished.find(label) if project.layers.has_objects else None

    @property
    def planes(self) -> ObjectSlices | None:
        """The planes of the active object, or None."""
        return _slices_of(self.active) if self.active is not None else None

    @property
    def progress(self) -> tuple[int, int] | None:
        """How many planes are filled, and how many there may be; None while nothing is computed."""
        return self._filling.progress

    @property
    def axis(self) -> int | None:
        """The axis that planes follow one another along; None of an image of one plane."""
        work = self._controller.work
        project = self._controller.project
        if work is None or project is None:
            return None
        slices = self.planes
        if slices is not None and slices.axis in work.plane.other_axes:
            return slices.axis
        return slice_axis(project, work.plane)

    @property
    def in_3d(self) -> bool:
        """Whether the volume is shown as a whole, so that there is no plane to work on."""
        return self._controller.work is None and self._controller.shows_volume

    @property
    def can_begin(self) -> bool:
        """Whether there is an object to follow: an active one, an unfinished one, or one finished on this plane."""
        work, project = self._controller.work, self._controller.project
        if work is None or project is None or self.axis is None:
            return False
        begun = bool(work.prompts) and not work.pending
        return self.active is not None or begun or project.finished.last_on(work.plane) is not None

    def propagate(self, direction: int, *, all_the_way: bool = True) -> None:
        """Carry the object on from the plane that is shown, in the background.

        Parameters
        ----------
        direction
            +1 to higher positions, -1 to lower ones, 0 both ways.
        all_the_way
            Whether until it ends; else to the next plane, which is shown then.

        Raises
        ------
        PromptError
            If there is no object on the plane that is shown, or its answer is still awaited.
        """
        record = self._needed_object()
        project, work = self._needed()
        slices, layer = _slices_of(record), project.layers.objects
        here = work.plane.position(slices.axis)
        mask = work.plane.take_labels(layer.data) == record.label
        if not mask.any():
            raise PromptError("The object is not on this plane; click it here, or go to a plane where it is.")
        count = project.shape[slices.axis]
        ways = [way for way in (1, -1) if direction in (way, 0)]
        ranges = [range(here + way, count if way > 0 else -1, way) for way in ways]
        # What the user prompted further on stays; beyond it nothing changes.
        ranges = [_up_to(positions, (*slices.prompted, *slices.ends)) for positions in ranges]
        if not all_the_way:
            ranges = [positions[:1] for positions in ranges]
        if not any(len(positions) for positions in ranges):
            raise PromptError(
                "There is no further plane that way; the next one is your own, or the object or the volume ends here."
            )
        tracking = self._tracking(project, work, slices.axis)
        found = (one for positions in ranges for one in tracking.carried(here, mask, positions))
        stale = {position for positions in ranges for position in positions} if all_the_way else set()
        self._filling.start(project, record, slices, found, sum(map(len, ranges)), stale)
        if not all_the_way and len(ranges) == 1:
            self._controller.go_to_plane(work.plane.at(slices.axis, ranges[0][0]))

    def interpolate(self) -> None:
        """Fill the planes between those that were prompted, in the background.

        Raises
        ------
        PromptError
            If no plane lies between two that were prompted, or the object ends between them.
        """
        record = self._needed_object()
        project, work = self._needed()
        slices = _slices_of(record)
        gaps = [(a, b) for a, b in pairwise(slices.prompted) if b - a > 1 and slices.bounds(a)[1] == b]
        if not gaps:
            self.changed.emit()
            raise PromptError(
                f"No plane lies between two on which object {record.label} was clicked; click it on another one "
                "further on, then the planes between are filled."
            )
        self._fill(project, work, record, slices, gaps, [])

    def end_here(self) -> None:
        """Take the object away from the plane that is shown and from those beyond, and carry it there no more.

        Those beyond reach from here away from where the object began, up to the next plane that the user prompted.

        Raises
        ------
        PromptError
            If no object is being carried through the planes, this one began on the plane that is shown, or an answer
            is still awaited.
        """
        self.stop()
        record, (project, work) = self.active, self._needed()
        if record is None:
            raise PromptError("No object is being carried through the planes; carry one on first, then end it here.")
        if work.pending:
            raise PromptError("The mask is still being computed; try again in a moment.")
        slices, layer = _slices_of(record), project.layers.objects
        here, began = work.plane.position(slices.axis), record.plane.position(slices.axis)
        if here == began:
            raise PromptError(f"Object {record.label} began on this plane; go to the first plane without it.")
        way = 1 if here > began else -1
        beyond = _up_to(range(here + way, project.shape[slices.axis] if way > 0 else -1, way), slices.prompted)
        positions = range(here, beyond.stop, way)
        changes = []
        for position in sorted({here, *slices.planes} & set(positions)):
            plane = record.plane.at(slices.axis, position)
            index = plane.mask_index(plane.take_labels(layer.data) == record.label)
            if index[0].size:
                changes.append(PixelChange.to(layer, index, 0))
        facts = {**record.facts, **slices.without(positions).facts()}
        self._do(project, work, Edit(tuple(changes), facts=(Fact(record.label, "facts", record.facts, facts),)))
        self.changed.emit()

    def resume(self, label: int) -> None:
        """Make a finished object the one that prompts correct, from any plane.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        project, _ = self._needed()
        (record,) = self._records(project, [label])
        self._active = project, label
        if self.active is not None and ObjectSlices.of_facts(record.facts) is None:
            self._become_3d(project, record)
        self.changed.emit()
        self._controller.changed.emit()

    def done(self) -> None:
        """End the work on the active object; the next click begins another one."""
        self.stop()
        self._active = None
        self.changed.emit()
        self._controller.changed.emit()

    def stop(self) -> None:
        """Cancel what is being computed; the planes that are filled stay, as one undo step."""
        self._filling.stop()

    def takes(self, work: PlaneWork) -> bool:
        """Whether a prompt on the plane of ``work`` corrects the active object."""
        slices = self.planes
        return slices is not None and not work.prompts and work.target is None and slices.axis in work.plane.other_axes

    def opened(self, work: PlaneWork) -> PlaneWork:
        """Return the work that a prompt on the plane of ``work`` belongs to.

        Where it corrects the active object that is a work on this object, put in the place of ``work``, which goes on
        with the mask that is there and shows it; else ``work`` itself.
        """
        project, record = self._controller.project, self.active
        if project is None or record is None or not self.takes(work):
            return work
        self.stop()
        slices, layer = _slices_of(record), project.layers.objects
        opened = PlaneWork(work.plane, work.shape)
        opened.target = layer, record.label
        mask = work.plane.take_labels(layer.data) == record.label
        if mask.any():
            fact = slices.planes.get(work.plane.position(slices.axis))
            source = f"object {record.label}, {fact.origin if fact is not None else 'as it is'}"
            before = prompts_of(fact, record, work.plane)
            opened.edit((*before, MaskPrompt(mask, source=source)))
        project.put_work(opened)
        project.layers.preview(work.plane, mask)
        return opened

    def answered(self, project: Project, work: PlaneWork) -> None:
        """Write a correction into the object, and fill the planes around anew."""
        if work.target is None or not project.layers.is_objects(work.target[0]) or work.session is None or work.pending:
            return
        layer, label = work.target
        record = project.finished.find(label)
        if record is None:
            return
        slices = _slices_of(record)
        position = work.plane.position(slices.axis)
        values = work.plane.take_labels(layer.data)
        new = work.session.mask & np.isin(values, (0, label))
        changed = (values == label) ^ new
        change = PixelChange.to(layer, work.plane.mask_index(changed), np.where(new[changed], label, 0))
        there = saved_work(work, work.choice or self._controller.answering.choice, label, digest=True)
        slices = slices.with_plane(position, prompted(there, project.finished.tick()))
        facts = Fact(label, "facts", record.facts, {**record.facts, **slices.facts()})
        following = PlaneWork(work.plane, work.shape)
        self._do(project, work, Edit((change,), facts=(facts,), works=(work, following)))
        self._fill_around(project, following, record, slices, position)

    def check(self) -> None:
        """Look through the planes of the active object for those that deserve a look; ``checked`` has them then."""
        record, project = self.active, self._controller.project
        if record is not None and project is not None and self.progress is None:
            self.checked.look(project, record, _slices_of(record))

    def go_to(self, position: int) -> None:
        """Show a plane of the active object."""
        record = self.active
        if record is not None:
            self._controller.go_to_plane(record.plane.at(_slices_of(record).axis, position))

    def _needed_object(self) -> FinishedObject:
        """Return the active object; else the unfinished one, accepted; else the last one finished on this plane."""
        project, work = self._needed()
        axis = self.axis
        if axis is None:
            raise PromptError("This image has a single plane; there is none to carry an object to.")
        self.stop()
        if self.active is not None and not work.prompts:
            return self.active
        if work.prompts:
            if work.pending:
                raise PromptError("The mask is still being computed; try again in a moment.")
            before = {record.label for record in project.finished.records}
            self._controller.accept()
            accepted = [record for record in project.finished.records if record.label not in before]
            if not accepted:
                raise PromptError("Answer the question about finished objects first, then go on through the planes.")
            record = accepted[-1]
        else:
            found = project.finished.last_on(work.plane)
            if found is None:
                raise PromptError("There is no object on this plane yet; click one first.")
            record = found
        self._active = project, record.label
        if ObjectSlices.of_facts(record.facts) is None:
            self._become_3d(project, record)
        return record

    def _become_3d(self, project: Project, record: FinishedObject) -> None:
        axis = slice_axis(project, record.plane)
        if axis is not None:
            plane = {record.plane.position(axis): SliceFact(PROMPTED, 1.0)}
            record.facts = {**record.facts, **ObjectSlices(axis, plane).facts()}

    def _fill_around(
        self, project: Project, work: PlaneWork, record: FinishedObject, slices: ObjectSlices, position: int
    ) -> None:
        """Fill the planes around anew that lie between prompted ones; beyond the outermost follow the object."""
        lower, upper = slices.bounds(position)
        own = slices.prompted
        # Further off, what was interpolated bends with the shape here.
        gaps = [
            (first, last)
            for first, last in gaps_around(own, position)
            if slices.bounds(first)[1] == last
            and (position in (first, last) or "interpolated" in slices.origins(range(first + 1, last)))
        ]
        beyond = []
        # Not where nobody ever sent it.
        if lower not in own and (upper in own or lower is not None or any(p < position for p in slices.planes)):
            beyond.append(range(position - 1, -1 if lower is None else lower, -1))
        if upper not in own and (lower in own or upper is not None or any(p > position for p in slices.planes)):
            beyond.append(range(position + 1, project.shape[slices.axis] if upper is None else upper))
        if len(slices.planes) > 1:
            self._fill(project, work, record, slices, gaps, beyond)

    def _fill(
        self,
        project: Project,
        work: PlaneWork,
        record: FinishedObject,
        slices: ObjectSlices,
        gaps: list[tuple[int, int]],
        beyond: list[range],
    ) -> None:
        data, label = project.layers.objects.data, record.label
        masks = {
            position: record.plane.at(slices.axis, position).take_labels(data) == label for position in slices.prompted
        }
        here = work.plane.position(slices.axis)
        tracking = self._tracking(project, work, slices.axis)

        def found() -> Iterator[Found]:
            yield from tracking.between(masks, gaps)
            for positions in beyond:
                yield from tracking.carried(here, masks[here], positions)

        total = sum(upper - lower - 1 for lower, upper in gaps) + sum(map(len, beyond))
        if total:
            self._filling.start(project, record, slices, found(), total, {p for positions in beyond for p in positions})

    def _tracking(self, project: Project, work: PlaneWork, axis: int) -> SliceTracking:
        answering = self._controller.answering
        return SliceTracking(project, work, axis, answering.ready(answering.choice), answering.choice, self.refine)


def _slices_of(record: FinishedObject) -> ObjectSlices:
    slices = ObjectSlices.of_facts(record.facts)
    if slices is not None:
        return slices
    axis = record.plane.other_axes[-1] if record.plane.other_axes else 0
    return ObjectSlices(axis, {record.plane.position(axis): SliceFact(PROMPTED, 1.0)} if record.plane.index else {})


def _up_to(positions: range, own: Sequence[int]) -> range:
    """Return the positions before the first of which the user said something."""
    for number, position in enumerate(positions):
        if position in own:
            return positions[:number]
    return positions
