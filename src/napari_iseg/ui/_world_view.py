"""Volumes as their files place them in the world, turned and oblique, in napari's own 3-D view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.events import EventEmitter
from napari.utils.notifications import show_error

from napari_iseg.io import LoadedImage
from napari_iseg.ui._viewer_parts import camera_of

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

__all__ = ["toggle_world_view", "world_affine"]

_NOTHING = (
    "No layer here has a place in the world; open a volume of DICOM, NIfTI, MetaImage or NRRD with the dock's "
    "'Open an image...' or File > IO Utilities."
)


def world_affine(layer: Any) -> NDArray[np.float64] | None:
    """Return what turns a layer of a file from along its own planes to where the file places it.

    Parameters
    ----------
    layer
        Any layer of napari.

    Returns
    -------
    numpy.ndarray or None
        (n + 1, n + 1) for the layer's n axes, to be applied after the scale and translation that the layer was opened
        with: the last three axes then lie along S, A and R in the file's unit. None for a layer that is no volume of a
        file with such a place.
    """
    loaded = (layer.metadata.get("napari_iseg") or {}).get("image")
    if not isinstance(loaded, LoadedImage) or layer.ndim < 3 or len(loaded.scale) != layer.ndim:
        return None
    placed = loaded.array_affine
    along = np.eye(4)
    along[:3, :3] = np.diag(loaded.scale[-3:])
    along[:3, 3] = loaded.translate[-3:]
    if placed is None or not np.isfinite(placed).all() or 0 in (np.linalg.det(placed), np.linalg.det(along)):
        return None
    whole = np.eye(layer.ndim + 1)
    whole[-4:, -4:] = placed @ np.linalg.inv(along)
    return whole


def toggle_world_view(viewer: Viewer) -> None:
    """Show every volume where its file places it, in 3-D; once more, or back in 2-D: along its planes again.

    A turned volume cannot be cut along its planes, which is why planes are shown, and worked on, unturned. The labels
    and prompts of an image go with it. A layer that somebody turned otherwise keeps its place.
    """
    turns = {layer: turn for layer in viewer.layers if (turn := world_affine(layer)) is not None}
    if not turns:
        show_error(_NOTHING)
        return
    waiting = {
        layer: turn for layer, turn in turns.items() if _lies(layer, _unturned(layer)) and not _lies(layer, turn)
    }
    if viewer.dims.ndisplay == 3 and not waiting:
        viewer.dims.ndisplay = 2
        return
    point, centre, zoom = viewer.dims.point, camera_of(viewer).center, camera_of(viewer).zoom
    planes = viewer.dims.ndisplay == 2

    def back(_event: Any) -> None:
        if viewer.dims.ndisplay == 3:
            return
        viewer.dims.events.ndisplay.disconnect(first)
        # napari has no planes of turned layers: every one of them has to lie straight before a first one is cut.
        viewer.dims.ndisplay = 3
        for layer, turn in waiting.items():
            if _lies(layer, turn):
                layer.affine = _unturned(layer)
        viewer.dims.ndisplay = 2

    def settled(_event: Any) -> None:
        if viewer.dims.ndisplay == 2:
            viewer.dims.events.ndisplay.disconnect(settled)
            viewer.dims.point = point
            camera_of(viewer).center, camera_of(viewer).zoom = centre, zoom

    viewer.dims.ndisplay = 3
    for layer, turn in waiting.items():
        layer.affine = turn
    # Callbacks from outside napari come after all of its own, which cut planes; an emitter is one of napari's.
    first = EventEmitter(viewer.dims, "ndisplay")
    first.connect(back)
    viewer.dims.events.ndisplay.connect(first, position="first")
    if planes:
        viewer.dims.events.ndisplay.connect(settled)
    viewer.reset_view()


def _unturned(layer: Any) -> NDArray[np.float64]:
    return np.eye(layer.ndim + 1)


def _lies(layer: Any, turn: NDArray[np.float64]) -> bool:
    return bool(np.allclose(np.asarray(layer.affine), turn, atol=1e-6))
