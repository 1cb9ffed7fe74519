"""The plots of an evaluation: the IoU click by click, and how many objects took how many clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from qtpy.QtWidgets import QTabWidget, QWidget

from napari_iseg.ui._evaluate_model import needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.evaluation import ObjectResult
    from napari_iseg.ui._evaluate_work import Evaluation

__all__ = ["COLOURS", "EvaluateCurves", "iou_by_click", "needed_counts"]

COLOURS = ("#56b4e9", "#e69f00", "#2fc98e", "#f0e442", "#cc79a7", "#e0663a")
"""Of the methods, in turn: Okabe and Ito's, told apart also by those who see few colours, lifted for a dark ground."""

_MARKERS = "osD^vP"
_BACK, _FRONT, _FRAME = "#262930", "#d0d3d8", "#7f8694"
_SIZE = (3.2, 2.0)
_LEAST_HEIGHT = 165


def iou_by_click(results: Sequence[ObjectResult], max_clicks: int) -> NDArray[np.float64]:
    """Return the mean IoU of objects after each click, (max_clicks,).

    Objects that reached the target keep their last IoU; those on which the method failed count as 0.
    """
    rows = np.zeros((len(results), max_clicks))
    for row, result in zip(rows, results, strict=True):
        if result.error is None and result.ious:
            row[:] = result.ious[-1]
            row[: len(result.ious)] = result.ious[:max_clicks]
    return np.asarray(rows.mean(axis=0))


def needed_counts(results: Sequence[ObjectResult], max_clicks: int, target: float) -> NDArray[np.int64]:
    """Return how many objects took 1, 2 ... ``max_clicks`` clicks to a target, and last how many never reached it."""
    numbers = [(needed(result, target) or max_clicks + 1) - 1 for result in results]
    return np.bincount(np.array(numbers, np.int64), minlength=max_clicks + 1)


class EvaluateCurves(QTabWidget):
    """Two plots, of which only the one in front is drawn.

    Parameters
    ----------
    parent
        The dock.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._evaluation: Evaluation | None = None
        self.curve, self.counts = _Plot(), _Plot()
        self.addTab(self.curve, "IoU")
        self.addTab(self.counts, "Clicks needed")
        self.setMinimumHeight(_LEAST_HEIGHT)
        self.setAccessibleName("Plots")
        self.currentChanged.connect(lambda _tab: self.refresh())

    def show_evaluation(self, evaluation: Evaluation | None) -> None:
        """Show another evaluation, or none."""
        self._evaluation = evaluation
        prompt = evaluation.wish.prompt if evaluation is not None else "click"
        words = {"scribble": "scribble", "box": "object"}.get(prompt, "click")
        self.setTabText(0, f"IoU by {words}")
        self.setTabText(1, "Scribbles needed" if prompt == "scribble" else "Clicks needed")
        self.setTabVisible(1, prompt != "box")
        self.refresh()

    def refresh(self) -> None:
        """Draw what is done by now."""
        evaluation = self._evaluation
        if evaluation is None or not evaluation.done:
            self.curve.empty()
            self.counts.empty()
        elif self.currentWidget() is self.counts:
            self._draw_counts(evaluation)
        elif evaluation.wish.prompt == "box":
            self._draw_boxes(evaluation)
        else:
            self._draw_curve(evaluation)

    def _draw_curve(self, evaluation: Evaluation) -> None:
        wish, plot = evaluation.wish, self.curve
        lines = [
            (number, np.arange(1, wish.max_clicks + 1), iou_by_click(results, wish.max_clicks))
            for number, results in _begun(evaluation)
        ]
        words = "scribbles" if wish.prompt == "scribble" else "clicks"
        plot.draw_lines(lines, evaluation.names, words, "mean IoU", wish.target_iou)

    def _draw_boxes(self, evaluation: Evaluation) -> None:
        lines = []
        for number, results in _begun(evaluation):
            ious = sorted((r.ious[-1] if r.ious and r.error is None else 0.0 for r in results), reverse=True)
            lines.append((number, np.arange(1, len(ious) + 1), np.array(ious)))
        self.curve.draw_lines(lines, evaluation.names, "objects, best first", "IoU", None)

    def _draw_counts(self, evaluation: Evaluation) -> None:
        wish = evaluation.wish
        bars = [
            (number, needed_counts(results, wish.max_clicks, wish.target_iou)) for number, results in _begun(evaluation)
        ]
        words = "scribbles" if wish.prompt == "scribble" else "clicks"
        self.counts.draw_bars(bars, evaluation.names, f"{words} to an IoU of {wish.target_iou:.2f}")


def _begun(evaluation: Evaluation) -> list[tuple[int, list[ObjectResult]]]:
    # Copies: the thread goes on appending.
    return [(number, list(results)) for number, results in enumerate(evaluation.results) if results]


class _Plot(FigureCanvasQTAgg):
    def __init__(self) -> None:
        super().__init__(Figure(figsize=_SIZE, facecolor=_BACK))
        # Fixed: a layout that measures its texts takes longer than all the rest of a drawing.
        self._axes: Any = self.figure.add_axes((0.13, 0.21, 0.84, 0.73))
        self.setAccessibleName("Plot")
        self._dress("", "")

    def empty(self) -> None:
        self._axes.clear()
        self._dress("", "")
        self.draw_idle()

    def draw_lines(
        self,
        lines: Sequence[tuple[int, NDArray[Any], NDArray[Any]]],
        names: Sequence[str],
        below: str,
        beside: str,
        target: float | None,
    ) -> None:
        self._axes.clear()
        self._dress(below, beside)
        if target is not None:
            self._axes.axhline(target, color=_FRAME, linewidth=0.8, linestyle=":")
        for number, x, y in lines:
            self._axes.plot(x, y, label=names[number], markersize=3, linewidth=1.4, **_look(number))
        low = min((float(y.min()) for _, _, y in lines), default=0.0)
        self._axes.set_ylim(max(0.0, np.floor(low * 10 - 0.5) / 10), 1.01)
        self._finish(lines, "lower right" if target is not None else "lower left")

    def draw_bars(self, bars: Sequence[tuple[int, NDArray[Any]]], names: Sequence[str], below: str) -> None:
        self._axes.clear()
        self._dress(below, "objects")
        width = 0.8 / max(len(bars), 1)
        for place, (number, counts) in enumerate(bars):
            x = np.arange(1, len(counts) + 1) - 0.4 + width * (place + 0.5)
            self._axes.bar(x, counts, width, color=_look(number)["color"], label=names[number])
        last = max((len(counts) for _, counts in bars), default=1)
        step = 1 if last <= 11 else 5
        ticks = sorted({1, *range(step, last, step)} - ({last - 1} if step > 1 else set()))
        self._axes.set_xticks([*ticks, last], [*map(str, ticks), f">{last - 1}"])
        self._axes.set_xlim(0.4, last + 0.6)
        self._axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        self._finish(bars, "upper center")

    def _finish(self, drawn: Sequence[Any], place: str) -> None:
        if drawn:
            legend = self._axes.legend(loc=place, fontsize=7, facecolor=_BACK, edgecolor=_FRAME, framealpha=0.8)
            for text in legend.get_texts():
                text.set_color(_FRONT)
        self.draw_idle()

    def _dress(self, below: str, beside: str) -> None:
        axes = self._axes
        axes.set_facecolor(_BACK)
        axes.tick_params(colors=_FRONT, labelsize=7)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        for spine in axes.spines.values():
            spine.set_color(_FRAME)
        axes.set_xlabel(below, color=_FRONT, fontsize=8)
        axes.set_ylabel(beside, color=_FRONT, fontsize=8)


def _look(number: int) -> dict[str, Any]:
    return {"color": COLOURS[number % len(COLOURS)], "marker": _MARKERS[number % len(_MARKERS)]}
