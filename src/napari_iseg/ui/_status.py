"""One line that says what the dock is doing, with a dot whose colour and form say it at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from napari_iseg.ui._keys import CANCEL, RUN, key_now
from napari_iseg.ui._state import State

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller

__all__ = ["StatusLine"]

_BUSY_AFTER_MS = 150
_FRAMES = "◐◓◑◒"
_STEP_MS = 120
_BUSY = (State.RESTORING, State.PREPARING, State.COMPUTING, State.ACCEPTING)


class StatusLine(QWidget):
    """A sign and a sentence.

    Work shorter than 150 ms shows nothing, so that the line does not flicker at each click.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sign = QLabel("○")
        self._sign.setFixedWidth(18)
        self._sign.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._sign, alignment=Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._text, stretch=1)
        self.cancel_button = QToolButton()
        self.cancel_button.setText(f"Cancel ({key_now(CANCEL)})")
        self.cancel_button.setToolTip("Stop; a click that is being computed is taken back.")
        self.cancel_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.cancel_button.hide()
        layout.addWidget(self.cancel_button, alignment=Qt.AlignmentFlag.AlignTop)
        self._mood = ""
        self._can_cancel = False
        self._busy_text = ""
        self._frame = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._spin)

    @property
    def text(self) -> str:
        """The sentence that is shown."""
        return str(self._text.text())

    @property
    def sign(self) -> str:
        """The dot that is shown."""
        return str(self._sign.text())

    def show_state(self, controller: Controller) -> None:
        """Say what the controller is doing."""
        state = controller.state
        self._can_cancel = state in (State.COMPUTING, State.ACCEPTING) or controller.putting_back.can_cancel
        if not self._can_cancel:
            self.cancel_button.hide()
        if state in _BUSY:
            self._busy_text = _sentence(controller)
            if not self._timer.isActive():
                self._timer.start(_BUSY_AFTER_MS)
            elif self._timer.interval() == _STEP_MS:
                self._text.setText(self._busy_text)
            return
        self._timer.stop()
        idle = state in (State.NO_IMAGE, State.NO_PLANE) or bool(controller.busy_tool)
        failed = state is State.FAILED
        self._sign.setText("▲" if failed else "○" if idle else "●")
        self._set_mood("bad" if failed else "" if idle else "good")
        self._text.setText(_sentence(controller))

    def stop(self) -> None:
        """Stop moving."""
        self._timer.stop()

    def _spin(self) -> None:
        if self._timer.interval() != _STEP_MS:
            self._timer.setInterval(_STEP_MS)
            # Fixed both ways, another sign is no reason to lay the whole dock out anew, eight times a second.
            self._sign.setFixedHeight(self._sign.sizeHint().height())
        self._frame = (self._frame + 1) % len(_FRAMES)
        self._sign.setText(_FRAMES[self._frame])
        self._set_mood("busy")
        self._text.setText(self._busy_text)
        self.cancel_button.setVisible(self._can_cancel)

    def _set_mood(self, mood: str) -> None:
        # Readable on napari's dark and light backgrounds alike; the sign's form tells the same as its colour.
        if mood == self._mood:
            return
        self._mood = mood
        colours = {"good": "#2aa55a", "bad": "#d9534f", "busy": "#d08a1d"}
        self._sign.setStyleSheet(f"color: {colours[mood]};" if mood else "")


def _sentence(controller: Controller) -> str:
    answering = controller.answering
    match controller.state:
        case State.NO_IMAGE:
            return "Open an image, then click an object in it."
        case State.NO_PLANE:
            return controller.no_plane_reason
        case State.RESTORING:
            return "Putting the saved objects back… nothing changes until all are there."
        case State.PREPARING:
            return "Preparing the method… you can click already."
        case State.COMPUTING:
            return "Computing… Esc takes the click back."
        case State.ACCEPTING:
            return "Accepted; computing the last click… Esc takes it back."
        case State.FAILED:
            return answering.failure
    if controller.busy_tool:
        return f"A tool of the layer '{controller.busy_tool}' has the mouse; choose its pan/zoom tool to click objects."
    work = controller.work
    if work is not None and work.pending:
        return f"Prompts are waiting; Run ({key_now(RUN)}) answers them."
    parts = [
        answering.device,
        f"{answering.milliseconds:.0f} ms a click" if answering.milliseconds is not None else "ready",
    ]
    if controller.state is State.READY:
        parts.append("left-click an object")
    return " · ".join(part for part in parts if part)
