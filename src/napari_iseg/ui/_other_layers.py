"""What is asked of a Labels layer from elsewhere before its objects are taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError

if TYPE_CHECKING:
    from napari_iseg.ui._project import Project

__all__ = ["check_grid", "class_in"]


def check_grid(layer: Any, project: Project, *, back: bool) -> None:
    """Check that a Labels layer lies on the image's own grid, and can be written to if need be.

    Raises
    ------
    ImageError
        If it does not, or cannot.
    """
    if tuple(layer.data.shape) != project.shape:
        raise ImageError(
            f"The layer {layer.name!r} has the shape {tuple(layer.data.shape)}, but the image has {project.shape}; "
            "choose a Labels layer of the image's own size."
        )
    corners = [np.zeros(len(project.shape)), np.array(project.shape) - 1]
    apart = [np.subtract(layer.data_to_world(c), project.image.data_to_world(c)) for c in corners]
    if np.abs(apart).max() > max(abs(size) for size in project.image.scale) / 2:
        raise ImageError(f"The layer {layer.name!r} does not lie on the image; give it the image's scale and place.")
    if back and not (isinstance(layer.data, np.ndarray) and layer.data.flags.writeable and layer.editable):
        raise ImageError(f"The layer {layer.name!r} cannot be written to; write into 'Objects' instead.")


def class_in(layer: Any, value: int) -> str | None:
    """Return the class that another program gave an object in the layer's features, or None."""
    features = layer.features
    if "index" not in features or "class" not in features:
        return None
    found = features["class"][features["index"] == value]
    return str(found.iloc[0]) if len(found) and isinstance(found.iloc[0], str) else None
