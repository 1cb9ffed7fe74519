"""An evaluation in a few numbers: a small table, and a sentence."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QWidget

from napari_iseg.ui._evaluate_curves import COLOURS

if TYPE_CHECKING:
    from napari_iseg.evaluation import Report
    from napari_iseg.ui._evaluate_work import Evaluation

__all__ = ["EvaluateSummary", "summary_rows"]

_TARGETS = (0.85, 0.90)


class EvaluateSummary(QLabel):
    """The numbers that papers give, of every method.

    Parameters
    ----------
    parent
        The dock.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setAccessibleName("Measures of every method")
        self.setToolTip(
            "NoC@90: the mean number of clicks to an IoU of 0.90; the most there are where it is not reached. "
            "Missed: how many objects never reach the IoU that is good enough, errors included."
        )
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def show_evaluation(self, evaluation: Evaluation | None) -> None:
        """Show what is done by now."""
        rows = summary_rows(evaluation) if evaluation is not None and evaluation.done else []
        self.setVisible(bool(rows))
        if not rows or evaluation is None:
            self.clear()
            return
        colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(evaluation.names)}
        head = "".join(f"<td align=right>&nbsp;{escape(title)}</td>" for title in rows[0][1:])
        lines = [
            f"<tr><td><font color={colours[row[0]]}>●</font>&nbsp;{escape(row[0])}</td>"
            + "".join(f"<td align=right>&nbsp;{escape(value)}</td>" for value in row[1:])
            + "</tr>"
            for row in rows[1:]
        ]
        self.setText(f"<table width='100%' cellspacing=1><tr><td></td>{head}</tr>{''.join(lines)}</table>")


def summary_rows(evaluation: Evaluation) -> list[list[str]]:
    """Return the titles and then a row for every method that has results, each with its name first."""
    reports = evaluation.reports()
    if not reports:
        return []
    if evaluation.wish.prompt == "box":
        titles = ["", "objects", "mean IoU", "errors", "s/box"]
        return [titles, *(_of_boxes(report) for report in reports)]
    # Beyond the target at which it stopped an evaluation knows nothing.
    known = [target for target in _TARGETS if target in reports[0].thresholds] or [reports[0].target_iou]
    number, one = ("NoS", "scribble") if evaluation.wish.prompt == "scribble" else ("NoC", "click")
    titles = ["", "objects", *(f"{number}@{round(target * 100)}" for target in known), "missed", f"s/{one}"]
    return [titles, *(_of_prompts(report, known) for report in reports)]


def _of_prompts(report: Report, targets: list[float]) -> list[str]:
    return [
        report.settings["name"],
        str(len(report.results)),
        *(f"{report.noc(target):.2f}" for target in targets),
        str(report.nof(report.target_iou, strict=True)),
        f"{report.seconds_per_prompt:.2f}",
    ]


def _of_boxes(report: Report) -> list[str]:
    mean = report.mean_iou()
    return [
        report.settings["name"],
        str(len(report.results)),
        "-" if mean is None else f"{mean:.3f}",
        str(report.failed),
        f"{report.seconds_per_prompt:.2f}",
    ]
