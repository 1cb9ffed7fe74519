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
from napari_iseg.io.readers import get_reader
from napari_iseg.ui._autosave import lock_of
from napari_iseg.ui._restoring import Stored, put_back, stored
from napari_iseg.ui._saved import image_of
from napari_iseg.ui._session_facts import take_session_facts

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtCore import QObject

    from napari_iseg.io.autosave_file import SavedImage
    from napari_iseg.ui._autosave import Autosaver
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._workers import Workers

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
        image = self.found.image
        name = Path(image.source).name if image.source is not None else image.name
        done = sum(item.finished for item in self.there.objects)
        begun = len(self.there.objects) - done
        parts = [f"{done} object{'' if done == 1 else 's'}"] if done or not begun else []
        parts += [f"{begun} unfinished"] if begun else []
        return f"Unsaved work on {name} from {_clock(self.found.time)}: {', '.join(parts)}."


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
    """

    changed = Signal()

    def __init__(
        self, viewer: Viewer, controller: Controller, workers: Workers, autosaver: Autosaver, parent: QObject
    ) -> None:
        self.offer: Offer | None = None
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
                self.changed.emit()
                if offer is not None and self._wanted is not None and offer.path == self._wanted.path:
                    self._wanted = None
                    self.restore()

        self._workers.start(lambda _cancelled: _look(of), found, self._tell)

    def restore(self) -> None:
        """Put the work back; its image is opened first if need be.

        Raises
        ------
        ImageError
            If the image cannot be opened any more.
        """
        offer, project = self.offer, self._controller.project
        if offer is None:
            return
        source = offer.found.image.source
        if project is None:
            if source is None or not Path(source).is_file():
                name = offer.found.image.name if source is None else source
                raise ImageError(f"The image {name} is not open; open it, and its work can be restored.")
            # The banner comes again with the image, and then this goes on.
            self._wanted = offer
            self._viewer.open(source, plugin="napari-iseg" if get_reader(source) else "napari")
            return
        self.offer = None
        # First, so that the classes of the objects have their colours.
        project.facts = take_session_facts(self._controller, offer.found.facts)
        back, lost = put_back(self._controller, project, offer.there)
        # Not before what was put back is on the disk again.
        self._autosaver.write_now(project, lambda: _delete(offer.path))
        told = f"{back} of {back + lost} objects were restored."
        self._controller.said.emit(told if not lost else f"{told} The others lie under finished objects.")
        self._controller.changed.emit()
        self.changed.emit()

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
