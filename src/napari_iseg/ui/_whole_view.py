"""What was seen whole stays seen whole: the dock makes the canvas narrower when it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_iseg.ui._controller import Controller

__all__ = ["WholeView"]

# When the canvas has its new size nobody tells; on a slow machine it takes a while.
_SOON_MS = 100
_LOOKS = 12


class WholeView:
    """Remembers at its making, before the dock is in the window, whether the whole chosen image is on the canvas.

    Parameters
    ----------
    viewer
        Whose canvas.
    controller
        Whose image.
    dock
        When it is shown for the first time, an image that was seen whole is fitted in again.
    """

    def __init__(self, viewer: Viewer, controller: Controller, dock: QWidget) -> None:
        self._viewer, self._controller = viewer, controller
        self._was_whole = self._is_whole()
        self._looks = 0
        self._timer = QTimer(dock)
        self._timer.setInterval(_SOON_MS)
        self._timer.timeout.connect(self._fit)

    def shown(self) -> None:
        """Take notice that the dock is shown."""
        if self._was_whole:
            self._was_whole = False
            self._timer.start()

    def _fit(self) -> None:
        self._looks += 1
        cut_off = self._controller.image is not None and self._viewer.dims.ndisplay == 2 and not self._is_whole()
        if cut_off:
            self._viewer.reset_view()
        # Once only: after that the user zooms in, and means it.
        if cut_off or self._looks >= _LOOKS:
            self._timer.stop()

    def _is_whole(self) -> bool:
        image: Any = self._controller.image
        if image is None or self._viewer.dims.ndisplay != 2:
            return False
        factors = image.downsample_factors[image.data_level] if image.multiscale else np.ones(image.ndim)
        shown = [axis - self._viewer.dims.ndim + image.ndim for axis in self._viewer.dims.displayed]
        first, last = (
            np.asarray(corner, float)[: image.ndim] * factors[: image.ndim] for corner in image.corner_pixels
        )
        shape = (image.data[0] if image.multiscale else image.data).shape
        return all(axis >= 0 and first[axis] <= 0 and last[axis] + factors[axis] >= shape[axis] for axis in shown)
