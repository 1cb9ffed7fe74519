"""The figures of an evaluation's page as SVG: IoU by click, clicks needed, time, and what single prompts give.

A contestant has one colour, one kind of line and one mark in all of them, which grey print keeps apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from napari_iseg.evaluation.initial_masks import INITIAL_IOU
from napari_iseg.evaluation.metrics import clicks_to_reach
from napari_iseg.evaluation.plot_parts import GRID, WIDTH, interval, name_axes, one_plot, small_plots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import NDArray

    from napari_iseg.evaluation.plot_parts import Entrant
    from napari_iseg.evaluation.report import Report

__all__ = [
    "clicks_needed",
    "first_against_best",
    "iou_by_click",
    "iou_by_level",
    "iou_histograms",
    "padded_ious",
    "seconds_figure",
]


def padded_ious(report: Report) -> NDArray[np.float64]:
    """Return the IoU after every click, (objects, max_clicks).

    An object that stopped at the target keeps its last IoU; one that ended with an error has 0 throughout, as it
    counts in NoC and mIoU.
    """
    table = np.zeros((len(report.counted), report.max_clicks))
    for row, result in zip(table, report.counted, strict=True):
        ious = result.ious[: report.max_clicks]
        if result.error is None and ious:
            row[: len(ious)] = ious
            row[len(ious) :] = ious[-1]
    return table


def iou_by_click(contestants: Sequence[Entrant]) -> Figure:
    """Draw the mean IoU after every click with its 95 % bootstrap interval over objects.

    Where objects have a mask from the start (correction), its IoU stands at click 0.
    """
    figure, axes = one_plot(3.5)
    lowest = 1.0
    for one in contestants:
        table, first = padded_ious(one.report), 1
        initial = [_initial_iou(result) for result in one.report.counted]
        if all(value is not None for value in initial):
            table, first = np.column_stack([np.array(initial, float), table]), 0
        clicks = np.arange(first, first + table.shape[1])
        mean, (low, high) = table.mean(axis=0), interval(table)
        axes.fill_between(clicks, low, high, color=one.colour, alpha=0.14, linewidth=0)
        axes.plot(clicks, mean, label=one.name, **one.line)
        lowest = min(lowest, float(low.min()))
    target = contestants[0].report.target_iou
    if target <= 1:
        axes.axhline(target, color="#666666", linewidth=0.8, linestyle=(0, (2, 2)))
        axes.annotate(
            f"target {target:g}",
            (1, target),
            (-2, 2),
            ("axes fraction", "data"),
            "offset points",
            ha="right",
            fontsize=7.5,
        )
    axes.set_ylim(max(0.0, np.floor(lowest * 10 - 0.2) / 10), 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=20))
    noun = contestants[0].report.unit
    axes.set(xlabel=f"{noun}s", ylabel="mean IoU")
    axes.legend(loc="lower right", frameon=False)
    return figure


def iou_by_level(contestants: Sequence[Entrant]) -> Figure:
    """Draw the mean IoU of coarse masks and of what is made of them, level by level."""
    figure, axes = one_plot(3.2)
    for one in contestants:
        levels = [str(level) for level in one.report.levels]
        table = np.zeros((len(one.report.counted), len(levels)))
        for row, result in zip(table, one.report.counted, strict=True):
            if result.error is None:
                row[: len(result.ious)] = result.ious
        low, high = interval(table)
        axes.fill_between(levels, low, high, color=one.colour, alpha=0.14, linewidth=0)
        axes.plot(levels, table.mean(axis=0), label=one.name, **one.line)
    # The very same masks for all of them.
    given = [result.coarse_ious for result in contestants[0].report.counted if result.coarse_ious]
    if given:
        count = min(map(len, given))
        means = np.mean([ious[:count] for ious in given], axis=0)
        levels = [str(level) for level in contestants[0].report.levels[:count]]
        axes.plot(levels, means, color="#777777", linestyle=(0, (1, 2)), marker="x", label="the coarse mask itself")
    axes.set(xlabel="level of the coarse mask (1: nearly right, 5: half right)", ylabel="mean IoU")
    axes.legend(loc="lower left", frameon=False)
    return figure


def clicks_needed(contestants: Sequence[Entrant]) -> Figure:
    """Draw how many objects needed how many clicks to the target, one row of bars per contestant."""
    most = max(one.report.max_clicks for one in contestants)
    figure, panels = small_plots(len(contestants), 1.25)
    for axes, one in zip(panels, contestants, strict=False):
        report = one.report
        needed = [
            None if result.error is not None else clicks_to_reach(result.ious, report.target_iou)
            for result in report.counted
        ]
        counts = [sum(click == number for click in needed) for number in range(1, most + 1)]
        never = sum(click is None for click in needed)
        axes.bar(range(1, most + 1), counts, color=one.colour, width=0.8)
        axes.bar([most + 1.6], [never], color="white", edgecolor=one.colour, hatch="////", width=0.8)
        axes.text(most + 1.6, never, str(never), ha="center", va="bottom", fontsize=7)
        ticks = list(range(1, most + 1)) if most <= 10 else [1, *range(5, most - 1, 5), most]
        axes.set_xticks([*ticks, most + 1.6], [*map(str, ticks), "not\nreached"])
        axes.set_title(one.name, loc="left", fontsize=8.5)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
        axes.margins(y=0.18)
        axes.grid(axis="x", visible=False)
    name_axes(figure, f"{contestants[0].report.unit}s to an IoU of {contestants[0].report.target_iou:g}", "objects")
    return figure


def iou_histograms(contestants: Sequence[Entrant]) -> Figure:
    """Draw how the IoU after the last prompt is distributed over objects, one histogram per contestant."""
    figure, panels = small_plots(len(contestants), 1.25)
    for axes, one in zip(panels, contestants, strict=False):
        ious = [0.0 if r.error is not None or not r.ious else r.ious[-1] for r in one.report.counted]
        axes.hist(ious, bins=np.linspace(0, 1, 21).tolist(), color=one.colour, edgecolor="white", linewidth=0.5)
        axes.axvline(float(np.mean(ious)), color="#333333", linestyle=(0, (3, 2)), linewidth=1)
        axes.set_title(f"{one.name}: mean {np.mean(ious):.3f}", loc="left", fontsize=8.5)
        axes.set_xlim(0, 1)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    name_axes(figure, "IoU", "objects")
    return figure


def first_against_best(contestants: Sequence[Entrant]) -> Figure:
    """Draw, object by object, the IoU of the first answer and that of the best of its proposals."""
    figure, panels = small_plots(len(contestants), 2.6)
    for axes, one in zip(panels, contestants, strict=False):
        pairs = [
            (result.ious[0], result.measures["oracle_IoU"])
            for result in one.report.counted
            if result.ious and "oracle_IoU" in result.measures
        ]
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
        axes.plot([a for a, _ in pairs], [b for _, b in pairs], **{**one.line, "linestyle": "", "alpha": 0.7})
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set_title(one.name, loc="left", fontsize=8.5)
    name_axes(figure, "IoU of the first answer", "IoU of the best proposal")
    return figure


def seconds_figure(contestants: Sequence[Entrant], *, by_click: bool) -> Figure | None:
    """Draw how long answers take: boxes over all of them and, ``by_click``, the median after each click.

    Returns
    -------
    Figure or None
        None where nothing was timed.
    """
    timed = [(one, [s for r in one.report.counted for s in r.seconds if s > 0]) for one in contestants]
    timed = [(one, seconds) for one, seconds in timed if seconds]
    if not timed:
        return None
    figure = Figure(figsize=(WIDTH, max(1.1 + 0.32 * len(timed), 2.8 if by_click else 0)), layout="constrained")
    left, *right = figure.subplots(1, 2 if by_click else 1, squeeze=False)[0]
    _boxes(left, timed)
    for axes in right:
        for one, _ in timed:
            rows = [
                [r.seconds[k] for r in one.report.counted if len(r.seconds) > k] for k in range(one.report.max_clicks)
            ]
            middle = [float(np.median(row)) for row in rows if row]
            axes.plot(range(1, len(middle) + 1), middle, label=one.name, **one.line)
        axes.set_yscale("log")
        _label_log(axes.yaxis)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel=contestants[0].report.unit, ylabel="median seconds")
        axes.grid(**GRID)
    return figure


def _boxes(axes: Axes, timed: Sequence[tuple[Entrant, list[float]]]) -> None:
    lines: dict[str, Any] = {"medianprops": {"color": "black"}, "flierprops": {"marker": ".", "markersize": 2}}
    drawn = axes.boxplot(
        [seconds for _, seconds in timed], orientation="horizontal", patch_artist=True, widths=0.6, **lines
    )
    for patch, (one, _) in zip(drawn["boxes"], timed, strict=True):
        patch.set(facecolor=one.colour, alpha=0.55)
    axes.set_yticks(range(1, len(timed) + 1), [_short(one.name) for one, _ in timed])
    axes.invert_yaxis()
    axes.set_xscale("log")
    _label_log(axes.xaxis)
    axes.set_xlabel(f"seconds per {timed[0][0].report.unit}")
    axes.grid(axis="x", **GRID)


def _initial_iou(result: Any) -> float | None:
    value = result.measures.get(INITIAL_IOU)
    return None if value is None else float(value)


def _label_log(axis: Axis) -> None:
    """Write plain numbers, enough of them where all values are of one size."""
    axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _short(name: str) -> str:
    return name if len(name) <= 26 else f"{name[:25]}…"
