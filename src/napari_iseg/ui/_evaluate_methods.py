"""The list of methods to compare: those that can answer here, a row for each of the weights that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, Signal  # type: ignore[attr-defined]  # qtpy names it for every binding
from qtpy.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from napari_iseg.interactions import Box, Click, Scribble
from napari_iseg.ui._evaluate_work import Contestant
from napari_iseg.zoo import METHODS
from napari_iseg.zoo.weights import names_for

if TYPE_CHECKING:
    from napari_iseg.zoo import MethodSpec

__all__ = ["KINDS", "MethodList"]

KINDS: dict[str, tuple[str, type]] = {
    "click": ("Clicks", Click),
    "scribble": ("Scribbles", Scribble),
    "box": ("One box", Box),
}
"""What the simulated user can give here: title, and the class of prompt that a method must take."""

_CONTESTANT = Qt.ItemDataRole.UserRole
_TICKED_AT_FIRST = 2
_ROWS = 5
_ROW_HEIGHT = 22


class MethodList(QTreeWidget):
    """Tick the methods to compare. One with several weights has several rows, so that these compare as well.

    Parameters
    ----------
    parent
        The dock.
    """

    changed = Signal()
    """Other methods are ticked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Methods to compare")
        self.setToolTip("Tick the methods to compare. All answer for the very same objects.")
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setIndentation(0)
        head: Any = self.header()
        head.setStretchLastSection(True)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        for spec in METHODS.values():
            # Without a network there are no weights; one without weights cannot answer.
            for weights in names_for(spec.name) if spec.family is not None else [None]:
                self._add(spec, weights)
        self.tick(*self._first_networks())
        self.itemChanged.connect(lambda _item, _column: self.changed.emit())

    def sizeHint(self) -> QSize:
        """Ask for some rows; the others scroll."""
        return QSize(super().sizeHint().width(), _ROWS * _ROW_HEIGHT + 4)

    def minimumSizeHint(self) -> QSize:
        """As :meth:`sizeHint`, so that a low dock scrolls as a whole."""
        return QSize(super().minimumSizeHint().width(), _ROWS * _ROW_HEIGHT + 4)

    @property
    def contestants(self) -> tuple[Contestant, ...]:
        """What is ticked, in the order of the list."""
        return tuple(item.data(0, _CONTESTANT) for item in self._items() if _is_ticked(item))

    def tick(self, *names: str) -> None:
        """Tick the contestants of these names and no others."""
        for item in self._items():
            chosen = item.data(0, _CONTESTANT).name in names
            item.setCheckState(0, Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked)

    def use_kind(self, kind: str) -> None:
        """Grey the methods out that do not take a kind of prompt, and say why."""
        title, wanted = KINDS[kind]
        for item in self._items():
            spec = METHODS[item.text(0)]
            takes = wanted in (*spec.prompts, *spec.translated)
            reason = f"{spec.name} does not take this kind of prompt ({title.lower()})."
            item.setDisabled(not takes)
            item.setToolTip(0, spec.title if takes else reason)
            if not takes:
                item.setCheckState(0, Qt.CheckState.Unchecked)

    def _add(self, spec: MethodSpec, weights: str | None) -> None:
        item = QTreeWidgetItem([spec.name, weights or "no network"])
        item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        item.setCheckState(0, Qt.CheckState.Unchecked)
        # By its own name alone where it uses its own weights.
        item.setData(0, _CONTESTANT, Contestant(spec.name, None if weights == spec.weights else weights))
        item.setToolTip(0, spec.title)
        item.setToolTip(1, "Its weights." if weights else "This method has no weights.")
        # Of the column that takes the room that is left: its width does not hang on it.
        item.setSizeHint(1, QSize(0, _ROW_HEIGHT))
        self.addTopLevelItem(item)

    def _first_networks(self) -> list[str]:
        """Return the first methods whose own weights differ: a method compared with itself says little."""
        first: dict[str, str] = {}
        for contestant in (item.data(0, _CONTESTANT) for item in self._items()):
            weights = METHODS[contestant.method].weights
            if contestant.weights is None and weights is not None:
                first.setdefault(weights, contestant.name)
        return list(first.values())[:_TICKED_AT_FIRST]

    def _items(self) -> list[QTreeWidgetItem]:
        found = [self.topLevelItem(row) for row in range(self.topLevelItemCount())]
        return [item for item in found if item is not None]


def _is_ticked(item: QTreeWidgetItem) -> bool:
    return bool(item.checkState(0) == Qt.CheckState.Checked)
