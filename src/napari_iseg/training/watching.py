"""Watching a run: how fast it is, how long it waits for samples, how well it does on held-back objects."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from napari_iseg.training.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    from napari_iseg.training.held_back import HeldBack
    from napari_iseg.training.progress import RunLog

__all__ = ["Position", "Watch"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a run is.

    Parameters
    ----------
    step, samples
        Done so far.
    elapsed
        Wall seconds so far, those before a resume among them.
    fraction
        Of the run.
    loss
        Its running mean.
    """

    step: int
    samples: int
    elapsed: float
    fraction: float
    loss: float


class Watch:
    """What is measured beside the training itself.

    Parameters
    ----------
    held_back
        The objects to look at; None for none.
    log
        Where to write; None in all processes but the first.
    """

    def __init__(self, held_back: HeldBack | None, log: RunLog | None) -> None:
        self._held_back = held_back
        self._log = log
        self._ious: dict[str, dict[int, float]] = {}
        self.start(0.0, 0.0)

    def start(self, elapsed: float, fraction: float) -> None:
        """Start the clocks of this process, so long into the run."""
        self._began = (elapsed, fraction)
        self._waited = 0.0

    def waiting_for(self, items: Iterator[Item]) -> Item:
        """Return the next item; the time that this takes is time in which the network waits."""
        asked = time.monotonic()
        item = next(items)
        self._waited += time.monotonic() - asked
        return item

    def look(self, elapsed: float, network: nn.Module, cancelled: Callable[[], bool]) -> bool:
        """Look at the held-back objects if it is time to, and return whether there is news of them."""
        if self._held_back is None or not self._held_back.due(elapsed - self._began[0]):
            return False
        found = self._held_back.look(network, cancelled=cancelled)
        self._ious = found or self._ious
        return bool(found)

    def progress(self, now: Position, size: int) -> Progress:
        """Return what to show, at crops of ``size`` pixels."""
        here, gone = max(now.elapsed - self._began[0], 1e-9), now.fraction - self._began[1]
        return Progress(
            step=now.step,
            fraction=now.fraction,
            loss=now.loss,
            size=size,
            samples_per_second=now.samples / max(now.elapsed, 1e-9),
            waiting=min(self._waited / here, 1.0),
            seconds_left=here * (1 - now.fraction) / gone if gone > 0 else 0.0,
            ious=self._ious.get("all", {}),
        )

    def write(self, now: Position, progress: Progress, learning_rate: float, *, looked: bool) -> None:
        """Add an entry to the log; with what was found on held-back objects if it is new."""
        entry: dict[str, Any] = {
            "step": now.step,
            "samples": now.samples,
            "seconds": round(now.elapsed, 1),
            "loss": round(now.loss, 5),
            "size": progress.size,
            "samples_per_second": round(progress.samples_per_second, 2),
            "waiting": round(progress.waiting, 4),
            "learning_rate": learning_rate,
        }
        if looked:
            entry["iou"] = {
                name: {str(click): round(iou, 4) for click, iou in means.items()} for name, means in self._ious.items()
            }
        if self._log is not None:
            self._log.write(entry)

    def close(self) -> None:
        """Finish the log."""
        if self._log is not None:
            self._log.close()

    def forget_after(self, step: int) -> None:
        """Take out of the log what is going to be done again."""
        if self._log is not None:
            self._log.forget_after(step)
