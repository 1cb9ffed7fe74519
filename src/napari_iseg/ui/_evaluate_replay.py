"""The row that replays an evaluated object: step by step forwards and back, by hand or by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QVBoxLayout, QWidget

from napari_iseg.interactions import Box, Click, Scribble
from napari_iseg.ui._elided_box import ElidedBox

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.evaluation import ObjectResult
    from napari_iseg.interactions import Prompt
    from napari_iseg.ui._evaluate_layers import ReplayLayers
    from napari_iseg.ui._evaluate_work import Evaluation

__all__ = ["EvaluateReplay", "step_in_words"]

_STEP_MS = 600


def step_in_words(result: ObjectResult, step: int) -> str:
    """Say what was given at a step of an object, counted from 1, and how good the answer was; 0 is before the first."""
    total = len(result.prompts)
    if step == 0:
        return f"Before the first of {total}: the reference alone." if total else "There was no answer at all."
    prompt, iou = result.prompts[step - 1], result.ious[step - 1]
    return f"{_kind(prompt).capitalize()} {step} of {total}: {_prompt_in_words(prompt)}, IoU {iou:.2f}"


def _kind(prompt: Prompt) -> str:
    return "scribble" if isinstance(prompt, Scribble) else "box" if isinstance(prompt, Box) else "click"


def _prompt_in_words(prompt: Prompt) -> str:
    if isinstance(prompt, Click):
        return f"{_sign(prompt.positive)} at ({prompt.row:.0f}, {prompt.column:.0f})"
    if isinstance(prompt, Scribble):
        return f"{_sign(prompt.positive)}, {len(prompt.points)} points"
    if isinstance(prompt, Box):
        (top, left), (bottom, right) = prompt.start, prompt.stop
        return f"rows {top:.0f} to {bottom:.0f}, columns {left:.0f} to {right:.0f}"
    return "given"


def _sign(positive: bool) -> str:
    return "positive" if positive else "negative"


class EvaluateReplay(QWidget):
    """Replays one object; hidden until one is chosen.

    Parameters
    ----------
    layers
        What it is shown in.
    parent
        The dock.
    """

    def __init__(self, layers: ReplayLayers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers = layers
        self._evaluation: Evaluation | None = None
        self._image: Any = None
        self._object = -1
        self._methods: list[int] = []
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(_STEP_MS)
        self._timer.timeout.connect(self._on_tick)
        self.slider.valueChanged.connect(self._show_step)
        self.method_box.currentIndexChanged.connect(self._on_method)
        self.hide()

    def _build(self) -> None:
        self.title = QLabel()
        self.method_box = ElidedBox()
        self.method_box.setAccessibleName("Method to replay")
        self.method_box.setToolTip("Whose clicks are shown.")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Step of the replay")
        self.slider.setToolTip("Go to a step; the arrow keys go one on or back.")
        self.slider.setPageStep(1)
        self.first_button = self._button("|◀", "First step", "Go to before the first click.", self.first)
        self.back_button = self._button("◀", "Step back", "Take one click back.", self.back)
        self.play_button = self._button("▶", "Play", "Play the clicks one by one; once more stops.", self.toggle_play)
        self.forward_button = self._button("▶", "Step forward", "Give the next click.", self.forward)
        self.last_button = self._button("▶|", "Last step", "Go to the last click.", self.last)
        self.play_button.setText("Play")
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAccessibleName("What happens at this step")
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        top = QHBoxLayout()
        top.addWidget(self.title)
        top.addWidget(self.method_box, stretch=1)
        steps = QHBoxLayout()
        steps.setSpacing(2)
        for part in (self.first_button, self.back_button, self.play_button, self.forward_button, self.last_button):
            steps.addWidget(part)
        steps.addWidget(self.slider, stretch=1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addLayout(steps)
        layout.addWidget(self.words)

    def _button(self, text: str, name: str, tip: str, act: Callable[[], None]) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setAccessibleName(name)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.clicked.connect(lambda _checked=False: act())
        return button

    @property
    def result(self) -> ObjectResult | None:
        """What is being replayed."""
        if self._evaluation is None or not 0 <= self.method_box.currentIndex() < len(self._methods):
            return None
        return self._evaluation.results[self._methods[self.method_box.currentIndex()]][self._object]

    @property
    def step(self) -> int:
        """How many prompts are shown."""
        return int(self.slider.value())

    @property
    def playing(self) -> bool:
        """Whether it goes on by itself."""
        return bool(self._timer.isActive())

    def show_object(self, evaluation: Evaluation, image: Any, index: int, method: int) -> None:
        """Go to an object and show all that it was given, and the answer in the end.

        Parameters
        ----------
        evaluation
            Where it was evaluated.
        image
            The Image layer.
        index
            Its number.
        method
            Whose clicks; another one's if that has not come to it.
        """
        self.stop()
        self._evaluation, self._image, self._object = evaluation, image, index
        self._methods = [number for number, results in enumerate(evaluation.results) if index < len(results)]
        place = evaluation.places[index]
        where = "" if place.plane is None else f", plane {place.plane}"
        self.title.setText(f"Object {place.object_id}{where}")
        self.method_box.blockSignals(True)
        self.method_box.clear()
        self.method_box.addItems([evaluation.names[number] for number in self._methods])
        self.method_box.setCurrentIndex(self._methods.index(method) if method in self._methods else 0)
        self.method_box.blockSignals(False)
        self.show()
        self._begin()

    def clear(self) -> None:
        """Show nothing any more."""
        self.stop()
        self._evaluation, self._image, self._object = None, None, -1
        self._layers.clear()
        self.hide()

    def first(self) -> None:
        """Go to before the first prompt."""
        self.stop()
        self.slider.setValue(0)

    def back(self) -> None:
        """Go one step back."""
        self.stop()
        self.slider.setValue(self.step - 1)

    def forward(self) -> None:
        """Go one step on."""
        self.stop()
        self.slider.setValue(self.step + 1)

    def last(self) -> None:
        """Go to the last prompt."""
        self.stop()
        self.slider.setValue(self.slider.maximum())

    def toggle_play(self) -> None:
        """Go on by itself, from the start where all is shown already; or stop that."""
        if self.playing:
            self.stop()
            return
        if self.step == self.slider.maximum():
            self.slider.setValue(0)
        self.play_button.setText("Stop")
        self._timer.start()

    def stop(self) -> None:
        """Go on by itself no longer."""
        self._timer.stop()
        self.play_button.setText("Play")

    def _on_tick(self) -> None:
        self.slider.setValue(self.step + 1)
        if self.step == self.slider.maximum():
            self.stop()

    def _on_method(self, _index: int) -> None:
        self.stop()
        self._begin()

    def _begin(self) -> None:
        evaluation, result = self._evaluation, self.result
        if evaluation is None or evaluation.source is None or result is None:
            return
        plane = evaluation.source.planes[result.plane]
        self._layers.begin(
            self._image, plane, evaluation.references[self._object].mask(), result.prompts[: len(result.ious)]
        )
        self.slider.blockSignals(True)
        self.slider.setRange(0, len(result.ious))
        self.slider.setValue(len(result.ious))
        self.slider.blockSignals(False)
        self._show_step()

    def _show_step(self, _value: int = 0) -> None:
        result = self.result
        if result is None:
            return
        step = self.step
        self._layers.show(result.masks[step - 1].mask() if step else None, step)
        words = step_in_words(result, step)
        if result.error is not None and step == self.slider.maximum():
            words = f"{words} Then the method failed: {result.error}" if step else f"The method failed: {result.error}"
        self.words.setText(words)
        for button in (self.first_button, self.back_button):
            button.setEnabled(step > 0)
        for button in (self.forward_button, self.last_button):
            button.setEnabled(step < self.slider.maximum())
        self.play_button.setEnabled(self.slider.maximum() > 0)
