"""What is told of a run: to whoever watches it, to ``log.jsonl``, and to TensorBoard where that is installed."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lightning_fabric.loggers.tensorboard import TensorBoardLogger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Progress", "RunLog"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, for whoever shows it.

    Parameters
    ----------
    step
        Steps done.
    fraction
        Of the run that has passed.
    loss
        Running mean.
    size
        Present crop size in pixels.
    samples_per_second
        Over the whole run, all devices together.
    waiting
        Share of the time since this process started that the network waited for samples, in [0, 1].
    seconds_left
        Until the end at the present pace.
    ious
        Clicks to mean IoU on held-back objects after so many; empty before the first look at them.
    """

    step: int
    fraction: float
    loss: float
    size: int
    samples_per_second: float
    waiting: float = 0.0
    seconds_left: float = 0.0
    ious: Mapping[int, float] = field(default_factory=dict)


class RunLog:
    """The numbers of a run as files in its folder.

    A log that cannot be written (a full disk) costs the run nothing but the entry.

    Parameters
    ----------
    folder
        Where ``log.jsonl`` is, and a folder ``tensorboard`` where ``tensorboardX`` or ``tensorboard`` is installed.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "log.jsonl"
        self._board: TensorBoardLogger | None = None
        self._start_board(folder)
        if self._board is None:
            _log.info(
                "TensorBoard is not installed, so the numbers are in %s alone; for curves as well: "
                "pip install 'napari-iseg[train]'.",
                self.file,
            )

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add an entry, a number for each name, or numbers by name under it; ``"step"`` must be among them."""
        try:
            with self.file.open("a") as file:
                file.write(json.dumps(entry) + "\n")
            if self._board is not None:
                self._board.log_metrics(dict(_flat(entry)), step=entry["step"])
        except OSError as error:
            _log.warning("An entry of %s could not be written (%s); the run goes on.", self.file, error)

    def forget_after(self, step: int) -> None:
        """Take out what a run that was killed had done after its last checkpoint: it is going to be done again."""
        self._start_board(self.file.parent, purge_step=step + 1)
        if not self.file.is_file():
            return
        lines = self.file.read_text().splitlines()
        kept = [line for line in lines if _step_of(line) <= step]
        if len(kept) < len(lines):
            partial = self.file.with_suffix(".part")
            partial.write_text("".join(line + "\n" for line in kept))
            partial.replace(self.file)

    def close(self) -> None:
        """Write what is still on its way to TensorBoard's files."""
        if self._board is not None:
            self._board.finalize("success")

    def _start_board(self, folder: Path, **options: Any) -> None:
        """Have a file for TensorBoard; it is made with the first entry."""
        if find_spec("tensorboardX") or find_spec("tensorboard"):
            self._board = TensorBoardLogger(
                folder, name="", version="tensorboard", default_hp_metric=False, flush_secs=10, **options
            )


def _flat(entry: Mapping[str, Any], before: str = "") -> list[tuple[str, float]]:
    """Return ``{"a": 1, "b": {"c": 2}}`` as a 1 and b/c 2."""
    pairs: list[tuple[str, float]] = []
    for name, value in entry.items():
        pairs += _flat(value, f"{before}{name}/") if isinstance(value, dict) else [(before + name, value)]
    return pairs


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        # The line at which the process was killed.
        return float("inf")
