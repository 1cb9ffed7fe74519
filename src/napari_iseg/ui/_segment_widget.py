"""The dock "Segment": a thin view on a controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QWidget,
)

from napari_iseg.io import session_path
from napari_iseg.ui._autosave import Autosaver
from napari_iseg.ui._begin import BeginPanel
from napari_iseg.ui._candidates import Candidates
from napari_iseg.ui._canvas import CanvasClicks
from napari_iseg.ui._canvas_grab import CanvasGrab
from napari_iseg.ui._closing import ClosingQuestion
from napari_iseg.ui._confidence import Confidence
from napari_iseg.ui._controller import Controller
from napari_iseg.ui._elided_box import ElidedBox
from napari_iseg.ui._export_row import ExportRow
from napari_iseg.ui._field_frame import FieldFrame
from napari_iseg.ui._field_of_view import FieldOfView
from napari_iseg.ui._field_row import FieldRow
from napari_iseg.ui._files import Files
from napari_iseg.ui._key_clashes import KeyClashes
from napari_iseg.ui._keys import EXPORT, add_key
from napari_iseg.ui._loading import Loaded, load_method
from napari_iseg.ui._mask_options import MaskOptions
from napari_iseg.ui._matting import MattingRow
from napari_iseg.ui._method_form import MethodForm
from napari_iseg.ui._objects_panel import ObjectsPanel
from napari_iseg.ui._options_form import OptionsForm
from napari_iseg.ui._prompting import Prompting
from napari_iseg.ui._proposals_list import ProposalsPanel
from napari_iseg.ui._queue import ImageQueue
from napari_iseg.ui._queue_panel import QueuePanel, make_folder_button
from napari_iseg.ui._recovery import Recovery
from napari_iseg.ui._restore_banner import RestoreBanner
from napari_iseg.ui._scrolling import scrolled_layout
from napari_iseg.ui._seen import Seen
from napari_iseg.ui._seen_row import SeenRow
from napari_iseg.ui._slices_panel import SlicesPanel
from napari_iseg.ui._status import StatusLine
from napari_iseg.ui._surfaces import Surfaces
from napari_iseg.ui._telling import told
from napari_iseg.ui._tips import Tips
from napari_iseg.ui._tool_bar import ToolBar
from napari_iseg.ui._tool_panel import ToolPanel
from napari_iseg.ui._whole_view import WholeView
from napari_iseg.ui._workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.viewer import Viewer
    from qtpy.QtGui import QHideEvent, QShowEvent

    from napari_iseg.ui._method_choice import MethodChoice

__all__ = ["SegmentWidget"]


class SegmentWidget(QWidget):
    """Click an object, refine it, accept it, export.

    Parameters
    ----------
    napari_viewer
        The viewer that it is docked in.
    load
        Loads a choice of a method, in a thread.
    """

    def __init__(self, napari_viewer: Viewer, load: Callable[[MethodChoice], Loaded] = load_method) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._workers = Workers(self)
        self._load = load
        self.controller = Controller(napari_viewer, self._workers, load)
        self.files = Files(self.controller, self._workers, load)
        self.panel = ToolPanel(self.controller, self)
        self.prompting = Prompting(napari_viewer, self.controller, self._workers)
        self.tools = ToolBar(self.prompting, self.controller, self.panel)
        self.mask_options = MaskOptions(self.controller, Confidence(napari_viewer, self.controller), self.panel)
        self._whole_view = WholeView(napari_viewer, self.controller, self)
        self.seen = Seen(self.controller, self._workers, self)
        self.field = FieldOfView(self.controller)
        self.field_row = FieldRow(self.controller, self.field, self.panel)
        self.panel.put(self.tools, self.mask_options)
        self.field_frame = FieldFrame(napari_viewer, self.controller, self.field, self.prompting, self)
        self.tips = Tips(napari_viewer, self.controller, self)
        self.tools.sheet_shown.connect(self.tips.sheet_opened)
        self.autosaver = Autosaver(self.controller, self._workers, self)
        self.files.keeping = self.autosaver.saving
        self.recovery = Recovery(napari_viewer, self.controller, self._workers, self.autosaver, self)
        self.queue = ImageQueue(napari_viewer, self.controller, self.files, self.autosaver, self._workers)
        self._build()
        self._closing = ClosingQuestion(self, self.controller, self.files, self.autosaver)
        add_key(self, EXPORT, self.export_row.ask_where_to_export)
        self._clashes = KeyClashes(self, self._complain)
        self._connect(CanvasClicks(napari_viewer, self.prompting, self._wants_click))
        self._on_images()
        self._refresh()

    def _build(self) -> None:
        self.image_box = ElidedBox()
        self.image_box.setAccessibleName("Image")
        self.image_box.setToolTip("The image to segment.")
        self.image_box.activated.connect(self._on_image_chosen)
        self.method = MethodForm(self.controller, self)
        self.options = OptionsForm(self.controller)
        candidates = Candidates(self.controller, self._workers, self._load)
        self.proposals = ProposalsPanel(self.controller, candidates)
        self.matting = MattingRow(self._viewer, self.controller, self._workers)
        self.slices = SlicesPanel(self.controller, Surfaces(self._viewer, self.controller, self._workers), self)
        self.status = StatusLine()
        self.status.cancel_button.clicked.connect(self.controller.cancel)
        self.objects = ObjectsPanel(self._viewer, self.controller, CanvasGrab(self._viewer, self.controller))
        form = QFormLayout()
        self.folder_button = make_folder_button(self.queue, self)
        images = QHBoxLayout()
        images.addWidget(self.image_box, stretch=1)
        images.addWidget(self.folder_button)
        form.addRow("Image", images)
        self.seen_row = SeenRow(self.controller, self.seen, above=self.field_row)
        form.addRow(self.seen_row)
        self.method.add_rows(form)
        self.export_row = ExportRow(
            self.controller, self.files, export=self.export, save=self.save_session, load=self.load_session
        )
        self.banner = RestoreBanner(self.recovery)
        self.begin = BeginPanel(self._viewer, self.controller, self._workers)
        layout = scrolled_layout(self)
        self.queue_panel = QueuePanel(self.queue)
        layout.addWidget(self.banner)
        layout.addWidget(self.queue_panel)
        layout.addLayout(form)
        layout.addWidget(self.begin)
        layout.addWidget(self.options)
        layout.addWidget(self.status)
        layout.addWidget(self.panel)
        layout.addWidget(self.proposals)
        layout.addWidget(self.matting)
        layout.addWidget(self.slices)
        layout.addWidget(self.objects, stretch=1)
        layout.addWidget(self.export_row)
        layout.addStretch(0)  # Without the objects nothing else takes the room that is left.

    def _connect(self, canvas: CanvasClicks) -> None:
        controller, workers, viewer = self.controller, self._workers, self._viewer
        autosaver = self.autosaver
        controller.changed.connect(self._refresh)
        controller.images_changed.connect(self._on_images)
        controller.said.connect(self._say)
        controller.failed.connect(self._complain)
        viewer.layers.selection.events.active.connect(self._on_active)
        self._active: Any = None
        self._on_active()
        on_active, tips, frame, seen = self._on_active, self.tips, self.field_frame, self.seen

        def let_go() -> None:
            # Of this object only the Python half is left when it is destroyed; none of its widgets may be touched.
            workers.close()
            autosaver.close()
            canvas.close()
            tips.close()
            frame.close()
            seen.close()
            controller.close()
            viewer.layers.selection.events.active.disconnect(on_active)

        self.destroyed.connect(let_go)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Bring the tips back."""
        super().showEvent(event)
        self.tips.refresh()
        self._whole_view.shown()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Take the tips off the canvas."""
        super().hideEvent(event)
        self.tips.hide()

    @told
    def export(self, path: str | Path, format_name: str | None = None) -> None:
        """Write the labels; a notification says when it is done, or what went wrong."""
        self.files.export(path, format_name)

    @told
    def save_session(self, path: str | Path) -> None:
        """Write how every object was made, and the labels next to it; a notification says when it is done."""
        self.files.save_session(session_path(path))

    @told
    def load_session(self, path: str | Path) -> None:
        """Put the objects of a session file back."""
        self.files.load_session(path)

    def _wants_click(self) -> bool:
        free = not (self.controller.busy_tool or self.objects.has_mouse)
        return free and self.isVisible() and self.controller.image is not None

    def _on_image_chosen(self, index: int) -> None:
        self.controller.choose_image(self.controller.images[index])

    def _on_images(self, _event: Any = None) -> None:
        images = self.controller.images
        self.image_box.clear()
        for image in images:
            self.image_box.addItem(image.name)
            image.events.name.connect(self._on_images)
        if self.controller.image in images:
            self.image_box.setCurrentIndex(images.index(self.controller.image))
            self.controller.getting_ready.start()
        self.image_box.setEnabled(bool(images))

    def _on_active(self, _event: Any = None) -> None:
        """Follow the tool of the active layer: a brush must not click."""
        if self._active is not None:
            self._active.events.mode.disconnect(self._refresh)
        self._active = self._viewer.layers.selection.active
        if self._active is not None:
            self._active.events.mode.connect(self._refresh)
        self._refresh()

    def _refresh(self, _event: Any = None) -> None:
        controller = self.controller
        self.begin.refresh()
        self.method.refresh()
        self.options.refresh()
        there = controller.image is not None
        for part in (self.status, self.panel, self.objects, self.export_row):
            part.setVisible(there)
        self.options.setVisible(there and not self.options.is_empty)
        self.panel.refresh()
        self.proposals.refresh()
        self.matting.refresh()
        self.slices.refresh()
        self.status.show_state(controller)
        self.objects.refresh()
        self.export_row.refresh()

    def _say(self, sentence: str) -> None:
        # While the window closes, its layers go one by one; nobody is there to read about it.
        if self._is_open():
            show_info(sentence)

    def _is_open(self) -> bool:
        window = self.window()
        return window is not None and window.isVisible()

    def _complain(self, sentence: str) -> None:
        if self._is_open():
            show_error(sentence)
