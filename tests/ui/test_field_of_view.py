"""The frame of what the first click looks at: it follows the mouse, the wheel changes it, one click makes it whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_iseg.ui._key_sheet import KeySheet
from napari_iseg.ui._method_choice import MethodChoice

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ui.conftest import FloodPredictor, Hand


def move(hand: Hand, *place: float) -> None:
    hand.qtbot.mouseMove(hand.native, hand.pixel(place) + QPoint(1, 1))
    hand.qtbot.mouseMove(hand.native, hand.pixel(place))
    hand.qtbot.wait(80)


def wheel(hand: Hand, place: tuple[float, float], notches: int, modifier: Any) -> None:
    at = QPointF(hand.pixel(place))
    event = QWheelEvent(
        at,
        QPointF(hand.native.mapToGlobal(at.toPoint())),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(hand.native, event)
    hand.qtbot.wait(80)


def frame(hand: Hand) -> np.ndarray:
    """Return the frame as ((left, top), (right, bottom)) in pixels of the canvas."""
    corners = np.array(hand.widget.field_frame.corners)
    return np.array([corners.min(axis=0), corners.max(axis=0)])


def on_canvas(hand: Hand, box: Any) -> np.ndarray:
    places = [hand.pixel((at[0] - 0.5, at[1] - 0.5)) for at in (box.start, box.stop)]
    return np.array([(place.x(), place.y()) for place in places])


def test_the_frame_is_where_the_first_click_then_looks(
    open_hand: Callable[..., Hand], predictor: FloodPredictor, dots: np.ndarray
) -> None:
    hand = open_hand(dots)
    # Nothing is known of the objects: what is on the screen.
    assert hand.widget.field_row.text.text() == "Sees the visible part"
    for place in ((50, 80), (50, 50), (50, 110)):
        hand.click(*place)
        hand.wait()
        hand.press(Qt.Key.Key_Q)
    move(hand, 80, 110)
    assert hand.widget.field_row.text.text() == "Sees 27 x 27 px"
    before = frame(hand)
    move(hand, 80, 140)
    moved = frame(hand)
    assert (moved - before)[:, 0] == pytest.approx(np.ptp(moved[:, 0]) * 30 / 27, abs=2)
    assert (moved - before)[:, 1] == pytest.approx(0, abs=2)
    hand.click(80, 140)
    hand.wait()
    hand.qtbot.wait(80)
    assert moved == pytest.approx(on_canvas(hand, predictor.asked[-1][0].view), abs=3)
    # It stays for the object's first click and goes with the second.
    move(hand, 20, 20)
    assert frame(hand) == pytest.approx(moved, abs=3)
    hand.click(81, 141)
    hand.wait()
    hand.qtbot.wait(80)
    assert not hand.widget.field_frame.corners


def test_shift_and_the_wheel_change_the_frame_and_the_next_first_click(
    open_hand: Callable[..., Hand], predictor: FloodPredictor, dots: np.ndarray
) -> None:
    hand = open_hand(dots)
    zoom = hand.viewer.camera.zoom if not hasattr(hand.viewer, "scene") else hand.viewer.scene.camera.zoom
    move(hand, 80, 110)
    for _ in range(4):
        wheel(hand, (80, 110), -1, Qt.KeyboardModifier.ShiftModifier)
    small = np.ptp(frame(hand), axis=0)
    wheel(hand, (80, 110), 1, Qt.KeyboardModifier.ShiftModifier)
    larger = np.ptp(frame(hand), axis=0)
    assert larger == pytest.approx(small * 1.15, rel=0.05)
    camera = getattr(hand.viewer, "scene", hand.viewer).camera
    assert camera.zoom == zoom
    hand.click(80, 110)
    hand.wait()
    view = predictor.asked[-1][0].view
    assert view.stop[1] - view.start[1] == pytest.approx(larger[0] / zoom, rel=0.05)
    assert view.start[1] < 110 < view.stop[1]
    # As large as the image it is the whole image.
    hand.press(Qt.Key.Key_Q)
    for _ in range(12):
        wheel(hand, (80, 110), 1, Qt.KeyboardModifier.ShiftModifier)
    assert hand.widget.field_row.button.isChecked()
    hand.click(80, 140)
    hand.wait()
    assert predictor.asked[-1][0].view is None


def test_one_click_looks_at_the_whole_image_and_undo_looks_at_the_frame_again(
    open_hand: Callable[..., Hand], predictor: FloodPredictor, dots: np.ndarray
) -> None:
    hand = open_hand(dots)
    hand.click(80, 110)
    hand.wait()
    assert predictor.asked[-1][0].view is not None
    row = hand.widget.field_row
    hand.qtbot.mouseClick(row.button, Qt.MouseButton.LeftButton)
    hand.wait()
    assert row.button.isChecked()
    assert predictor.asked[-1][0].view is None
    hand.undo()
    assert hand.widget.controller.work.prompts[0].view is not None
    hand.press(Qt.Key.Key_N)
    hand.wait()
    assert not row.button.isChecked()
    assert row.text.text() == "Sees the visible part"


def test_the_frame_catches_no_mouse_and_goes_with_the_dock(open_hand: Callable[..., Hand], dots: np.ndarray) -> None:
    hand = open_hand(dots)
    move(hand, 80, 110)
    assert hand.widget.field_frame.corners
    names = [layer.name for layer in hand.viewer.layers]
    assert names == ["image", "Objects", "Live mask", "Prompts"]
    hand.widget.prompting.choose(hand.widget.prompting.tool.BOX)
    hand.qtbot.wait(80)
    assert not hand.widget.field_frame.corners
    hand.widget.prompting.choose(hand.widget.prompting.tool.CLICK)
    hand.qtbot.wait(80)
    assert hand.widget.field_frame.corners
    hand.viewer.dims.ndisplay = 3
    hand.qtbot.wait(80)
    assert not hand.widget.field_frame.corners


def test_a_method_that_cannot_choose_says_why(open_hand: Callable[..., Hand], dots: np.ndarray) -> None:
    hand = open_hand(dots)
    controller = hand.widget.controller
    controller.use(MethodChoice("focalclick").with_options({"first_crop": "multi-scale"}))
    # The row is drawn anew a moment later, which on a busy machine may be a long one.
    hand.qtbot.waitUntil(lambda: not hand.widget.field_row.button.isEnabled(), timeout=10000)
    assert "several crops" in hand.widget.field_row.button.toolTip()
    controller.choose_method("random-walker")
    hand.wait()
    assert not hand.widget.field_row.button.isEnabled()
    assert not hand.widget.field_frame.corners


def test_a_rotated_and_scaled_image_has_its_frame_in_place(
    open_hand: Callable[..., Hand], predictor: FloodPredictor, dots: np.ndarray
) -> None:
    hand = open_hand(dots, scale=(2.0, 3.0), rotate=30)
    image = hand.layer("image")
    hand.widget.controller.project.first_look.side = 40.0
    place = hand.pixel(image.data_to_world((80, 110)))
    hand.qtbot.mouseMove(hand.native, place)
    hand.qtbot.wait(80)
    corners = np.array(hand.widget.field_frame.corners)
    # A square to the eye: 40 pixels high, and as wide as 40 of their heights.
    wanted = [hand.pixel(image.data_to_world(at)) for at in ((60, 97), (60, 123), (100, 123), (100, 97))]
    assert corners == pytest.approx(np.array([(at.x(), at.y()) for at in wanted]), abs=6)


def test_the_sheet_names_the_wheel_and_the_key(open_hand: Callable[..., Hand], dots: np.ndarray) -> None:
    hand = open_hand(dots)
    hand.press(Qt.Key.Key_Question)
    hand.qtbot.wait(50)
    sheet = hand.widget.tools.sheet
    assert isinstance(sheet, KeySheet)
    assert "Shift + wheel" in sheet.text.text()
    assert "<b>N</b>" in sheet.text.text()
