"""The dock "Adapt": train weights a little further on labelled layers, and see whether that helped."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_iseg.errors import ImageError, IsegError
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.ui._adapt_curve import AdaptCurve
from napari_iseg.ui._adapt_work import adapt_and_keep
from napari_iseg.ui._confidence import is_image, is_view
from napari_iseg.ui._plane_view import full_data, grid_shape
from napari_iseg.ui._telling import told
from napari_iseg.ui._workers import Workers
from napari_iseg.zoo import ADAPTED_METHOD, METHODS
from napari_iseg.zoo.weights import names_for

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_iseg.training.adapting import Adaptation, AdaptProgress

__all__ = ["AdaptWidget"]

_PAIR = Qt.ItemDataRole.UserRole
_POLL_MS = 200
_PARTS = {
    "the whole network": "all",
    "the head and the prompting layers": "head",
    "the prompting layers alone": "prompts",
}


class AdaptWidget(QWidget):
    """Choose labelled layers, press Start, watch; the result is weights with a name.

    Parameters
    ----------
    napari_viewer
        The viewer that it is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._workers = Workers(self)
        self._stop = threading.Event()
        self._latest: AdaptProgress | None = None
        self._running = False
        self._build()
        self._poll = QTimer(self)
        self._poll.setInterval(_POLL_MS)
        self._poll.timeout.connect(self._show_latest)
        self._connect()
        self._on_method()
        self.list_pairs()

    @property
    def running(self) -> bool:
        """Whether an adaptation is going on."""
        return self._running

    def _build(self) -> None:
        self.pairs = QListWidget()
        self.pairs.setAccessibleName("Labels and images to learn from")
        self.pairs.setToolTip("Labels layers and the images that they belong to; ticked ones are learned from.")
        self.pairs.setMaximumHeight(110)
        self.method_box = QComboBox()
        for spec in METHODS.values():
            if spec.lesson is not None and names_for(spec.name):
                self.method_box.addItem(spec.name)
        self.method_box.setCurrentText(ADAPTED_METHOD)
        self.weights_box = QComboBox()
        self.weights_box.setToolTip("What to begin with.")
        self.parts_box = QComboBox()
        for words, parts in _PARTS.items():
            self.parts_box.addItem(words, parts)
        self.name_edit = QLineEdit("mine")
        self.name_edit.setToolTip("What to call the new weights; they are then offered in the Segment dock.")
        self.minutes_box = QSpinBox()
        self.minutes_box.setRange(1, 600)
        self.minutes_box.setValue(10)
        self.minutes_box.setSuffix(" min at most")
        self.start_button = QPushButton("Start")
        self.stop_button = QPushButton("Stop and keep the best")
        self.stop_button.setEnabled(False)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.curve = AdaptCurve()
        self.report = QLabel("Label a few objects in a Labels layer, or open labelled images; five images are plenty.")
        self.report.setWordWrap(True)
        form = QFormLayout()
        form.addRow("Method", self.method_box)
        form.addRow("Begin with", self.weights_box)
        form.addRow("Train", self.parts_box)
        form.addRow("Name", self.name_edit)
        form.addRow("Time", self.minutes_box)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start_button)
        buttons.addWidget(self.stop_button)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("Learn from"))
        layout.addWidget(self.pairs)
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.curve, stretch=1)
        layout.addWidget(self.report)

    def _connect(self) -> None:
        self.method_box.currentTextChanged.connect(self._on_method)
        self.start_button.clicked.connect(self.start)
        self.stop_button.clicked.connect(self._on_stop)
        workers, stop, layers, listed = self._workers, self._stop, self._viewer.layers, self._on_layers
        layers.events.inserted.connect(listed)
        layers.events.removed.connect(listed)

        def let_go() -> None:
            # Of this object only the Python half is left when it is destroyed.
            stop.set()
            workers.close()
            layers.events.inserted.disconnect(listed)
            layers.events.removed.disconnect(listed)

        self.destroyed.connect(let_go)

    def list_pairs(self) -> None:
        """List the Labels layers with the images that they fit; what was unticked stays so."""
        off = {item.text() for item in self._items() if not _ticked(item)}
        self.pairs.clear()
        images = [layer for layer in self._viewer.layers if is_image(layer)]
        for layer in self._viewer.layers:
            if not isinstance(layer, Labels) or layer.name.startswith("Live mask") or is_view(layer):
                continue
            fitting = [image for image in images if grid_shape(image) == layer.data.shape]
            if fitting:
                image = max(fitting, key=partial(_likeness, layer.name))
                item = QListWidgetItem(f"{layer.name}  on  {image.name}")
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setData(_PAIR, (image, layer))
                item.setCheckState(Qt.CheckState.Unchecked if item.text() in off else Qt.CheckState.Checked)
                self.pairs.addItem(item)

    def _items(self) -> list[QListWidgetItem]:
        return [item for row in range(self.pairs.count()) if (item := self.pairs.item(row)) is not None]

    @told
    def start(self, _checked: bool = False) -> None:
        """Begin, in a thread."""
        chosen = [item.data(_PAIR) for item in self._items() if _ticked(item)]
        if not chosen:
            raise ImageError("There is no labelled image to learn from; add a Labels layer over an image and draw.")
        name = self.name_edit.text().strip()
        # Arrays now: layers may change while the thread works.
        pairs = [
            (image.name, full_data(image), np.array(labels.data), bool(image.rgb))
            for image, labels in chosen
            if np.asarray(labels.data).any()
        ]
        if not pairs:
            raise ImageError("The ticked Labels layers are empty; draw at least two objects.")
        settings = {
            "method": self.method_box.currentText(),
            "weights": self.weights_box.currentText(),
            "parts": self.parts_box.currentData(),
        }
        self._stop.clear()
        self._latest = None
        self._set_running(True)
        work = partial(adapt_and_keep, pairs, name, settings, self.minutes_box.value() * 60.0, self._stop, self._take)
        self._workers.start(lambda cancelled: work(cancelled), self._done, self._failed)

    def _take(self, now: AdaptProgress) -> None:
        # In the other thread: only remembered here, shown by the timer.
        self._latest = now

    def _show_latest(self) -> None:
        now = self._latest
        if now is None:
            return
        self.bar.setValue(round(1000 * now.fraction))
        self.curve.show_progress(now)
        if now.scores:
            first, last = now.scores[0][1], now.scores[-1][1]
            self.report.setText(
                f"Clicks to 85 % on {first.objects} held-back objects: {first.clicks:.2f} at the start, "
                f"{last.clicks:.2f} now; {now.samples} crops learned from."
            )

    def _done(self, outcome: tuple[Adaptation, str, str]) -> None:
        result, name, sentence = outcome
        self._show_latest()
        self._set_running(False)
        self.bar.setValue(1000)
        rows = "".join(
            f"<tr><td>{label}</td><td>{s.clicks:.2f}</td><td>{s.first:.2f}</td><td>{s.third:.2f}</td></tr>"
            for label, s in (("before", result.before), ("after", result.after))
        )
        head = "<tr><th></th><th>clicks to 85 %</th><th>IoU after 1</th><th>after 3</th></tr>"
        self.report.setText(f"<table cellpadding=3>{head}{rows}</table><p>{sentence}</p>")
        show_info(sentence)
        if result.is_better:
            self._on_method()
            self.weights_box.setCurrentText(name)

    def _failed(self, error: Exception) -> None:
        self._set_running(False)
        if isinstance(error, CancelledError):
            self.report.setText("Stopped before anything was learned.")
            return
        known = isinstance(error, IsegError)
        self.report.setText(str(error) if known else f"This did not work because of an unexpected error: {error}")
        if not known:
            raise error
        show_error(str(error))

    def _set_running(self, running: bool) -> None:
        self._running = running
        self.start_button.setEnabled(not running)
        self.stop_button.setEnabled(running)
        if running:
            self.bar.setValue(0)
            self.report.setText("Loading, and judging the weights as they are…")
            self._poll.start()
        else:
            self._poll.stop()

    def _on_stop(self) -> None:
        self._stop.set()
        self.stop_button.setEnabled(False)
        self.report.setText("Stopping…")

    def _on_method(self, _method: str = "") -> None:
        self.weights_box.clear()
        self.weights_box.addItems(names_for(self.method_box.currentText()))

    def _on_layers(self, _event: Any = None) -> None:
        self.list_pairs()


def _ticked(item: QListWidgetItem) -> bool:
    return bool(item.checkState() == Qt.CheckState.Checked)


def _likeness(name: str, image: Any) -> int:
    """Return how many letters two names have in common at the beginning."""
    return next((n for n, (a, b) in enumerate(zip(name, image.name, strict=False)) if a != b), len(image.name))
