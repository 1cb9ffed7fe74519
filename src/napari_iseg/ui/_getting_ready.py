"""What is made before the first click, so that it need not wait: piece by piece, so that the window never stands still.

napari takes a tenth of a second to add a layer, and half a second to load what its first layers need.
"""

from __future__ import annotations

import logging
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Job, Workers

__all__ = ["GettingReady", "load_for_layers"]

_log = logging.getLogger(__name__)
_DONE = object()
# Long enough for the window to be painted.
_BETWEEN_MS = 10


class GettingReady:
    """Loads in a thread what layers need, then has the method loaded and makes one layer at a time.

    A click that comes meanwhile makes the rest at once.

    Parameters
    ----------
    controller
        Whose chosen image is made ready.
    workers
        Load in a thread.

    Attributes
    ----------
    busy
        Whether the layers are not all there yet.
    """

    def __init__(self, controller: Controller, workers: Workers) -> None:
        self.busy = False
        self._controller = controller
        self._workers = workers
        self._loading: Job | None = None
        self._steps: Iterator[None] = iter(())
        self._further: list[Callable[[], Iterator[None]]] = []
        self._soon = QTimer(workers)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._load)
        self._between = QTimer(workers)
        self._between.setSingleShot(True)
        self._between.setInterval(_BETWEEN_MS)
        self._between.timeout.connect(self._step)

    def afterwards(self, steps: Callable[[], Iterator[None]]) -> None:
        """Do this when everything is ready, with the event loop between its steps, too."""
        self._further.append(steps)

    def start(self) -> None:
        """Begin with the chosen image, soon; what was being done for another one is left."""
        self.stop()
        project = self._controller.project
        if project is not None:
            # Those of an image that was worked on before are there at once.
            project.layers.show(visible=True)
        self.busy = True
        self._soon.start()

    def stop(self) -> None:
        """Leave what is not done."""
        self.busy = False
        self._soon.stop()
        self._between.stop()
        if self._loading is not None:
            self._loading.cancel()
            self._loading = None

    def _load(self) -> None:
        project = self._controller.project
        if project is None or self._controller.work is None:
            self._go_through(iter(()))
            return
        loaded = partial(self._loaded, project)
        self._loading = self._workers.start(lambda _cancelled: load_for_layers(), loaded, loaded)
        self._controller.changed.emit()

    @told
    def _loaded(self, project: Project, error: Exception | None) -> None:
        if error is not None:
            # The layers meet the same error when they are made, and that one is told.
            _log.info("What layers need could not be loaded ahead: %s", error)
        self._loading = None
        # The method loads in a thread meanwhile.
        self._controller.ask_all()
        self._go_through(self._layers_of(project))

    def _go_through(self, layers: Iterator[None]) -> None:
        self._steps = self._all_steps(layers)
        self._between.start()

    def _layers_of(self, project: Project) -> Iterator[None]:
        steps = project.layers.prepare_in_steps()
        # The user may choose another image, or remove this one, between any two.
        while project is self._controller.project and next(steps, _DONE) is not _DONE:
            yield

    def _all_steps(self, layers: Iterator[None]) -> Iterator[None]:
        yield from layers
        self.busy = False
        self._controller.changed.emit()
        for steps in self._further:
            yield from steps()

    @told
    def _step(self) -> None:
        goes_on = False
        try:
            goes_on = next(self._steps, _DONE) is not _DONE
        finally:
            if goes_on:
                self._between.start()
            else:
                self.busy = False


@cache
def load_for_layers() -> None:
    """Load the modules that napari's first layers of labels and points need, and fill vispy's cache for their outlines.

    To be called in a worker.
    """
    from vispy.visuals.line.dash_atlas import DashAtlas

    for name in ("pandas", "scipy.linalg", "skimage.color.colorconv"):
        import_module(name)
    DashAtlas()
