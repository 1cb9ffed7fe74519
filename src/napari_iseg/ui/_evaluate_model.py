"""The objects of an evaluation as Qt's model: a row for each, and what every method needed for it and reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, QSortFilterProxyModel, Qt
from qtpy.QtGui import QBrush, QColor

if TYPE_CHECKING:
    from napari_iseg.evaluation import ObjectResult
    from napari_iseg.ui._evaluate_work import Evaluation

__all__ = ["SORT_ROLE", "EvaluateModel", "EvaluateSorting", "needed"]

SORT_ROLE = Qt.ItemDataRole.UserRole
"""What a cell is sorted by: the larger, the worse."""

_FIXED = ("Plane", "Object")
# Readable on napari's dark and light backgrounds alike.
_FAILED, _MISSED = "#d9534f", "#d08a1d"
_NO_PARENT = QModelIndex()


def needed(result: ObjectResult, target: float) -> int | None:
    """Return how many prompts an object took to reach an IoU; None if it never did, or the method failed on it."""
    # The thread that made the result has imported this already; it brings torch.
    from napari_iseg.evaluation.metrics import clicks_to_reach

    return None if result.error is not None else clicks_to_reach(result.ious, target)


class EvaluateModel(QAbstractTableModel):
    """A view on an evaluation that may still be going on.

    Parameters
    ----------
    parent
        The table.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.evaluation: Evaluation | None = None
        self._rows = 0
        self._counts: list[int] = []

    @property
    def counts_prompts(self) -> bool:
        """Whether prompts were given until the mask was good, so that their number says something."""
        return self.evaluation is None or self.evaluation.wish.prompt != "box"

    def show(self, evaluation: Evaluation | None) -> None:
        """Show another evaluation, or none."""
        self.beginResetModel()
        self.evaluation = evaluation
        self._counts = [len(results) for results in evaluation.results] if evaluation is not None else []
        self._rows = max(self._counts, default=0)
        self.endResetModel()

    def refresh(self) -> bool:
        """Show what has been done since; return whether there was anything."""
        if self.evaluation is None:
            return False
        counts = [len(results) for results in self.evaluation.results]
        if counts == self._counts:
            return False
        before, rows = self._counts, max(counts, default=0)
        # A row that is inserted is asked for its cells at once.
        self._counts = counts
        if rows > self._rows:
            self.beginInsertRows(_NO_PARENT, self._rows, rows - 1)
            self._rows = rows
            self.endInsertRows()
        changed = [row for old, new in zip(before, counts, strict=True) for row in (old, new - 1) if new > old]
        if changed and self.columnCount():
            first, last = self.index(min(changed), 0), self.index(max(changed), self.columnCount() - 1)
            self.dataChanged.emit(first, last)
        return True

    def rowCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """Return the number of objects that were begun."""
        return 0 if parent.isValid() else self._rows

    def columnCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """Return two, and those of every method."""
        if parent.isValid() or self.evaluation is None:
            return 0
        return len(_FIXED) + len(self.evaluation.results) * (2 if self.counts_prompts else 1)

    def place_of(self, column: int) -> tuple[int, bool] | None:
        """Return the number of a column's method and whether it counts prompts; None for a column of the object."""
        column -= len(_FIXED)
        if column < 0:
            return None
        return (column // 2, column % 2 == 0) if self.counts_prompts else (column, False)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the title of a column."""
        if orientation != Qt.Orientation.Horizontal or self.evaluation is None or section >= self.columnCount():
            return None
        place, wish = self.place_of(section), self.evaluation.wish
        if place is None:
            tip = "The plane it was looked at on." if section == 0 else "Its value in the reference."
            return {Qt.ItemDataRole.DisplayRole: _FIXED[section], Qt.ItemDataRole.ToolTipRole: tip}.get(
                Qt.ItemDataRole(role)
            )
        name, kind = self.evaluation.names[place[0]], {"scribble": "scribbles"}.get(wish.prompt, "clicks")
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{name}\n{kind if place[1] else 'IoU'}"
        if role == Qt.ItemDataRole.ToolTipRole:
            good = f"How many {kind} {name} needs to an IoU of {wish.target_iou:.2f}."
            return good if place[1] else f"The IoU with the reference that {name} ended with."
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows, is sorted by, or says."""
        if not index.isValid() or self.evaluation is None:
            return None
        place = self.place_of(index.column())
        if place is None:
            return self._about_object(index, role)
        result = self.result(index.row(), place[0])
        if role == Qt.ItemDataRole.DisplayRole:
            return self._shown(result, counts=place[1])
        if role == SORT_ROLE:
            return self._badness(result, counts=place[1])
        if role == Qt.ItemDataRole.ToolTipRole:
            return _course(self.evaluation.names[place[0]], result)
        if role == Qt.ItemDataRole.ForegroundRole and result is not None:
            missed = needed(result, self.evaluation.wish.target_iou) is None
            return QBrush(QColor(_FAILED if result.error else _MISSED)) if missed else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def result(self, row: int, contestant: int) -> ObjectResult | None:
        """Return what a method made of an object; None where it is not there yet."""
        if self.evaluation is None:
            return None
        results = self.evaluation.results[contestant]
        return results[row] if row < len(results) else None

    def _about_object(self, index: QModelIndex, role: int) -> Any:
        if self.evaluation is None:
            return None
        place = self.evaluation.places[index.row()]
        value = place.plane if index.column() == 0 else place.object_id
        if role == SORT_ROLE:
            return float(-1 if value is None else value)
        if role == Qt.ItemDataRole.DisplayRole:
            return "" if value is None else str(value)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{place.pixels} pixels"
        return None

    def _shown(self, result: ObjectResult | None, *, counts: bool) -> str:
        if result is None or self.evaluation is None:
            return ""
        if not counts:
            return f"{result.ious[-1]:.2f}" if result.ious else "-"
        if result.error is not None:
            return "error"
        number = needed(result, self.evaluation.wish.target_iou)
        return str(number) if number is not None else f">{self.evaluation.wish.max_clicks}"

    def _badness(self, result: ObjectResult | None, *, counts: bool) -> float:
        if result is None or self.evaluation is None:
            return -1.0
        lost = 1.0 - result.ious[-1] if result.ious and result.error is None else 1.0
        if not counts:
            return lost
        most = self.evaluation.wish.max_clicks
        number = needed(result, self.evaluation.wish.target_iou) or most + (2 if result.error else 1)
        # Of those that took as many, the worse mask comes first.
        return number + 0.99 * lost


def _course(name: str, result: ObjectResult | None) -> str:
    """Return what happened with an object, for a tooltip."""
    if result is None:
        return f"{name} has not come to it yet."
    course = f"IoU {', '.join(f'{iou:.2f}' for iou in result.ious)}" if result.ious else "no answer"
    return f"{name}: {course}" if result.error is None else f"{name}: {course}, and then failed: {result.error}"


class EvaluateSorting(QSortFilterProxyModel):
    """Sorts the objects; the worst first where that is asked for."""

    def __init__(self, model: EvaluateModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setSourceModel(model)
        self.setSortRole(SORT_ROLE)
