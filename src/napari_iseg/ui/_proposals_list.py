"""The candidate masks of the present prompts, from part to whole, to look at and to choose from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_iseg.ui._keys import add_key
from napari_iseg.ui._pop_out import PopOut
from napari_iseg.ui._telling import told
from napari_iseg.ui._thumbnails import SIDE, thumbnail

if TYPE_CHECKING:
    from napari_iseg.ui._candidates import Candidate, Candidates
    from napari_iseg.ui._controller import Controller

__all__ = ["ProposalsList", "ProposalsPanel"]

_NEXT = "W"
_MOST_KEYS = 9


class ProposalsPanel(QWidget):
    """Thumbnails, and a button that asks all methods. The keys 1 to 9 and W act while there is something to choose.

    Parameters
    ----------
    controller
        Whose work it shows.
    candidates
        What there is to choose from.
    parent
        The dock.
    """

    def __init__(self, controller: Controller, candidates: Candidates, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._candidates = candidates
        self.inner = QWidget()
        self.list = ProposalsList(controller, candidates)
        self.title = QLabel("Proposals")
        self.all_button = QPushButton("All methods")
        self.all_button.setToolTip("Ask every method the same, to compare them on this object.")
        self.all_button.clicked.connect(self._on_all)
        self.pop_button = QToolButton()
        row = QHBoxLayout()
        row.addWidget(self.title, stretch=1)
        row.addWidget(self.all_button)
        row.addWidget(self.pop_button)
        inner = QVBoxLayout(self.inner)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addLayout(row)
        inner.addWidget(self.list)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.inner)
        self.pop_out = PopOut(self.inner, layout, 0, "Proposals", self.pop_button)
        # Of the panel, not of the list: they act as well while the list has a dock of its own.
        self._keys = [add_key(self, str(n + 1), partial(self.list.choose, n)) for n in range(_MOST_KEYS)]
        self._keys.append(add_key(self, _NEXT, self._on_next))
        self.hide()

    def refresh(self) -> None:
        """Show what there is to choose from now."""
        candidates = self._candidates
        candidates.refresh()
        self.list.refresh()
        count = len(candidates.shown)
        asking = candidates.asking
        self.title.setText(
            f"Asking {asking}…"
            if asking
            else f"Proposals  {count}  ({_NEXT}: next)"
            if count
            else "One mask; for more:"
        )
        self.all_button.setEnabled(candidates.can_ask)
        self.list.setVisible(count > 0)
        self.setVisible(count > 0 or bool(asking) or candidates.can_ask)
        for number, key in enumerate(self._keys):
            key.setEnabled(count > 0 if number == _MOST_KEYS else number < count)

    @told
    def _on_all(self, _checked: bool = False) -> None:
        self._candidates.ask_all()

    @told
    def _on_next(self) -> None:
        self._candidates.next()


class ProposalsList(QListWidget):
    """Thumbnails with score, area and method; resting the mouse on one shows it on the canvas, a click chooses it.

    Parameters
    ----------
    controller
        Whose work it shows.
    candidates
        What there is to choose from.
    parent
        The panel.
    """

    def __init__(self, controller: Controller, candidates: Candidates, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._candidates = candidates
        self._shown: tuple[Candidate, ...] = ()
        self._previewed = False
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setIconSize(QSize(SIDE, SIDE))
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setMovement(QListWidget.Movement.Static)
        self.setSpacing(2)
        self.setMinimumHeight(SIDE + 50)
        self.setMaximumHeight(2 * SIDE + 100)
        self.setAccessibleName("Proposals")
        self.setToolTip("What else the prompts may mean: click one, or press its number, to go on with it.")
        self.setMouseTracking(True)
        self.itemEntered.connect(self._on_entered)
        self.itemClicked.connect(self._on_clicked)

    def sizeHint(self) -> QSize:
        """Ask for one row of thumbnails; there is a scroll bar for more."""
        return QSize(super().sizeHint().width(), self.minimumHeight())

    def refresh(self) -> None:
        """Show the candidates of the work on the canvas."""
        shown = self._candidates.shown
        if shown != self._shown:
            self._shown = shown
            self.clear()
            several = len({candidate.method for candidate in shown}) > 1
            work = self._controller.work
            if work is not None and work.session is not None:
                for number, candidate in enumerate(shown):
                    picture = thumbnail(work.session.image, candidate.mask)
                    item = QListWidgetItem(picture, _text(number, candidate, several))
                    item.setToolTip(_words(candidate))
                    item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
                    self.addItem(item)
        chosen = self._candidates.chosen
        self.setCurrentRow(shown.index(chosen) if chosen in shown else -1)

    @told
    def choose(self, number: int) -> None:
        """Choose by the place, from 0."""
        if number < len(self._shown):
            self._previewed = False
            self._candidates.choose(self._shown[number])

    def leaveEvent(self, event: QEvent | None) -> None:
        """Show the answer again when the mouse goes."""
        project, work = self._controller.project, self._controller.work
        if self._previewed and project is not None and work is not None:
            project.draw_mask(work)
        self._previewed = False
        super().leaveEvent(event)

    def _on_entered(self, item: QListWidgetItem) -> None:
        project, work = self._controller.project, self._controller.work
        if project is not None and work is not None and not work.pending and self.row(item) < len(self._shown):
            project.layers.preview(work.plane, self._shown[self.row(item)].mask)
            self._previewed = True

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self.choose(self.row(item))


def _text(number: int, candidate: Candidate, several: bool) -> str:
    first = f"{number + 1}" if candidate.score is None else f"{number + 1} · {candidate.score:.2f}"
    lines = [first, f"{candidate.area:,} px"]
    return "\n".join([*lines, candidate.method] if several else lines)


def _words(candidate: Candidate) -> str:
    label = f"{candidate.label}: " if candidate.label else ""
    score = "" if candidate.score is None else f", score {candidate.score:.2f}"
    return f"{label}{candidate.area:,} pixels{score}, by {candidate.method}"
