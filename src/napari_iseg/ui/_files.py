"""Into files and back: the labels on the source's own grid, and the session with every object's prompts."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ExportError, ImageError, IsegError
from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.inference.session import Session
from napari_iseg.io import write_labels
from napari_iseg.io.session_file import SavedObject, SavedSession, read_session, write_session
from napari_iseg.io.writers import image_of_layer
from napari_iseg.planes import to_rgb
from napari_iseg.ui._method_choice import chosen_in
from napari_iseg.ui._objects import FinishedObject
from napari_iseg.ui._plane_view import full_data

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._loading import Loaded
    from napari_iseg.ui._method_choice import MethodChoice
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Workers

__all__ = ["Files"]


class Files:
    """What Export, Save session and Load session do.

    Parameters
    ----------
    controller
        Whose work is written and read.
    workers
        Writes and computes in threads.
    load
        Loads a choice of a method, in a thread.
    """

    def __init__(self, controller: Controller, workers: Workers, load: Callable[[MethodChoice], Loaded]) -> None:
        self._controller = controller
        self._workers = workers
        self._load = load

    def export(self, path: str | Path) -> None:
        """Write all objects, the unfinished ones included, in a thread; a sentence follows when it is done.

        Parameters
        ----------
        path
            Its ending chooses the format.

        Raises
        ------
        ExportError
            If there is no object yet.
        """
        project = self._project()
        labels, unfinished = project.labels()
        count = len(project.finished.records) + unfinished
        if not labels.any():
            raise ExportError("There is nothing to export yet; click an object first.")
        told = f"{count} object{'s' if count != 1 else ''}" if count else "The labels"
        if unfinished:
            told += f" ({'the unfinished one' if unfinished == 1 else f'{unfinished} unfinished ones'} included)"
        self._workers.start(
            lambda _cancelled: _write(Path(path), labels, project.image),
            lambda written: self._controller.said.emit(f"{told} exported to {written}."),
            self._tell,
        )

    def save_session(self, path: str | Path) -> None:
        """Write how every object was made, the unfinished ones included.

        Raises
        ------
        ExportError
            If there is nothing to save or the file cannot be written.
        """
        project = self._project()
        objects = [_saved(record) for record in project.finished.records]
        label = project.finished.next_label(project.layers.objects)
        for work in project.works:
            if work.prompts and work.session is not None:
                answering = self._controller.answering
                record = FinishedObject(label, work.plane, answering.choice, work.prompts, work.session.threshold)
                record.session = work.session
                objects.append(_saved(record))
                label += 1
        if not objects:
            raise ExportError("There is no object to save yet; click one first.")
        spacing = tuple(abs(float(size)) for size in project.image.scale)
        written = write_session(path, SavedSession(_source(project.image), project.shape, spacing, tuple(objects)))
        self._controller.said.emit(f"The session was saved to {written}.")

    def load_session(self, path: str | Path) -> None:
        """Make every object of a session file anew from its prompts, in a thread.

        Raises
        ------
        ImageError
            If the file is no session, or belongs to an image of another shape.
        PromptError
            If a prompt in it does not say what it should.
        """
        project = self._project()
        saved = read_session(path)
        if saved.shape != project.shape:
            raise ImageError(
                f"{Path(path).name} belongs to an image of the shape {saved.shape}, but the chosen one has "
                f"{project.shape}; choose the image that it was made on."
            )
        self._controller.restoring = True
        self._workers.start(
            partial(_remake, saved, full_data(project.image), self._load),
            partial(self._put_back, project, Path(path).name),
            self._not_loaded,
        )
        self._controller.changed.emit()

    def _project(self) -> Project:
        project = self._controller.project
        if project is None:
            raise ImageError("There is no image yet; open one first.")
        return project

    def _put_back(self, project: Project, name: str, made: list[tuple[SavedObject, Session]]) -> None:
        self._controller.restoring = False
        lost = 0
        for saved, session in made:
            try:
                project.add_finished(saved, session)
            except IsegError:
                lost += 1
        told = f"{len(made) - lost} of {len(made)} objects were made anew from {name}."
        self._controller.said.emit(told if not lost else f"{told} The others lie under finished objects.")
        self._controller.changed.emit()

    def _not_loaded(self, error: Exception) -> None:
        self._controller.restoring = False
        self._controller.changed.emit()
        self._tell(error)

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, IsegError):
            raise error
        self._controller.failed.emit(str(error))


def _source(image: Any) -> str | None:
    path = image.source.path
    return str(path) if path else None


def _write(path: Path, labels: NDArray[Any], image: Any) -> Path:
    """Write labels on the grid of the image's file where that is the layer's grid, else with its spacing."""
    ours = image.metadata.get("napari_iseg") or {"source": _source(image)}
    like = image_of_layer(str(path), {"metadata": {"napari_iseg": ours}})
    if like is not None and like.grid_shape != labels.shape:
        like = None
    return write_labels(path, labels, like, [abs(float(size)) for size in image.scale])


def _saved(record: FinishedObject) -> SavedObject:
    options = dataclasses.asdict(record.session.predictor.options) if record.session is not None else {}
    plain = {name: ",".join(map(str, v)) if isinstance(v, tuple) else v for name, v in options.items()}
    choice = record.choice
    return SavedObject(
        record.label, record.plane, choice.method, choice.weights_in_use, plain, record.threshold, record.prompts
    )


def _remake(
    saved: SavedSession, data: Any, load: Callable[[MethodChoice], Loaded], cancelled: Callable[[], bool]
) -> list[tuple[SavedObject, Session]]:
    """Give every object's prompts again, one after the other as the user did."""
    methods: dict[MethodChoice, Loaded] = {}
    planes: dict[PlaneAddress, NDArray[np.uint8]] = {}
    encoded: dict[tuple[MethodChoice, PlaneAddress], EncodedImage] = {}
    made = []
    for item in saved.objects:
        if cancelled():
            break
        choice = chosen_in(item)
        if choice not in methods:
            methods[choice] = load(choice)
        if item.plane not in planes:
            planes[item.plane] = to_rgb(item.plane.take(data))
        image, predictor = planes[item.plane], methods[choice].predictor
        encoding = encoded.setdefault((choice, item.plane), EncodedImage(image, predictor))
        session = Session(image, predictor, encoded=encoding)
        session.threshold = item.threshold
        for prompt in item.prompts:
            session.add(prompt)
        made.append((item, session))
    return made
