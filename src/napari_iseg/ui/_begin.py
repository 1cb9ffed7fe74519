"""What the dock shows before there is an image: what to do, and samples to try it on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from napari.utils.notifications import show_error
from qtpy.QtGui import QAction  # type: ignore[attr-defined]  # qtpy moves it here for every binding
from qtpy.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_iseg.errors import IsegError
from napari_iseg.io.sample_stacks import find_stack
from napari_iseg.io.samples import open_cell, open_gland, open_head
from napari_iseg.ui._reading import Opening
from napari_iseg.ui._sample_fetching import SampleFetching
from napari_iseg.ui._samples import MORE, tell_terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._workers import Job, Workers

__all__ = ["BeginPanel"]

_SAMPLES: tuple[tuple[str, Callable[[], list[Any]], str], ...] = (
    ("Cell", open_cell, "A floating cell in a phase image: one grey plane."),
    ("Gland", open_gland, "A colonic gland in a stained slice: a colour image."),
    ("Head", open_head, "A head in an MRI volume: go through its slices."),
)


class BeginPanel(QFrame):
    """Shown while there is no image.

    Parameters
    ----------
    viewer
        Where images are opened.
    controller
        Knows whether there is an image.
    workers
        Read a sample in a thread.
    parent
        The dock.
    """

    def __init__(self, viewer: Viewer, controller: Controller, workers: Workers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._controller = controller
        self._workers = workers
        self._job: Job | None = None
        self._opening = Opening(viewer, workers, self)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.open_button = QPushButton("Open an image…")
        self.open_button.setToolTip("Choose image files; dragging them onto the window does the same.")
        self.open_button.clicked.connect(self._ask)
        self.sample_buttons = {name: self._sample_button(name, read, tip) for name, read, tip in _SAMPLES}
        self.more_button = self._more_button()
        row = QHBoxLayout()
        row.addWidget(QLabel("Samples"))
        for button in (*self.sample_buttons.values(), self.more_button):
            row.addWidget(button, stretch=1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.label)
        layout.addWidget(self.open_button)
        layout.addLayout(row)
        self.refresh()

    def refresh(self) -> None:
        """Show it only while there is no image."""
        self.setVisible(self._controller.image is None)
        self._say()

    def _sample_button(self, name: str, read: Callable[[], list[Any]], tip: str) -> QPushButton:
        button = QPushButton(name)
        button.setToolTip(tip)
        button.setAccessibleName(f"Open the sample {name.lower()}")
        button.clicked.connect(partial(self._open_sample, name, read))
        return button

    def _more_button(self) -> QPushButton:
        button = QPushButton("More")
        button.setToolTip("Stacks with references that this project drew, and real images that are fetched.")
        button.setAccessibleName("Open another sample")
        menu = QMenu(button)
        menu.setToolTipsVisible(True)
        for title, name in MORE:
            action = QAction(title, menu)
            action.setToolTip(find_stack(name).terms)
            action.triggered.connect(partial(self._open_stack, title, name))
            menu.addAction(action)
        button.setMenu(menu)
        return button

    def _open_stack(self, title: str, name: str, _checked: bool = False) -> None:
        self._say(title)
        SampleFetching(name, self._workers, self.window(), partial(self._put_stack, name), self._fail)

    def _put_stack(self, name: str, layers: list[Any]) -> None:
        self._put(layers)
        tell_terms(name)

    def _say(self, busy: str = "") -> None:
        self.label.setText(f"Opening the sample {busy.lower()}…" if busy else "<b>Open an image to begin.</b>")
        for button in (*self.sample_buttons.values(), self.more_button):
            button.setEnabled(not busy)

    def _ask(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self.window(), "Open an image")
        if paths:
            # Not by napari: where several readers know a file it would ask which one, here that is no question.
            self._opening.open(paths)

    def _open_sample(self, name: str, read: Callable[[], list[Any]], _checked: bool = False) -> None:
        self._say(name)
        self._job = self._workers.start(lambda _cancelled: read(), self._put, self._fail)

    def _put(self, layers: list[Any]) -> None:
        self._say()
        for data, attributes, kind in layers:
            self._viewer.add_layer(Layer.create(data, attributes, kind))
        self._viewer.reset_view()

    def _fail(self, error: Exception) -> None:
        self._say()
        if not isinstance(error, IsegError):
            raise error
        show_error(str(error))
