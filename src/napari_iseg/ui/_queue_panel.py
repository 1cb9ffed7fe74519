"""The panel of a queue of images: previous, next, and how far one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout

from napari_iseg.io.files import ending
from napari_iseg.ui._keys import NEXT_IMAGE, PREVIOUS_IMAGE, add_key
from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from pathlib import Path

    from qtpy.QtWidgets import QWidget

    from napari_iseg.ui._queue import ImageQueue

__all__ = ["QueuePanel", "make_folder_button"]


class QueuePanel(QFrame):
    """A view on a queue; hidden until a folder is opened.

    Parameters
    ----------
    queue
        The images.
    parent
        The dock.
    """

    def __init__(self, queue: ImageQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(6)
        self.bar.setAccessibleName("Images done")
        self.previous_button = QPushButton(f"◀  Previous  ({PREVIOUS_IMAGE})")
        self.previous_button.setToolTip("Save the work on this image and show the one before it.")
        self.previous_button.setAccessibleName("Previous image")
        self.previous_button.clicked.connect(self._previous)
        self.next_button = QPushButton(f"Next  ({NEXT_IMAGE})  ▶")
        self.next_button.setToolTip("Save the work on this image and show the one after it.")
        self.next_button.setAccessibleName("Next image")
        self.next_button.clicked.connect(self._next)
        row = QHBoxLayout()
        row.addWidget(self.previous_button)
        row.addWidget(self.next_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.label)
        layout.addWidget(self.bar)
        layout.addLayout(row)
        add_key(self, PREVIOUS_IMAGE, self._previous)
        add_key(self, NEXT_IMAGE, self._next)
        queue.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show how far the queue is."""
        queue = self._queue
        self.setVisible(bool(queue.paths))
        if not queue.paths:
            return
        path: Path = queue.paths[max(queue.position, 0)]
        sign = "  ✓ done" if path in queue.done else ""
        self.label.setText(f"Image {queue.progress}\n{_short(path.name[: -len(ending(path))])}{sign}")
        self.label.setToolTip(str(path))
        self.bar.setRange(0, len(queue.paths))
        self.bar.setValue(len(queue.done))
        self.previous_button.setEnabled(not queue.busy and queue.position > 0)
        self.next_button.setEnabled(not queue.busy and queue.position + 1 < len(queue.paths))

    @told
    def _previous(self, _checked: bool = False) -> None:
        self._queue.step(-1)

    @told
    def _next(self, _checked: bool = False) -> None:
        self._queue.step(1)


def make_folder_button(queue: ImageQueue, dock: QWidget) -> QPushButton:
    """Return the button that asks for a folder and opens it as a queue."""
    button = QPushButton("Folder…")
    button.setToolTip("Open a folder of images and work on one after the other.")
    button.setAccessibleName("Open a folder of images")
    opener = _Opener(queue, dock)
    button.clicked.connect(lambda: opener.ask())
    return button


class _Opener:
    def __init__(self, queue: ImageQueue, dock: QWidget) -> None:
        self._queue = queue
        self._dock = dock

    @told
    def ask(self) -> None:
        folder = QFileDialog.getExistingDirectory(self._dock, "Open a folder of images")
        if folder:
            self._queue.open([folder])


def _short(name: str, most: int = 36) -> str:
    """Return a name that does not widen the dock; its ends tell images apart."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-most // 2 + 1 :]}"
