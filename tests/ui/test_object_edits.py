"""A user deletes, merges, splits, names and opens objects again, and takes every step back, in a real window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_iseg.errors import PromptError
from napari_iseg.interactions import MaskPrompt

from .conftest import DISCS, Hand, disc  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable

ALL = disc(0) + 2 * disc(1) + 3 * disc(2).astype(int)


def make_all(hand: Hand) -> Any:
    """Finish the three discs; return the Objects layer."""
    for number in range(3):
        hand.click(*DISCS[number])
        hand.wait()
        hand.press(Qt.Key.Key_Q)
    hand.wait()
    return hand.layer("Objects")


def press(hand: Hand, button: Any) -> None:
    assert button.isEnabled()
    hand.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    hand.wait()


def states(hand: Hand) -> dict[int, str]:
    return {row.label: row.state for row in hand.widget.objects.table.objects_model.rows}


def test_delete_and_merge_are_steps_that_undo_and_redo_take(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    objects, panel = make_all(hand), hand.widget.objects
    panel.table.select([1, 3])
    press(hand, panel.merge_button)
    assert np.array_equal(objects.data, disc(0) + 2 * disc(1) + disc(2))
    (merged,) = [record for record in hand.widget.controller.finished if record.label == 1]
    assert merged.pixels == int(disc(0).sum() + disc(2).sum())
    assert isinstance(merged.prompts[-1], MaskPrompt)
    panel.table.select([2])
    panel.table.setFocus()
    hand.qtbot.keyClick(panel.table, Qt.Key.Key_Delete)
    assert np.array_equal(objects.data, disc(0) | disc(2))
    assert states(hand) == {1: "done"}
    hand.undo()
    hand.undo()
    assert np.array_equal(objects.data, ALL)
    assert [record.label for record in hand.widget.controller.finished] == [1, 2, 3]
    assert [record.pixels for record in hand.widget.controller.finished] == [int(disc(n).sum()) for n in range(3)]
    hand.redo()
    hand.redo()
    assert np.array_equal(objects.data, disc(0) | disc(2))
    hand.undo()
    hand.undo()
    hand.undo()  # the last acceptance
    assert np.array_equal(hand.mask, disc(2))
    hand.undo()  # its click
    assert not hand.mask.any()
    hand.redo()
    hand.redo()
    hand.redo()  # the merging, with the object that was accepted again
    assert np.array_equal(objects.data, disc(0) + 2 * disc(1) + disc(2))


def test_undo_takes_clicks_and_edits_back_in_their_order(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.click(*DISCS[1])
    hand.wait()
    hand.widget.controller.objects.delete([1])
    hand.click(*DISCS[2])
    hand.wait()
    hand.undo()
    assert np.array_equal(hand.mask, disc(1))
    assert not hand.layer("Objects").data.any()
    hand.undo()
    assert np.array_equal(hand.layer("Objects").data, disc(0))
    assert np.array_equal(hand.mask, disc(1))
    hand.undo()
    assert not hand.mask.any()


def test_a_line_across_an_object_splits_it(open_hand: Callable[..., Hand], discs: np.ndarray, notes: list[str]) -> None:
    hand = open_hand(discs)
    objects, panel = make_all(hand), hand.widget.objects
    centre = hand.viewer.scene.camera.center
    panel.table.select([2])
    press(hand, panel.split_button)
    assert panel.split_button.isChecked()
    hand.drag((24, 62), (56, 62))
    assert hand.viewer.scene.camera.center == pytest.approx(centre)
    assert hand.viewer.scene.camera.mouse_pan
    assert not panel.split_button.isChecked()
    assert objects.data[40, 50] == 2
    assert objects.data[40, 70] == 4
    assert np.array_equal(np.isin(objects.data, (2, 4)), disc(1))
    assert panel.table.labels == [4, 2]
    assert not hand.mask.any()
    hand.undo()
    assert np.array_equal(objects.data, ALL)
    panel.table.select([2])
    press(hand, panel.split_button)
    hand.drag((70, 10), (75, 40))
    assert "does not touch" in notes[-1]
    hand.click(*DISCS[0])  # the mouse clicks objects again
    hand.wait()
    assert len(hand.layer("Prompts").data) == 1


def test_a_finished_object_is_edited_again(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    objects, panel, controller = make_all(hand), hand.widget.objects, hand.widget.controller
    hand.click(70, 20)  # begins another one, of the background
    hand.wait()
    begun = hand.mask.copy()
    panel.table.select([2])
    press(hand, panel.edit_button)
    assert np.array_equal(hand.mask, disc(1))
    assert np.array_equal(objects.data, disc(0) + 3 * disc(2).astype(int))
    assert len(hand.layer("Prompts").data) == 1
    assert panel.banner.isVisible()
    assert states(hand)[2] == "draft"
    hand.click(*DISCS[0])
    hand.wait()
    assert np.array_equal(hand.mask, disc(0) | disc(1))
    hand.undo()
    hand.undo()  # closes it as it was
    assert np.array_equal(objects.data, ALL)
    assert np.array_equal(hand.mask, begun)
    hand.redo()
    hand.redo()
    hand.wait()
    assert np.array_equal(hand.mask, disc(0) | disc(1))
    press(hand, panel.leave_button)
    assert np.array_equal(objects.data, ALL)
    hand.undo()
    assert np.array_equal(hand.mask, disc(0) | disc(1))
    controller.guard.rule = type(controller.guard.rule).OVERWRITE
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(objects.data, 2 * (disc(0) | disc(1)) + 3 * disc(2).astype(int))
    assert [record.pixels for record in controller.finished][-1] == int(disc(0).sum() + disc(1).sum())
    assert np.array_equal(hand.mask, begun)
    assert not panel.banner.isVisible()
    for _ in range(4):  # the click that was put aside, the acceptance, the new click, the opening
        hand.undo()
    assert np.array_equal(objects.data, ALL)
    assert np.array_equal(hand.mask, begun)


@pytest.mark.parametrize("back", [False, True])
def test_objects_of_another_layer_are_taken_over(open_hand: Callable[..., Hand], discs: np.ndarray, back: bool) -> None:
    hand = open_hand(discs)
    theirs = np.zeros(discs.shape, np.int32)
    theirs[DISCS[0][0] - 3 : DISCS[0][0] + 3, DISCS[0][1] - 3 : DISCS[0][1] + 3] = 77
    theirs[70:75, 5:9] = 5
    layer = hand.viewer.add_labels(theirs.copy(), name="theirs", features={"index": [77], "class": ["nucleus"]})
    row = hand.widget.objects.take_over
    assert row.isVisible()
    row.back_box.setChecked(back)
    row.pick_button.click()
    hand.click(*DISCS[0])
    hand.wait()
    assert np.array_equal(hand.mask, theirs == 77)
    assert len(hand.layer("Prompts").data) == 0
    hand.click(DISCS[0][0] + 8, DISCS[0][1])
    hand.wait()
    assert np.array_equal(hand.mask, disc(0))
    hand.press(Qt.Key.Key_Q)
    if back:
        assert np.array_equal(layer.data, np.where(disc(0), 77, theirs))
        assert not hand.layer("Objects").data.any()
        hand.undo()
        assert np.array_equal(layer.data, theirs)
        assert np.array_equal(hand.mask, disc(0))
    else:
        assert np.array_equal(layer.data, theirs)
        assert np.array_equal(hand.layer("Objects").data, 77 * disc(0))
        assert hand.widget.controller.finished[0].class_name == "nucleus"
        assert hand.widget.controller.classes.names == ["nucleus"]


def test_a_layer_of_another_size_is_refused_in_a_sentence(
    open_hand: Callable[..., Hand], discs: np.ndarray, notes: list[str]
) -> None:
    hand = open_hand(discs)
    hand.viewer.add_labels(np.ones((30, 40), int), name="small")
    hand.widget.objects.take_over.selected_button.click()
    assert "shape (30, 40)" in notes[-1]
    assert hand.widget.controller.work.prompts == ()


def test_the_dock_asks_quietly_before_an_object_lies_over_others(
    open_hand: Callable[..., Hand], discs: np.ndarray
) -> None:
    hand = open_hand(discs)
    objects, row = make_all(hand), hand.widget.panel.protection
    row.rule_box.setCurrentIndex(2)
    row.rule_box.activated.emit(2)
    for answer, expected in ((row.keep_button, ALL), (row.overwrite_button, np.where(disc(0), 4, ALL))):
        hand.click(*DISCS[0])
        hand.wait()
        hand.click(70, 20)
        hand.wait()
        hand.press(Qt.Key.Key_Q)
        assert row.question.isVisible()
        assert f"a finished object ({int(disc(0).sum())} px)" in row.question_text.text()
        hand.undo()  # the question is about another object then
        assert not row.question.isVisible()
        hand.redo()
        press(hand, answer)
        assert not row.question.isVisible()
        assert np.array_equal(np.where(ALL > 0, objects.data, 0), expected)
        hand.undo()
        hand.undo()
        hand.undo()


def test_classes_notes_and_states_reach_the_layers_features(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    panel = hand.widget.objects
    hand.qtbot.mouseClick(panel.classes.add_button, Qt.MouseButton.LeftButton)
    hand.qtbot.keyClicks(panel.classes.new_name, "nucleus")
    hand.qtbot.keyClick(panel.classes.new_name, Qt.Key.Key_Return)
    objects = make_all(hand)
    model = panel.table.objects_model
    assert [row.class_name for row in model.rows] == ["nucleus"] * 3
    columns = [column.name for column in hand.widget.objects.table.columns]
    model.setData(model.index(0, columns.index("class")), "debris")
    model.setData(model.index(0, columns.index("note")), "out of focus")
    model.setData(model.index(1, columns.index("state")), "reviewed")
    panel.features.write()
    table = objects.features
    assert list(table["index"]) == [1, 2, 3]
    assert list(table["class"]) == ["nucleus", "nucleus", "debris"]
    assert list(table["state"]) == ["done", "reviewed", "done"]
    assert table["note"][2] == "out of focus"
    panel.classes.by_class.setChecked(True)
    panel.features.write()
    assert np.allclose(objects.get_color(1), objects.get_color(2))
    assert not np.allclose(objects.get_color(1), objects.get_color(3))
    panel.search.setText("debris")
    assert panel.table.filtered.rowCount() == 1
    panel.search.clear()
    for _ in range(3):
        hand.undo()
    assert [row.class_name for row in model.rows] == ["nucleus"] * 3
    assert set(states(hand).values()) == {"done"}


def test_the_table_goes_to_an_object_and_has_a_dock_of_its_own(open_hand: Callable[..., Hand]) -> None:
    stack = np.zeros((3, 60, 80), np.uint8)
    stack[0, 10:20, 10:20] = 200
    stack[2, 40:50, 60:70] = 100
    hand = open_hand(stack, scale=(2, 0.5, 0.5), units=("um", "um", "um"))
    panel = hand.widget.objects
    for plane, place in ((0, (15, 15)), (2, (45, 65))):
        hand.viewer.dims.set_current_step(0, plane)
        hand.wait()
        hand.click_data(hand.viewer.layers[0], plane, *place)
        hand.wait()
        hand.press(Qt.Key.Key_Q)
    table = panel.table
    texts = {c.name: c.text(table.objects_model.rows[1]) for c in table.columns}
    assert (texts["id"], texts["area"], texts["pixels"], texts["plane"]) == ("1", "25 µm²", "100", "0")
    hand.viewer.scene.camera.zoom *= 6
    hand.viewer.scene.camera.center = (22, 32)
    hand.qtbot.wait(100)
    table.selectRow(1)
    assert hand.viewer.dims.current_step[0] == 0
    assert hand.viewer.scene.camera.center[-2:] == pytest.approx((7.25, 7.25))
    assert hand.layer("Objects").selected_label == 1
    hand.qtbot.mouseClick(panel.pop_button, Qt.MouseButton.LeftButton)
    assert panel.pop_out.is_out
    assert table.isVisible()
    assert table.window() is hand.window
    hand.qtbot.mouseClick(panel.pop_button, Qt.MouseButton.LeftButton)
    assert not panel.pop_out.is_out
    assert panel.isAncestorOf(table)


def test_an_edit_of_what_is_not_there_is_told(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    make_all(hand)
    edits = hand.widget.controller.objects
    for act in (lambda: edits.delete([9]), lambda: edits.merge([1]), lambda: edits.leave(), lambda: edits.delete([])):
        with pytest.raises(PromptError):
            act()
    assert np.array_equal(hand.layer("Objects").data, ALL)
