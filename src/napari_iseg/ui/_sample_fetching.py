"""A sample that is fetched while the window lives: in a thread, with progress that appears and a way to cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEventLoop, QObject, Qt, QThread, QTimer
from qtpy.QtWidgets import QApplication, QProgressDialog

from napari_iseg.errors import ImageError, IsegError
from napari_iseg.io.sample_stacks import find_stack
from napari_iseg.ui._reading import asking_window
from napari_iseg.ui._workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

__all__ = ["SampleFetching", "fetched_layers"]

# What is there already opens sooner, and shows no dialog.
_QUIET_MS = 400
_LOOK_MS = 100
_PARTS = 1000


class _GivenUpError(Exception):
    """Ends a transfer in its thread; nobody waits for it any more."""


class SampleFetching(QObject):
    """Fetches one sample; after a moment a dialog of the window shows how far it is.

    Parameters
    ----------
    name
        The sample.
    workers
        Fetch.
    window
        What the dialog belongs to.
    done, failed
        Called with the sample's layers, or with the error; with an ImageError where it was cancelled.

    Attributes
    ----------
    dialog
        It shows the progress.
    """

    def __init__(
        self,
        name: str,
        workers: Workers,
        window: QWidget | None,
        done: Callable[[list[Any]], None],
        failed: Callable[[Exception], None],
    ) -> None:
        super().__init__(window)
        self._stack = find_stack(name)
        self._done, self._failed = done, failed
        self._share = 0.0
        self.dialog = QProgressDialog(f"Fetching the sample {name!r}", "Cancel", 0, _PARTS, window)
        self.dialog.setWindowTitle("Sample")
        # Another sample, or the end of the window, waits until this one is there or cancelled.
        self.dialog.setWindowModality(Qt.WindowModality.WindowModal)
        self.dialog.setAutoReset(False)
        self.dialog.setAutoClose(False)
        # Shown by a timer of ours: Qt's own guesses the time from the progress, and there may be none for long.
        self.dialog.setMinimumDuration(2**31 - 1)
        self.dialog.canceled.connect(self.cancel)
        self._job = workers.start(self._fetch, self._arrived, self._stopped)
        self._timer = QTimer(self)
        self._timer.timeout.connect(lambda: self.dialog.setValue(int(self._share * _PARTS)))
        self._timer.start(_LOOK_MS)
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.timeout.connect(self.dialog.show)
        self._late.start(_QUIET_MS)

    def cancel(self) -> None:
        """End it; a file that is under way is thrown away, and nobody waits for a server that does not answer."""
        self._job.cancel()
        self._stopped(
            ImageError(f"The sample {self._stack.name!r} was not fetched: it was cancelled. Open it again to go on.")
        )

    def _fetch(self, cancelled: Callable[[], bool]) -> list[Any]:
        def tell(share: float) -> None:
            if cancelled():
                raise _GivenUpError
            self._share = share

        return list(self._stack.layers(tell))

    def _arrived(self, layers: list[Any]) -> None:
        self._end()
        self._done(layers)

    def _stopped(self, error: Exception) -> None:
        self._end()
        self._failed(error)

    def _end(self) -> None:
        self._timer.stop()
        self._late.stop()
        self.dialog.hide()
        self.dialog.deleteLater()
        self.deleteLater()


def fetched_layers(name: str) -> list[Any]:
    """Return a sample's layers for a caller that waits for them, as napari's menu does; the window lives meanwhile.

    napari takes no "nothing yet" from a sample, so the layers cannot come later. Without a window, or in another thread
    than the window's, nothing is shown.

    Raises
    ------
    ImageError
        If it cannot be fetched or read, or the user cancelled.
    """
    application = QApplication.instance()
    if application is None or QThread.currentThread() is not application.thread() or asking_window() is None:
        return list(find_stack(name).layers())
    # Whoever keeps the error must not keep the window: it is in no frame of the traceback.
    outcome = _outcome(name)
    if isinstance(outcome, IsegError):
        raise outcome.with_traceback(None)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _outcome(name: str) -> list[Any] | Exception:
    window, loop, outcomes = asking_window(), QEventLoop(), list[list[Any] | Exception]()
    workers = Workers(window)

    def end(outcome: list[Any] | Exception) -> None:
        outcomes.append(outcome)
        loop.quit()

    fetching = SampleFetching(name, workers, window, end, end)
    # A window that is closed by a program takes the dialog along.
    fetching.destroyed.connect(loop.quit)
    loop.exec()
    workers.close()
    workers.deleteLater()
    return outcomes[0] if outcomes else ImageError(f"The sample {name!r} was not fetched: the window was closed.")
