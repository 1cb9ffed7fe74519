"""Into files and back: the labels on the source's own grid, and the session with every object's prompts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ImageError, IsegError
from napari_iseg.inference.remaking import remake
from napari_iseg.io import read_session, read_session_labels, session_path
from napari_iseg.ui._exports import Exports
from napari_iseg.ui._method_choice import chosen_in
from napari_iseg.ui._plane_view import full_data
from napari_iseg.ui._restoring import Stored, put_back, stored
from napari_iseg.ui._saved import source_of
from napari_iseg.ui._session_facts import session_facts, take_session_facts
from napari_iseg.ui._writing import session_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.inference.session import Session
    from napari_iseg.io import SavedObject, SavedSession
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._loading import Loaded
    from napari_iseg.ui._method_choice import MethodChoice
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Workers

__all__ = ["Files"]

_Made = list[tuple["SavedObject", "Session | IsegError"]]


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
        # Told when everything of a project lies in a file of the user's.
        self.kept: Callable[[Project], None] = lambda _project: None
        self._controller = controller
        self._workers = workers
        self._load = load
        self.exports = Exports(controller, workers, lambda project: self.kept(project))

    def export(self, path: str | Path, format_name: str | None = None) -> None:
        """Write all objects, see :meth:`~napari_iseg.ui._exports.Exports.start`."""
        self.exports.start(path, format_name)

    def save_session(
        self,
        path: str | Path,
        done: Callable[[], None] = lambda: None,
        failed: Callable[[Exception], None] | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        """Write how every object was made, the unfinished ones included, with the labels next to it, in a thread.

        Parameters
        ----------
        path
            The session file; its labels get its name.
        done, failed
            Called here, later, when both are written or when that failed; None tells the user.
        quiet
            Whether success needs no sentence.

        Raises
        ------
        ExportError
            If there is nothing to save.
        """
        project = self._project()
        write = self._writer(path, project)

        def written(file: Path) -> None:
            self.kept(project)
            if not quiet:
                self._controller.said.emit(f"The session was saved to {file}.")
            done()

        self._workers.start(lambda _cancelled: write(), written, failed or self._tell)

    def save_now(self, path: str | Path) -> None:
        """Write the session at once, because the window closes.

        Raises
        ------
        ExportError
            If there is nothing to save or a file cannot be written.
        """
        project = self._project()
        self._writer(path, project)()
        self.kept(project)

    def load_session(
        self,
        path: str | Path,
        done: Callable[[], None] = lambda: None,
        failed: Callable[[Exception], None] | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        """Put the objects of a session file back, in a thread.

        Where the labels lie next to it they are taken as they are, and no method is asked; of other sessions every
        object is made anew from its prompts.

        Parameters
        ----------
        path
            The session file.
        done, failed
            Called here, later, when everything is back or when that failed; None tells the user.
        quiet
            Whether success needs no sentence.

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
            partial(_read, Path(path), saved, full_data(project.image), self._load),
            partial(self._put_back, project, saved, "" if quiet else Path(path).name, done, failed or self._tell),
            partial(self._not_loaded, failed or self._tell),
        )
        self._controller.changed.emit()

    def proposed_session(self) -> Path | None:
        """Return the session file beside the chosen image's own file; None where it has none."""
        image = self._controller.image
        source = source_of(image) if image is not None else None
        return session_path(source) if source is not None else None

    def _writer(self, path: str | Path, project: Project) -> Callable[[], Path]:
        controller = self._controller
        facts = session_facts(controller.classes, controller.guard, project.facts)
        return session_writer(session_path(path), project, controller.answering.choice, facts)

    def _project(self) -> Project:
        project = self._controller.project
        if project is None:
            raise ImageError("There is no image yet; open one first.")
        return project

    def _put_back(
        self,
        project: Project,
        saved: SavedSession,
        name: str,
        done: Callable[[], None],
        tell: Callable[[Exception], None],
        there: Stored | _Made,
    ) -> None:
        self._controller.restoring = False
        was_empty = not (project.finished.records or project.has_unfinished)
        # First, so that the classes of the objects have their colours.
        project.facts = take_session_facts(self._controller, saved.facts, choices=bool(name))
        try:
            if isinstance(there, Stored):
                back, lost = put_back(self._controller, project, there)
            else:
                back, lost = _add_made(project, there)
        except IsegError as error:
            self._not_loaded(tell, error)
            return
        told = f"{back} of {back + lost} objects were put back from {name}."
        if name or lost:
            self._controller.said.emit(told if not lost else f"{told} The others lie under finished objects.")
        if was_empty and not lost:
            self.kept(project)
        self._controller.changed.emit()
        done()

    def _not_loaded(self, tell: Callable[[Exception], None], error: Exception) -> None:
        self._controller.restoring = False
        self._controller.changed.emit()
        tell(error)

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, IsegError):
            raise error
        self._controller.failed.emit(str(error))


def _read(
    path: Path,
    saved: SavedSession,
    data: Any,
    load: Callable[[MethodChoice], Loaded],
    cancelled: Callable[[], bool],
) -> Stored | _Made:
    labels = read_session_labels(path, saved)
    if labels is not None:
        return stored(saved.objects, labels, begun_drawn=True)

    def predictor(item: SavedObject) -> Predictor:
        return load(chosen_in(item)).predictor

    return list(remake([item for item in saved.objects if item.prompts], data, predictor, cancelled=cancelled))


def _add_made(project: Project, made: _Made) -> tuple[int, int]:
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
