"""Soft edges: the alpha matte of an object as a layer of its own, and as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_iseg.errors import IsegError, PromptError
from napari_iseg.io import write_alpha
from napari_iseg.ui._placement import add_placed, placement_of
from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._workers import Workers

__all__ = ["MattingRow"]


class MattingRow(QWidget):
    """Keeps or exports the alpha matte; hidden while the answer on the canvas has none.

    Parameters
    ----------
    viewer
        Where the layer goes.
    controller
        Whose answer it is.
    workers
        Writes the file in a thread.
    parent
        The dock.
    """

    def __init__(self, viewer: Viewer, controller: Controller, workers: Workers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._controller = controller
        self._workers = workers
        self.keep_button = QPushButton("Keep alpha as layer")
        self.keep_button.setToolTip("Add the soft-edged matte as an Image layer: how much of each pixel is the object.")
        self.keep_button.clicked.connect(self._on_keep)
        self.export_button = QPushButton("Export alpha…")
        self.export_button.setToolTip("Write the matte of this plane as a float TIFF, 0 to 1.")
        self.export_button.clicked.connect(self._ask_where)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.keep_button)
        row.addWidget(self.export_button)
        self.hide()

    def refresh(self) -> None:
        """Show the buttons while there is a matte."""
        work = self._controller.work
        session = work.session if work is not None else None
        prediction = session.prediction if session is not None else None
        # Not the matte itself: drawing it takes its time on a large plane.
        self.setVisible(prediction is not None and prediction.matte)

    def keep(self) -> Any:
        """Add the matte as an Image layer on the image's grid, and return the layer.

        Raises
        ------
        PromptError
            If the answer has no matte.
        """
        project, plane, alpha = self._needed()
        image = project.image
        data = np.zeros(project.shape, np.float32)
        plane.put(data, alpha)
        active = self._viewer.layers.selection.active
        layer = Image(
            data,
            name=f"Alpha of {image.name}",
            contrast_limits=(0, 1),
            blending="additive",
            **placement_of(image, self._viewer),
        )
        add_placed(self._viewer, layer, image.affine)
        # The clicks go on in the image that was chosen.
        if active is not None:
            self._viewer.layers.selection.active = active
        return layer

    def export(self, path: str | Path) -> None:
        """Write the matte as a float32 TIFF, in a thread; a sentence follows when it is done.

        Raises
        ------
        PromptError
            If the answer has no matte.
        """
        project, plane, alpha = self._needed()
        pixel = plane.pixel_size([abs(float(size)) for size in project.image.scale])
        self._workers.start(
            lambda _cancelled: write_alpha(path, alpha, pixel=pixel),
            lambda written: self._controller.said.emit(f"The alpha matte was exported to {written}."),
            self._not_written,
        )

    def _needed(self) -> tuple[Project, PlaneAddress, NDArray[np.float32]]:
        project, work = self._controller.project, self._controller.work
        alpha = work.session.alpha if work is not None and work.session is not None else None
        if project is None or work is None or alpha is None:
            raise PromptError("There is no alpha matte here; the method 'focalclick-xl' gives one for its answers.")
        return project, work.plane, alpha

    def _not_written(self, error: Exception) -> None:
        if not isinstance(error, IsegError):
            raise error
        self._controller.failed.emit(str(error))

    @told
    def _on_keep(self, _checked: bool = False) -> None:
        self.keep()

    @told
    def _ask_where(self, _checked: bool = False) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export alpha matte", "alpha.tif", "TIFF (*.tif *.tiff)")
        if path:
            self.export(path if Path(path).suffix else f"{path}.tif")
