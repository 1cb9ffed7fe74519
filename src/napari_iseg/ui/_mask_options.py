"""What happens to the mask after the method: smoothing, clicks, holes, parts. Shown confidence, and when to run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

from napari_iseg.ui._fold import Fold
from napari_iseg.ui._keys import RUN, add_key, key_now, on_keys_changed
from napari_iseg.ui._protection import Protection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_iseg.inference.mask_refinement import MaskRefinement
    from napari_iseg.ui._confidence import Confidence
    from napari_iseg.ui._controller import Controller

__all__ = ["MaskOptions"]

_MOST = 6.0


class MaskOptions(QWidget):
    """A thin view on a controller's refinement.

    Parameters
    ----------
    controller
        Whose masks.
    confidence
        The layer that shows how sure the method is.
    parent
        The panel; while it is disabled the keys are silent.
    """

    def __init__(self, controller: Controller, confidence: Confidence, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        # Nobody else keeps it: neither Qt nor the signals that it listens to.
        self._confidence = confidence
        self._make_options()
        self.confidence_box = QCheckBox("Show confidence")
        self.confidence_box.setToolTip("Show how sure the method is of each pixel, from dark (0) to bright (1).")
        self.confidence_box.toggled.connect(confidence.show)
        self.auto_box = QCheckBox("Run by itself")
        self.auto_box.setToolTip("Off: prompts wait until you press Run, for slow methods.")
        self.auto_box.setChecked(controller.answering.auto_run)
        self.auto_box.toggled.connect(self._on_auto)
        self.run_button = QPushButton()
        self.run_button.setToolTip("Have the waiting prompts answered now.")
        self.run_button.clicked.connect(controller.run)
        self._run_key = add_key(self, RUN, controller.run)
        on_keys_changed(self, self._label)
        self._label()
        self._lay_out()
        controller.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the refinement of the present object, and whether prompts wait."""
        refinement = self._present()
        self.smoothing_slider.blockSignals(True)
        self.smoothing_slider.setValue(refinement.smoothing)
        self.smoothing_slider.blockSignals(False)
        for box, checked in (
            (self.clicks_box, refinement.keep_clicks),
            (self.holes_box, refinement.fill_holes),
            (self.part_box, refinement.one_part),
            (self.confidence_box, self._confidence.wanted),
        ):
            box.blockSignals(True)
            box.setChecked(checked)
            box.blockSignals(False)
        work = self._controller.work
        waiting = work is not None and work.pending and work.job is None
        self.run_button.setVisible(not self._controller.answering.auto_run)
        self.run_button.setEnabled(waiting)
        self._run_key.setEnabled(waiting)
        self.folded.note(", ".join(self._set_words(refinement)))

    def _set_words(self, refinement: MaskRefinement) -> Iterator[str]:
        """Yield what is set otherwise than at first, so that nothing acts unseen."""
        controller = self._controller
        if refinement.smoothing:
            yield f"smooth {refinement.smoothing:g}"
        if not refinement.keep_clicks:
            yield "clicks as answered"
        if refinement.fill_holes:
            yield "no holes"
        if refinement.one_part:
            yield "one part"
        if not controller.answering.auto_run:
            yield "waits"
        if controller.guard.rule is not Protection.KEEP:
            yield controller.guard.rule.value.lower()

    def _present(self) -> MaskRefinement:
        work = self._controller.work
        session = work.session if work is not None else None
        return session.refinement if session is not None else self._controller.answering.refinement

    def _make_options(self) -> None:
        slider: Any = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, _MOST)
        slider.setSingleStep(0.5)
        slider.setDecimals(1)
        slider.setToolTip("Round the edge: how far, in pixels. 0 leaves it as the method drew it.")
        slider.setAccessibleName("Smoothing")
        slider.valueChanged.connect(lambda value: self._set(smoothing=float(value)))
        self.smoothing_slider = slider
        self.clicks_box: Any = QCheckBox("Clicks always count")
        self.clicks_box.setToolTip("Change the mask around a click that the method did not follow.")
        self.clicks_box.toggled.connect(lambda on: self._set(keep_clicks=bool(on)))
        self.holes_box: Any = QCheckBox("Fill holes")
        self.holes_box.setToolTip("Fill what the object encloses, except where you excluded something.")
        self.holes_box.toggled.connect(lambda on: self._set(fill_holes=bool(on)))
        self.part_box: Any = QCheckBox("One part")
        self.part_box.setToolTip("Keep the parts that you clicked, or else the largest one.")
        self.part_box.toggled.connect(lambda on: self._set(one_part=bool(on)))

    def _lay_out(self) -> None:
        content = QWidget()
        grid = self._grid = QGridLayout(content)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        grid.addWidget(QLabel("Smoothing"), 0, 0)
        grid.addWidget(self.smoothing_slider, 0, 1)
        grid.addWidget(self.holes_box, 1, 0)
        grid.addWidget(self.part_box, 1, 1)
        grid.addWidget(self.clicks_box, 2, 0)
        grid.addWidget(self.confidence_box, 2, 1)
        grid.addWidget(self.auto_box, 3, 0)
        tip = "Smoothing, clicks, holes, parts, confidence, when to run, and finished objects."
        self.folded = Fold("Mask options", tip, content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.folded)
        # It is needed while the rest is folded.
        layout.addWidget(self.run_button)

    def put(self, row: QWidget) -> None:
        """Add a row of somebody else's below the options."""
        self._grid.addWidget(row, self._grid.rowCount(), 0, 1, 2)

    def _label(self) -> None:
        key = key_now(RUN)
        self.run_button.setText(f"Run  ({key})" if key else "Run")

    def _set(self, **values: Any) -> None:
        self._controller.set_refinement(replace(self._present(), **values))

    def _on_auto(self, wanted: bool) -> None:
        self._controller.answering.auto_run = wanted
        if wanted:
            self._controller.run()
        self._controller.changed.emit()
