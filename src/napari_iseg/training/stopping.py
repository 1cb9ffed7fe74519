"""Being asked to stop: Ctrl-C or SIGTERM is remembered until the present step is done and saved."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType, TracebackType

__all__ = ["StopRequest", "StoppedError", "leave_stopping_to_the_run"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedError(Exception):
    """A run was asked to stop and has saved what it had; no error, but it did not finish.

    Parameters
    ----------
    sentence
        Where it stopped and how to go on.
    number
        Of the signal.
    """

    def __init__(self, sentence: str, number: int) -> None:
        super().__init__(sentence)
        self.number = number


class StopRequest:
    """While entered, Ctrl-C and SIGTERM set :attr:`number` instead of ending the process.

    A second Ctrl-C does what it always does. Outside the main thread, where signals cannot be had, only :meth:`ask`
    sets it.

    Attributes
    ----------
    number
        Of the signal that came, None while none did.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._remember) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def ask(self) -> None:
        """Ask for the stop as a SIGTERM would; from any thread."""
        self.number = int(signal.SIGTERM)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        if number == signal.SIGINT:
            # SIGTERM stays caught: launchers send it again and again while the checkpoint is being written.
            signal.signal(number, self._before.get(number, signal.default_int_handler))


def leave_stopping_to_the_run(worker: int) -> None:
    """Have a data loader's worker ignore the signals: a terminal or launcher sends them to the whole process group."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
