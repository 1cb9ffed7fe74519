"""What the method sees of the plane on the canvas, as pixels and in words, and how the user changes it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_iseg.errors import IsegError
from napari_iseg.ui._plane_view import full_data

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtCore import QObject

    from napari_iseg.planes import PlaneAddress, PlaneLook
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Job, Workers

__all__ = ["Seen"]

# A slider of slices or of contrast that is still being dragged is looked at when it rests.
_REST_MS = 250
# Larger planes are read when they are clicked, not while somebody scrolls past them.
_LARGEST = 2**24


class Seen:
    """Keeps the pixels that the method sees in step with the plane that is shown, in threads.

    Parameters
    ----------
    controller
        Whose image and plane.
    workers
        Reads planes.
    parent
        The dock.

    Attributes
    ----------
    changed
        There are other pixels, or another way to look at them.
    """

    changed = Signal()

    def __init__(self, controller: Controller, workers: Workers, parent: QObject) -> None:
        self._controller, self._workers = controller, workers
        self._job: Job | None = None
        self._followed: Any = None
        self._rest = QTimer(parent)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._read)
        controller.changed.connect(self.refresh)
        controller.images_changed.connect(self.refresh)

    @property
    def pixels(self) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8, what the method sees of the plane that is shown; None until it was read."""
        project, work = self._controller.project, self._controller.work
        return project.pixels(work.plane) if project is not None and work is not None else None

    @property
    def look(self) -> PlaneLook | None:
        """How the chosen image is looked at, or None where there is none."""
        project = self._controller.project
        return project.look if project is not None else None

    @property
    def has_colours(self) -> bool:
        """Whether there are channels to choose from."""
        image = self._controller.image
        return image is not None and bool(image.rgb)

    @property
    def follows_layer(self) -> bool:
        """Whether the contrast limits of the layer are those of the method."""
        look = self.look
        return look is not None and look.limits is not None

    def set_channel(self, channel: int | None) -> None:
        """Show the method one colour channel in grey, 0 to 2; None shows the colours."""
        project = self._controller.project
        if project is not None:
            self._use(project, replace(project.look, channel=channel))

    def follow_layer(self, *, follow: bool) -> None:
        """Show the method what lies between the layer's contrast limits, also when these change; or choose for it."""
        project = self._controller.project
        if project is not None:
            self._use(project, replace(project.look, limits=_limits(project.image) if follow else None))

    def refresh(self, _event: Any = None) -> None:
        """Look whether another plane or image is shown."""
        image = self._controller.image
        if image is not self._followed:
            if self._followed is not None:
                self._followed.events.contrast_limits.disconnect(self._on_limits)
            self._followed = image
            if image is not None:
                image.events.contrast_limits.connect(self._on_limits)
        if self.pixels is None and not self._rest.isActive():
            self._rest.start()
        self.changed.emit()

    def close(self) -> None:
        """Let go of the image."""
        if self._followed is not None:
            self._followed.events.contrast_limits.disconnect(self._on_limits)
            self._followed = None

    def _on_limits(self, _event: Any = None) -> None:
        if self.follows_layer:
            self._rest.start()

    def _read(self) -> None:
        project, work = self._controller.project, self._controller.work
        if project is None or work is None:
            return
        if project.look.limits is not None and project.look.limits != _limits(project.image):
            self._use(project, replace(project.look, limits=_limits(project.image)))
        if self.pixels is not None or self._controller.answering.preparing or work.shape[0] * work.shape[1] > _LARGEST:
            return
        if self._job is not None:
            self._job.cancel()
        data, plane, look = full_data(project.image), work.plane, project.look
        self._job = self._workers.start(
            lambda _cancelled: look.rgb(plane.take(data)), partial(self._take, project, plane, look), self._not_read
        )

    def _take(self, project: Project, plane: PlaneAddress, look: PlaneLook, rgb: NDArray[np.uint8]) -> None:
        self._job = None
        if project.look == look:
            project.keep_pixels(plane, rgb)
            self.changed.emit()

    def _not_read(self, error: Exception) -> None:
        self._job = None
        # An image that cannot be used is told when it is clicked.
        if not isinstance(error, IsegError):
            raise error

    def _use(self, project: Project, look: PlaneLook) -> None:
        """Look at an image in another way; unfinished objects are asked again with their prompts."""
        if look == project.look:
            return
        project.use_look(look)
        self._controller.prepare()
        self.changed.emit()


def _limits(image: Any) -> tuple[float, float] | None:
    if image.rgb:
        return None
    low, high = (float(value) for value in image.contrast_limits)
    return (low, high) if low < high else None
