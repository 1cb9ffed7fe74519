"""What the method sees of the plane on the canvas, as pixels and in words, and how the user changes it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_iseg.errors import IsegError
from napari_iseg.planes import PlaneLook
from napari_iseg.planes.contrasts import LAYER, SAVED, find_contrast
from napari_iseg.planes.percentiles import planes_across
from napari_iseg.ui._contrast import layer_limits
from napari_iseg.ui._plane_view import full_data

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtCore import QObject

    from napari_iseg.planes import PlaneAddress
    from napari_iseg.planes.contrasts import Contrast
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
        self._estimating: Job | None = None
        # For which image, contrast and volume the percentiles were estimated.
        self._estimated: tuple[Project, str, tuple[PlaneAddress, ...]] | None = None
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
    def contrast(self) -> Contrast:
        """Which of the ways to choose from it is."""
        project = self._controller.project
        return find_contrast(project.contrast) if project is not None else LAYER

    def set_channel(self, channel: int | None) -> None:
        """Show the method one colour channel in grey, 0 to 2; None shows the colours."""
        project = self._controller.project
        if project is not None:
            self._use(project, replace(project.look, channel=channel), self.contrast)

    def set_contrast(self, contrast: Contrast) -> None:
        """Show the method other values as black and white; what is unfinished is asked again with its prompts."""
        project, work = self._controller.project, self._controller.work
        if project is None or work is None:
            return
        if contrast.of_volume:
            self._estimate(project, work.plane, contrast)
        elif contrast is LAYER:
            self._use(project, PlaneLook(channel=project.look.channel, limits=layer_limits(project.image)), LAYER)
        elif contrast is not SAVED:
            self._use(project, contrast.look(None, work.plane, project.look.channel), contrast)

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
        if self.contrast is LAYER:
            self._rest.start()

    def _read(self) -> None:
        project, work = self._controller.project, self._controller.work
        if project is None or work is None:
            return
        if self.contrast is LAYER and project.look.limits != layer_limits(project.image):
            self.set_contrast(LAYER)
        elif self.contrast.of_volume and not self._is_estimated(project, work.plane):
            self._estimate(project, work.plane, self.contrast)
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

    def _is_estimated(self, project: Project, plane: PlaneAddress) -> bool:
        # Another channel or moment, shown with a slider, is another volume. One from a session file has its limits.
        known = self._estimated
        return known is None or known == (project, self.contrast.key, _volume(project, plane))

    def _estimate(self, project: Project, plane: PlaneAddress, contrast: Contrast) -> None:
        """Look at a few planes of the volume, in a thread, and then show all planes alike."""
        if self._estimating is not None:
            self._estimating.cancel()
        self._estimated = (project, contrast.key, _volume(project, plane))
        data, channel = full_data(project.image), project.look.channel
        self._estimating = self._workers.start(
            lambda _cancelled: contrast.look(data, plane, channel),
            partial(self._take_estimate, project, contrast),
            self._not_read,
        )

    def _take_estimate(self, project: Project, contrast: Contrast, look: PlaneLook) -> None:
        self._estimating = None
        if project is self._controller.project:
            self._use(project, look, contrast)

    def _use(self, project: Project, look: PlaneLook, contrast: Contrast) -> None:
        """Look at an image in another way; unfinished objects are asked again with their prompts."""
        if not contrast.of_volume:
            self._estimated = None
        if look == project.look:
            project.contrast = contrast.key
            self.changed.emit()
            return
        project.use_look(look, contrast.key)
        self._controller.prepare()
        self.changed.emit()


def _volume(project: Project, plane: PlaneAddress) -> tuple[PlaneAddress, ...]:
    return tuple(planes_across(tuple(full_data(project.image).shape), plane))
