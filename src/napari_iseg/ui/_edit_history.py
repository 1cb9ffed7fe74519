"""Edits of finished objects as steps back and forward: deleted, merged, split, renamed, opened again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.inference.session import Session
    from napari_iseg.interactions import Prompt
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project

__all__ = ["Edit", "EditHistory", "Fact", "PixelChange"]


@dataclass(frozen=True, eq=False)
class PixelChange:
    """Pixels of a Labels layer that got other values.

    Parameters
    ----------
    layer
        The layer.
    indices
        One index array per axis.
    before, after
        Their values.
    """

    layer: Any
    indices: tuple[NDArray[np.intp], ...] = field(repr=False)
    before: NDArray[Any] = field(repr=False)
    after: NDArray[Any] = field(repr=False)

    @classmethod
    def to(cls, layer: Any, indices: tuple[NDArray[np.intp], ...], after: NDArray[Any] | int) -> PixelChange:
        """Return the change of the layer's present values to others."""
        before = layer.data[indices].copy()
        return cls(layer, indices, before, np.broadcast_to(np.asarray(after, before.dtype), before.shape))

    def write(self, *, back: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        """Make the change or undo it; pixels that somebody painted over since stay. Return the old and new values."""
        old, new = (self.after, self.before) if back else (self.before, self.after)
        still = self.layer.data[self.indices] == old
        self.layer.data_setitem(tuple(index[still] for index in self.indices), np.array(new[still]))
        return old[still], new[still]


@dataclass(frozen=True)
class Fact:
    """A field of an object's record that got another value."""

    label: int
    name: str
    before: Any
    after: Any


@dataclass(eq=False)
class Edit:
    """One step.

    Parameters
    ----------
    pixels
        What it changes in layers.
    gone, come
        The records that it takes away and that it adds.
    facts
        What it changes in records.
    works
        The work on a plane before and after, where it puts another one there.
    moment
        When it was made, on the clock of the finished objects.
    prompts
        Those of the unfinished object on the canvas before and after: the step is undone before or after the clicks
        that were given later or earlier.
    """

    pixels: tuple[PixelChange, ...] = ()
    gone: tuple[FinishedObject, ...] = ()
    come: tuple[FinishedObject, ...] = ()
    facts: tuple[Fact, ...] = ()
    works: tuple[PlaneWork, PlaneWork] | None = None
    moment: int = 0
    prompts: tuple[tuple[Prompt, ...], tuple[Prompt, ...]] = ((), ())


class EditHistory:
    """The edits of one image's objects.

    Parameters
    ----------
    project
        The work on that image.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._done: list[Edit] = []
        self._undone: list[Edit] = []

    def do(self, edit: Edit, present: PlaneWork) -> None:
        """Make an edit, as one step.

        Parameters
        ----------
        edit
            What to do.
        present
            The work on the canvas.
        """
        before = present.prompts
        self._apply(edit, back=False)
        after = edit.works[1].prompts if edit.works is not None else before
        self._note(edit, (before, after))

    def did(self, edit: Edit, present: PlaneWork) -> None:
        """Keep an edit as one step whose pixels and facts were changed one by one already.

        Parameters
        ----------
        edit
            What was done; it puts no other work on a plane.
        present
            The work on the canvas.
        """
        self._note(edit, (present.prompts, present.prompts))

    def _note(self, edit: Edit, prompts: tuple[tuple[Prompt, ...], tuple[Prompt, ...]]) -> None:
        edit.moment = self._project.finished.tick()
        edit.prompts = prompts
        self._done.append(edit)
        self._undone.clear()

    def to_undo(self, present: PlaneWork) -> Edit | None:
        """Return the edit that is the next to be undone, if nothing was done after it."""
        edit = self._done[-1] if self._done else None
        if edit is None or not self._fits(edit):
            return None
        accepted = self._project.finished.last_on(present.plane)
        if accepted is not None and accepted.moment > edit.moment:
            return None
        return edit if present.prompts == edit.prompts[1] or not present.can_undo else None

    def to_redo(self, present: PlaneWork) -> Edit | None:
        """Return the edit that is the next to be made again, if the work on the canvas is as it was then."""
        edit = self._undone[-1] if self._undone else None
        if edit is None or not self._fits(edit) or present.prompts != edit.prompts[0]:
            return None
        have = {record.label for record in self._project.finished.records}
        return edit if all(record.label in have for record in edit.gone) else None

    def undo(self) -> Edit:
        """Undo the last edit, which :meth:`to_undo` returned."""
        edit = self._done.pop()
        self._apply(edit, back=True)
        self._undone.append(edit)
        return edit

    def redo(self) -> Edit:
        """Make the edit again that was undone last."""
        edit = self._undone.pop()
        # An object whose acceptance was undone and done again meanwhile has another record.
        edit.gone = tuple(self._project.finished.find(record.label) or record for record in edit.gone)
        self._apply(edit, back=False)
        self._done.append(edit)
        return edit

    def accepted(self, work: PlaneWork) -> None:
        """Forget the edits that were undone, because an object was finished; not if that was itself done again."""
        if work.taken_back is None or work.prompts != work.taken_back.finished.prompts:
            self._undone.clear()

    def clear(self) -> None:
        """Forget everything: the layer it was about is gone for good."""
        self._done.clear()
        self._undone.clear()

    def _fits(self, edit: Edit) -> bool:
        return all(self._project.layers.is_there(change.layer) for change in edit.pixels)

    def _apply(self, edit: Edit, *, back: bool) -> None:
        finished = self._project.finished
        gone, come = (edit.come, edit.gone) if back else (edit.gone, edit.come)
        labels = {record.label for record in gone}
        records = [record for record in finished.records if record.label not in labels]
        finished.records[:] = records
        for change in edit.pixels:
            old, new = change.write(back=back)
            if self._project.layers.is_objects(change.layer):
                # Only what the others gain and lose: the records that come know their size.
                finished.account(old, new)
        finished.records[:] = sorted([*records, *come], key=lambda record: record.moment)
        have = {record.label: record for record in finished.records} if edit.facts else {}
        for fact in edit.facts:
            record = have.get(fact.label)
            if record is not None:
                setattr(record, fact.name, fact.before if back else fact.after)
        finished.revision += 1
        for record in come:
            # An object that is opened again goes on with its own session: back in the list, it stands where it was.
            if record.session is not None:
                _bring(record.session, record.prompts)
        if edit.works is not None:
            work, prompts = (edit.works[0], edit.prompts[0]) if back else (edit.works[1], edit.prompts[1])
            if prompts and work.session is not None:
                _bring(work.session, prompts)
            self._project.put_work(work)


def _bring(session: Session, prompts: tuple[Prompt, ...]) -> None:
    """Go back and forth in a session until its prompts are these."""
    while session.prompts != prompts and session.undo():
        pass
    while session.prompts != prompts and session.redo():
        pass
