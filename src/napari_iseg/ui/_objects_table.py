"""The table of objects: choose, sort, type into it; a row that is chosen is gone to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QItemSelectionModel, QModelIndex, QSize, Qt, Signal  # type: ignore[attr-defined]  # qtpy names it for every binding
from qtpy.QtGui import QKeyEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QMenu, QStyledItemDelegate, QTableView, QWidget

from napari_iseg.ui._object_columns import COLUMNS, DONE, REVIEWED
from napari_iseg.ui._objects_model import ObjectsFilter, ObjectsModel

if TYPE_CHECKING:
    from qtpy.QtCore import QPoint

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._object_columns import Column, Row

__all__ = ["ObjectsTable"]

_PLACES = {column.name: number for number, column in enumerate(COLUMNS)}
_ROW_HEIGHT = 22
# The head and three rows: enough to see that there is more.
_LEAST_HEIGHT = 66
_EMPTY = "Accepted objects are listed here."
_NO_MATCH = "No object has these words."


class ObjectsTable(QTableView):
    """A view on a controller's objects.

    Parameters
    ----------
    controller
        Whose objects it shows.
    parent
        The dock.
    """

    chosen = Signal()
    """Other rows are selected."""
    delete_pressed = Signal()
    """The user pressed Delete in the table."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._touched: set[str] = set()
        self._quiet = False
        self.objects_model = ObjectsModel(controller, self)
        self.filtered = ObjectsFilter(self.objects_model, self)
        self.setModel(self.filtered)
        self._class_editor = _Names(lambda: controller.classes.names, self)
        self._state_editor = _Names(lambda: [DONE, REVIEWED], self, own=False)
        self.setItemDelegateForColumn(_PLACES["class"], self._class_editor)
        self.setItemDelegateForColumn(_PLACES["state"], self._state_editor)
        self._set_up()
        self.sortByColumn(_PLACES["id"], Qt.SortOrder.DescendingOrder)
        self.setSortingEnabled(True)
        selection: Any = self.selectionModel()
        selection.selectionChanged.connect(self._on_selected)
        selection.currentRowChanged.connect(self._on_current)

    def _set_up(self) -> None:
        self.setAccessibleName("Objects")
        self.setToolTip("Choose an object to go to it. Double-click its class, state or note to change it.")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        # The Tab key goes on to the next control; arrows go through the rows.
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMinimumHeight(_LEAST_HEIGHT)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows: Any = self.verticalHeader()
        rows.hide()
        # Of one height for all, Qt need not measure thousands of rows.
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(_ROW_HEIGHT)
        head: Any = self.horizontalHeader()
        head.setMinimumSectionSize(20)
        head.setHighlightSections(False)
        head.setStretchLastSection(True)
        head.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        head.customContextMenuRequested.connect(self._ask_for_columns)
        for number, column in enumerate(COLUMNS):
            self.setColumnWidth(number, column.width)
            self.setColumnHidden(number, not column.shown)

    def sizeHint(self) -> QSize:
        """Ask for little: the table takes what the dock has left."""
        return QSize(super().sizeHint().width(), _LEAST_HEIGHT)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the rows, or what to do while there are none."""
        super().paintEvent(event)
        viewport = self.viewport()
        if self.hint and viewport is not None:
            painter = QPainter(viewport)
            room = viewport.rect().adjusted(8, 4, -8, -4)
            flags: Any = Qt.AlignmentFlag.AlignCenter
            painter.drawText(room, flags, self.hint)
            painter.end()

    @property
    def hint(self) -> str:
        """What stands in place of rows; empty while there are any."""
        if self.filtered.rowCount():
            return ""
        return _NO_MATCH if self.objects_model.rowCount() else _EMPTY

    @property
    def columns(self) -> tuple[Column, ...]:
        """From left to right, hidden ones included."""
        return COLUMNS

    @property
    def labels(self) -> list[int]:
        """The ids of the finished objects that are selected, from top to bottom."""
        return [row.label for row in self._selected() if not row.is_draft]

    def select(self, labels: list[int]) -> None:
        """Select these objects and no others, without going anywhere."""
        selection: Any = self.selectionModel()
        self._quiet = True
        selection.clearSelection()
        for number, row in enumerate(self.objects_model.rows):
            if not row.is_draft and row.label in labels:
                index = self.filtered.mapFromSource(self.objects_model.index(number, 0))
                flags = QItemSelectionModel.SelectionFlag
                selection.select(index, flags.Select | flags.Rows)
                self.scrollTo(index)
        self._quiet = False
        self.chosen.emit()

    def refresh(self) -> None:
        """Show the objects that there are now."""
        labels = self.labels
        self._quiet = True
        self.objects_model.refresh()
        self._quiet = False
        if labels and not self.labels:
            self.select(labels)
        self._show_columns_that_say_something()

    def show_column(self, name: str, *, shown: bool) -> None:
        """Show or hide a column for good."""
        self._touched.add(name)
        self.setColumnHidden(_PLACES[name], not shown)

    def columns_menu(self) -> QMenu:
        """Return a menu that ticks the columns that are shown."""
        menu = QMenu(self)
        for column in COLUMNS:
            action: Any = menu.addAction(column.title or "Colour")
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(_PLACES[column.name]))
            action.setToolTip(column.tip)
            action.toggled.connect(lambda shown, name=column.name: self.show_column(name, shown=shown))
        return menu

    def event(self, event: QEvent | None) -> bool:
        """Keep the Delete key for the table while it has the focus: elsewhere it deletes a prompt."""
        override = event is not None and event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Delete:
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Delete the selected objects with Delete."""
        if event is not None and event.key() == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
        else:
            super().keyPressEvent(event)

    def _selected(self) -> list[Row]:
        selection: Any = self.selectionModel()
        rows = self.objects_model.rows
        # By the ranges: Qt's own list of rows asks about every cell of thousands.
        chosen = {row for part in selection.selection() for row in range(part.top(), part.bottom() + 1)}
        return [rows[self.filtered.mapToSource(self.filtered.index(row, 0)).row()] for row in sorted(chosen)]

    def _show_columns_that_say_something(self) -> None:
        """Hide the plane of a flat image, and the pixels beside an area, unless the user wants them."""
        rows = self.objects_model.rows
        wanted = {"plane": bool(rows) and bool(rows[0].plane.index)}
        physical = any(row.size is not None for row in rows[:1])
        # Of an object on several planes both are wanted: its volume and how many voxels that is.
        counted = not physical or any(row.axis is not None for row in rows)
        for name, shown in {**wanted, "area": physical, "pixels": counted}.items():
            if name not in self._touched and self.isColumnHidden(_PLACES[name]) == shown:
                self.setColumnHidden(_PLACES[name], not shown)

    def _ask_for_columns(self, place: QPoint) -> None:
        head: Any = self.horizontalHeader()
        self.columns_menu().popup(head.mapToGlobal(place))

    def _on_selected(self, *_: Any) -> None:
        if not self._quiet:
            self.chosen.emit()

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if self._quiet or not current.isValid():
            return
        row = self.objects_model.rows[self.filtered.mapToSource(current).row()]
        self._controller.objects.show_object(row.item)


class _Names(QStyledItemDelegate):
    """Edits a cell by a list of names, to which another may be typed."""

    def __init__(self, names: Any, parent: QWidget, *, own: bool = True) -> None:
        super().__init__(parent)
        self._names = names
        self._own = own

    def createEditor(self, parent: QWidget | None, _option: Any, index: QModelIndex) -> QWidget:
        """Return the list."""
        box = QComboBox(parent)
        box.setEditable(self._own)
        box.addItems(self._names())
        box.activated.connect(lambda _number: self.commitData.emit(box))
        box.activated.connect(lambda _number: self.closeEditor.emit(box))
        return box

    def setEditorData(self, editor: QWidget | None, index: QModelIndex) -> None:
        """Show the present name."""
        box: Any = editor
        box.setCurrentText(str(index.data() or ""))
        if self._own:
            box.lineEdit().selectAll()

    def setModelData(self, editor: QWidget | None, model: Any, index: QModelIndex) -> None:
        """Take the name over."""
        box: Any = editor
        model.setData(index, box.currentText())
