"""The dock "Evaluate": a simulated user clicks on objects whose reference is known, and counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from napari_iseg.errors import IsegError
from napari_iseg.ui._evaluate_form import EvaluateForm
from napari_iseg.ui._evaluate_results import EvaluateResults
from napari_iseg.ui._evaluate_saving import save_results, write_page
from napari_iseg.ui._evaluate_work import Evaluation
from napari_iseg.ui._fold import Fold
from napari_iseg.ui._scrolling import scrolled_layout
from napari_iseg.ui._workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

__all__ = ["EvaluateWidget"]

_POLL_MS = 250
_EMPTY = (
    "Choose an image and a Labels layer whose objects are right; the dock clicks as a user would and counts, for each "
    "method, how many clicks an object takes."
)


class EvaluateWidget(QWidget):
    """Choose a reference and methods, press Start, watch; a row of the table replays an object on the canvas.

    Parameters
    ----------
    napari_viewer
        The viewer that it is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._workers = Workers(self)
        self._running: Evaluation | None = None
        self.form = EvaluateForm(napari_viewer)
        self.results = EvaluateResults(napari_viewer)
        self._make_controls()
        self._build()
        self._poll = QTimer(self)
        self._poll.setInterval(_POLL_MS)
        self._poll.timeout.connect(self._show_progress)
        self._connect()
        self._refresh_buttons()

    @property
    def running(self) -> bool:
        """Whether an evaluation is going on."""
        return self._running is not None

    @property
    def evaluation(self) -> Evaluation | None:
        """The latest evaluation, also while it is going on; None before the first and after Clear."""
        return self.results.evaluation

    def _make_controls(self) -> None:
        self.start_button = _button(
            "Start", "Let a simulated user click on the objects, with one method after another."
        )
        self.cancel_button = _button("Cancel", "Stop; what is done stays.")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the evaluation")
        self.bar.hide()
        self.status = QLabel(_EMPTY)
        self.status.setWordWrap(True)
        self.status.setAccessibleName("Status")
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.save_button = _button(
            "Save results…", "Write every click and mask as JSON, and the table as CSV beside it."
        )
        self.page_button = _button("Report…", "")
        self.clear_button = _button("Clear", "Forget these results and take their layers off the canvas.")

    def _build(self) -> None:
        self.fold = Fold("What to evaluate", "Image, reference, methods and how many objects.", self.form)
        self.fold.expand(animate=False)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start_button)
        buttons.addWidget(self.cancel_button)
        ends = QGridLayout()
        for column, button in enumerate((self.save_button, self.page_button, self.clear_button)):
            ends.addWidget(button, 0, column)
        layout = scrolled_layout(self)
        layout.addWidget(self.fold)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        layout.addWidget(self.results, stretch=1)
        layout.addLayout(ends)
        layout.addStretch(0)  # Without results nothing else takes the room that is left.

    def _connect(self) -> None:
        self.start_button.clicked.connect(self.start)
        self.cancel_button.clicked.connect(self.cancel)
        self.clear_button.clicked.connect(self.clear)
        self.save_button.clicked.connect(self._ask_where_to_save)
        self.page_button.clicked.connect(self._ask_where_to_report)
        self.results.table.chosen.connect(self._on_object)
        workers, layers, events, listed = (
            self._workers,
            self.results.layers,
            self._viewer.layers.events,
            self._on_layers,
        )
        events.inserted.connect(listed)
        events.removed.connect(listed)

        def let_go() -> None:
            # Of this object only the Python half is left when it is destroyed; none of its widgets may be touched.
            workers.close()
            events.inserted.disconnect(listed)
            events.removed.disconnect(listed)
            layers.clear()

        self.destroyed.connect(let_go)

    def event(self, event: QEvent | None) -> bool:
        """End the work and take the layers away when the dock is taken out of the window."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.cancel()
            self.results.replay.clear()
        return bool(super().event(event))

    def start(self, _checked: bool = False) -> None:
        """Begin, in a thread; what cannot be done is said in the status line."""
        if self._running is not None:
            return
        try:
            evaluation = Evaluation(self.form.source(), self.form.wish())
        except IsegError as error:
            self._say(str(error))
            return
        self._running = evaluation
        self.results.show_evaluation(evaluation, self.form.image)
        self.fold.note(", ".join(evaluation.names))
        self.fold.collapse(animate=False)
        self.form.lock(locked=True)
        self._say("")
        self.bar.setRange(0, 0)
        self.bar.show()
        self._refresh_buttons()
        self._poll.start()
        self._workers.start(evaluation.run, self._done, self._failed)

    def cancel(self, _checked: bool = False) -> None:
        """Stop soon; what is done stays."""
        if self._running is not None:
            self._running.stop()
            self.cancel_button.setEnabled(False)
            self._say("Stopping…")

    def clear(self, _checked: bool = False) -> None:
        """Forget the results."""
        if self._running is None:
            self.results.show_evaluation(None)
            self.fold.expand(animate=False)
            self._say(_EMPTY)
            self._refresh_buttons()

    def save(self, path: str | Path) -> None:
        """Write the results, in a thread."""
        self._write(lambda evaluation: _files(save_results(Path(path), evaluation)))

    def write_report(self, folder: str | Path) -> None:
        """Write the report page into a folder, in a thread."""
        self._write(lambda evaluation: f"The report is {write_page(Path(folder), evaluation)}.")

    def _write(self, work: Callable[[Evaluation], str]) -> None:
        evaluation = self.evaluation
        if evaluation is not None:
            self._say("Writing…")
            self._workers.start(lambda _cancelled: work(evaluation), self._say, self._not_done)

    def _show_progress(self) -> None:
        evaluation = self._running
        if evaluation is None:
            return
        total = evaluation.total
        self.bar.setRange(0, total)
        self.bar.setValue(evaluation.done)
        # A bar that has no end yet shows no text of its own.
        self.bar.setFormat(evaluation.stage)
        if not evaluation.stopped:
            self._say(evaluation.stage if not total else "")
        self.results.refresh(at_once=not self._poll.isActive())

    def _done(self, evaluation: Evaluation) -> None:
        self._end()
        self._say(_outcome(evaluation))

    def _failed(self, error: Exception) -> None:
        self._end()
        self._not_done(error)

    def _not_done(self, error: Exception) -> None:
        if not isinstance(error, IsegError):
            self._say(f"This did not work because of an unexpected error: {error}")
            raise error
        self._say(str(error))

    def _end(self) -> None:
        self._poll.stop()
        self._show_progress()
        self._running = None
        if self.evaluation is not None and not self.evaluation.done:
            self.results.show_evaluation(None)
            self.fold.expand(animate=False)
        self.bar.hide()
        self.form.lock(locked=False)
        self._refresh_buttons()

    def _on_object(self, index: int, method: int) -> None:
        try:
            self.results.show_object(index, method)
        except IsegError as error:
            self._say(str(error))

    def _on_layers(self, _event: Any = None) -> None:
        self.form.refresh()

    def _ask_where_to_save(self, _checked: bool = False) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save results", "evaluation.json", "Results (*.json)")
        if path:
            self.save(path)

    def _ask_where_to_report(self, _checked: bool = False) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the report")
        if folder:
            self.write_report(folder)

    def _refresh_buttons(self) -> None:
        running = self._running is not None
        there = not running and self.evaluation is not None and self.evaluation.done > 0
        self.start_button.setEnabled(not running)
        self.cancel_button.setEnabled(running)
        self.save_button.setEnabled(there)
        self.clear_button.setEnabled(not running and self.evaluation is not None)
        self.page_button.setEnabled(there)
        self.page_button.setToolTip(
            "Write one page with tables, curves and pictures of objects, to be opened in a browser."
        )
        for button in (self.save_button, self.page_button, self.clear_button):
            button.setVisible(self.evaluation is not None)

    def _say(self, sentence: str) -> None:
        self.status.setText(sentence)
        self.status.setVisible(bool(sentence))


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button


def _files(paths: list[Path]) -> str:
    return f"Saved {', '.join(path.name for path in paths)} in {paths[0].parent}."


def _outcome(evaluation: Evaluation) -> str:
    """Say how an evaluation ended."""
    sentences = []
    if evaluation.stopped:
        sentences.append(f"Cancelled after {evaluation.done} of {evaluation.total}; what is done stays.")
    for number, sentence in evaluation.errors.items():
        sentences.append(f"{evaluation.names[number]} was left out: {sentence}")
    failed = sum(result.error is not None for results in evaluation.results for result in results)
    if failed:
        sentences.append(f"{failed} object{'s' if failed > 1 else ''} ended with an error and count as not reached.")
    if evaluation.done:
        sentences.append("Choose an object in the table to see its clicks.")
    return " ".join(sentences)
