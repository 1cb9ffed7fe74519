"""How sure the method is of each pixel, shown as an image over the canvas while the user wants to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_iseg.ui._plane_view import plane_to_world

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_iseg.inference.session import Session
    from napari_iseg.ui._controller import Controller

__all__ = ["VIEW_MARK", "Confidence", "is_image", "is_view"]

VIEW_MARK = "napari_iseg_view"
"""In the metadata of layers that the plugin only shows something in."""


def is_image(layer: Any) -> bool:
    """Whether a layer is an image of the user's, and not one that the plugin shows something in."""
    return isinstance(layer, Image) and not is_view(layer)


def is_view(layer: Any) -> bool:
    """Whether the plugin only shows something in a layer: nothing to work on, to learn from or to take objects of."""
    return bool(layer.metadata.get(VIEW_MARK))


class Confidence:
    """The layer "Confidence": the probability of the object on the plane that is shown.

    Parameters
    ----------
    viewer
        Where it is shown.
    controller
        Whose object.
    """

    def __init__(self, viewer: Viewer, controller: Controller) -> None:
        self._viewer = viewer
        self._controller = controller
        self._layer: Any = None
        self._shown: tuple[Any, ...] = ()
        self._drawing = False
        self.wanted = False
        controller.changed.connect(self.refresh)

    def show(self, wanted: bool) -> None:
        """Show it from now on, or no longer."""
        self.wanted = wanted
        self._shown = ()
        self.refresh()

    def refresh(self) -> None:
        """Follow the present object; only the part of the plane that has an answer is drawn."""
        # A new or moved layer changes the viewer's extent, which the controller tells about, here too.
        if self._drawing:
            return
        self._drawing = True
        try:
            self._follow()
        finally:
            self._drawing = False

    def _follow(self) -> None:
        there = self._layer is not None and self._layer in self._viewer.layers
        if self._layer is not None and not there:
            # Whoever removes it does not want to see it.
            self._layer, self.wanted = None, False
        project, work = self._controller.project, self._controller.work
        session = work.session if work is not None else None
        if not self.wanted or project is None or work is None or session is None or session.prediction is None:
            # Emptied and hidden, not removed: it comes back with the next answer. While an answer is computed the last
            # one stays.
            if there and not (self.wanted and work is not None and work.pending):
                self._layer.visible = False
                self._shown = ()
            return
        shown = (session.prediction, work.plane, project.image)
        if self._shown == shown and there:
            return
        values, corner = _part(session)
        values = values.reshape(
            [
                values.shape[(work.plane.rows, work.plane.columns).index(axis)]
                if axis in (work.plane.rows, work.plane.columns)
                else 1
                for axis in range(work.plane.ndim)
            ]
        )
        affine = plane_to_world(project.image, work.plane, corner)
        self._shown = shown
        if not there or self._layer.ndim != values.ndim:
            self._layer = self._add(values, affine, project.image)
        else:
            self._layer.data = values
            self._layer.affine = affine
        self._layer.visible = True

    def _add(self, values: NDArray[np.float32], affine: NDArray[np.float64], image: Any) -> Any:
        layer = Image(
            values,
            name="Confidence",
            affine=affine,
            colormap="inferno",
            contrast_limits=(0, 1),
            opacity=0.6,
            blending="translucent",
            metadata={VIEW_MARK: True},
        )
        selection = self._viewer.layers.selection
        active = selection.active
        self._viewer.add_layer(layer)
        selection.active = active
        # Below the mask and the prompts, which it would hide.
        layers = self._viewer.layers
        layers.move(layers.index(layer), layers.index(image) + 1)
        return layer


def _part(session: Session) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Return the probabilities where there is an answer, (h, w), and the first pixel's (row, column)."""
    prediction = session.prediction
    if prediction is None or 0 in prediction.window.shape:
        return np.zeros((1, 1), np.float32), (0, 0)
    window = prediction.window
    return session.probability[window.slices], (window.row_start, window.column_start)
