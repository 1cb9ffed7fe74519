"""The lower half of the dock "Evaluate": plots, numbers, the table of objects and the replay."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_iseg.errors import ImageError
from napari_iseg.ui._evaluate_curves import EvaluateCurves
from napari_iseg.ui._evaluate_layers import ReplayLayers
from napari_iseg.ui._evaluate_replay import EvaluateReplay
from napari_iseg.ui._evaluate_summary import EvaluateSummary
from napari_iseg.ui._evaluate_table import EvaluateTable

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_iseg.ui._evaluate_work import Evaluation

__all__ = ["EvaluateResults"]

_REST_SECONDS = 1.0


class EvaluateResults(QWidget):
    """A view on an evaluation; hidden while there is none.

    Parameters
    ----------
    viewer
        Where objects are replayed.
    parent
        The dock.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._image: Any = None
        self._is_old, self._drawn_at = False, 0.0
        self.evaluation: Evaluation | None = None
        self.layers = ReplayLayers(viewer)
        self.curves = EvaluateCurves()
        self.summary = EvaluateSummary()
        self.table = EvaluateTable()
        self.replay = EvaluateReplay(self.layers)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.curves)
        layout.addWidget(self.summary)
        layout.addWidget(self.table, stretch=1)
        layout.addWidget(self.replay)
        self.hide()

    def show_evaluation(self, evaluation: Evaluation | None, image: Any = None) -> None:
        """Show another evaluation of an Image layer, or none."""
        self.replay.clear()
        self.evaluation, self._image = evaluation, image
        self.table.show_evaluation(evaluation)
        self.curves.show_evaluation(evaluation)
        self.summary.show_evaluation(evaluation)
        self.setVisible(evaluation is not None)

    def refresh(self, *, at_once: bool = False) -> None:
        """Show what has been done since; nothing is drawn where that is nothing.

        Parameters
        ----------
        at_once
            Whether the plots are drawn even if they were a moment ago.
        """
        if self.evaluation is None:
            return
        self._is_old = self.table.refresh() or self._is_old
        # Plots take longest of all, and nobody reads them several times a second.
        if self._is_old and (at_once or time.monotonic() - self._drawn_at > _REST_SECONDS):
            self._is_old, self._drawn_at = False, time.monotonic()
            self.curves.refresh()
            self.summary.show_evaluation(self.evaluation)

    def show_object(self, index: int, method: int) -> None:
        """Go to an object and replay it.

        Raises
        ------
        ImageError
            If its image is no longer open.
        """
        if self.evaluation is None:
            return
        if self._image not in self._viewer.layers:
            self.replay.clear()
            raise ImageError("The image of this evaluation was closed; its objects can no longer be shown.")
        self.replay.show_object(self.evaluation, self._image, index, method)
