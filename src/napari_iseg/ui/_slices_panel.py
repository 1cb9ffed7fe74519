"""The part of the dock that carries an object through the planes, and lists the planes that deserve a look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_iseg.ui._fold import Fold
from napari_iseg.ui._keys import (
    ALL_DOWN,
    ALL_UP,
    BOTH_WAYS,
    END_HERE,
    NEXT_PLANE,
    PREVIOUS_PLANE,
    add_key,
    key_now,
)
from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._surfaces import Surfaces

__all__ = ["SlicesPanel"]

_POSITION = Qt.ItemDataRole.UserRole
_ROWS = 4

# Title, key, direction, whether until the object ends, tip.
_WAYS = (
    ("|◀", ALL_DOWN, -1, True, "Carry the object on through all lower planes, until it ends."),
    ("◀", PREVIOUS_PLANE, -1, False, "Carry the object on to the plane before, and go there."),
    ("◀ Both ways ▶", BOTH_WAYS, 0, True, "Carry the object on through the planes, both ways, until it ends."),
    ("▶", NEXT_PLANE, 1, False, "Carry the object on to the next plane, and go there."),
    ("▶|", ALL_UP, 1, True, "Carry the object on through all higher planes, until it ends."),
)


class SlicesPanel(Fold):
    """A thin view on the object that is followed through the planes; hidden where the image has a single plane.

    Parameters
    ----------
    controller
        The dock's.
    surfaces
        Shows objects in 3-D.
    parent
        Where the keys work.
    """

    def __init__(self, controller: Controller, surfaces: Surfaces, parent: QWidget) -> None:
        content = QWidget()
        super().__init__(
            "Through the planes",
            "Carry an object from plane to plane: the mask moves along with the image and the method corrects it.",
            content,
        )
        self._controller, self._slices = controller, controller.slices
        # Qt does not keep what its signals call.
        self._surfaces = surfaces
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        ways = QHBoxLayout()
        ways.setSpacing(2)
        self.way_buttons = [self._way_button(*way) for way in _WAYS]
        for button in self.way_buttons:
            ways.addWidget(button, stretch=3 if button.text().startswith("◀ B") else 1)
        layout.addLayout(ways)
        more = QGridLayout()
        self.fill_button = _button(
            "Fill between",
            "Fill the planes between those that you clicked, by the shapes on both sides; the method corrects them "
            "unless it would have made the planes that you clicked worse.",
        )
        self.fill_button.clicked.connect(self._interpolate)
        self.end_button = _button(
            "Ends before",
            "The object is not on this plane: take it away from here and from all planes beyond, "
            f"and carry it there no more. Key: {key_now(END_HERE)}.",
        )
        self.end_button.clicked.connect(self._end_here)
        self.surface_button = _button("3-D view", "Show every object as a surface in 3-D; once more: back to planes.")
        self.surface_button.clicked.connect(surfaces.toggle)
        self.refine_box = QCheckBox("Method corrects each plane")
        self.refine_box.setToolTip(
            "On: the method corrects the mask on every plane. Off: it only moves along with the image; quicker."
        )
        self.refine_box.setChecked(True)
        self.refine_box.toggled.connect(self._on_refine)
        more.addWidget(self.refine_box, 0, 0, 1, 2)
        more.addWidget(self.fill_button, 1, 0)
        more.addWidget(self.end_button, 1, 1)
        more.addWidget(self.surface_button, 2, 0, 1, 2)
        layout.addLayout(more)
        layout.addWidget(self._make_active())
        layout.addWidget(self._make_progress())
        self.list = QListWidget()
        self.list.setAccessibleName("Planes to check, the most suspicious first")
        self.list.setToolTip("Planes to check, the most suspicious first: choose one to go there.")
        self.list.currentItemChanged.connect(self._on_chosen)
        layout.addWidget(self.list)
        for _title, key, direction, all_the_way, _tip in _WAYS:
            add_key(parent, key, self._act(direction, all_the_way=all_the_way))
        add_key(parent, END_HERE, self._end_here)
        self._slices.changed.connect(self.refresh)
        self.toggled.connect(lambda _expanded: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Show which object is followed, how far, and which planes deserve a look."""
        slices, work = self._slices, self._controller.work
        in_3d = slices.in_3d
        self.setVisible(self._controller.image is not None and (slices.axis is not None or in_3d))
        self.surface_button.setText("Back to planes" if in_3d else "3-D view")
        progress, record = slices.progress, slices.active
        for button in (*self.way_buttons, self.fill_button):
            button.setEnabled(slices.can_begin)
        self.end_button.setEnabled(record is not None and work is not None)
        self.progress_row.setVisible(progress is not None)
        if progress is not None:
            self.bar.setRange(0, progress[1])
            self.bar.setValue(progress[0])
        self.active_row.setVisible(record is not None)
        planes = slices.planes
        if record is not None and planes is not None and planes.planes:
            first, last = min(planes.planes), max(planes.planes)
            text = f"Object {record.label}, planes {first} to {last}: a click corrects it"
            here = planes.planes.get(work.plane.position(planes.axis)) if work is not None else None
            if here is not None:
                text += f"\nThis plane: {here.origin}, confidence {here.confidence:.0%}"
            self.words.setText(text)
            self.note(f"object {record.label}")
        else:
            self.note("")
        self._show_suspects(busy=progress is not None)

    def _show_suspects(self, *, busy: bool) -> None:
        # While planes are being filled every list would be out of date at once.
        if self.isExpanded() and not busy:
            self._slices.check()
        found = [] if busy or self._slices.active is None else self._slices.checked.found
        self.list.blockSignals(True)
        present = self.list.currentItem()
        chosen = present.data(_POSITION) if present is not None else None
        self.list.clear()
        for one in found:
            item = QListWidgetItem(f"Plane {one.position}  ·  {one.reason}  ·  {one.score:.0%}")
            item.setData(_POSITION, one.position)
            self.list.addItem(item)
            if one.position == chosen:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        self.list.setVisible(bool(found))
        row = max(self.list.sizeHintForRow(0), 1)
        self.list.setFixedHeight(row * min(max(len(found), 1), _ROWS) + 2 * self.list.frameWidth())

    def _make_active(self) -> QWidget:
        self.active_row = QWidget()
        row = QHBoxLayout(self.active_row)
        row.setContentsMargins(0, 0, 0, 0)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.done_button = _button("Done", "End the work on this object: the next click begins another one (Q).")
        self.done_button.clicked.connect(self._slices.done)
        row.addWidget(self.words, stretch=1)
        row.addWidget(self.done_button)
        return self.active_row

    def _make_progress(self) -> QWidget:
        self.progress_row = QWidget()
        row = QHBoxLayout(self.progress_row)
        row.setContentsMargins(0, 0, 0, 0)
        self.bar = QProgressBar()
        self.bar.setFormat("%v of at most %m planes")
        self.bar.setAccessibleName("Planes filled")
        self.cancel_button = _button("Cancel", "Stop here; the planes that are filled stay (Ctrl+Z takes them back).")
        self.cancel_button.clicked.connect(self._slices.stop)
        row.addWidget(self.bar, stretch=1)
        row.addWidget(self.cancel_button)
        return self.progress_row

    def _way_button(self, title: str, key: str, direction: int, all_the_way: bool, tip: str) -> QPushButton:
        button = _button(title, f"{tip} Key: {key_now(key)}.")
        button.setAccessibleName(tip.rstrip("."))
        button.clicked.connect(self._act(direction, all_the_way=all_the_way))
        return button

    def _act(self, direction: int, *, all_the_way: bool) -> Any:
        return lambda *_: self._propagate(direction, all_the_way)

    @told
    def _propagate(self, direction: int, all_the_way: bool) -> None:
        self._slices.propagate(direction, all_the_way=all_the_way)
        self.expand()

    @told
    def _interpolate(self, _checked: bool = False) -> None:
        self._slices.interpolate()

    @told
    def _end_here(self, _checked: bool = False) -> None:
        self._slices.end_here()

    def _on_refine(self, checked: bool) -> None:
        self._slices.refine = checked

    def _on_chosen(self, item: QListWidgetItem | None, _previous: QListWidgetItem | None) -> None:
        if item is not None:
            self._slices.go_to(int(item.data(_POSITION)))


def _button(title: str, tip: str) -> QPushButton:
    button = QPushButton(title)
    button.setToolTip(tip)
    return button
