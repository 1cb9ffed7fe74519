"""The report of an evaluation: the measures over all objects, as a table to read and as JSON to keep."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from napari_iseg.errors import ExportError
from napari_iseg.evaluation import metrics
from napari_iseg.evaluation.prompt_kinds import LEVELS, UNTIL_GOOD
from napari_iseg.evaluation.protocol import MAX_CLICKS, TARGET_IOU
from napari_iseg.io.prompt_values import prompt_to_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_iseg.evaluation.paired import PairedDifference
    from napari_iseg.evaluation.prompt_kinds import PromptKind
    from napari_iseg.evaluation.protocol import ObjectResult

__all__ = ["Report", "differences_table", "reports_table", "result_values"]

_THRESHOLDS = (0.80, 0.85, 0.90, 0.95)
_CLICKS = (1, 2, 3, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Report:
    """All objects of an evaluation.

    Parameters
    ----------
    results
        One per object.
    max_clicks, target_iou
        As each object was evaluated.
    settings
        What was evaluated, to be kept with the numbers: method, weights, options, data and so on.
    prompt
        What each object was given; it decides the measures.
    levels
        Which coarse masks, where these were given.
    """

    results: Sequence[ObjectResult]
    max_clicks: int = MAX_CLICKS
    target_iou: float = TARGET_IOU
    settings: Mapping[str, Any] = field(default_factory=dict)
    prompt: PromptKind = "click"
    levels: Sequence[int] = LEVELS

    @property
    def name(self) -> str:
        """What the contestant is called."""
        return str(self.settings.get("name") or self.settings.get("method", ""))

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The targets that this run can tell about: those up to the one at which it stopped."""
        return tuple(t for t in _THRESHOLDS if metrics.reaches(self.target_iou, t)) or (self.target_iou,)

    @property
    def failed(self) -> int:
        """How many objects ended with an error. They count as reaching no target."""
        return sum(result.error is not None for result in self.results)

    def noc(self, target: float) -> float:
        """Return NoC@target, or NoS@target of scribbles: the mean number of them to reach an IoU."""
        return metrics.number_of_clicks(self._sequences(), target, self.max_clicks)

    def nof(self, target: float, *, strict: bool = False) -> int:
        """Return NoF@target as published, or ``strict``: only objects that never reach it."""
        return metrics.count_failures(self._sequences(), target, self.max_clicks, strict=strict)

    def mean_iou(self, count: int = 1) -> float | None:
        """Return mIoU@count, after so many clicks or scribbles, or at the ``count``-th of the levels of coarse masks.

        None where the run stopped before for some object.
        """
        return metrics.mean_iou(self._sequences(), count)

    def mean_coarse_iou(self, count: int = 1) -> float | None:
        """Return the mean IoU of the coarse masks themselves at the ``count``-th level; None without any."""
        return metrics.mean_iou([result.coarse_ious for result in self.results if result.coarse_ious], count)

    @property
    def seconds_per_prompt(self) -> float:
        """Mean wall time of a click, scribble, box or mask, over all of all objects; NaN without any."""
        seconds = [second for result in self.results for second in result.seconds]
        return float(np.mean(seconds)) if seconds else float("nan")

    @property
    def seconds_per_object(self) -> float:
        """Mean wall time of an object; NaN without any."""
        return float(np.mean([sum(result.seconds) for result in self.results])) if self.results else float("nan")

    def summary(self) -> dict[str, Any]:
        """Return the measures by name, ready for JSON."""
        return {
            "objects": len(self.results),
            "failed": self.failed,
            **{name: value for name, value in self._measures().items() if value is not None},
            f"seconds_per_{self.prompt}": _number(self.seconds_per_prompt),
            "seconds_per_object": _number(self.seconds_per_object),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        limits = {"max_clicks": self.max_clicks, "target_iou": self.target_iou} if self.until_good else {}
        results = [result_values(result, self.prompt) for result in self.results]
        return {"settings": {**self.settings, **limits}, "summary": self.summary(), "results": results}

    def write_json(self, path: Path) -> None:
        """Write everything as JSON.

        Raises
        ------
        ExportError
            If the file cannot be written.
        """
        try:
            path.write_text(json.dumps(self.as_dict(), indent=1, default=str, allow_nan=False) + "\n", encoding="utf-8")
        except OSError as error:
            reason = error.strerror or error
            raise ExportError(f"The report cannot be written to {path} ({reason}); choose another place.") from error

    @property
    def until_good(self) -> bool:
        """Whether prompts were given until the mask was good enough."""
        return self.prompt in UNTIL_GOOD

    def _measures(self) -> dict[str, float | None]:
        if self.prompt == "box":
            return {"IoU": self.mean_iou()}
        if self.prompt == "mask":
            means = {"coarse_IoU": self.mean_coarse_iou, "IoU": self.mean_iou}
            places = enumerate(self.levels, start=1)
            return {f"level_{level}_{name}": mean(n) for n, level in places for name, mean in means.items()}
        number = "NoC" if self.prompt == "click" else "NoS"
        names = {threshold: f"{round(threshold * 100)}" for threshold in self.thresholds}
        return {
            **{f"{number}@{name}": self.noc(threshold) for threshold, name in names.items()},
            **{f"NoF@{name}": self.nof(threshold) for threshold, name in names.items()},
            **{f"NoF@{name}_strict": self.nof(threshold, strict=True) for threshold, name in names.items()},
            **{f"mIoU@{count}": self.mean_iou(count) for count in _CLICKS},
        }

    def _sequences(self) -> list[list[float]]:
        # However good it was before: a method that fails would not have let the user go on.
        lost = [0.0] * (self.max_clicks if self.until_good else max(len(self.levels), 1))
        return [lost if result.error is not None else result.ious for result in self.results]

    def table(self) -> Table:
        """Return the measures as a table to print."""
        return reports_table([self])


def reports_table(reports: Sequence[Report], names: Sequence[str] | None = None) -> Table:
    """Return a table with one column per report, under its name or one of ``names``, and one line per measure."""
    table = Table("", box=None, pad_edge=False, header_style="bold")
    for report, name in zip(reports, names or [report.name for report in reports], strict=True):
        # What no user could do is said where the numbers stand.
        oracle = ", proposals chosen by the reference" if report.settings.get("proposals") == "best" else ""
        table.add_column(f"{name}{oracle}", justify="right")
    summaries = [report.summary() for report in reports]
    for name in dict.fromkeys(name for summary in summaries for name in summary):
        table.add_row(name.replace("_", " "), *(_shown(summary.get(name)) for summary in summaries))
    return table


def differences_table(a: Report, b: Report, differences: Mapping[str, PairedDifference]) -> Table:
    """Return a table of what :func:`napari_iseg.evaluation.paired.paired_differences` found.

    Parameters
    ----------
    a, b
        The reports; the difference is of the second to the first.
    differences
        By measure.
    """
    units = {found.unit for found in differences.values()}
    title = f"{b.name} less {a.name}, on the same objects; 95 % interval over {'s, '.join(sorted(units))}s"
    table = Table("", box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for head in ("difference", "from", "to", "fewer", "same", "more"):
        table.add_column(head, justify="right")
    for name, found in differences.items():
        # An interval that leaves out 0 is seen at once.
        style = "bold" if found.is_clear else None
        numbers = (found.mean, found.low, found.high)
        counts = (found.fewer, found.equal, found.more)
        table.add_row(name.replace("_", " "), *(f"{one:+.3f}" for one in numbers), *map(str, counts), style=style)
    return table


def result_values(result: ObjectResult, prompt: str) -> dict[str, Any]:
    """Return what happened with an object, ready for JSON; clicks keep the form that they had before other prompts."""
    given = [prompt_to_values(one) for one in result.prompts]
    return {
        "name": result.name,
        "plane": result.plane,
        "object_id": result.object_id,
        **(
            {"clicks": [v for _, v in given]}
            if prompt == "click"
            else {"prompts": [{"kind": k, **v} for k, v in given]}
        ),
        **({"coarse_ious": result.coarse_ious} if prompt == "mask" else {}),
        "ious": result.ious,
        "masks": [mask.values() for mask in result.masks],
        **({"measures": result.measures} if result.measures else {}),
        "seconds": result.seconds,
        "error": result.error,
    }


def _shown(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
