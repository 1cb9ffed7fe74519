"""The images that can be worked on, the chosen one, and what happens when one comes or goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from psygnal import Signal

from napari_iseg.ui._confidence import is_image
from napari_iseg.ui._project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_iseg.ui._method_choice import MethodChoice

__all__ = ["OpenImages"]


class OpenImages:
    """The Image layers of the viewer and the work on each.

    Parameters
    ----------
    viewer
        napari's viewer.
    method
        Returns the method that is chosen now; an object that is kept because its image goes is recorded with it.

    Attributes
    ----------
    begun
        Work on an image begins; with its project.
    listed
        There are other images to choose from.
    chosen
        Another image is chosen, or none.
    changed
        A layer was removed.
    said
        A sentence for the user.
    project
        The work on the chosen image, or None.
    projects
        The work on every image that is open and was chosen once.
    """

    begun = Signal(object)
    listed = Signal()
    chosen = Signal()
    changed = Signal()
    said = Signal(str)

    def __init__(self, viewer: Viewer, method: Callable[[], MethodChoice]) -> None:
        self.project: Project | None = None
        self.projects: list[Project] = []
        self._viewer = viewer
        self._method = method
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def layers(self) -> list[Any]:
        """The Image layers, topmost first."""
        return [layer for layer in reversed(list(self._viewer.layers)) if is_image(layer)]

    def choose(self, image: Any) -> None:
        """Work on another image, or on none; what was begun on the present one is kept until it is chosen again."""
        if self.project is not None:
            if image is not None and self.project.image == image:
                return
            self.project.layers.show(visible=False)
        self.project = next((p for p in self.projects if image is not None and p.image == image), None)
        if self.project is None and image is not None:
            self.project = Project(self._viewer, image)
            self.projects.append(self.project)
            self.begun.emit(self.project)
        self.chosen.emit()

    def choose_first(self) -> None:
        """Choose the active layer if it is an image, else the topmost image."""
        active = self._viewer.layers.selection.active
        layers = self.layers
        self.choose(active if is_image(active) else layers[0] if layers else None)

    def let_go(self, project: Project) -> None:
        """Forget the work on an image, which was saved; its layers stay as they are."""
        self.projects.remove(project)
        for work in project.works:
            work.cancel()
        if self.project is project:
            self.project = None
            self.changed.emit()

    def close(self) -> None:
        """Listen to the viewer no longer."""
        events = self._viewer.layers.events
        events.inserted.disconnect(self._on_inserted)
        events.removed.disconnect(self._on_removed)

    def _on_inserted(self, event: Any) -> None:
        if not is_image(event.value):
            return
        untouched = self.project is None or not (self.project.has_unfinished or self.project.finished.records)
        if untouched:
            self.choose(event.value)
        else:
            self.listed.emit()

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        for project in list(self.projects):
            if project.image == layer:
                self._leave(project)
            elif isinstance(layer, Labels) and project.layers.is_objects(layer) and project.finished.records:
                number = len(project.finished.records)
                count = "1 object" if number == 1 else f"{number} objects"
                self.said.emit(f"The layer {layer.name!r} with {count} was removed; undo brings it back.")
        if is_image(layer):
            self.listed.emit()
        self.changed.emit()

    def _leave(self, project: Project) -> None:
        """Let an image go that was removed; what has a mask is kept as a finished object."""
        saved = project.settle(self._method())
        self.projects.remove(project)
        project.layers.show(visible=False)
        if saved:
            self.said.emit(
                f"{project.image.name!r} was removed; its unfinished object was kept in the layer 'Objects'."
            )
        if self.project is project:
            self.project = None
            self.choose_first()
