"""Puts saved objects back: read and fitted in a thread, and then into the layers in one go, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ImageError, IsegError
from napari_iseg.interactions import Choice
from napari_iseg.planes import PlaneLook
from napari_iseg.ui._contrast import contrast_of
from napari_iseg.ui._method_choice import chosen_in
from napari_iseg.ui._object_facts import refinement_in
from napari_iseg.ui._restoring import Stored, fit
from napari_iseg.ui._session_facts import take_session_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_iseg.inference.session import Session
    from napari_iseg.io.session_file import SavedObject
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._restoring import Fitted
    from napari_iseg.ui._workers import Job, Workers

__all__ = ["Made", "PutBack", "PuttingBack", "Saved"]

Made = list[tuple["SavedObject", "Session | IsegError"]]


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """What was read.

    Parameters
    ----------
    there
        The objects with their pixels, or made anew from their prompts.
    facts
        Of the session.
    """

    there: Stored | Made = field(repr=False)
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PutBack:
    """What came of it.

    Parameters
    ----------
    back, lost
        How many objects came back, and how many did not because finished objects lie there.
    was_empty
        Whether there was no object before.
    """

    back: int
    lost: int
    was_empty: bool


class PuttingBack:
    """Puts the objects of one file back at a time.

    Until the last moment nothing is changed: who cancels, or whose file is damaged, has what he had before. The user
    may go on meanwhile; what he does to the layer is taken along.

    Parameters
    ----------
    controller
        Whose work it becomes.
    workers
        Read and fit in threads.
    """

    def __init__(self, controller: Controller, workers: Workers) -> None:
        self._controller = controller
        self._workers = workers
        self._job: Job | None = None
        self._cancelled: Callable[[], None] | None = None

    @property
    def is_active(self) -> bool:
        """Whether something is being put back."""
        return self._job is not None

    @property
    def can_cancel(self) -> bool:
        """Whether the user may stop it."""
        return self.is_active and self._cancelled is not None

    def start(
        self,
        project: Project,
        read: Callable[[Callable[[], bool]], Saved],
        done: Callable[[PutBack], None],
        failed: Callable[[Exception], None],
        cancelled: Callable[[], None] | None = None,
        *,
        choices: bool = True,
    ) -> None:
        """Put objects back.

        Parameters
        ----------
        project
            The work on the image.
        read
            Called in a thread with a function that tells whether to end early.
        done, failed
            Called here, later; when it failed nothing has changed.
        cancelled
            Called here when the user has stopped it; None if he may not.
        choices
            See :func:`~napari_iseg.ui._session_facts.take_session_facts`.

        Raises
        ------
        ImageError
            If others are still being put back.
        """
        if self.is_active:
            raise ImageError("Saved objects are still being put back; wait for them, or cancel that.")
        self._cancelled = cancelled

        def fail(error: Exception) -> None:
            self._end()
            failed(error)

        def fitted(saved: Saved, there: Stored) -> None:
            # From here on, what is done to the layer makes this answer void.
            layer = project.objects_layer()
            watch = _Watch(layer, self._controller.shown_at)
            now, taken = layer.data, [record.label for record in project.finished.records]
            self._job = self._workers.start(
                lambda stop: fit(there, now, taken, stop), partial(swap, saved, there, layer, watch), fail
            )

        def swap(saved: Saved, there: Stored, layer: Any, watch: _Watch, fit: Fitted) -> None:
            watch.close()
            if project not in self._controller.projects:
                fail(ImageError(f"{project.image.name!r} was removed meanwhile; nothing was put back."))
            elif watch.changed or project.objects_layer() is not layer:
                fitted(saved, there)
            else:
                finish(saved, partial(self._take, layer, fit))

        def has_read(saved: Saved) -> None:
            there = saved.there
            if isinstance(there, Stored):
                fitted(saved, there)
            else:
                finish(saved, partial(_add_made, there))

        def finish(saved: Saved, put: Callable[[Project], tuple[int, int]]) -> None:
            was_empty = not (project.finished.records or project.has_unfinished)
            # First, so that the classes of the objects have their colours.
            project.facts = take_session_facts(self._controller, saved.facts, choices=choices)
            try:
                back, lost = put(project)
            except IsegError as error:
                fail(error)
                return
            self._end()
            done(PutBack(back, lost, was_empty))

        self._job = self._workers.start(read, has_read, fail)
        self._controller.changed.emit()

    def cancel(self) -> None:
        """Stop; nothing has changed then."""
        if self._job is not None and self._cancelled is not None:
            self._job.cancel()
            cancelled = self._cancelled
            self._end()
            cancelled()

    def _end(self) -> None:
        self._job = self._cancelled = None
        self._controller.changed.emit()

    def _take(self, layer: Any, fit: Fitted, project: Project) -> tuple[int, int]:
        layer.data = fit.labels
        # What was painted before can be undone no more, it would undo this: this is how napari forgets it.
        layer.editable = False
        layer.editable = True
        self._controller.undoing.accepted()
        for record in fit.records:
            project.finished.adopt(record)
        project.finished.know(layer.data, fit.highest)
        begun = sum(_begin_again(self._controller, project, item) for item in fit.begun)
        project.draw_prompts()
        self._controller.prepare()
        return len(fit.records) + begun, fit.lost


class _Watch:
    """Takes note whether a layer is changed from now on."""

    def __init__(self, layer: Any, position: Callable[[], Any]) -> None:
        self.changed = False
        self._layer = layer
        self._position = position
        self._seen_at = position()
        layer.events.paint.connect(self._on_change)
        layer.events.data.connect(self._on_change)
        layer.events.set_data.connect(self._on_refresh)

    def close(self) -> None:
        """Watch no longer."""
        self._layer.events.paint.disconnect(self._on_change)
        self._layer.events.data.disconnect(self._on_change)
        self._layer.events.set_data.disconnect(self._on_refresh)

    def _on_change(self, _event: Any = None) -> None:
        self.changed = True

    def _on_refresh(self, _event: Any = None) -> None:
        # Undo and redo tell of no change but this one; it comes with another plane, too.
        position = self._position()
        if position == self._seen_at:
            self.changed = True
        self._seen_at = position


def _add_made(made: Made, project: Project) -> tuple[int, int]:
    for _, session in made:
        # Before anything is written: all or none.
        if isinstance(session, IsegError):
            raise session
    lost = 0
    for item, session in made:
        if isinstance(session, IsegError):
            continue
        try:
            project.add_finished(item, session)
        except IsegError:
            lost += 1
    return len(made) - lost, lost


def _begin_again(controller: Controller, project: Project, item: SavedObject) -> bool:
    """Give an unfinished object its prompts; not where another one has been begun on that plane."""
    work = project.work_on(item.plane)
    if not work.prompts:
        controller.use(chosen_in(item))
        facts = dict(item.facts)
        look = PlaneLook.of_facts(facts)
        if look != project.look:
            project.use_look(look, contrast_of(look, project.image))
        work.resume(item.prompts, item.answered, item.threshold, refinement_in(facts))
        return True
    if work.session is not None or work.next_clicks:
        return False
    # The one before was accepted while its answer was still awaited, and this one begun.
    work.accept_on_answer = True
    work.next_clicks = [prompt for prompt in item.prompts if not isinstance(prompt, Choice)]
    return True
