"""The candidate masks of the present prompts, to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.inference.prediction import Proposal
    from napari_iseg.inference.session import Session
    from napari_iseg.ui._controller import Controller

__all__ = ["ProposalsList"]

_SIDE = 72
# A thumbnail shows the object with this much of its surroundings.
_MARGIN = 0.3


class ProposalsList(QListWidget):
    """Thumbnails with the score and the area; a click chooses, and undo takes the choice back.

    Parameters
    ----------
    controller
        Whose work it shows. Hidden while there are no proposals.
    parent
        The dock.
    """

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._shown: tuple[Any, float] = ((), 0.0)
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setIconSize(QSize(_SIDE, _SIDE))
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setMovement(QListWidget.Movement.Static)
        self.setMinimumHeight(_SIDE + 44)
        self.setMaximumHeight(2 * _SIDE + 88)
        self.setToolTip("What else the prompts may mean: click one to go on with it.")
        self.itemClicked.connect(self._on_clicked)
        self.hide()

    def refresh(self) -> None:
        """Show the proposals of the work on the canvas."""
        work = self._controller.work
        session = work.session if work is not None else None
        proposals = session.proposals if session is not None and not session.pending else ()
        shown = (proposals, session.threshold if session is not None else 0.0)
        if shown[0] is not self._shown[0] or shown[1] != self._shown[1]:
            self._shown = shown
            self.clear()
            if session is not None:
                for number, proposal in enumerate(proposals):
                    self.addItem(_item(number, proposal, session))
        self.setVisible(bool(proposals))
        chosen = session.chosen if session is not None else None
        self.setCurrentRow(-1 if chosen is None else chosen)

    @told
    def _on_clicked(self, item: QListWidgetItem) -> None:
        self._controller.choose_proposal(self.row(item))


def _item(number: int, proposal: Proposal, session: Session) -> QListWidgetItem:
    mask = proposal.render(session.shape) > session.threshold
    item = QListWidgetItem(_thumbnail(session.image, mask), f"{number + 1} · {proposal.score:.2f}")
    words = f"{proposal.label}: " if proposal.label else ""
    item.setToolTip(f"{words}{int(mask.sum())} pixels, score {proposal.score:.2f}")
    item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
    return item


def _thumbnail(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> QIcon:
    """Return the object in its surroundings, what lies outside the mask darkened."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        rows, columns = np.array([0, mask.shape[0] - 1]), np.array([0, mask.shape[1] - 1])
    margin = int(_MARGIN * max(np.ptp(rows), np.ptp(columns))) + 2
    cut = (
        slice(max(rows[0] - margin, 0), rows[-1] + margin + 1),
        slice(max(columns[0] - margin, 0), columns[-1] + margin + 1),
    )
    # Large objects are thinned out before they are copied: a thumbnail needs no more pixels than it has.
    step = max(1, max(image[cut].shape[:2]) // (2 * _SIDE))
    pixels = image[cut][::step, ::step].copy()
    outside = ~mask[cut][::step, ::step]
    pixels[outside] = (pixels[outside] * 0.35).astype(np.uint8)
    height, width = pixels.shape[:2]
    drawn = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QIcon(
        QPixmap.fromImage(drawn).scaled(
            _SIDE, _SIDE, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
    )
