"""The table of evaluated objects: sort it, choose a row, and the window goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QSize, Qt, Signal  # type: ignore[attr-defined]  # qtpy names it for every binding
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_iseg.ui._evaluate_model import EvaluateModel, EvaluateSorting

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent

    from napari_iseg.ui._evaluate_work import Evaluation

__all__ = ["EvaluateTable"]

_ROW_HEIGHT = 22
# The head, of two lines, and four rows.
_LEAST_HEIGHT = 130
_NARROW = 44
_FIRST_METHOD = 2
_MOST_STRETCHED = 8


class EvaluateTable(QTableView):
    """A view on an evaluation's objects, the worst first until the user sorts them otherwise.

    Parameters
    ----------
    parent
        The dock.
    """

    chosen = Signal(int, int)
    """An object was chosen: its number, and that of the method whose column was clicked (0 in other columns)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.objects = EvaluateModel(self)
        self.sorting = EvaluateSorting(self.objects, self)
        self.setModel(self.sorting)
        self.setAccessibleName("Evaluated objects")
        self.setToolTip("Choose an object to go to it and to see its clicks. Click a title to sort.")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMinimumHeight(_LEAST_HEIGHT)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows: Any = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(_ROW_HEIGHT)
        head: Any = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setMinimumSectionSize(_NARROW)
        selection: Any = self.selectionModel()
        selection.currentChanged.connect(self._on_current)

    def sizeHint(self) -> QSize:
        """Ask for little: the table takes what the dock has left."""
        return QSize(super().sizeHint().width(), _LEAST_HEIGHT)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Choose the row; a click on the one that is chosen already goes there once more."""
        before = self.currentIndex()
        super().mousePressEvent(event)
        if before.isValid() and before == self.currentIndex():
            self._choose(before)

    def show_evaluation(self, evaluation: Evaluation | None) -> None:
        """Show another evaluation, or none."""
        self.setSortingEnabled(False)
        self.objects.show(evaluation)
        self.setSortingEnabled(True)
        if self.objects.columnCount() > _FIRST_METHOD:
            self.sortByColumn(_FIRST_METHOD, Qt.SortOrder.DescendingOrder)
        self._fit()

    def refresh(self) -> bool:
        """Show what has been done since; return whether there was anything."""
        changed = self.objects.refresh()
        if changed and self.isColumnHidden(0) == self._has_planes():
            self._fit()
        return changed

    def object_at(self, row: int) -> int:
        """Return the number of the object that stands in a row."""
        return int(self.sorting.mapToSource(self.sorting.index(row, 0)).row())

    def _fit(self) -> None:
        self.setColumnHidden(0, not self._has_planes())
        head: Any = self.horizontalHeader()
        modes = QHeaderView.ResizeMode
        few = self.objects.columnCount() <= _MOST_STRETCHED
        for column in range(self.objects.columnCount()):
            # A few share the room; more are as wide as what they say, and scroll.
            stretched = few and column >= _FIRST_METHOD
            head.setSectionResizeMode(column, modes.Stretch if stretched else modes.ResizeToContents)

    def _has_planes(self) -> bool:
        evaluation = self.objects.evaluation
        return evaluation is not None and bool(evaluation.places) and evaluation.places[0].plane is not None

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        self._choose(current)

    def _choose(self, index: QModelIndex) -> None:
        if index.isValid():
            place = self.objects.place_of(index.column())
            self.chosen.emit(int(self.sorting.mapToSource(index).row()), place[0] if place is not None else 0)
