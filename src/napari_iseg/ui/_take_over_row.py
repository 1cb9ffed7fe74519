"""Objects of other Labels layers, from whichever program, opened one by one to be corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtWidgets import QCheckBox, QGridLayout, QPushButton, QVBoxLayout, QWidget

from napari_iseg.errors import ImageError
from napari_iseg.ui._confidence import is_view
from napari_iseg.ui._elided_box import ElidedBox
from napari_iseg.ui._fold import Fold
from napari_iseg.ui._other_layers import check_grid
from napari_iseg.ui._plane_view import locate
from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer

    from napari_iseg.ui._canvas_grab import CanvasGrab
    from napari_iseg.ui._controller import Controller

__all__ = ["TakeOverRow"]


class TakeOverRow(QWidget):
    """Choose a Labels layer, then click an object of it; its mask is where the clicks begin.

    Parameters
    ----------
    viewer
        Whose layers.
    controller
        The dock's.
    grab
        Takes the mouse for the click.
    parent
        The dock.
    """

    def __init__(self, viewer: Viewer, controller: Controller, grab: CanvasGrab, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._controller = controller
        self._grab = grab
        self._layers: list[Any] = []
        self._names: list[str] = []
        self.layer_box = ElidedBox()
        self.layer_box.setAccessibleName("Labels layer with objects to correct")
        self.layer_box.setToolTip("A Labels layer of the image's own size.")
        self.pick_button = QPushButton("Pick on canvas")
        self.pick_button.setToolTip("Then click one of its objects.")
        self.pick_button.setCheckable(True)
        self.pick_button.clicked.connect(self._on_pick)
        self.selected_button = QPushButton("Selected label")
        self.selected_button.setToolTip("Open the label that is selected in the layer's own controls.")
        self.selected_button.clicked.connect(self._on_selected)
        self.back_box = QCheckBox("Write back into that layer")
        self.back_box.setToolTip("Otherwise the object is written into 'Objects' and the layer stays as it is.")
        content = QWidget()
        grid = QGridLayout(content)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.layer_box, 0, 0, 1, 2)
        grid.addWidget(self.pick_button, 1, 0)
        grid.addWidget(self.selected_button, 1, 1)
        grid.addWidget(self.back_box, 2, 0, 1, 2)
        self.folded = Fold("Correct objects of another layer", "Open objects of any Labels layer one by one.", content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.folded)

    def refresh(self) -> None:
        """Show the Labels layers that there are now; hidden while there is none but the plugin's own."""
        project = self._controller.project
        layers = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels)
            and not is_view(layer)
            and (project is None or not project.layers.is_own(layer))
        ]
        names = [layer.name for layer in layers]
        if layers != self._layers or names != self._names:
            chosen = self.layer
            self._layers, self._names = layers, names
            self.layer_box.clear()
            self.layer_box.addItems(names)
            if chosen in layers:
                self.layer_box.setCurrentIndex(layers.index(chosen))
        self.setVisible(bool(layers) and project is not None)
        if not self._grab.active:
            self.pick_button.setChecked(False)

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        index = self.layer_box.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @told
    def _on_pick(self, _checked: bool = False) -> None:
        self.pick_button.setChecked(False)
        if self._grab.active:
            self._grab.let_go()
            return
        self._grab.take(self._open_at)
        self.pick_button.setChecked(True)

    @told
    def _on_selected(self, _checked: bool = False) -> None:
        self._open(int(self._needed().selected_label))

    @told
    def _open_at(self, world: list[Sequence[float]]) -> None:
        self.pick_button.setChecked(False)
        project, work = self._controller.project, self._controller.work
        if project is None or work is None:
            return
        layer = self._needed()
        check_grid(layer, project, back=False)
        row, column = (round(place) for place in locate(project.image, work.plane, world[0]))
        inside = 0 <= row < work.shape[0] and 0 <= column < work.shape[1]
        self._open(int(work.plane.take_labels(layer.data)[row, column]) if inside else 0)

    def _open(self, value: int) -> None:
        self._controller.objects.take_over(self._needed(), value, back=self.back_box.isChecked())

    def _needed(self) -> Any:
        layer = self.layer
        if layer is None or layer not in self._viewer.layers:
            raise ImageError("There is no Labels layer to take objects from; open one, or choose another.")
        return layer
