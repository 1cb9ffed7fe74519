"""Objects as surfaces in napari's own 3-D view."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import find_objects

from napari_iseg.errors import IsegError, PromptError
from napari_iseg.io.surfaces import surface_of
from napari_iseg.ui._placement import add_placed, follow_placement, placement_of
from napari_iseg.ui._telling import told
from napari_iseg.ui._viewer_parts import camera_of

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Workers

__all__ = ["Surfaces", "surfaces_of"]

_NAME = "Surfaces"


class Surfaces:
    """Shows the finished objects of the chosen image in 3-D, and goes back to planes.

    Parameters
    ----------
    viewer
        Where.
    controller
        Whose objects.
    workers
        Computes the surfaces in a thread.
    """

    def __init__(self, viewer: Viewer, controller: Controller, workers: Workers) -> None:
        self._viewer, self._controller, self._workers = viewer, controller, workers
        self._layers: dict[Any, Any] = {}
        self._hidden: list[Any] = []

    @told
    def toggle(self, _checked: bool = False) -> None:
        """Show surfaces in 3-D, or planes again.

        Raises
        ------
        PromptError
            If there is no object on several planes.
        """
        if self._viewer.dims.ndisplay == 3:
            self._viewer.dims.ndisplay = 2
            for layer in self._layers.values():
                layer.visible = False
            for layer in self._hidden:
                layer.visible = True
            self._hidden = []
            return
        project = self._controller.project
        if project is None or not project.layers.has_objects or len(project.shape) < 3:
            raise PromptError("There is no object in a volume to show; accept one first.")
        # A copy: the user goes on while it is computed. Of time and channels the ones that are shown.
        step = self._viewer.dims.current_step[-len(project.shape) :]
        index = tuple(int(position) for position in step[:-3])
        labels = np.array(project.layers.objects.data[index])
        self._workers.start(
            lambda _cancelled: surfaces_of(labels), partial(self._show, project, index), self._controller_failed
        )

    def _show(self, project: Project, index: tuple[int, ...], found: dict[int, tuple[Any, Any]]) -> None:
        if not found:
            self._controller.failed.emit("There is no object to show in 3-D yet; accept one first.")
            return
        colours = project.layers.objects
        vertices, faces, shades, count = [], [], [], 0
        for label, (points, triangles) in found.items():
            lead = np.broadcast_to(np.array(index, float), (len(points), len(index)))
            vertices.append(np.concatenate([lead, points], axis=1))
            faces.append(triangles + count)
            shades.append(np.tile(np.asarray(colours.get_color(label), float)[:4], (len(points), 1)))
            count += len(points)
        data = (np.concatenate(vertices), np.concatenate(faces))
        layer = self._layers.get(project.image)
        if layer is None or layer not in self._viewer.layers:
            from napari.layers import Surface

            layer = Surface(
                data,
                name=f"{_NAME} of {project.image.name}",
                shading="smooth",
                **placement_of(project.image, self._viewer),
            )
            self._layers[project.image] = add_placed(self._viewer, layer, project.image.affine)
            follow_placement(project.image, lambda: [layer] if layer in self._viewer.layers else [])
        layer.data = data
        layer.vertex_colors = np.concatenate(shades)
        layer.visible = True
        # Drawn as volumes they would lie over the surfaces; whoever wants the image beside them shows it again.
        self._hidden = [other for other in self._viewer.layers if other.visible and other is not layer]
        for other in self._hidden:
            other.visible = False
        self._viewer.dims.ndisplay = 3
        self._viewer.reset_view()
        camera_of(self._viewer).angles = (-20.0, 30.0, -40.0)

    def _controller_failed(self, error: Exception) -> None:
        if not isinstance(error, IsegError):
            raise error
        self._controller.failed.emit(str(error))


def surfaces_of(labels: NDArray[Any]) -> dict[int, tuple[NDArray[np.float64], NDArray[np.intp]]]:
    """Return the surface of every object of a volume, without the steps of the voxels.

    Parameters
    ----------
    labels
        (planes, rows, columns) labels from 0.

    Returns
    -------
    dict
        Label to vertices, (n, 3) in voxels of the volume, and triangles, (m, 3) indices of vertices.
    """
    found = {}
    for label, box in enumerate(find_objects(labels.astype(np.int32, copy=False)), start=1):
        if box is None:
            continue
        to_voxels = np.eye(4)
        to_voxels[:3, 3] = [part.start for part in box]
        surface = surface_of(labels[box] == label, to_voxels, smooth=True)
        found[label] = (np.asarray(surface.vertices, float), np.asarray(surface.faces))
    return found
