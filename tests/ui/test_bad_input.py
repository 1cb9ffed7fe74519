"""What the dock does when layers, windows and displays are not as it would like: it goes on, or says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from .conftest import DISCS, FloodPredictor, Hand, disc  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("name", ["Prompts", "Live mask"])
def test_a_layer_removed_under_the_tool_comes_back_with_the_next_click(
    open_hand: Callable[..., Hand], discs: np.ndarray, name: str
) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.viewer.layers.remove(name)
    hand.click(*DISCS[1])
    hand.wait()
    assert np.array_equal(hand.mask, disc(0) | disc(1))
    assert len(hand.layer("Prompts").data) == 2
    hand.undo()
    hand.undo()
    assert not hand.mask.any()


def test_renamed_layers_stay_the_tools_own(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    for layer in list(hand.viewer.layers):
        layer.name = f"my {layer.name}"
    assert hand.widget.image_box.currentText() == "my image"
    hand.press(Qt.Key.Key_Q)
    hand.click(*DISCS[1])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("my Objects").data, disc(0) + 2 * disc(1))
    assert [layer.name for layer in hand.viewer.layers].count("Objects") == 0


def test_other_pixels_during_a_computation_are_what_is_answered(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    predictor.seconds = 0.5
    hand.click(*DISCS[1])
    hand.qtbot.wait(100)
    turned = np.where(discs == 180, np.uint8(20), discs)
    turned[38:43, 55:66] = 180
    hand.layer("image").data = turned
    predictor.seconds = 0.0
    hand.wait()
    assert np.array_equal(hand.mask, turned == 180)
    assert np.array_equal(hand.layer("Objects").data > 0, disc(0)), "what is finished stays"
    hand.undo()
    assert not hand.mask.any()


def test_an_image_of_another_size_begins_anew_and_keeps_what_was_made(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor, notes: list[str]
) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.click(*DISCS[1])
    hand.wait()
    predictor.seconds = 0.5
    hand.click(*DISCS[2])
    hand.layer("image").data = np.pad(discs, ((0, 20), (0, 30)), constant_values=20)
    predictor.seconds = 0.0
    hand.wait()
    hand.qtbot.wait(600)
    assert np.array_equal(hand.layer("Objects").data, disc(0) + 2 * disc(1))
    assert any("another size" in note and "'Objects'" in note for note in notes)
    assert hand.widget.controller.work.shape == (101, 153)
    assert hand.widget.controller.work.prompts == ()
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.click(*DISCS[2])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects of image").data[:81, :123], disc(2))


def test_two_viewers_work_side_by_side(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    one = open_hand(discs)
    two = open_hand(discs[:, ::-1].copy())
    one.window.activateWindow()
    one.native.setFocus()
    one.qtbot.waitUntil(lambda: one.window.isActiveWindow() and one.native.hasFocus(), timeout=5000)
    one.click(*DISCS[0])
    one.wait()
    assert two.widget.controller.work.prompts == ()
    two.window.activateWindow()
    two.native.setFocus()
    two.qtbot.waitUntil(lambda: two.window.isActiveWindow() and two.native.hasFocus(), timeout=5000)
    row, column = DISCS[1]
    two.click(row, 122 - column)
    two.wait()
    two.press(Qt.Key.Key_Q)
    assert np.array_equal(two.layer("Objects").data, disc(1)[:, ::-1])
    assert not one.layer("Objects").data.any()
    assert np.array_equal(one.mask, disc(0))


def test_keys_do_not_act_for_a_dock_that_is_not_seen_and_its_work_is_kept(
    open_hand: Callable[..., Hand], discs: np.ndarray
) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.click(*DISCS[1])
    hand.wait()
    prompts = hand.widget.controller.work.prompts
    hand.viewer.layers.selection.active = hand.layer("image")
    dock: Any = hand.widget.parent()
    dock.hide()
    for key in (Qt.Key.Key_Q, Qt.Key.Key_T, Qt.Key.Key_H, Qt.Key.Key_Delete):
        hand.press(key)
    hand.undo()
    hand.drag((5, 5), (30, 40))
    assert hand.widget.controller.work.prompts == prompts
    assert not hand.layer("Objects").data.any()
    dock.show()
    hand.qtbot.waitUntil(hand.widget.isVisible, timeout=3000)
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    assert np.array_equal(hand.mask, disc(0) | disc(1))
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects").data > 0, disc(0) | disc(1))


def test_a_3d_display_keeps_the_work_and_says_what_to_do(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(np.stack([discs, discs[::-1]]))
    hand.click(0, *DISCS[0])
    hand.wait()
    hand.viewer.dims.ndisplay = 3
    hand.qtbot.wait(100)
    assert "2D" in hand.widget.status.text
    hand.press(Qt.Key.Key_Q)
    hand.undo()
    assert not hand.widget.panel.isEnabled()
    hand.viewer.dims.ndisplay = 2
    hand.qtbot.wait(100)
    assert len(hand.widget.controller.work.prompts) == 1
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects").data[hand.viewer.dims.current_step[0]], disc(0))


@pytest.mark.filterwarnings("ignore")
def test_layers_without_pixels_which_napari_refuses_disturb_nothing(
    open_hand: Callable[..., Hand], discs: np.ndarray
) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    for add in (hand.viewer.add_image, hand.viewer.add_labels):
        with pytest.raises(ValueError, match="NaN"):
            add(np.zeros((0, 7), np.uint8), name="nothing")
    hand.qtbot.wait(100)
    assert hand.widget.image_box.count() == 1
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects").data, disc(0))


def test_labels_of_another_size_are_taken_where_they_lie_over_the_image(
    open_hand: Callable[..., Hand], discs: np.ndarray, notes: list[str]
) -> None:
    hand = open_hand(discs)
    small = np.zeros((30, 40), np.uint8)
    small[5:9, 6:12] = 3
    hand.viewer.add_labels(small, name="small")
    hand.press(Qt.Key.Key_U)
    hand.click(60, 60)
    assert "no labelled object here" in notes[-1]
    assert hand.widget.controller.work.prompts == ()
    hand.click(7, 8)
    hand.qtbot.waitUntil(lambda: len(hand.widget.controller.work.prompts) == 1, timeout=5000)
    hand.wait()
    assert np.array_equal(hand.mask[:30, :40], small > 0)
    assert hand.mask.sum() == 24
