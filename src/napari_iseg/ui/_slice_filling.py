"""Planes of an object that are filled one after the other in the background; together they are one undo step."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_iseg.errors import IsegError
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.io.session_labels import mask_digest
from napari_iseg.io.session_slices import SliceFact
from napari_iseg.ui._edit_history import Edit, Fact, PixelChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_iseg.inference.propagation import SliceMask
    from napari_iseg.io.session_slices import ObjectSlices, SliceMaking
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Job, Workers

__all__ = ["Found", "SliceFilling"]

Found = tuple["SliceMask", "SliceMaking"]
"""The mask of a plane, and what made it."""


@dataclass(eq=False)
class _Run:
    """Planes that are being filled, one after the other."""

    project: Project
    label: int
    slices: ObjectSlices
    found: Iterator[Found]
    total: int
    stale: set[int]
    facts: dict[str, Any]
    changes: list[PixelChange] = field(default_factory=list)
    done: int = 0


class SliceFilling:
    """Fills planes of a finished object.

    Parameters
    ----------
    controller
        Is told of errors and of what changed.
    workers
        Computes in threads, a plane at a time.

    Attributes
    ----------
    changed
        A plane was filled, or it is over.
    """

    changed = Signal()

    def __init__(self, controller: Controller, workers: Workers) -> None:
        self._controller = controller
        self._workers = workers
        self._run: _Run | None = None
        self._job: Job | None = None

    @property
    def progress(self) -> tuple[int, int] | None:
        """How many planes are filled, and how many there may be; None while nothing is computed."""
        return (self._run.done, self._run.total) if self._run is not None else None

    def stop(self) -> None:
        """Cancel what is being computed; the planes that are filled stay, as one undo step."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        run, self._run = self._run, None
        if run is not None:
            self._keep(run)
            self.changed.emit()

    def start(
        self,
        project: Project,
        record: FinishedObject,
        slices: ObjectSlices,
        found: Iterator[Found],
        total: int,
        stale: set[int],
    ) -> None:
        """Fill planes; what was being filled is stopped.

        Parameters
        ----------
        project, record
            Whose planes.
        slices
            What is known of them now.
        found
            Gives their masks and what makes them; it is advanced in threads.
        total
            How many it may give.
        stale
            The planes from which the object is taken away at the end where it was not found.
        """
        self.stop()
        self._run = _Run(project, record.label, slices, found, total, stale - set(slices.prompted), record.facts)
        self._next()

    def _next(self) -> None:
        run = self._run
        if run is not None:
            # One plane at a time: each is shown as it comes, and cancelling waits for one at most.
            work: Callable[[Any], Found | None] = lambda _cancelled: next(run.found, None)  # noqa: E731
            self._job = self._workers.start(work, partial(self._arrived, run), partial(self._failed, run))
        self.changed.emit()

    def _arrived(self, run: _Run, answer: Found | None) -> None:
        self._job = None
        record = run.project.finished.find(run.label)
        if run is not self._run or record is None or not run.project.layers.has_objects:
            self._run = None
            self.changed.emit()
            return
        if answer is None:
            self._run = None
            for position in sorted(run.stale & set(run.slices.planes)):
                self._write(run, record, position, None, None)
            self._keep(run)
            self.changed.emit()
            return
        found, making = answer
        run.done += 1
        run.stale.discard(found.position)
        fact = None
        if found.mask.any():
            fact = SliceFact(found.origin, found.confidence, made=making, digest=mask_digest(found.mask))
        self._write(run, record, found.position, found.mask, fact)
        self._next()

    def _failed(self, run: _Run, error: Exception) -> None:
        self._job = None
        if run is self._run:
            self._run = None
            self._keep(run)
            self.changed.emit()
        if isinstance(error, CancelledError):
            return
        if not isinstance(error, IsegError):
            raise error
        self._controller.failed.emit(str(error))

    def _write(
        self, run: _Run, record: FinishedObject, position: int, mask: NDArray[np.bool_] | None, fact: SliceFact | None
    ) -> None:
        """Write the object on one plane; finished objects keep their pixels."""
        layer = run.project.layers.objects
        plane = record.plane.at(run.slices.axis, position)
        there = plane.take_labels(layer.data)
        new = (mask if mask is not None else np.zeros(there.shape, bool)) & np.isin(there, (0, run.label))
        changed = (there == run.label) ^ new
        if changed.any():
            change = PixelChange.to(layer, plane.mask_index(changed), np.where(new[changed], run.label, 0))
            run.project.finished.account(*change.write(back=False))
            run.changes.append(change)
        run.slices = run.slices.with_plane(position, fact)
        # At once: an autosave in the middle must know to which planes the pixels belong.
        record.facts = {**run.facts, **run.slices.facts()}

    def _keep(self, run: _Run) -> None:
        """Make what was filled one step that undo takes back."""
        record, work = run.project.finished.find(run.label), self._controller.work
        after = {**run.facts, **run.slices.facts()}
        if record is None or work is None or (not run.changes and after == run.facts):
            return
        record.facts = after
        run.project.edits.did(Edit(tuple(run.changes), facts=(Fact(run.label, "facts", run.facts, after),)), work)
        self._controller.changed.emit()
