"""Writes every step of the work to the autosave, in a thread, within half a second."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.QtCore import QLockFile, QTimer

from napari_iseg.errors import IsegError
from napari_iseg.io.autosave_file import AutosaveWriter, SavedImage, blocks_in
from napari_iseg.io.autosave_places import forget, places_for, remember
from napari_iseg.ui._saved import Numbers, image_of, numbered_objects
from napari_iseg.ui._session_facts import session_facts
from napari_iseg.zoo.weights import weights_sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qtpy.QtCore import QObject

    from napari_iseg.io.autosave_file import Block
    from napari_iseg.io.session_file import SavedObject
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Workers

__all__ = ["Autosaver", "lock_of"]

_SOON_MS = 300

Objects = tuple[tuple[int, "SavedObject"], ...]


def lock_of(path: Path) -> QLockFile:
    """Return the lock that says whether a living process writes an autosave; one that crashed holds none."""
    lock = QLockFile(f"{path}.lock")
    lock.setStaleLockTime(0)
    return lock


class Autosaver:
    """Keeps the autosave of every image in step with the work on it.

    Parameters
    ----------
    controller
        Whose work is kept.
    workers
        Writes in threads.
    parent
        The dock.
    """

    def __init__(self, controller: Controller, workers: Workers, parent: QObject) -> None:
        self._controller = controller
        self._workers = workers
        self._numbers = Numbers()
        self._kept: WeakKeyDictionary[Project, _Kept] = WeakKeyDictionary()
        self._is_closed = False
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SOON_MS)
        self._timer.timeout.connect(self._write)
        controller.changed.connect(self._soon)
        controller.classes.changed.connect(self._soon)

    def has_unsaved(self, project: Project) -> bool:
        """Whether a project holds something that no session file and no export has."""
        kept = self._of(project)
        return kept.strokes != kept.saved_strokes or self._objects(project) != kept.saved

    def mark_saved(self, project: Project) -> None:
        """Take note that all there is lies in a file of the user's; the autosave is not needed until the next step."""
        self.saving(project)()

    def saving(self, project: Project) -> Callable[[], None]:
        """Take down what is going to be saved, and return what to call when it lies in a file of the user's.

        What is done in between is not in that file, and stays in the autosave.
        """
        kept = self._of(project)
        objects, strokes = self._objects(project), kept.strokes

        def saved() -> None:
            kept.saved, kept.saved_strokes = objects, strokes
            # What is written no longer says whether the autosave is needed.
            kept.objects = None
            self._soon()

        return saved

    def write_now(self, project: Project, done: Callable[[], None]) -> None:
        """Write a project at once, in a thread.

        Parameters
        ----------
        project
            The work on one image.
        done
            Called here, later, when it is on the disk.
        """
        kept = self._of(project)
        kept.done.append(done)
        self._start(project, kept)

    def clear(self, projects: list[Project]) -> None:
        """Delete what was kept of some projects, and keep nothing more: the user saved it or does not want it."""
        for project in projects:
            self._of(project).keeper.clear()

    def close(self) -> None:
        """Let the dock go: its layers stay in the window, but nothing is kept any more."""
        self._is_closed = True

    def _soon(self) -> None:
        # Not started again by every further step: the first must not wait for the last.
        if not self._is_closed and not self._timer.isActive():
            self._timer.start()

    def _write(self) -> None:
        for project in self._controller.projects:
            self._start(project, self._of(project))

    def _of(self, project: Project) -> _Kept:
        if project not in self._kept:
            self._kept[project] = _Kept(image_of(project.image), self._soon, self._controller.shown_at)
        kept = self._kept[project]
        kept.follow(project.layers.objects if project.layers.has_objects else None)
        return kept

    def _objects(self, project: Project) -> Objects:
        return numbered_objects(project, self._controller.answering.choice, self._numbers)

    def _start(self, project: Project, kept: _Kept) -> None:
        if kept.is_writing:
            # Asked again when it is done.
            kept.again = True
            return
        objects = self._objects(project)
        facts = session_facts(self._controller.classes, self._controller.guard, project.facts)
        if objects == kept.objects and facts == kept.facts and not kept.suspects and not kept.done:
            return
        nothing_new = objects == kept.saved and kept.strokes == kept.saved_strokes
        kept.objects, kept.facts = objects, facts
        suspects, kept.suspects = kept.suspects, set()
        kept.is_writing, kept.again = True, False
        # Whoever asks from now on wants what comes after this.
        done, kept.done = kept.done, []
        keeper, labels = kept.keeper, kept.layer.data if kept.layer is not None else None

        def written(_path: Path | None) -> None:
            kept.is_writing = False
            for each in done:
                each()
            if kept.again or kept.done:
                self._soon()

        def failed(error: Exception) -> None:
            kept.objects = None
            kept.suspects |= suspects
            kept.done += done
            kept.is_writing = False
            if not isinstance(error, IsegError):
                raise error
            if not kept.complained:
                kept.complained = True
                self._controller.failed.emit(str(error))

        self._workers.start(
            lambda _cancelled: keeper.write(objects, labels, suspects, facts, needed=not nothing_new), written, failed
        )


class _Keeper:
    """The file of one project. It knows no layer, so that a thread that still writes holds no window."""

    def __init__(self, image: SavedImage) -> None:
        self._image = image
        self._is_cleared = False
        self._writer: AutosaveWriter | None = None
        self._lock: QLockFile | None = None

    def write(
        self, objects: Objects, labels: Any, suspects: set[Block], facts: dict[str, Any], *, needed: bool
    ) -> Path | None:
        """Bring the file up to date; runs in a thread, never twice at once."""
        writer = self._writer
        if writer is None:
            if self._is_cleared or not (objects or (labels is not None and labels.any())):
                return None
            writer = AutosaveWriter(self._claim(), self._image)
            self._writer = writer
        digests = {key: weights_sha256(*key) for key in {(item.weights, item.method) for _, item in objects}}
        noted = [
            (number, dataclasses.replace(item, weights_sha256=digests[item.weights, item.method]))
            for number, item in objects
        ]
        if labels is not None:
            writer.write(noted, labels, suspects, facts)
        if self._is_cleared or not needed:
            writer.remove()
        if writer.path.exists():
            remember(writer.path)
        else:
            forget(writer.path)
        return writer.path

    def clear(self) -> None:
        """Delete the file and let others have its name; nothing is written any more."""
        self._is_cleared = True
        if self._writer is not None:
            forget(self._writer.path)
        if self._lock is not None:
            self._lock.unlock()
        self._writer = self._lock = None

    def _claim(self) -> Path:
        """Return a file that no other process writes and that no crash left behind."""
        tried = None
        for path in places_for(self._image.source, self._image.name):
            tried = path
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = lock_of(path)
            if not path.exists() and lock.tryLock(0):
                self._lock = lock
                return path
        raise IsegError(f"No autosave can be written: {tried} and others before it are taken; delete old ones.")


class _Kept:
    """What changed in one project since its autosave was written."""

    def __init__(self, image: SavedImage, soon: Callable[[], None], position: Callable[[], Any]) -> None:
        self.layer: Any = None
        self.objects: Objects | None = None
        self.facts: dict[str, Any] = {}
        self.saved: Objects = ()
        self.strokes = self.saved_strokes = 0
        self.suspects: set[Block] = set()
        self.is_writing = self.again = self.complained = False
        self.done: list[Callable[[], None]] = []
        self.keeper = _Keeper(image)
        self._soon = soon
        self._position = position
        self._seen_at = position()
        self._touched: set[Block] = set()

    def follow(self, layer: Any) -> None:
        """Watch the layer of finished objects, which may have become another one."""
        if layer is None or layer is self.layer:
            return
        self.layer = layer
        self._suspect_all()
        layer.events.paint.connect(self._on_paint)
        layer.events.set_data.connect(self._on_refresh)
        layer.events.data.connect(self._suspect_all)

    def _on_paint(self, event: Any) -> None:
        self.strokes += 1
        shape = self.layer.data.shape
        for atom in event.value:
            box = _box(atom)
            blocks = set(blocks_in(shape, box))
            self.suspects |= blocks
            self._touched |= blocks
        self._soon()

    def _on_refresh(self, _event: Any = None) -> None:
        """Look again where the user ever painted: undo and redo tell of no change but this one."""
        position = self._position()
        if position == self._seen_at:
            self.suspects |= self._touched
            self._soon()
        # Else another plane is shown, and nothing has changed.
        self._seen_at = position

    def _suspect_all(self, _event: Any = None) -> None:
        self.suspects.update(blocks_in(self.layer.data.shape))
        self._soon()


def _box(atom: Any) -> list[slice] | None:
    """Return where a step of a Labels layer's history changed pixels, None where it does not say."""
    # Newer releases of napari keep a box and a mask of what a brush painted.
    where = getattr(atom, "slice_key", atom[0])
    if not where:
        return None
    return [part if isinstance(part, slice) else slice(int(np.min(part)), int(np.max(part)) + 1) for part in where]
