"""The finished and unfinished objects of an image as Qt sees them: a table that follows a controller."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtGui import QColor, QPixmap

from napari_iseg.ui._object_columns import COLUMNS, REVIEWED, Row
from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from qtpy.QtCore import QObject

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._plane_work import PlaneWork

__all__ = ["ObjectsFilter", "ObjectsModel"]

_SWATCH = 12
# With more rows coming or going at once the table is filled anew.
_FEW = 16
_SEARCHED = [column for column in COLUMNS if column.name in ("id", "class", "plane", "method", "state", "note")]
_NOWHERE = QModelIndex()
_Role = Qt.ItemDataRole


class ObjectsModel(QAbstractTableModel):
    """Rows in the order chosen; it sorts by itself, since Qt would ask Python for every comparison.

    Parameters
    ----------
    controller
        Whose objects it shows.
    parent
        The table.
    """

    def __init__(self, controller: Controller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._rows: list[Row] = []
        self._shown: tuple[Any, int] = (None, -1)
        self._swatches: dict[tuple[int, str], QPixmap] = {}
        self._column, self._descending = 1, True

    @property
    def rows(self) -> list[Row]:
        """The objects from top to bottom."""
        return self._rows

    def refresh(self) -> None:
        """Show the objects that there are now."""
        controller = self._controller
        project = controller.project
        works = project.works if project is not None else []
        items: list[FinishedObject | PlaneWork] = [*controller.finished, *(work for work in works if work.prompts)]
        shown = (project, project.finished.revision if project else 0)
        changed = shown != self._shown
        self._shown = shown
        wanted: dict[int, FinishedObject | PlaneWork] = {id(item): item for item in items}
        have = {id(row.item) for row in self._rows}
        gone = [number for number, row in enumerate(self._rows) if id(row.item) not in wanted]
        new = [item for key, item in wanted.items() if key not in have]
        if len(gone) + len(new) > _FEW:
            self.beginResetModel()
            self._rows = [Row(item, controller) for item in items]
            self._rows.sort(key=self._key)
            self.endResetModel()
            return
        for number in reversed(gone):
            self.beginRemoveRows(_NOWHERE, number, number)
            del self._rows[number]
            self.endRemoveRows()
        for item in new:
            self._insert(Row(item, controller))
        if changed and not new and not gone:
            self._say_changed(0, len(self._rows) - 1)
        else:
            for number, row in enumerate(self._rows):
                if row.is_draft:
                    self._say_changed(number, number)

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:
        """Return how many objects there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:
        """Return how many columns there are, hidden ones included."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """Return what a cell shows."""
        row, column = self._rows[index.row()], COLUMNS[index.column()]
        if role in (_Role.DisplayRole, _Role.EditRole):
            return column.text(row)
        if role == _Role.DecorationRole and column.name == "colour":
            return self._swatch(row)
        if role == _Role.TextAlignmentRole and not column.edits:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == _Role.ToolTipRole:
            return _tip(row, column.name)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Return the head of a column."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        return {_Role.DisplayRole: COLUMNS[section].title, _Role.ToolTipRole: COLUMNS[section].tip}.get(
            Qt.ItemDataRole(role)
        )

    def flags(self, index: QModelIndex) -> Any:
        """Say which cells can be typed into."""
        flags = super().flags(index)
        column, row = COLUMNS[index.column()], self._rows[index.row()]
        editable = bool(column.edits) and not (row.is_draft and column.edits == "reviewed")
        return flags | Qt.ItemFlag.ItemIsEditable if editable else flags

    def setData(self, index: QModelIndex, value: Any, role: int = _Role.EditRole) -> bool:
        """Take what was typed into a cell, as one undo step."""
        column, row = COLUMNS[index.column()], self._rows[index.row()]
        if role != _Role.EditRole or not column.edits:
            return False
        self._set(row, column.edits, value == REVIEWED if column.edits == "reviewed" else str(value).strip())
        return True

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Put the rows in the order of a column."""
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        rows = [self._rows[index.row()] for index in before]
        self._rows.sort(key=self._key)
        places = {id(row): number for number, row in enumerate(self._rows)}
        after = [self.index(places[id(row)], index.column()) for row, index in zip(rows, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def forget_colours(self) -> None:
        """Ask the layer for its colours anew."""
        self._swatches.clear()
        self._say_changed(0, len(self._rows) - 1)

    @told
    def _set(self, row: Row, name: str, value: Any) -> None:
        if name == "class_name":
            self._controller.classes.meet([value])
        if row.is_draft:
            setattr(row.item, name, value)
            self._controller.changed.emit()
        else:
            self._controller.objects.set_fact([row.label], name, value)

    def _insert(self, row: Row) -> None:
        place = bisect_left(self._rows, self._key(row), key=self._key)
        self.beginInsertRows(_NOWHERE, place, place)
        self._rows.insert(place, row)
        self.endInsertRows()

    def _key(self, row: Row) -> Any:
        value = COLUMNS[self._column].value(row)
        label = row.label or 1 << 31
        return (_Backwards(value), -label) if self._descending else (value, label)

    def _say_changed(self, first: int, last: int) -> None:
        if last >= first:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))

    def _swatch(self, row: Row) -> QPixmap | None:
        project = self._controller.project
        if project is None or not project.layers.has_objects or row.label == 0:
            return None
        key = (row.label, row.class_name)
        if key not in self._swatches:
            colour = np.asarray(project.layers.objects.get_color(row.label))[:3]
            pixmap = QPixmap(_SWATCH, _SWATCH)
            pixmap.fill(QColor(*(int(value * 255) for value in colour)))
            self._swatches[key] = pixmap
        return self._swatches[key]


class _Backwards:
    """A value that sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Backwards) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Backwards) and bool(other.value == self.value)

    __hash__ = None  # type: ignore[assignment]  # a key to sort by, never to look up


class ObjectsFilter(QSortFilterProxyModel):
    """Leaves the rows in which every word that was typed occurs in some column; sorting is the model's own affair."""

    def __init__(self, model: ObjectsModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: tuple[str, ...] = ()
        self.setSourceModel(model)

    def look_for(self, text: str) -> None:
        """Show only the objects with these words."""
        self._words = tuple(text.lower().split())
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: QModelIndex) -> bool:
        """Say whether a row has all the words."""
        if not self._words:
            return True
        model: Any = self.sourceModel()
        row = model.rows[source_row]
        # Numbers that change by themselves, like the seconds, are no words to look for.
        text = " ".join(column.text(row) for column in _SEARCHED).lower()
        return all(word in text for word in self._words)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Have the model sort."""
        model = self.sourceModel()
        if column >= 0 and model is not None:
            model.sort(column, order)


def _tip(row: Row, name: str) -> str | None:
    if name == "area" and row.axis is not None:
        known = row.size is not None
        return "Its volume." if known else "The image has no physical voxel size; its volume is known in voxels only."
    if name == "area" and row.size is None:
        return "The image has no physical pixel size; its area is known in pixels only."
    if name == "note":
        return str(row.item.note) or None
    return None
