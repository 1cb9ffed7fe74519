"""Which planes of a followed object deserve a look; looked for in a thread, and only when something changed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_iseg.planes.suspicion import Suspicion, suspicions

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.io.session_slices import ObjectSlices
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Workers

__all__ = ["SliceCheck"]


class SliceCheck:
    """Looks through the planes of one object.

    Parameters
    ----------
    workers
        Look in a thread.

    Attributes
    ----------
    changed
        There is another list.
    found
        The planes that are worth a look, the most suspicious first, as last looked for.
    """

    changed = Signal()

    def __init__(self, workers: Workers) -> None:
        self.found: list[Suspicion] = []
        self._workers = workers
        self._checked: Any = None

    def look(self, project: Project, record: FinishedObject, slices: ObjectSlices) -> None:
        """Look through the planes of an object, unless nothing changed since the last time."""
        checked = (project, record.label, project.finished.revision, tuple(slices.planes))
        if checked == self._checked:
            return
        self._checked = checked
        data, label = project.layers.objects.data, record.label
        planes = {position: record.plane.at(slices.axis, position) for position in slices.planes}
        confidences = {position: fact.confidence for position, fact in slices.planes.items()}

        def look(_cancelled: Callable[[], bool]) -> list[Suspicion]:
            masks = {position: plane.take_labels(data) == label for position, plane in planes.items()}
            return suspicions(masks, confidences) if len(masks) > 1 else []

        self._workers.start(look, partial(self._take, checked), _raise)

    def _take(self, checked: object, found: list[Suspicion]) -> None:
        if checked == self._checked:
            self.found = found
            self.changed.emit()


def _raise(error: Exception) -> None:
    raise error
