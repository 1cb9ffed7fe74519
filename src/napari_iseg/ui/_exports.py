"""Exports in threads, one at a time, with the part that is done and a way to stop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_iseg.errors import ExportError, IsegError
from napari_iseg.io.export_formats import export_format, export_labels
from napari_iseg.io.exported import ExportCancelledError, ExportedLabels, ExportedObject, objects_of_session
from napari_iseg.io.writers import unit_in_short
from napari_iseg.ui._plane_view import full_data
from napari_iseg.ui._saved import session_of
from napari_iseg.ui._writing import grid_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Workers

__all__ = ["Exports"]


class Exports:
    """Writes the labels of the image that is worked on.

    Parameters
    ----------
    controller
        Whose labels are written.
    workers
        Write them in a thread.
    keeping
        Called with a project whose labels are taken down; what it returns is called when they lie in a file that they
        can be had from again.

    Attributes
    ----------
    changed
        An export has begun or ended.
    """

    changed = Signal()

    def __init__(
        self, controller: Controller, workers: Workers, keeping: Callable[[Project], Callable[[], None]]
    ) -> None:
        self._controller, self._workers, self._keeping = controller, workers, keeping
        self._part: float | None = None
        self._is_cancelled = False

    @property
    def part(self) -> float | None:
        """The part of the export that is done, from 0 to 1; None while there is none."""
        return self._part

    @property
    def is_cancelled(self) -> bool:
        """Whether the export that runs is to end early."""
        return self._is_cancelled

    def start(self, path: str | Path, format_name: str | None = None) -> None:
        """Write all objects, the unfinished ones included, in a thread; a sentence follows when it is done.

        Parameters
        ----------
        path
            Where to.
        format_name
            A name of :data:`~napari_iseg.io.export_formats.EXPORT_FORMATS`; None lets the path's ending choose.

        Raises
        ------
        ExportError
            If there is no object yet, an export is running, or no format fits.
        """
        file = Path(path)
        project = self._controller.project
        if project is None:
            raise ExportError("There is nothing to export yet; open an image and click an object first.")
        if self._part is not None:
            raise ExportError("An export is still being written; wait for it, or cancel it.")
        kept = self._keeping(project)
        labels, unfinished = project.labels()
        if not labels.any():
            raise ExportError("There is nothing to export yet; click an object first.")
        chosen = export_format(file, format_name)
        count = len(project.finished.records) + unfinished
        told = f"{count} object{'s' if count != 1 else ''}" if count else "The labels"
        if unfinished:
            told += f" ({'the unfinished one' if unfinished == 1 else f'{unfinished} unfinished ones'} included)"
        gather = _gathered(project, self._controller, labels, chosen.name)
        self._part, self._is_cancelled = 0.0, False

        def write(cancelled: Callable[[], bool]) -> Path:
            def tick(part: float) -> None:
                if self._is_cancelled or cancelled():
                    raise ExportCancelledError("The export was cancelled; nothing was written.")
                self._part = part

            return export_labels(file, gather(file), format_name=chosen.name, tick=tick)

        def written(where: Path) -> None:
            self._end()
            if chosen.keeps:
                kept()
            self._controller.said.emit(f"{told} exported to {where}.")

        self._workers.start(write, written, self._failed)
        self.changed.emit()

    def cancel(self) -> None:
        """End the export that runs as soon as may be; what was there before stays."""
        self._is_cancelled = self._part is not None
        self.changed.emit()

    def _failed(self, error: Exception) -> None:
        self._end()
        if isinstance(error, ExportCancelledError):
            self._controller.said.emit(str(error))
        elif isinstance(error, IsegError):
            self._controller.failed.emit(str(error))
        else:
            raise error

    def _end(self) -> None:
        self._part, self._is_cancelled = None, False
        self.changed.emit()


def _gathered(
    project: Project, controller: Controller, labels: NDArray[Any], format_name: str
) -> Callable[[Path], ExportedLabels]:
    """Take down here what is known; what is returned reads the image's file and may be called in a thread."""
    image = project.image
    objects = objects_of_session(session_of(project, controller.answering.choice).objects)
    answers = [_answer_of(record) for record in project.finished.records if record.session is not None]
    data, units = full_data(image), unit_in_short(image.units)
    spacing = tuple(abs(float(size)) for size in image.scale)
    names = tuple(str(name) for name in image.axis_labels)

    def gather(path: Path) -> ExportedLabels:
        sure = {label: _mean(prediction, indices) for label, prediction, indices in answers if prediction is not None}
        known = {
            label: one if one.confidence is not None else _with(one, sure.get(label)) for label, one in objects.items()
        }
        like = grid_of(path, labels, image, format_name)
        return ExportedLabels(labels, like, spacing, units, data, bool(image.rgb), known, axis_names=names)

    return gather


def _answer_of(record: FinishedObject) -> tuple[int, Any, tuple[NDArray[np.intp], ...]]:
    plane = record.plane
    places = (record.indices[plane.rows], record.indices[plane.columns]) if record.indices else ()
    prediction = record.session.prediction if record.session is not None else None
    return record.label, prediction if places else None, places


def _mean(prediction: Any, places: tuple[NDArray[np.intp], ...]) -> float | None:
    """Return the mean probability of an object's pixels, as its method saw it."""
    found = prediction.render()[places]
    return round(float(found.mean()), 4) if found.size else None


def _with(one: ExportedObject, confidence: float | None) -> ExportedObject:
    return ExportedObject(one.label, one.class_name, confidence, one.note)
