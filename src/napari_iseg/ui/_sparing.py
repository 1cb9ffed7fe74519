"""Which pixels of finished objects a new object spares, and when that must be asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.inference.answer_engine import asks_for_finished, spares_finished
from napari_iseg.interactions import Click, Scribble
from napari_iseg.ui._protection import Guard, Protection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project
    from napari_iseg.zoo import Options

__all__ = ["Sparing"]


class Sparing:
    """Tells sessions of the finished objects on their planes.

    Parameters
    ----------
    guard
        Whose rule says whether finished objects are kept.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def pixels(self, project: Project, work: PlaneWork, options: Options) -> NDArray[np.bool_] | None:
        """Return the pixels that a new object spares, (H, W) bool; None for none.

        Parameters
        ----------
        project, work
            The object.
        options
            Of the method.

        Returns
        -------
        numpy.ndarray or None
            None, too, where the user included a place of a finished object and must see what comes of it, and on
            further planes of an object: what is finished is protected when the object is accepted.
        """
        if not self._applies(project, work, options):
            return None
        finished = work.plane.take_labels(project.layers.objects.data) != 0
        return None if not finished.any() or _includes(work, finished) else finished

    def note(self, project: Project, work: PlaneWork, options: Options) -> None:
        """Remember of a work what the finished objects are like that its session knows of."""
        work.spares = self._state(project, work, options)

    def outdated(self, project: Project, work: PlaneWork) -> bool:
        """Whether a work's session knows of other finished objects than there are by now; noted, too."""
        session, before = work.session, work.spares
        if session is None:
            return False
        options = session.predictor.options
        self.note(project, work, options)
        # Pixels are only looked at when something was written, on whichever plane. With a mask nothing is spared.
        if before == work.spares or not spares_finished(work.prompts):
            return False
        now, known, where = self.pixels(project, work, options), session.finished, session.spared
        if where is not None and not np.array_equal(_on(now, where), _on(known, where)):
            return True
        # What changed did not matter yet.
        session.finished = now
        return False

    def _state(self, project: Project, work: PlaneWork, options: Options) -> Any:
        """Return what changes whenever :meth:`pixels` may; takes no look at pixels but those that were clicked."""
        if not self._applies(project, work, options):
            return None
        if _includes(work, work.plane.take_labels(project.layers.objects.data)):
            return None
        return project.finished.now, len(project.finished.records)

    def _applies(self, project: Project, work: PlaneWork, options: Options) -> bool:
        if not asks_for_finished(options) or self._guard.rule is not Protection.KEEP or not project.layers.has_objects:
            return False
        return work.target is None


def _on(pixels: NDArray[np.bool_] | None, where: tuple[slice, slice]) -> NDArray[np.bool_]:
    shape = where[0].stop - where[0].start, where[1].stop - where[1].start
    return np.zeros(shape, bool) if pixels is None else pixels[where]


def _includes(work: PlaneWork, labels: NDArray[Any]) -> bool:
    """Whether a prompt includes a place of a finished object."""
    places = [(one.row, one.column) for one in work.prompts if isinstance(one, Click) and one.positive]
    places += [one.points[0] for one in work.prompts if isinstance(one, Scribble) and one.positive]
    rows, columns = labels.shape
    return any(
        labels[min(max(round(row), 0), rows - 1), min(max(round(column), 0), columns - 1)] for row, column in places
    )
