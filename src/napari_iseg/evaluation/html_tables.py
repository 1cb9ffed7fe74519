"""The tables of an evaluation's page: the measures, paired differences, and the papers' numbers beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from napari_iseg.evaluation.html_facts import data_name
from napari_iseg.evaluation.initial_masks import INITIAL_IOU
from napari_iseg.evaluation.published_numbers import known_set, published_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_iseg.evaluation.plot_parts import Entrant
    from napari_iseg.evaluation.report import Report

__all__ = ["Cell", "Difference", "PublishedTable", "Row", "difference_rows", "measure_rows", "published_table"]

_NONE = "\N{EN DASH}"
_LOWER = ("NoC", "NoS", "NoF", "seconds", "failed", "MSE", "SAD")
_WORDS = {
    "objects": "Objects",
    "failed": "Objects with an error",
    "seconds_per_object": "Seconds per object",
    "IoU": "mean IoU",
    INITIAL_IOU: "mean IoU of the masks to correct",
    "without_initial_mask": "Objects without a mask to correct, not counted",
    "proposals": "Proposals offered, mean",
    "oracle_IoU": "mean IoU of the best proposal (oracle)",
}


class Difference(Protocol):
    """A paired difference as :mod:`napari_iseg.evaluation.paired` gives it: the mean and its 95 % interval."""

    @property
    def mean(self) -> float:
        """Over objects, the second contestant minus the first."""

    @property
    def low(self) -> float:
        """Lower end of the interval."""

    @property
    def high(self) -> float:
        """Upper end of the interval."""

    @property
    def unit(self) -> str:
        """What was resampled: images or objects."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table.

    Parameters
    ----------
    text
        As it is shown; a dash where there is no number.
    value
        With all its digits, for who reads the page by machine; None without.
    strong
        Whether it is the best of its row, or a difference whose interval leaves 0 out.
    """

    text: str
    value: float | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its name and one cell per column."""

    name: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """What papers report on a set, with what was measured here.

    Parameters
    ----------
    title
        The set as papers call it.
    measures
        Names of the columns of numbers.
    here, papers
        Method, backbone, training data, source, and the cells; of this run and of the papers.
    remarks
        What differs between the two, in sentences.
    """

    title: str
    measures: Sequence[str]
    here: Sequence[tuple[str, Sequence[Cell]]]
    papers: Sequence[tuple[tuple[str, str, str, str], Sequence[Cell]]]
    remarks: Sequence[str]

    @property
    def is_wide(self) -> bool:
        """Whether there are so many measures that a line for each is easier to read than a column."""
        return len(self.measures) > 7


def measure_rows(contestants: Sequence[Entrant]) -> list[Row]:
    """Return a line per measure of the reports' summaries, a cell per contestant, the best of each line marked."""
    summaries = [one.report.summary() for one in contestants]
    names = dict.fromkeys(name for summary in summaries for name in summary)
    return [Row(measure_name(name), _marked(name, [summary.get(name) for summary in summaries])) for name in names]


def difference_rows(
    contestants: Sequence[Entrant], paired: Callable[[Report, Report], Mapping[str, Difference]]
) -> tuple[list[Row], str]:
    """Return a line per measure, with every later contestant's difference to the first, object by object.

    Parameters
    ----------
    contestants
        At least two, of the same objects in the same order.
    paired
        :func:`napari_iseg.evaluation.paired.paired_differences`.

    Returns
    -------
    rows, units
        The lines, and what the intervals are over: ``"images"`` or ``"objects"``, or both.
    """
    first = contestants[0].report
    found = [paired(first, one.report) for one in contestants[1:]]
    names = dict.fromkeys(name for differences in found for name in differences)
    units = sorted({f"{difference.unit}s" for differences in found for difference in differences.values()})
    # Object by object a failure is 0 or 1, so the mean of differences is a share.
    titles = {name: f"{measure_name(name)} (share)" if name.startswith("NoF") else measure_name(name) for name in names}
    rows = [Row(titles[name], [_difference(name, one.get(name)) for one in found]) for name in names]
    return rows, " or ".join(units)


def published_table(contestants: Sequence[Entrant]) -> PublishedTable | None:
    """Return the papers' numbers on the reports' set with one kind of prompt; None where none are known."""
    first = contestants[0].report
    given = first.settings
    known = known_set(data_name(given), given.get("layout"))
    rows = published_rows(known, first.prompt) if known is not None else []
    if known is None or not rows:
        return None
    measures = list(dict.fromkeys(sorted((name for row in rows for name in row.values), key=_order)))
    remarks = []
    count = len(first.counted)
    if known.objects is not None and count != known.objects:
        remarks.append(f"This run is of {count} objects; the papers evaluate {known.objects}.")
    if any(name.startswith("No") for name in measures) and first.max_clicks != 20:
        remarks.append(
            f"This run gives up after {first.max_clicks} prompts, the papers after 20, which makes its numbers smaller."
        )
    if any(one.report.settings.get("proposals") == "best" for one in contestants):
        remarks.append("Best proposal: chosen by the reference, so that the numbers are those of an oracle.")
    summaries = [one.report.summary() for one in contestants]
    return PublishedTable(
        known.title,
        [measure_name(name) for name in measures],
        [
            (one.name, [_cell(name, summary.get(name)) for name in measures])
            for one, summary in zip(contestants, summaries, strict=True)
        ],
        [
            ((row.method, row.backbone, row.training, row.source), [_cell(n, row.values.get(n)) for n in measures])
            for row in rows
        ],
        remarks,
    )


def measure_name(name: str) -> str:
    """Return what a table calls a measure of a summary."""
    if name in _WORDS:
        return _WORDS[name]
    level = re.fullmatch(r"level_(\d+)_(coarse_)?IoU", name)
    if level:
        return f"level {level[1]}, {'the coarse mask itself' if level[2] else 'mean IoU'}"
    if name.startswith("NoF@"):
        target, _, strict = name.partition("_")
        return f"{target}, {'never reached' if strict else 'as published'}"
    if name.startswith("seconds_per_"):
        return f"Seconds per {name.removeprefix('seconds_per_')}"
    return name.replace("_", " ")


def _marked(name: str, values: Sequence[Any]) -> list[Cell]:
    """Return cells of which the best, or all that are as good, are marked; none where all are the same."""
    numbers = [value for value in values if value is not None]
    better: Any = (
        min
        if name.startswith(_LOWER)
        else max
        if "IoU" in name and "coarse" not in name and name != INITIAL_IOU
        else None
    )
    best = better(numbers) if better is not None and len(set(numbers)) > 1 else None
    return [_cell(name, value, strong=best is not None and value == best) for value in values]


def _cell(name: str, value: Any, *, strong: bool = False) -> Cell:
    if value is None or value != value:
        return Cell(_NONE)
    return Cell(_shown(name, value), value, strong)


def _shown(name: str, value: float) -> str:
    if isinstance(value, int) or (name.startswith("NoF") and float(value).is_integer()):
        return str(int(value))
    if name.startswith(("NoC", "NoS", "NoF")):
        return f"{value:.2f}"
    return f"{value:.3g}" if name.startswith("seconds") else f"{value:.3f}"


def _difference(name: str, found: Difference | None) -> Cell:
    if found is None or found.mean != found.mean:
        return Cell(_NONE)
    if found.low != found.low:
        return Cell(f"{found.mean:+.3f}".replace("-", "\N{MINUS SIGN}"), found.mean)
    digits = 2 if name.startswith(("NoC", "NoS", "NoF", "seconds")) else 3
    mean, low, high = (
        f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}") for value in (found.mean, found.low, found.high)
    )
    return Cell(f"{mean} [{low}, {high}]", found.mean, found.low > 0 or found.high < 0)


def _order(name: str) -> tuple[int, str]:
    kinds = ("NoC", "NoS", "NoF", "mIoU")
    # Others, such as the levels of masks, keep the order that they have in the paper.
    return next(((n, name) for n, kind in enumerate(kinds) if name.startswith(kind)), (len(kinds), ""))
