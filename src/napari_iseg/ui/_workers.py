"""The only place with threads: work goes in, its answer comes back in the window's thread."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Any, TypeVar

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, QThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Job", "Workers"]

T = TypeVar("T")

_LONGEST_WAIT_MS = 30_000
_FEWEST_THREADS = 4


def _let_threads_end() -> None:
    # A cancelled pass of a network goes on to its end. Python taking itself apart meanwhile would abort the process.
    pool = QThreadPool.globalInstance()
    if pool is not None:
        pool.waitForDone(_LONGEST_WAIT_MS)


atexit.register(_let_threads_end)


class Job:
    """One piece of work that is being done in another thread.

    Once it is over it holds on to nothing: napari remembers every worker, and with it the job, for as long as it runs.
    """

    def __init__(
        self,
        work: Callable[[Callable[[], bool]], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._work: Callable[[Callable[[], bool]], Any] | None = work
        self._done = done
        self._failed = failed
        self._is_cancelled = False

    def cancel(self) -> None:
        """Ask the work to end early; its answer is dropped in any case, and nobody is held on to for it."""
        self._is_cancelled = True
        self._done = self._failed = _drop

    def cancelled(self) -> bool:
        """Whether the work should end early; may be asked in any thread."""
        return self._is_cancelled

    def run(self) -> Any:
        """Do the work, once; in any thread."""
        work, self._work = self._work, None
        return work(self.cancelled) if work is not None else None

    def finish(self, answer: Any, error: Exception | None) -> None:
        """Hand over what came out, unless nobody wants it any more."""
        done, failed = self._done, self._failed
        self._done = self._failed = _drop
        if self._is_cancelled:
            return
        if error is None:
            done(answer)
        else:
            failed(error)


def _drop(_outcome: Any) -> None:
    return


class Workers(QObject):
    """Runs work in napari's thread pool.

    The answers arrive through a method of this object, which lives in the window's thread; when the window is gone, so
    is this object, and no answer arrives.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: set[Job] = set()
        self._closed = False
        pool = QThreadPool.globalInstance()
        if pool is not None:
            # On a machine of two cores a method that loads and one that computes would keep the autosave waiting.
            pool.setMaxThreadCount(max(_FEWEST_THREADS, pool.maxThreadCount()))

    @property
    def busy(self) -> bool:
        """Whether any thread is still working, cancelled work included."""
        return bool(self._jobs)

    def start(
        self,
        work: Callable[[Callable[[], bool]], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
    ) -> Job:
        """Do ``work`` in another thread.

        Parameters
        ----------
        work
            Called there with a function that tells whether it should end early.
        done, failed
            Called here, later, with the answer or with the error.
        """
        job = Job(work, done, failed)
        if self._closed:
            job.cancel()
            return job
        self._jobs.add(job)
        create_worker(_run, job, _connect={"returned": self._returned})
        return job

    def close(self) -> None:
        """Cancel everything and drop every answer; no further work is taken."""
        self._closed = True
        for job in self._jobs:
            job.cancel()

    def _returned(self, outcome: tuple[Job, Any, Exception | None]) -> None:
        job, answer, error = outcome
        self._jobs.discard(job)
        job.finish(answer, error)


def _run(job: Job) -> tuple[Job, Any, Exception | None]:
    # Errors travel as values: raised here they would reach the user twice, from the thread and from the window.
    try:
        return job, job.run(), None
    except Exception as error:
        return job, None, error
