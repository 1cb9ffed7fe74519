"""Finds what a crash left behind, and puts it back or deletes it as the user wishes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_iseg.errors import ImageError, IsegError
from napari_iseg.io.autosave_file import Autosave, read_autosave, read_autosave_image
from napari_iseg.io.autosave_places import autosaves_of, every_autosave, forget
from napari_iseg.ui._autosave import lock_of
from napari_iseg.ui._putting_back import Saved
from napari_iseg.ui._reading import read_again, show_layers
from napari_iseg.ui._restoring import Stored, stored
from napari_iseg.ui._saved import image_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer
    from qtpy.QtCore import QObject

    from napari_iseg.io.autosave_file import SavedImage
    from napari_iseg.ui._autosave import Autosaver
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._putting_back import PutBack
    from napari_iseg.ui._reading import LayerData
    from napari_iseg.ui._workers import Job, Workers

__all__ = ["Offer", "Recovery"]


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """Work that was not saved.

    Parameters
    ----------
    path
        Its autosave.
    found
        What that holds.
    there
        The same, ready to be put back.
    """

    path: Path
    found: Autosave
    there: Stored

    @property
    def sentence(self) -> str:
        """What the user is told."""
        done = sum(item.finished for item in self.there.objects)
        begun = len(self.there.objects) - done
        parts = [f"{done} object{'' if done == 1 else 's'}"] if done or not begun else []
        parts += [f"{begun} unfinished"] if begun else []
        return f"Unsaved work on {_name(self)} from {_clock(self.found.time)}: {', '.join(parts)}."


class Recovery:
    """Offers what a crash left behind.

    Parameters
    ----------
    viewer
        Where an image is opened that is not open.
    controller
        Whose work it becomes.
    workers
        Reads in threads.
    autosaver
        Takes over what was put back.
    parent
        The dock.

    Attributes
    ----------
    changed
        There is another offer, or none.
    offer
        The work that the user is asked about, or None.
    busy
        What is being done to put it back, as a sentence; empty if nothing is.
    """

    changed = Signal()

    def __init__(
        self, viewer: Viewer, controller: Controller, workers: Workers, autosaver: Autosaver, parent: QObject
    ) -> None:
        self.offer: Offer | None = None
        self.busy = ""
        self._opening: Job | None = None
        self._viewer = viewer
        self._controller = controller
        self._workers = workers
        self._autosaver = autosaver
        self._wanted: Offer | None = None
        self._number = 0
        # Not at once: while a window closes, its images go one by one.
        self._soon = QTimer(parent)
        self._soon.setSingleShot(True)
        self._soon.setInterval(100)
        self._soon.timeout.connect(self.look)
        controller.images_changed.connect(self._look_soon)
        self._soon.start()

    def _look_soon(self) -> None:
        self._soon.start()

    def look(self) -> None:
        """Look for work on the chosen image, or on any if none is open, in a thread."""
        image = self._controller.image
        if image is None and self._controller.images:
            return
        self._number += 1
        number, of = self._number, image_of(image) if image is not None else None

        def found(offer: Offer | None) -> None:
            if number == self._number:
                self.offer = offer
                wanted, self._wanted = self._wanted, None
                if wanted is not None:
                    self.busy = ""
                    if offer is not None and offer.path == wanted.path:
                        self.restore()
                    else:
                        self._controller.failed.emit(f"{_name(wanted)} has changed; its work cannot be put back on it.")
                self.changed.emit()

        self._workers.start(lambda _cancelled: _look(of), found, self._tell)

    def restore(self) -> None:
        """Put the work back, in a thread; its image is opened first if need be.

        Raises
        ------
        ImageError
            If the image cannot be opened any more.
        """
        offer, project = self.offer, self._controller.project
        if offer is None or self.busy:
            return
        if project is None:
            self._open_image(offer)
            return

        def done(came: PutBack) -> None:
            self.busy, self.offer = "", None
            # A look that began before would find it once more.
            self._number += 1
            # Not before what was put back is on the disk again.
            self._autosaver.write_now(project, lambda: _delete(offer.path))
            told = f"{came.back} of {came.back + came.lost} objects were restored."
            self._controller.said.emit(told if not came.lost else f"{told} The others lie under finished objects.")
            self._controller.changed.emit()
            self.changed.emit()

        def saved(_cancelled: Callable[[], bool]) -> Saved:
            return Saved(offer.there, offer.found.facts)

        self._controller.putting_back.start(project, saved, done, self._not_done, self._stopped)
        self.busy = "Putting the objects back…"
        self.changed.emit()

    def cancel(self) -> None:
        """Stop putting back; the work stays where it is, and is offered again."""
        if self._opening is not None or self._wanted is not None:
            if self._opening is not None:
                self._opening.cancel()
            self._opening = self._wanted = None
            self._stopped()
        elif self.busy:
            self._controller.putting_back.cancel()

    def _open_image(self, offer: Offer) -> None:
        source = offer.found.image.source
        if source is None or not Path(source).is_file():
            raise ImageError(
                f"The image {source or offer.found.image.name} is not open; open it, and its work can be restored."
            )

        def opened(layers: list[LayerData]) -> None:
            self._opening = None
            # The banner comes again with the image, and then this goes on.
            self._wanted = offer
            show_layers(self._viewer, layers)

        self._opening = self._workers.start(lambda _cancelled: read_again(source), opened, self._not_done)
        self.busy = f"Opening {_name(offer)}…"
        self.changed.emit()

    def _stopped(self) -> None:
        self.busy = ""
        self._controller.said.emit("Nothing was put back; the unsaved work stays where it is.")
        self.changed.emit()

    def _not_done(self, error: Exception) -> None:
        self.busy, self._opening = "", None
        self.changed.emit()
        self._tell(error)

    def discard(self) -> None:
        """Delete the work that is offered, and look for more."""
        offer, self.offer = self.offer, None
        self._wanted = None
        if offer is not None:
            _delete(offer.path)
            self.changed.emit()
            self.look()

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, IsegError):
            raise error
        self._controller.failed.emit(str(error))


def _look(image: SavedImage | None) -> Offer | None:
    """Return the newest work on an image, or on any, that no living process has."""
    for path in every_autosave() if image is None else autosaves_of(image.source):
        lock = lock_of(path)
        # Held only while it is read: until the user decides, another window may offer it, too.
        if not lock.tryLock(0):
            continue
        try:
            theirs = read_autosave_image(path)
            openable = theirs.source is not None and Path(theirs.source).is_file()
            if not (image.is_of(theirs) if image is not None else openable):
                continue
            found = read_autosave(path)
            if found.objects or found.labels.any():
                return Offer(path, found, stored(found.objects, found.labels, begun_drawn=False))
        except IsegError:
            # Cut off in its first line: it never held anything.
            continue
        finally:
            lock.unlock()
    return None


def _name(offer: Offer) -> str:
    image = offer.found.image
    return Path(image.source).name if image.source is not None else image.name


def _delete(path: Path) -> None:
    forget(path)


def _clock(time: str) -> str:
    """Return a time as people say it: of today the clock, else the day, too."""
    try:
        then: Any = datetime.fromisoformat(time).astimezone()
    except ValueError:
        return "an unknown time"
    today = then.date() == datetime.now().astimezone().date()
    return str(then.strftime("%H:%M" if today else "%d %b %Y, %H:%M"))
