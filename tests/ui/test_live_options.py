"""Options act on the mask at once, keys can change, tips come and go, slow work can be stopped: in a real window."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import napari.settings
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit

from napari_iseg.inference.mask_refinement import MaskRefinement
from napari_iseg.inference.prediction import Prediction

from .conftest import FloodPredictor, Hand, disc  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SHIFT = Qt.KeyboardModifier.ShiftModifier


class HoledPredictor(FloodPredictor):
    """Answers with the first disc less a hole, and a speck; sure where it is bright."""

    def predict(self, encoding: np.ndarray, prompts: Any, previous: Any, **rest: Any) -> Prediction:
        super().predict(encoding, prompts, previous, **rest)
        return Prediction.from_mask(HOLED.astype(np.float32) * 0.8)


HOLED = disc(0)
HOLED[18:23, 22:26] = False
HOLED[70:73, 60:63] = True


@pytest.fixture
def predictor() -> FloodPredictor:
    return HoledPredictor()


def settings() -> Any:
    return napari.settings.get_plugin_settings("napari-iseg")


def test_holes_and_parts_follow_at_once_and_are_accepted_and_taken_back(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    hand = open_hand(discs)
    hand.click(12, 25)
    hand.wait()
    assert np.array_equal(hand.mask, HOLED)
    asked = len(predictor.asked)
    hand.widget.mask_options.holes_box.click()
    hand.widget.mask_options.part_box.click()
    assert np.array_equal(hand.mask, disc(0))
    assert len(predictor.asked) == asked
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects").data, disc(0))
    (record,) = hand.widget.controller.finished
    assert record.refinement == MaskRefinement(keep_clicks=True, fill_holes=True, one_part=True)
    hand.widget.mask_options.holes_box.click()
    hand.undo()
    assert hand.widget.mask_options.holes_box.isChecked(), "the object keeps the options it was accepted with"
    assert np.array_equal(hand.mask, disc(0))
    hand.widget.mask_options.smoothing_slider.setValue(2)
    smooth = hand.mask
    assert not np.array_equal(smooth, disc(0))
    assert np.array_equal(hand.widget.controller.project.labels()[0] > 0, smooth)
    hand.widget.mask_options.smoothing_slider.setValue(0)
    assert np.array_equal(hand.mask, disc(0))


def test_a_click_counts_that_the_method_does_not_follow(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    hand = open_hand(discs)
    hand.click(12, 25)
    hand.click(16, 25, right=True)
    hand.click(71, 90)
    hand.wait()
    asked = len(predictor.asked)
    counted = hand.mask
    assert not counted[16, 25]
    assert counted[71, 90], "beyond all that the method looked at"
    assert counted[12, 25]
    hand.widget.mask_options.clicks_box.click()
    assert np.array_equal(hand.mask, HOLED), "as the method answered"
    assert "clicks as answered" in hand.widget.mask_options.folded.toggleButton().text()
    hand.widget.mask_options.clicks_box.click()
    assert len(predictor.asked) == asked
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects").data > 0, counted)


def test_an_excluded_hole_stays(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.widget.mask_options.holes_box.click()
    hand.click(12, 25)
    hand.click(20, 24, right=True)
    hand.wait()
    assert np.array_equal(hand.mask, HOLED)


def test_confidence_is_shown_where_the_answer_lies(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(np.stack([discs] * 3), scale=(4.0, 0.5, 0.25), translate=(1.0, 2.0, 3.0))
    image = hand.layer("image")
    hand.viewer.dims.set_current_step(0, 1)
    hand.click_data(image, 1, 12, 25)
    hand.wait()
    hand.widget.mask_options.confidence_box.click()
    layer = hand.layer("Confidence")
    assert hand.viewer.layers.index(layer) == 1, "above the image, below mask and prompts"
    value = layer.get_value(image.data_to_world((1, 12, 25)), world=True)
    assert value == pytest.approx(0.8)
    assert layer.get_value(image.data_to_world((1, 20, 24)), world=True) == 0
    window = hand.widget.controller.work.session.prediction.window
    assert layer.data.shape == (1, *window.shape)
    place = (1, window.row_start + 7, window.column_start + 9)
    assert np.allclose(layer.data_to_world((0, 7, 9)), image.data_to_world(place))
    assert hand.widget.controller.image == image
    assert [hand.widget.image_box.itemText(i) for i in range(hand.widget.image_box.count())] == ["image"]
    hand.press(Qt.Key.Key_Q)
    assert not layer.visible
    hand.viewer.dims.set_current_step(0, 2)
    hand.qtbot.wait(50)
    hand.click_data(image, 2, 12, 25)
    hand.wait()
    assert layer.visible
    assert layer.get_value(image.data_to_world((2, 12, 25)), world=True) == pytest.approx(0.8)
    hand.widget.mask_options.confidence_box.click()
    assert not layer.visible


def test_prompts_wait_for_run_where_they_do_not_run_by_themselves(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    hand = open_hand(discs)
    options = hand.widget.mask_options
    assert not options.run_button.isVisible()
    options.auto_box.click()
    hand.click(12, 25)
    hand.click(14, 25)
    hand.qtbot.wait(200)
    assert predictor.asked == []
    assert "Run (Shift+G)" in hand.widget.status.text
    hand.press(Qt.Key.Key_G, SHIFT)
    hand.wait()
    assert len(predictor.asked) == 1
    assert np.array_equal(hand.mask, HOLED)
    assert not options.run_button.isEnabled()
    hand.click(16, 25)
    hand.qtbot.mouseClick(options.run_button, Qt.MouseButton.LeftButton)
    hand.wait()
    assert len(predictor.asked) == 2
    hand.click(16, 26)
    hand.press(Qt.Key.Key_Q)
    hand.wait()
    assert np.array_equal(hand.layer("Objects").data > 0, HOLED), "accepting runs what is waiting"


def test_a_busy_sign_with_a_cancel_button_comes_after_a_moment(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    hand = open_hand(discs)
    predictor.seconds = 1.0
    start = time.perf_counter()
    hand.click(12, 25)
    hand.qtbot.wait(60)
    button = hand.widget.status.cancel_button
    # On a machine that is busy with something else the moment may be over already.
    assert not button.isVisible() or time.perf_counter() - start > 0.15
    hand.qtbot.waitUntil(button.isVisible, timeout=700)
    hand.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert hand.widget.controller.work.prompts == ()
    assert not button.isVisible()
    hand.qtbot.wait(1100)
    assert not hand.mask.any()


def test_a_changed_key_takes_effect_at_once(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    tools = hand.widget.tools
    settings().keys.box_tool = "Y"
    settings().keys.accept_object = "Shift+Q"
    labels = [button.text() for button in tools.buttons.values()]
    assert labels == ["Click (G)", "Box (Y)", "Scribble (J)", "Label (U)", "Brush (K)"]
    hand.press(Qt.Key.Key_H)
    assert hand.widget.prompting.tool.value == "click"
    hand.press(Qt.Key.Key_Y)
    assert hand.widget.prompting.tool.value == "box"
    assert "(Shift+Q)" in hand.widget.panel.accept_button.text()
    hand.click(12, 25)
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    assert hand.widget.controller.finished == []
    hand.press(Qt.Key.Key_Q, SHIFT)
    assert len(hand.widget.controller.finished) == 1
    settings().keys.box_tool = "no such key at all"
    assert tools.buttons[list(tools.buttons)[1]].text() == "Box (H)"


@pytest.mark.parametrize("active", ["Objects", "Live mask", "Prompts", "image"])
def test_keys_work_whichever_layer_is_active_and_not_while_typing(
    open_hand: Callable[..., Hand], discs: np.ndarray, active: str
) -> None:
    hand = open_hand(discs)
    hand.viewer.layers.selection.active = hand.layer(active)
    for key, tool in zip("HJUKG", ("box", "scribble", "label", "brush", "click"), strict=True):
        hand.press(getattr(Qt.Key, f"Key_{key}"))
        assert hand.widget.prompting.tool.value == tool
    assert str(hand.layer(active).mode) == "pan_zoom"
    if active == "image":
        field = QLineEdit()
        hand.widget.layout().addWidget(field)
        field.setFocus()
        hand.qtbot.keyClicks(field, "hjk?")
        assert field.text() == "hjk?"
        assert hand.widget.prompting.tool.value == "click"


def test_the_sheet_shows_every_key(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.press(Qt.Key.Key_Question, SHIFT)
    sheet = hand.widget.tools.sheet
    assert sheet.isVisible()
    assert not sheet.isModal()
    words = sheet.text.text()
    for piece in ("<b>J</b>", "<b>Shift+G</b>", "Right-drag", "Middle-drag", "Accept the object"):
        assert piece in words
    settings().keys.scribble_tool = "Ctrl+J"
    assert "<b>Ctrl+J</b>" in sheet.text.text()
    hand.qtbot.mouseClick(hand.widget.tools.sheet_button, Qt.MouseButton.LeftButton)
    assert not sheet.isVisible()


def test_tips_follow_the_user_and_go_for_good(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    settings().guidance.tips = True
    hand = open_hand(discs)
    overlay = hand.viewer.canvas.overlays.text
    # Its letters are drawn before, unseen.
    hand.qtbot.waitUntil(lambda: overlay.text == "1/4  Left-click the object", timeout=60000)
    assert overlay.visible
    assert overlay.opacity == 1
    hand.click(12, 25)
    assert overlay.text.startswith("2/4")
    hand.click(70, 61, right=True)
    assert overlay.text == "3/4  Q accepts it; so does Ctrl with a click on the next"
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    assert overlay.text == "4/4  ? shows every tool and key"
    hand.press(Qt.Key.Key_Question, SHIFT)
    assert overlay.text == ""
    assert not overlay.visible
    assert not settings().guidance.tips
    assert "tips: false" in settings().config_path.read_text()
    hand.widget.tools.sheet.tips_box.click()
    assert overlay.text.startswith("4/4")


def test_a_text_of_somebody_elses_stays(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    overlay = hand.viewer.canvas.overlays.text
    overlay.text = "plate 7"
    settings().guidance.tips = True
    hand.click(12, 25)
    assert overlay.text == "plate 7"


def test_a_wrong_guess_of_the_key_is_answered_once(
    open_hand: Callable[..., Hand], discs: np.ndarray, notes: list[str]
) -> None:
    hand = open_hand(discs)
    hand.press(Qt.Key.Key_Return)
    assert notes == []
    hand.click(12, 25)
    hand.wait()
    hand.press(Qt.Key.Key_Return)
    assert notes == ["To accept the object and begin the next one press Q."]
    hand.press(Qt.Key.Key_Return)
    assert len(notes) == 1


def test_controls_say_what_they_are_and_can_be_reached_by_key(
    open_hand: Callable[..., Hand], discs: np.ndarray
) -> None:
    hand = open_hand(discs)
    controls = [*hand.widget.tools.buttons.values(), hand.widget.tools.sheet_button, hand.widget.tools.width_box]
    options = hand.widget.mask_options
    controls += [options.smoothing_slider, options.holes_box, options.part_box, options.auto_box]
    controls += [options.confidence_box, options.run_button, hand.widget.status.cancel_button]
    for control in controls:
        assert control.accessibleName() or control.text()
        assert control.toolTip()
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus
