"""What is known of objects, in the features of the layer "Objects", so that other plugins and files have it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]  # qtpy names it for every binding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._project import Project

__all__ = ["FeatureWriter", "features_of"]

# While objects are made one after the other the table is written when the hand rests.
_REST_MS = 60
_UNCLASSED = (0.6, 0.6, 0.6, 1.0)


def features_of(records: Sequence[FinishedObject]) -> dict[str, Any]:
    """Return columns with one row an object, for a layer's features; napari looks a label up in the column ``index``.

    Columns: index, class, state, prompts, pixels, method, seconds, note.
    """
    return {
        "index": np.array([record.label for record in records], int),
        "class": [record.class_name for record in records],
        "state": ["reviewed" if record.reviewed else "done" for record in records],
        "prompts": np.array([len(record.prompts) for record in records], int),
        "pixels": np.array([record.pixels for record in records], int),
        "method": [record.choice.method for record in records],
        "seconds": np.array([round(record.seconds, 2) for record in records], float),
        "note": [record.note for record in records],
    }


class FeatureWriter(QObject):
    """Keeps the features, and the colours if they go by class, in step with the objects.

    Parameters
    ----------
    controller
        Whose objects.
    parent
        The panel.

    Attributes
    ----------
    by_class
        Whether an object has the colour of its class.
    """

    recoloured = Signal()
    """The layer has other colours."""

    def __init__(self, controller: Controller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.by_class = False
        self._controller = controller
        self._written: tuple[Any, int] = (None, -1)
        self._own: dict[int, Any] = {}
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.write)

    def note(self) -> None:
        """Write soon, if something has changed."""
        project = self._controller.project
        if project is not None and (project, project.finished.revision) != self._written and not self._rest.isActive():
            self._rest.start()

    def recolour(self) -> None:
        """Colour the objects anew, soon."""
        self._written = (None, -1)
        self.note()

    def write(self) -> None:
        """Write now."""
        project = self._controller.project
        if project is None or not project.layers.has_objects:
            return
        self._written = (project, project.finished.revision)
        layer = project.layers.objects
        records = project.finished.records
        if records or "class" in layer.features:
            layer.features = features_of(records)
        self._colour(project, layer)

    def _colour(self, project: Project, layer: Any) -> None:
        from napari.utils import DirectLabelColormap

        if not self.by_class:
            if id(layer) in self._own:
                layer.colormap = self._own.pop(id(layer))
                self.recoloured.emit()
            return
        self._own.setdefault(id(layer), layer.colormap)
        classes = self._controller.classes
        colours: dict[int | None, Any] = {None: np.array(_UNCLASSED), 0: np.zeros(4)}
        known = {name: _rgba(classes.colour(name)) for name in classes.names}
        for record in project.finished.records:
            if record.class_name in known:
                colours[record.label] = known[record.class_name]
        layer.colormap = DirectLabelColormap(color_dict=colours)
        self.recoloured.emit()


def _rgba(colour: str | None) -> np.ndarray:
    text = colour or "#999999"
    return np.array([*(int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)), 1.0])
