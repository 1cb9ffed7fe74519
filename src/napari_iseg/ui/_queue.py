"""Many images one after the other: what was done on each is saved when it is left and comes back when it is shown."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_iseg.errors import ImageError, IsegError
from napari_iseg.io import IMAGE_ENDINGS, read_session, session_path
from napari_iseg.io.files import ending
from napari_iseg.io.readers import read_layers
from napari_iseg.io.session_labels import SESSION_ENDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari.viewer import Viewer

    from napari_iseg.ui._autosave import Autosaver
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._files import Files
    from napari_iseg.ui._workers import Workers

__all__ = ["ImageQueue", "images_in"]

_LABELS = ".labels"


def images_in(paths: Iterable[str | Path]) -> list[Path]:
    """Return the image files of a list of files and folders, in the order of their names.

    The labels that sessions keep beside their images are left out, and so is what begins with a dot.

    Raises
    ------
    ImageError
        If there is none.
    """
    files: list[Path] = []
    given = [Path(path) for path in paths]
    for path in given:
        files += sorted(path.iterdir()) if path.is_dir() else [path]
    found = [file for file in files if file.is_file() and ending(file) in IMAGE_ENDINGS and not _is_ours(file)]
    if not found:
        names = ", ".join(path.name for path in given)
        raise ImageError(f"There is no image in {names}; choose a folder with {', '.join(IMAGE_ENDINGS)} files.")
    return found


def _is_ours(file: Path) -> bool:
    stem = file.name[: -len(ending(file))]
    return file.name.startswith(".") or (
        stem.endswith(_LABELS) and file.with_name(stem[: -len(_LABELS)] + SESSION_ENDING).exists()
    )


class ImageQueue:
    """The images, which of them is shown, and which are done.

    An image is done when objects were saved with it and none of them is unfinished.

    Parameters
    ----------
    viewer
        Where they are shown.
    controller, files, autosaver, workers
        Save the work of one image and put back that of the next; its method stays.

    Attributes
    ----------
    changed
        Another image is shown, or a step began or ended.
    paths
        The image files.
    position
        Which of them is shown, from 0; -1 before the first one is.
    done
        Those that are done.
    busy
        Whether one image is being exchanged for another.
    """

    changed = Signal()

    def __init__(
        self, viewer: Viewer, controller: Controller, files: Files, autosaver: Autosaver, workers: Workers
    ) -> None:
        self.paths: list[Path] = []
        self.position = -1
        self.done: set[Path] = set()
        self.busy = False
        self._viewer = viewer
        self._controller = controller
        self._files = files
        self._autosaver = autosaver
        self._workers = workers
        self._shown: Any = None

    @property
    def progress(self) -> str:
        """How far one is, in words: ``3 of 40, 2 done``."""
        return f"{self.position + 1} of {len(self.paths)}, {len(self.done)} done"

    def open(self, paths: Iterable[str | Path]) -> None:
        """Begin a queue, and show its first image that is not done.

        Raises
        ------
        ImageError
            If there is no image among the files.
        """
        found = images_in(paths)
        self._begin()
        self._workers.start(
            lambda _cancelled: {path for path in found if _is_done(path)}, partial(self._opened, found), self._stop
        )

    def step(self, by: int) -> None:
        """Save the work on the image that is shown, and show the next (1) or previous (-1) one."""
        self.go_to(self.position + by)

    def go_to(self, position: int) -> None:
        """Save the work on the image that is shown, and show another one."""
        if self.busy or not 0 <= position < len(self.paths) or position == self.position:
            return
        self._begin()
        self._save(partial(self._show, position))

    def _opened(self, found: list[Path], done: set[Path]) -> None:
        def begin() -> None:
            self.paths, self.done, self.position = found, done, -1
            self._show(next((number for number, path in enumerate(found) if path not in done), 0))

        self._save(begin)

    def _begin(self) -> None:
        self.busy = True
        self.changed.emit()

    def _stop(self, error: Exception | None = None) -> None:
        """End a step; what was shown stays if it failed."""
        self.busy = False
        self.changed.emit()
        if error is not None:
            if not isinstance(error, IsegError):
                raise error
            self._controller.failed.emit(str(error))

    def _save(self, then: Callable[[], None]) -> None:
        """Save the work on the image that is shown beside it, if there is any that is not, and go on."""
        project = self._project()
        if project is None or not self._autosaver.has_unsaved(project):
            self._note_done()
            then()
            return
        if any(work.job is not None or work.accept_on_answer for work in project.works):
            self._stop(ImageError("The last click is still being answered; go on when its mask is there."))
            return
        path = session_path(self.paths[self.position])
        self._controller.choose_image(project.image)

        def saved() -> None:
            self._note_done()
            then()

        if not (project.finished.records or project.has_unfinished or project.layers.objects.data.any()):
            # Everything was taken back or deleted: so is what was saved of it.
            path.unlink(missing_ok=True)
            self._autosaver.mark_saved(project)
            saved()
            return
        self._files.save_session(path, saved, self._stop, quiet=True)

    def _note_done(self) -> None:
        if 0 <= self.position < len(self.paths):
            path, project = self.paths[self.position], self._project()
            if project is None:
                return
            finished = bool(project.finished.records) and not project.has_unfinished
            (self.done.add if finished else self.done.discard)(path)

    def _project(self) -> Any:
        """Return the work on the image that the queue shows, or None."""
        # Equal, not identical: napari hands out layers in wrappers.
        return next((p for p in self._controller.projects if p.image == self._shown), None)

    def _show(self, position: int) -> None:
        path = self.paths[position]
        self._workers.start(lambda _cancelled: read_layers(str(path)), partial(self._exchange, position), self._stop)

    def _exchange(self, position: int, layers: list[Any]) -> None:
        project, before = self._project(), self._shown
        if project is not None:
            self._autosaver.clear([project])
            self._controller.let_go(project)
        ((data, attributes, _),) = layers
        if before is not None and before in self._viewer.layers and _fits(before, data, attributes):
            _fill(before, data, attributes)
            self._controller.choose_image(before)
            if project is not None and self._controller.project is not None:
                self._controller.project.layers.take_over(project.layers)
        else:
            if project is not None:
                project.layers.remove()
            self._shown = self._viewer.add_image(data, **attributes)
            self._controller.choose_image(self._shown)
        self.position = position
        self._viewer.reset_view()
        session = session_path(self.paths[position])
        if not session.exists():
            self._stop()
            return
        try:
            self._files.load_session(session, self._stop, self._stop, quiet=True)
        except IsegError as error:
            self._stop(error)


def _fits(layer: Any, data: Any, attributes: dict[str, Any]) -> bool:
    """Whether a layer can show other data: napari takes long to remove layers and to make new ones."""
    rgb = bool(attributes.get("rgb"))
    return not layer.multiscale and bool(layer.rgb) == rgb and layer.ndim == data.ndim - rgb


def _fill(layer: Any, data: Any, attributes: dict[str, Any]) -> None:
    layer.data = data
    layer.name = attributes["name"]
    layer.scale = attributes.get("scale") or (1,) * layer.ndim
    layer.translate = attributes.get("translate") or (0,) * layer.ndim
    layer.units = attributes.get("units")
    layer.metadata = attributes["metadata"]
    if not layer.rgb:
        layer.reset_contrast_limits()


def _is_done(path: Path) -> bool:
    session = session_path(path)
    if not session.exists():
        return False
    try:
        objects = read_session(session).objects
    except IsegError:
        return False
    return bool(objects) and all(item.finished for item in objects)
