"""Labels and sessions onto the disk: everything is taken down here, and what is returned may write it in a thread."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ExportError
from napari_iseg.io import write_session, write_session_labels
from napari_iseg.io.exported import ExportCancelledError
from napari_iseg.io.session_labels import labels_name
from napari_iseg.io.writers import image_of_layer
from napari_iseg.ui._saved import session_of, source_of
from napari_iseg.zoo.weights import weights_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iseg.io import LoadedImage
    from napari_iseg.ui._method_choice import MethodChoice
    from napari_iseg.ui._project import Project

__all__ = ["grid_of", "session_writer"]


def session_writer(
    path: Path, project: Project, choice: MethodChoice, facts: Mapping[str, Any] = MappingProxyType({})
) -> Callable[[Callable[[], bool]], Path]:
    """Take down everything there is now, and return what writes it; that may be called in a thread.

    It is called with a function that tells whether to end early, and writes both files or none.

    Parameters
    ----------
    path
        The session file.
    project
        The work on one image.
    choice
        The method of what is begun.
    facts
        What else is known of the session, as plain values.

    Raises
    ------
    ExportError
        If there is nothing to save; or, when it is called, if a file cannot be written or that was cancelled.
    """
    saved = dataclasses.replace(session_of(project, choice), facts=facts)
    if not saved.objects and not (project.layers.has_objects and project.layers.objects.data.any()):
        raise ExportError("There is no object to save yet; click one first.")
    labels, _ = project.labels()
    image = project.image
    spacing = [abs(float(size)) for size in image.scale]

    def write(cancelled: Callable[[], bool]) -> Path:
        def tick(_part: float) -> None:
            if cancelled():
                raise ExportCancelledError("Saving was cancelled; nothing was written.")

        # A TIFF needs no grid: where the image cannot be read any more the labels are still written.
        like = grid_of(path.with_suffix(".tif"), labels, image)
        name = labels_name(path, nifti=like is not None and like.kind == "nifti")
        objects = tuple(
            item
            if item.weights_sha256
            else dataclasses.replace(item, weights_sha256=weights_sha256(item.weights, item.method))
            for item in saved.objects
        )

        def write_labels_first() -> None:
            write_session_labels(path, labels, like, spacing, tick)

        return write_session(path, dataclasses.replace(saved, objects=objects, labels=name), write_labels_first)

    return write


def grid_of(path: Path, labels: NDArray[Any], image: Any, format_name: str | None = None) -> LoadedImage | None:
    """Return the image's own file where its grid is that of the labels; None where there is none.

    Raises
    ------
    ExportError
        If the format has a place in the world and the file that knows it cannot be read any more.
    """
    ours = image.metadata.get("napari_iseg") or {"source": source_of(image)}
    like = image_of_layer(str(path), {"metadata": {"napari_iseg": ours}}, format_name)
    return None if like is not None and like.grid_shape != labels.shape else like
