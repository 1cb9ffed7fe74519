"""The report of an evaluation: the measures over all objects, as a table to read and as JSON to keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from napari_iseg.evaluation import metrics
from napari_iseg.evaluation.initial_masks import INITIAL_IOU
from napari_iseg.evaluation.prompt_kinds import LEVELS, UNTIL_GOOD, given_word
from napari_iseg.evaluation.protocol import MAX_CLICKS, TARGET_IOU
from napari_iseg.io.prompt_values import prompt_to_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    def counted(self) -> Sequence[ObjectResult]:
        """The objects that the measures are of: all, less those of which no defective mask to correct could be made."""
        if self.prompt != "correction":
            return self.results
        return [result for result in self.results if result.start is not None or result.error is not None]

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

    def mean_of(self, measure: str, *, failed: float | None = None) -> float | None:
        """Return the mean over objects of what was measured besides; None without any.

        Parameters
        ----------
        measure
            Its name in :attr:`ObjectResult.measures`.
        failed
            What an object counts on which the method failed; None leaves it at what was measured before, if anything.
        """
        values = [one.measures.get(measure) if failed is None or one.error is None else failed for one in self.counted]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    @property
    def seconds_per_prompt(self) -> float:
        """Mean wall time of a click, scribble, box or mask, over all of all objects; NaN without any."""
        seconds = [second for result in self.counted for second in result.seconds]
        return float(np.mean(seconds)) if seconds else float("nan")

    @property
    def seconds_per_object(self) -> float:
        """Mean wall time of an object; NaN without any."""
        return float(np.mean([sum(result.seconds) for result in self.counted])) if self.counted else float("nan")

    def summary(self) -> dict[str, Any]:
        """Return the measures by name, ready for JSON."""
        return {
            "objects": len(self.counted),
            **({"without_initial_mask": self._uncounted} if self.prompt == "correction" else {}),
            "failed": self.failed,
            **{name: value for name, value in self._measures().items() if value is not None},
            f"seconds_per_{self.unit}": _number(self.seconds_per_prompt),
            "seconds_per_object": _number(self.seconds_per_object),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        limits = {"max_clicks": self.max_clicks, "target_iou": self.target_iou} if self.until_good else {}
        curve = {"mIoU_by_click": self.curve()} if self.until_good else {}
        results = [result_values(result, self.prompt) for result in self.results]
        return {"settings": {**self.settings, **limits}, "summary": {**self.summary(), **curve}, "results": results}

    def curve(self) -> list[float]:
        """Return mIoU@1, mIoU@2 and so on, as far as every object has them: all with a target above 1."""
        means = map(self.mean_iou, range(1, self.max_clicks + 1))
        return [mean for mean in takewhile(lambda mean: mean is not None, means) if mean is not None]

    @property
    def unit(self) -> str:
        """What is counted: a click, scribble, box or mask."""
        return given_word(self.prompt)

    @property
    def until_good(self) -> bool:
        """Whether prompts were given until the mask was good enough."""
        return self.prompt in UNTIL_GOOD

    @property
    def _uncounted(self) -> int:
        return len(self.results) - len(self.counted)

    def _measures(self) -> dict[str, float | None]:
        if not self.counted:
            return {}
        if self.prompt == "box":
            return {"IoU": self.mean_iou()}
        if self.prompt == "proposals":
            best, offered = self.mean_of("oracle_IoU", failed=0.0), self.mean_of("proposals")
            return {"IoU": self.mean_iou(), "oracle_IoU": best, "proposals": offered}
        if self.prompt == "mask":
            means = {"coarse_IoU": self.mean_coarse_iou, "IoU": self.mean_iou}
            places = enumerate(self.levels, start=1)
            return {f"level_{level}_{name}": mean(n) for n, level in places for name, mean in means.items()}
        number = "NoS" if self.prompt == "scribble" else "NoC"
        names = {threshold: f"{round(threshold * 100)}" for threshold in self.thresholds}
        if self.prompt == "alpha":
            last = [0.0 if one.error is not None else one.ious[-1] for one in self.counted]
            target, name = list(names.items())[-1]
            errors = {measure: self.mean_of(measure) for measure in ("MSE", "SAD")}
            return {**errors, "IoU": float(np.mean(last)), f"NoC@{name}": self.noc(target)}
        return {
            **({INITIAL_IOU: self.mean_of(INITIAL_IOU)} if self.prompt == "correction" else {}),
            **{f"{number}@{name}": self.noc(threshold) for threshold, name in names.items()},
            **{f"NoF@{name}": self.nof(threshold) for threshold, name in names.items()},
            **{f"NoF@{name}_strict": self.nof(threshold, strict=True) for threshold, name in names.items()},
            **{f"mIoU@{count}": self.mean_iou(count) for count in _CLICKS},
        }

    def _sequences(self) -> list[list[float]]:
        # However good it was before: a method that fails would not have let the user go on.
        lost = [0.0] * (self.max_clicks if self.until_good else max(len(self.levels), 1))
        return [lost if result.error is not None else result.ious for result in self.counted]

    def table(self) -> Table:
        """Return the measures as a table to print."""
        return reports_table([self])


def reports_table(reports: Sequence[Report], names: Sequence[str] | None = None) -> Table:
    """Return a table with one column per report, under its name or one of ``names``, and one line per measure."""
    table = Table("", box=None, pad_edge=False, header_style="bold")
    for report, name in zip(reports, names or [report.name for report in reports], strict=True):
        # What no user could do is said where the numbers stand.
        oracle = ", proposals chosen by the reference" if _by_reference(report) else ""
        table.add_column(f"{name.replace(':proposals=best', '')}{oracle}", justify="right")
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
        **({"start": result.start.values()} if result.start is not None else {}),
        "seconds": result.seconds,
        "error": result.error,
    }


def _by_reference(report: Report) -> bool:
    return report.settings.get("proposals") == "best" and report.prompt != "proposals"


def _shown(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
