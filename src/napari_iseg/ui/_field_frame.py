"""The frame on the canvas around what the first click will look at.

It is a pane of glass over the canvas rather than a layer: it stands in no list, catches no mouse, is on no exported
picture, and moving it draws no layer anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, QPointF, Qt, QTimer
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QWidget

from napari_iseg.errors import IsegError
from napari_iseg.ui._plane_view import locate, on_screen
from napari_iseg.ui._tools import Tool
from napari_iseg.ui._viewer_parts import camera_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer

    from napari_iseg.interactions import Box
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._field_of_view import FieldOfView
    from napari_iseg.ui._prompting import Prompting

__all__ = ["FieldFrame"]

# Dashes of two colours can be seen on black and on white.
_LIGHT, _DARK = QColor(255, 255, 255, 150), QColor(0, 0, 0, 150)
_DASH = 5.0
_SOON_MS = 15
# A frame as large as the canvas is drawn this far inside its edge, in screen pixels.
_INSET = 1.5


class FieldFrame(QObject):
    """Follows the mouse, the camera and the state of the dock; and the wheel that changes its size.

    Parameters
    ----------
    viewer
        On whose canvas.
    controller
        What the dock does.
    field
        What a first click would look at.
    prompting
        Which tool has the mouse.
    dock
        While it is hidden there is no frame.
    """

    def __init__(
        self, viewer: Viewer, controller: Controller, field: FieldOfView, prompting: Prompting, dock: QWidget
    ) -> None:
        super().__init__(dock)
        self._viewer, self._controller, self._field, self._prompting = viewer, controller, field, prompting
        self._dock = dock
        self._mouse: tuple[float, ...] | None = None
        self._pane: _Pane | None = None
        self._canvas: QWidget | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self.refresh)
        viewer.mouse_move_callbacks.append(self._on_move)
        viewer.mouse_wheel_callbacks.append(self._on_wheel)
        camera_of(viewer).events.connect(self._later)
        for signal in (controller.changed, field.changed, prompting.changed):
            signal.connect(self._later)

    @property
    def corners(self) -> list[tuple[float, float]]:
        """The corners of the frame in pixels of the canvas, (x, y); empty if there is none."""
        return list(self._pane.corners) if self._pane is not None else []

    def close(self) -> None:
        """Let go of the viewer; Qt takes the pane away with its canvas."""
        for callbacks, own in (
            (self._viewer.mouse_move_callbacks, self._on_move),
            (self._viewer.mouse_wheel_callbacks, self._on_wheel),
        ):
            if own in callbacks:
                callbacks.remove(own)
        camera_of(self._viewer).events.disconnect(self._later)

    def refresh(self) -> None:
        """Draw the frame where it belongs now."""
        corners = self._wanted()
        if self._pane is None and corners:
            self._put_pane()
        if self._pane is not None:
            self._pane.show_frame(corners)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Follow the canvas as it grows and the mouse as it leaves."""
        if event.type() == QEvent.Type.Resize and self._pane is not None:
            self._pane.setGeometry(watched.rect())
            self._later()
        elif event.type() == QEvent.Type.Leave:
            self._mouse = None
            self._later()
        return False

    def _on_move(self, _viewer: Any, event: Any) -> None:
        self._mouse = tuple(event.position)
        self._later()

    def _on_wheel(self, _viewer: Any, event: Any) -> None:
        # napari leaves the wheel alone with Shift held: Ctrl goes through slices and Alt through layers. On macOS Shift
        # makes the wheel turn sideways.
        if set(event.modifiers) != {"Shift"} or not self._dock.isVisible() or self._controller.work is None:
            return
        turned = event.delta[1] or event.delta[0]
        try:
            self._field.resize(float(np.clip(turned, -1, 1)))
        except IsegError as error:
            self._controller.said.emit(str(error))
        event.handled = True

    def _later(self, _event: Any = None) -> None:
        # Not started again by every movement: the frame must follow while the mouse moves.
        if not self._soon.isActive():
            self._soon.start()

    def _wanted(self) -> list[tuple[float, float]]:
        controller, project, work = self._controller, self._controller.project, self._controller.work
        tool = self._prompting.tool in (Tool.CLICK, Tool.SCRIBBLE)
        idle = project is None or work is None or not tool or controller.busy_tool or not self._dock.isVisible()
        if project is None or work is None or idle or self._canvas_widget() is None or _is_grid(self._viewer):
            return []
        if work.prompts:
            box = self._field.taken()
        else:
            place = locate(project.image, work.plane, self._mouse) if self._mouse is not None else None
            inside = place is not None and all(0 <= at < side for at, side in zip(place, work.shape, strict=True))
            box = self._field.box(place if inside else None)
        return self._on_canvas(project.image, work.plane, box) if box is not None else []

    def _on_canvas(self, image: Any, plane: Any, box: Box) -> list[tuple[float, float]]:
        """Return the corners of a box on a plane in pixels of the canvas, (x, y)."""
        canvas, camera, dims = self._canvas_widget(), camera_of(self._viewer), self._viewer.dims
        if canvas is None:
            return []
        (top, left), (bottom, right) = np.array(box.start) - 0.5, np.array(box.stop) - 0.5
        world = on_screen(image, plane, np.array([(top, left), (top, right), (bottom, right), (bottom, left)]))
        if dims.displayed[0] > dims.displayed[1]:
            # The display is transposed; rows are the earlier axis all the same.
            world = world[:, ::-1]
        signs = [-1 if str(way) in ("up", "left") else 1 for way in _orientation(camera)]
        shown = (world - np.asarray(camera.center, float)[-2:]) * camera.zoom * signs
        places = shown[:, ::-1] + np.array([canvas.width(), canvas.height()]) / 2
        first, last = np.full(2, _INSET), np.array([canvas.width(), canvas.height()]) - _INSET
        if (np.sort(places, axis=0)[[0, -1]] == np.array([places.min(axis=0), places.max(axis=0)])).all():
            # What is as large as the canvas is seen at its edge.
            near = np.abs(places - np.clip(places, first, last)).max() < camera.zoom * 2 + 2
            places = np.clip(places, first, last) if near else places
        return [(float(x), float(y)) for x, y in places]

    def _canvas_widget(self) -> QWidget | None:
        if self._canvas is None:
            window: Any = self._dock.window()
            center = window.centralWidget() if hasattr(window, "centralWidget") else None
            self._canvas = center.findChild(QOpenGLWidget) if center is not None else None
            if self._canvas is not None:
                self._canvas.installEventFilter(self)
                self._canvas.destroyed.connect(self._forget)
        return self._canvas

    def _forget(self) -> None:
        self._canvas = self._pane = None

    def _put_pane(self) -> None:
        canvas = self._canvas_widget()
        if canvas is not None:
            self._pane = _Pane(canvas)
            self._pane.setGeometry(canvas.rect())
            self._pane.show()


class _Pane(QWidget):
    """Glass with a dashed polygon on it."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.corners: list[tuple[float, float]] = []
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_frame(self, corners: Sequence[tuple[float, float]]) -> None:
        if list(corners) != self.corners:
            self.corners = list(corners)
            self.update()

    def paintEvent(self, _event: Any) -> None:
        if not self.corners:
            return
        painter = QPainter(self)
        frame = QPolygonF([QPointF(x, y) for x, y in self.corners])
        for colour, offset in ((_LIGHT, 0.0), (_DARK, _DASH)):
            pen = QPen(colour, 1.2)
            pen.setDashPattern([_DASH, _DASH])
            pen.setDashOffset(offset)
            painter.setPen(pen)
            painter.drawPolygon(frame)
        painter.end()


def _is_grid(viewer: Viewer) -> bool:
    canvas = getattr(viewer, "canvas", None)
    grid = viewer.grid if canvas is None else canvas.grid
    return bool(grid.enabled)


def _orientation(camera: Any) -> tuple[str, str]:
    """Return which way rows and columns go on the canvas; napari before 0.6 knew only one."""
    vertical, horizontal = getattr(camera, "orientation2d", ("down", "right"))
    return str(getattr(vertical, "value", vertical)), str(getattr(horizontal, "value", horizontal))
