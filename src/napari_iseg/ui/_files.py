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
from napari_iseg.ui._putting_back import Saved
from napari_iseg.ui._restoring import stored
from napari_iseg.ui._saved import source_of
from napari_iseg.ui._session_facts import session_facts
from napari_iseg.ui._writing import session_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.io import SavedObject
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._loading import Loaded
    from napari_iseg.ui._method_choice import MethodChoice
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._putting_back import PutBack
    from napari_iseg.ui._workers import Job, Workers

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
        # Asked when a project is taken down to be saved; its answer is told when that lies in a file of the user's.
        self.keeping: Callable[[Project], Callable[[], None]] = lambda _project: lambda: None
        self._controller = controller
        self._workers = workers
        self._load = load
        self.exports = Exports(controller, workers, lambda project: self.keeping(project))

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

        def written(file: Path) -> None:
            if not quiet:
                self._controller.said.emit(f"The session was saved to {file}.")
            done()

        self.save_project(self._project(), path, written, failed or self._tell)

    def save_project(
        self, project: Project, path: str | Path, done: Callable[[Path], None], failed: Callable[[Exception], None]
    ) -> Job:
        """Write the session of any open image in a thread; cancelled, it leaves what was there before.

        Parameters
        ----------
        project
            The work on the image.
        path
            The session file.
        done, failed
            Called here, later, with the file or the error.

        Raises
        ------
        ExportError
            If there is nothing to save.
        """
        kept, write = self.keeping(project), self._writer(path, project)

        def written(file: Path) -> None:
            kept()
            done(file)

        return self._workers.start(write, written, failed)

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
            Whether success needs no sentence; the user cannot stop it then.

        Raises
        ------
        ImageError
            If there is no image, or other objects are still being put back.
        """
        project = self._project()
        name = "" if quiet else Path(path).name
        tell = failed or self._tell

        def put_back(came: PutBack) -> None:
            told = f"{came.back} of {came.back + came.lost} objects were put back from {name}."
            if name or came.lost:
                self._controller.said.emit(told if not came.lost else f"{told} The others lie under finished objects.")
            if came.was_empty and not came.lost:
                self.keeping(project)()
            self._controller.changed.emit()
            done()

        def stopped() -> None:
            self._controller.said.emit(f"Loading {name} was cancelled; nothing has changed.")

        self._controller.putting_back.start(
            project,
            partial(_read, Path(path), project.shape, full_data(project.image), self._load),
            put_back,
            tell,
            None if quiet else stopped,
            choices=not quiet,
        )

    def proposed_session(self, image: Any = None) -> Path | None:
        """Return the session file beside an image's own file, the chosen one's if None; None where it has none."""
        image = image if image is not None else self._controller.image
        source = source_of(image) if image is not None else None
        return session_path(source) if source is not None else None

    def _writer(self, path: str | Path, project: Project) -> Callable[[Callable[[], bool]], Path]:
        controller = self._controller
        facts = session_facts(controller.classes, controller.guard, project.facts)
        return session_writer(session_path(path), project, controller.answering.choice, facts)

    def _project(self) -> Project:
        project = self._controller.project
        if project is None:
            raise ImageError("There is no image yet; open one first.")
        return project

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, IsegError):
            raise error
        self._controller.failed.emit(str(error))


def _read(
    path: Path,
    shape: tuple[int, ...],
    data: Any,
    load: Callable[[MethodChoice], Loaded],
    cancelled: Callable[[], bool],
) -> Saved:
    """Read a session in a thread.

    Raises
    ------
    ImageError
        If the file is no session, or belongs to an image of another shape.
    PromptError
        If a prompt in it does not say what it should.
    """
    saved = read_session(path)
    if saved.shape != shape:
        raise ImageError(
            f"{path.name} belongs to an image of the shape {saved.shape}, but the chosen one has {shape}; choose the "
            "image that it was made on."
        )
    labels = read_session_labels(path, saved)
    if labels is not None:
        return Saved(stored(saved.objects, labels, begun_drawn=True), saved.facts)

    def predictor(item: SavedObject) -> Predictor:
        return load(chosen_in(item)).predictor

    asked = [item for item in saved.objects if item.prompts]
    return Saved(list(remake(asked, data, predictor, cancelled=cancelled)), saved.facts)
