"""The learning curve of a run, from its log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["learning_curve"]


def learning_curve(log: Path, *, rows: int = 8) -> list[dict[str, Any]]:
    """Return some entries of a run's log, evenly over the run, the last among them.

    Parameters
    ----------
    log
        ``log.jsonl``. Where runs before it wrote into the same file, only the last one counts.
    rows
        How many entries at most.

    Returns
    -------
    list of dict
        Entries with what was found on held-back objects where there are any, and the very last one; empty without a
        log.
    """
    entries = _last_run(log)
    looks = [entry for entry in entries if "all" in entry.get("iou", {})]
    chosen = looks if len(looks) > 1 else entries
    if chosen and chosen[-1] is not entries[-1]:
        chosen = [*_thinned(chosen, rows - 1), entries[-1]]
    return _thinned(chosen, rows)


def _thinned(entries: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    if len(entries) <= count:
        return entries
    return [entries[round(number * (len(entries) - 1) / (count - 1))] for number in range(count)]


def _last_run(log: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    if not log.is_file():
        return entries
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            step = entry["step"]
        except (ValueError, KeyError, TypeError):
            # Half a line, of a process that was killed.
            continue
        if entries and step <= entries[-1]["step"]:
            entries.clear()
        entries.append(entry)
    return entries
