"""A user undoes, accepts, protects, and takes finished objects back, in a real window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_iseg.errors import ImageError

from .conftest import DISCS, FloodPredictor, Hand, disc  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.slow
def test_a_hundred_and_twenty_steps_back_and_forth_are_exact(open_hand: Callable[..., Hand]) -> None:
    image = np.random.default_rng(3).integers(0, 255, (61, 83)).astype(np.uint8)
    hand = open_hand(image)
    controller = hand.widget.controller
    rng = np.random.default_rng(4)
    masks = [hand.mask]
    for _ in range(120):
        place = hand.viewer.layers[0].data_to_world(rng.integers((0, 0), image.shape))
        controller.click(place, include=bool(rng.integers(4)))
        hand.wait()
        masks.append(hand.mask.copy())
    for expected in masks[-2::-1]:
        hand.undo()
        assert np.array_equal(hand.mask, expected)
    assert len(hand.layer("Prompts").data) == 0
    for expected in masks[1:]:
        hand.redo()
        assert np.array_equal(hand.mask, expected)
    assert len(hand.layer("Prompts").data) == 120


def test_the_next_object_on_a_plane_shares_what_was_computed_for_it(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    hand = open_hand(discs)
    for number in range(3):
        hand.click(*DISCS[number])
        hand.wait()
        hand.press(Qt.Key.Key_Q)
    hand.wait()
    assert predictor.encoded == 1


def test_accept_numbers_the_objects(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    for number in range(3):
        hand.click(*DISCS[number])
        if number != 1:
            hand.wait()  # the second one is accepted before its answer is there
        hand.press(Qt.Key.Key_Q)
    hand.wait()
    assert np.array_equal(hand.layer("Objects").data, disc(0) + 2 * disc(1) + 3 * disc(2).astype(int))
    assert not hand.mask.any()
    assert len(hand.layer("Prompts").data) == 0
    assert [row.label for row in hand.widget.objects.table.objects_model.rows] == [3, 2, 1]
    hand.qtbot.mouseClick(hand.widget.panel.undo_button, Qt.MouseButton.LeftButton)
    assert np.array_equal(hand.mask, disc(2))
    assert [row.state for row in hand.widget.objects.table.objects_model.rows] == ["draft", "done", "done"]


def test_undo_goes_all_the_way(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.click(*DISCS[1])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.click(*DISCS[2])
    hand.wait()
    finished = hand.layer("Objects").data.copy()
    hand.undo()  # the click on the third disc
    hand.undo()  # the acceptance
    assert not hand.layer("Objects").data.any()
    assert np.array_equal(hand.mask, disc(0) | disc(1))
    assert len(hand.layer("Prompts").data) == 2
    hand.undo()
    assert np.array_equal(hand.mask, disc(0))
    hand.undo()
    assert not hand.mask.any()
    hand.redo()
    hand.redo()
    hand.redo()  # accepts again
    assert np.array_equal(hand.layer("Objects").data, finished)
    hand.redo()  # the click on the third disc
    assert np.array_equal(hand.mask, disc(2))
    hand.press(Qt.Key.Key_Q)
    assert set(np.unique(hand.layer("Objects").data)) == {0, 1, 2}


def test_clicks_after_an_early_accept_belong_to_the_next_object(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    hand = open_hand(discs)
    predictor.seconds = 0.5
    hand.click(*DISCS[0])
    hand.press(Qt.Key.Key_Q)
    hand.click(*DISCS[1])
    hand.click(*DISCS[2])
    assert hand.widget.controller.work.accept_on_answer
    hand.undo()  # the last of the clicks to come
    hand.wait()
    assert np.array_equal(hand.layer("Objects").data, disc(0))
    assert np.array_equal(hand.mask, disc(1))


def test_finished_objects_are_protected(open_hand: Callable[..., Hand], discs: np.ndarray, notes: list[str]) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    assert "choose 'Overwrite'" in notes[-1]
    assert np.array_equal(hand.mask, disc(0))
    hand.click(*DISCS[1])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects").data, disc(0) + 2 * disc(1))
    hand.widget.panel.protection.rule_box.activated.emit(1)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects").data, 3 * disc(0) + 2 * disc(1))
    hand.undo()
    assert np.array_equal(hand.layer("Objects").data, disc(0) + 2 * disc(1))


def test_undo_after_a_brush_stroke_undoes_the_stroke(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    objects = hand.layer("Objects")
    before = objects.data.copy()
    hand.viewer.layers.selection.active = objects
    objects.mode = "paint"
    objects.selected_label = 7
    hand.click(70, 20)
    assert objects.data[70, 20] == 7
    hand.undo()
    assert np.array_equal(objects.data, before)
    objects.mode = "pan_zoom"
    hand.undo()
    assert not objects.data.any()
    assert np.array_equal(hand.mask, disc(0))


def test_new_ids_are_unique_after_painting(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.layer("Objects").data_setitem((np.array([70]), np.array([20])), 41)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    assert hand.layer("Objects").data[DISCS[0]] == 42


def test_a_newer_click_makes_the_older_answer_void(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    hand = open_hand(discs)
    predictor.seconds = 0.6
    hand.click(*DISCS[0])
    hand.qtbot.wait(100)
    hand.click(*DISCS[1])
    hand.qtbot.waitUntil(lambda: hand.mask.any(), timeout=5000)
    assert np.array_equal(hand.mask, disc(0) | disc(1))
    assert len(predictor.asked) == 2


def test_undo_while_computing_drops_the_answer(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    hand = open_hand(discs)
    predictor.seconds = 0.3
    hand.click(*DISCS[0])
    hand.press(Qt.Key.Key_Escape)
    assert hand.widget.controller.work.prompts == ()
    hand.qtbot.wait(500)
    assert not hand.mask.any()
    hand.redo()
    hand.wait()
    assert np.array_equal(hand.mask, disc(0))


def test_an_error_takes_back_the_click_that_caused_it(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor, notes: list[str]
) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    predictor.error = ImageError("The method cannot do this.")
    hand.click(*DISCS[1])
    hand.wait()
    assert notes[-1] == "The method cannot do this."
    assert "cannot do this" in hand.widget.status.text
    assert np.array_equal(hand.mask, disc(0))
    predictor.error = None
    hand.redo()
    hand.wait()
    assert np.array_equal(hand.mask, disc(0) | disc(1))


def test_an_unexpected_error_keeps_its_traceback(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor, qtbot: object
) -> None:
    hand = open_hand(discs)
    predictor.error = RuntimeError("no such luck")
    with hand.qtbot.captureExceptions() as exceptions:
        hand.click(*DISCS[1])
        hand.wait()
    assert [str(value) for _, value, _ in exceptions] == ["no such luck"]
    assert hand.widget.controller.work.prompts == ()
    predictor.error = None
    hand.click(*DISCS[0])
    hand.wait()
    assert np.array_equal(hand.mask, disc(0))


def test_removing_the_image_keeps_what_was_made(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.click(*DISCS[1])
    hand.wait()
    hand.viewer.layers.remove("image")
    hand.qtbot.wait(50)
    assert np.array_equal(hand.layer("Objects").data, disc(0) + 2 * disc(1))
    assert "Open an image" in hand.widget.status.text
    assert not hand.widget.panel.isEnabled()


def test_a_removed_objects_layer_comes_back(
    open_hand: Callable[..., Hand], discs: np.ndarray, notes: list[str]
) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.viewer.layers.remove("Objects")
    assert "undo brings it back" in notes[-1]
    hand.undo()
    assert np.array_equal(hand.layer("Objects").data, disc(0))
    hand.viewer.layers.remove("Objects")
    hand.click(*DISCS[1])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects").data, disc(1))


def test_the_window_stays_alive_while_a_slow_method_computes(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    from time import perf_counter

    from qtpy.QtCore import QTimer

    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    predictor.seconds = 1.0
    beats: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(perf_counter()))
    timer.start(5)
    hand.click(*DISCS[1])
    hand.qtbot.wait(400)
    assert "Computing" in hand.widget.status.text
    hand.wait()
    timer.stop()
    assert "ms a click" in hand.widget.status.text
    assert np.diff(beats).max() < 0.2


def test_closing_the_window_while_computing_leaves_nothing(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    hand = open_hand(discs)
    predictor.seconds = 0.5
    hand.click(*DISCS[0])
    hand.viewer.window.remove_dock_widget(hand.widget)
    hand.widget.deleteLater()
    hand.qtbot.wait(700)
    assert hand.viewer.mouse_drag_callbacks == [
        callback for callback in hand.viewer.mouse_drag_callbacks if "CanvasClicks" not in repr(callback)
    ]
    hand.viewer.dims.ndisplay = 3
    hand.viewer.dims.ndisplay = 2
    assert not hand.mask.any()
