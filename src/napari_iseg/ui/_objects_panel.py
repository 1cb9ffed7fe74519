"""Everything about objects in the dock: classes, the table, what can be done with its rows, other layers' objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_iseg.interactions.drawing import draw_stroke
from napari_iseg.ui._class_row import ClassRow
from napari_iseg.ui._features import FeatureWriter
from napari_iseg.ui._objects_table import ObjectsTable
from napari_iseg.ui._plane_view import locate
from napari_iseg.ui._pop_out import PopOut
from napari_iseg.ui._take_over_row import TakeOverRow
from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer
    from qtpy.QtCore import QPoint

    from napari_iseg.ui._canvas_grab import CanvasGrab
    from napari_iseg.ui._controller import Controller

__all__ = ["ObjectsPanel"]

_LINE_WIDTH = 3.0


class ObjectsPanel(QWidget):
    """The lower half of the dock.

    Parameters
    ----------
    viewer
        napari's viewer.
    controller
        The dock's.
    grab
        Takes the mouse for a line or a click.
    parent
        The dock.
    """

    def __init__(self, viewer: Viewer, controller: Controller, grab: CanvasGrab, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._grab = grab
        self.features = FeatureWriter(controller, self)
        self.classes = ClassRow(controller, self.features)
        self.table = ObjectsTable(controller)
        self.take_over = TakeOverRow(viewer, controller, grab)
        self._make_banner()
        self._make_search()
        self.inner = QWidget()
        inner = QVBoxLayout(self.inner)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(4)
        inner.addLayout(self._search_row)
        inner.addWidget(self.table, stretch=1)
        inner.addLayout(self._make_buttons())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.banner)
        layout.addWidget(self.classes)
        layout.addWidget(self.inner, stretch=1)
        layout.addWidget(self.take_over)
        self.pop_out = PopOut(self.inner, layout, 2, "Objects", self.pop_button)
        self.features.recoloured.connect(self.table.objects_model.forget_colours)
        self.table.chosen.connect(self._refresh_buttons)
        self.table.delete_pressed.connect(self._on_delete)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._ask_what_to_do)

    def _make_banner(self) -> None:
        self.banner = QWidget()
        self.banner_text = QLabel()
        self.banner_text.setWordWrap(True)
        self.leave_button = QPushButton("Leave as it was")
        self.leave_button.setToolTip("Put the object back without the changes; undo opens it again.")
        self.leave_button.clicked.connect(self._on_leave)
        row = QHBoxLayout(self.banner)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.banner_text, stretch=1)
        row.addWidget(self.leave_button)
        self.banner.hide()

    def _make_search(self) -> None:
        self.title = QLabel("Objects")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter")
        self.search.setAccessibleName("Filter the objects")
        self.search.setToolTip("Show only objects with these words: an id, class, plane, method, state or note.")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self.table.filtered.look_for)
        self.pop_button = QToolButton()
        self._search_row = QHBoxLayout()
        self._search_row.addWidget(self.title)
        self._search_row.addWidget(self.search, stretch=1)
        self._search_row.addWidget(self.pop_button)

    def _make_buttons(self) -> QHBoxLayout:
        self.edit_button = _button("Edit again", "Open it with its clicks; new ones change only what they mean.")
        self.edit_button.clicked.connect(self._on_edit)
        self.split_button = _button("Split", "Then draw a line across the object on the canvas.")
        self.split_button.setCheckable(True)
        self.split_button.clicked.connect(self._on_split)
        self.merge_button = _button("Merge", "Make one object of the selected ones (Ctrl or Shift selects several).")
        self.merge_button.clicked.connect(self._on_merge)
        self.delete_button = _button("Delete", "Take the selected objects away; undo brings them back.")
        self.delete_button.clicked.connect(self._on_delete)
        row = QHBoxLayout()
        row.setSpacing(2)
        for button in (self.edit_button, self.split_button, self.merge_button, self.delete_button):
            row.addWidget(button)
        return row

    @property
    def has_mouse(self) -> bool:
        """Whether the next click on the canvas is for a tool of this panel."""
        return self._grab.active

    def refresh(self) -> None:
        """Show what there is now."""
        controller = self._controller
        count = len(controller.finished)
        self.title.setText(f"Objects  {count:,}" if count else "Objects")
        self.table.refresh()
        self.classes.refresh()
        self.take_over.refresh()
        self.features.note()
        work = controller.work
        again = work is not None and work.opened is not None
        self.banner.setVisible(again)
        if work is not None and again:
            whose = f" of '{work.target[0].name}'" if work.target is not None else ""
            self.banner_text.setText(f"Editing object {work.label}{whose} again.")
        self._refresh_buttons()

    def let_go(self) -> None:
        """Give the mouse back."""
        self._grab.let_go()

    def _refresh_buttons(self) -> None:
        count = len(self.table.labels)
        self.edit_button.setEnabled(count == 1)
        self.split_button.setEnabled(count == 1 or self._grab.active)
        self.merge_button.setEnabled(count > 1)
        self.delete_button.setEnabled(count > 0)
        if not self._grab.active:
            self.split_button.setChecked(False)

    def _ask_what_to_do(self, place: QPoint) -> None:
        viewport: Any = self.table.viewport()
        self.actions_menu().popup(viewport.mapToGlobal(place))

    def actions_menu(self) -> QMenu:
        """Return a menu of what can be done with the selected rows."""
        menu, labels = QMenu(self), self.table.labels
        for button in (self.edit_button, self.split_button, self.merge_button, self.delete_button):
            action: Any = menu.addAction(button.text())
            action.setEnabled(button.isEnabled())
            action.triggered.connect(button.click)
        menu.addSeparator()
        for text, reviewed in (("Mark as reviewed", True), ("Mark as done", False)):
            action = menu.addAction(text)
            action.setEnabled(bool(labels))
            action.triggered.connect(lambda _on, value=reviewed: self._set("reviewed", value))
        classes: Any = menu.addMenu("Class")
        classes.setEnabled(bool(labels))
        for name in ["", *self._controller.classes.names]:
            action = classes.addAction(name or "None")
            action.triggered.connect(lambda _on, value=name: self._set("class_name", value))
        return menu

    @told
    def _set(self, name: str, value: Any) -> None:
        self._controller.objects.set_fact(self.table.labels, name, value)

    @told
    def _on_edit(self, _checked: bool = False) -> None:
        self._controller.objects.edit_again(self.table.labels[0])

    @told
    def _on_leave(self, _checked: bool = False) -> None:
        self._controller.objects.leave()

    @told
    def _on_merge(self, _checked: bool = False) -> None:
        labels = self.table.labels
        self._controller.objects.merge(sorted(labels))
        self.table.select(labels)

    @told
    def _on_delete(self, _checked: bool = False) -> None:
        self._controller.objects.delete(self.table.labels)

    @told
    def _on_split(self, _checked: bool = False) -> None:
        if self._grab.active:
            self._grab.let_go()
            self._refresh_buttons()
            return
        label = self.table.labels[0]
        self.split_button.setChecked(False)
        record = next(record for record in self._controller.finished if record.label == label)
        self._controller.objects.show_object(record)
        self._grab.take(lambda world: self._split(label, world), self._draw_line)
        self.split_button.setChecked(True)

    @told
    def _split(self, label: int, world: list[Sequence[float]]) -> None:
        project, work = self._controller.project, self._controller.work
        self._refresh_buttons()
        if project is None or work is None:
            return
        project.draw_mask(work)
        self.table.select(self._controller.objects.split(label, self._on_plane(world)))

    def _draw_line(self, world: list[Sequence[float]]) -> None:
        project, work = self._controller.project, self._controller.work
        if project is not None and work is not None:
            project.layers.preview(work.plane, draw_stroke(self._on_plane(world), _LINE_WIDTH, work.shape))

    def _on_plane(self, world: list[Sequence[float]]) -> np.ndarray:
        project, work = self._controller.project, self._controller.work
        if project is None or work is None:
            return np.zeros((0, 2))
        return np.array([locate(project.image, work.plane, position) for position in world])


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
