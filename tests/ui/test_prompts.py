"""A user prompts with boxes, scribbles, labels and a brush, moves and removes prompts, in a real window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from skimage.segmentation import flood

from napari_iseg.inference.prediction import Prediction
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.interactions.drawing import draw_stroke

from .conftest import DISCS, FloodPredictor, Hand, disc  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SHIFT = Qt.KeyboardModifier.ShiftModifier
RIGHT, MIDDLE = Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton


class EveryPromptPredictor(FloodPredictor):
    """Clicks and scribbles flood, a box is filled, a mask is the answer."""

    def predict(self, encoding: np.ndarray, prompts: Sequence[Any], previous: Any, **rest: Any) -> Prediction:
        if all(isinstance(prompt, Click) for prompt in prompts):
            return super().predict(encoding, prompts, previous, **rest)
        self.asked.append(tuple(prompts))
        probability = np.zeros(encoding.shape, np.float32)
        for prompt in prompts:
            match prompt:
                case Click() | Scribble():
                    drawn = _pixels(prompt, encoding.shape)
                    for pixel in zip(*np.nonzero(drawn), strict=True):
                        probability[flood(encoding, pixel, tolerance=30)] = 0.8 if prompt.positive else 0.0
                case Box(start=start, stop=stop):
                    rows, columns = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
                    probability[rows, columns] = 0.8
                case MaskPrompt(mask=mask):
                    probability[:] = mask
        return Prediction.from_mask(probability)


def _pixels(prompt: Click | Scribble, shape: tuple[int, int]) -> np.ndarray:
    points = ((prompt.row, prompt.column),) if isinstance(prompt, Click) else prompt.points
    return draw_stroke(points, 1, shape)


@pytest.fixture
def predictor() -> FloodPredictor:
    return EveryPromptPredictor()


def prompts_of(hand: Hand) -> tuple[Any, ...]:
    return hand.widget.controller.work.prompts


def camera_of(hand: Hand) -> tuple[Any, ...]:
    camera = hand.viewer.scene.camera
    return (*np.round(camera.center, 3), round(camera.zoom, 4))


def test_a_box_is_drawn_live_and_given(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    assert "Boxes and scribbles" not in hand.viewer.layers
    before = camera_of(hand)
    hand.press(Qt.Key.Key_H)
    seen: list[int] = []
    hand.drag((5, 10), (34, 39), meanwhile=lambda: seen.append(len(hand.layer("Boxes and scribbles").data)))
    hand.wait()
    assert seen == [1]
    assert camera_of(hand) == before
    (box,) = prompts_of(hand)
    assert np.allclose((*box.start, *box.stop), (5, 10, 34, 39), atol=1.1)
    assert all(value.is_integer() for value in (*box.start, *box.stop))
    expected = np.zeros(discs.shape, bool)
    expected[int(box.start[0]) : int(box.stop[0]), int(box.start[1]) : int(box.stop[1])] = True
    assert np.array_equal(hand.mask, expected)
    drawn = hand.layer("Boxes and scribbles").data[0]
    assert np.allclose(drawn.min(axis=0), np.array(box.start) - 0.5)
    hand.undo()
    assert prompts_of(hand) == ()
    assert len(hand.layer("Boxes and scribbles").data) == 0


def test_a_click_with_the_box_tool_is_a_click(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.press(Qt.Key.Key_H)
    hand.click(*DISCS[0])
    hand.click(*DISCS[1], right=True)
    assert [p.positive for p in prompts_of(hand)] == [True, False]


def test_scribbles_include_and_with_shift_or_t_exclude(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.press(Qt.Key.Key_J)
    hand.drag((20, 18), (20, 32))
    hand.wait()
    assert np.array_equal(hand.mask, disc(0))
    hand.drag((20, 18), (58, 100))
    hand.wait()
    assert hand.mask[0, 0]
    hand.drag((2, 60), (2, 110), modifier=SHIFT)
    hand.wait()
    assert not hand.mask[0, 0]
    hand.press(Qt.Key.Key_T)
    hand.drag((58, 95), (58, 105))
    hand.wait()
    scribbles = prompts_of(hand)
    assert [s.positive for s in scribbles] == [True, True, False, False]
    assert all(s.width == hand.widget.prompting.width for s in scribbles)
    layer = hand.layer("Boxes and scribbles")
    assert len(layer.data) == 4
    assert len(layer.data[3]) > len(scribbles[3].points), "what excludes has ticks"
    assert not np.allclose(layer.edge_color[0], layer.edge_color[3])


def test_right_and_middle_drag_move_the_view_with_every_tool(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    for key in (Qt.Key.Key_J, Qt.Key.Key_H, Qt.Key.Key_K, Qt.Key.Key_G):
        hand.press(key)
        before = camera_of(hand)
        hand.drag((30, 30), (40, 60), button=RIGHT)
        zoomed = camera_of(hand)
        assert zoomed[-1] != before[-1]
        hand.drag((35, 40), (40, 45), button=MIDDLE)
        moved = camera_of(hand)
        assert moved[-1] == zoomed[-1]
        assert np.allclose(np.array(moved[-3:-1]) - zoomed[-3:-1], (-5, -5), atol=0.6)
        hand.viewer.reset_view()
        hand.qtbot.wait(100)
    assert prompts_of(hand) == ()


def test_dragging_a_click_moves_it(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.click(*DISCS[2])
    hand.wait()
    before = camera_of(hand)
    hand.drag(DISCS[0], DISCS[1])
    hand.wait()
    assert camera_of(hand) == before
    assert np.array_equal(hand.mask, disc(1) | disc(2))
    assert np.allclose(hand.layer("Prompts").data, [DISCS[1], DISCS[2]], atol=0.6)
    hand.undo()
    hand.wait()
    assert np.array_equal(hand.mask, disc(0) | disc(2))


def test_delete_removes_what_is_under_the_mouse_else_the_latest(
    open_hand: Callable[..., Hand], discs: np.ndarray
) -> None:
    hand = open_hand(discs)
    for place in DISCS:
        hand.click(*place)
    hand.press(Qt.Key.Key_H)
    hand.drag((65, 5), (75, 30))
    hand.wait()
    hand.qtbot.mouseMove(hand.native, hand.pixel(DISCS[1]))
    hand.qtbot.wait(50)
    hand.press(Qt.Key.Key_Delete)
    hand.wait()
    assert not (hand.mask & disc(1)).any()
    hand.qtbot.mouseMove(hand.native, hand.pixel((65, 17)))
    hand.qtbot.wait(50)
    hand.press(Qt.Key.Key_Backspace)
    hand.wait()
    assert np.array_equal(hand.mask, disc(0) | disc(2))
    hand.qtbot.mouseMove(hand.native, hand.pixel((5, 115)))
    hand.qtbot.wait(50)
    hand.press(Qt.Key.Key_Delete)
    hand.wait()
    assert np.array_equal(hand.mask, disc(0))
    for _ in range(3):
        hand.undo()
    hand.wait()
    assert len(prompts_of(hand)) == 4


def test_a_labelled_object_is_taken_over(open_hand: Callable[..., Hand], discs: np.ndarray, notes: list[str]) -> None:
    hand = open_hand(discs, scale=(0.5, 0.25))
    labels = np.zeros((41, 31), np.int32)
    labels[4:10, 5:9] = 7
    labels[20:24, 20:25] = 3
    # Twice as coarse along the rows, four times along the columns.
    hand.viewer.add_labels(labels, name="others", scale=(1.0, 1.0))
    hand.viewer.layers.selection.active = hand.layer("image")
    hand.press(Qt.Key.Key_U)
    hand.click(6.0, 7.0)
    hand.qtbot.waitUntil(lambda: len(prompts_of(hand)) == 1, timeout=5000)
    hand.wait()
    expected = np.zeros(discs.shape, bool)
    rows, columns = np.mgrid[:81, :123]
    expected = np.isin(np.rint(rows / 2), range(4, 10)) & np.isin(np.rint(columns / 4), range(5, 9))
    assert np.array_equal(hand.mask, expected)
    hand.click(22.0, 22.0)
    hand.qtbot.waitUntil(lambda: len(prompts_of(hand)) == 2, timeout=5000)
    hand.wait()
    assert hand.mask.sum() > expected.sum()
    hand.click(6.0, 7.0, right=True)
    hand.qtbot.waitUntil(lambda: len(prompts_of(hand)) == 3, timeout=5000)
    hand.wait()
    assert not (hand.mask & expected).any()
    hand.click(35.0, 2.0)
    assert "no labelled object here" in notes[-1]


def test_the_brush_paints_and_erases_and_a_stroke_is_one_step(
    open_hand: Callable[..., Hand], discs: np.ndarray
) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_K)
    hand.widget.tools.width_box.setValue(7)
    seen: list[bool] = []
    hand.drag((20, 25), (20, 60), meanwhile=lambda: seen.append(bool(hand.mask[20, 55])))
    hand.wait()
    assert seen == [True]
    painted = hand.mask
    assert painted[20, 50]
    assert painted[23, 50]
    assert not painted[25, 50]
    assert isinstance(prompts_of(hand)[-1], MaskPrompt)
    hand.drag((20, 50), (20, 58), modifier=SHIFT)
    hand.wait()
    assert not hand.mask[20, 55]
    assert hand.mask[20, 40]
    hand.undo()
    assert np.array_equal(hand.mask, painted)
    hand.undo()
    assert np.array_equal(hand.mask, disc(0))
    hand.redo()
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects").data > 0, painted)


def test_prompts_of_other_planes_do_not_show(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(np.stack([discs] * 3), scale=(2.0, 1.0, 1.0))
    hand.viewer.dims.set_current_step(0, 1)
    hand.press(Qt.Key.Key_H)
    hand.drag((2, 5, 10), (2, 34, 39))
    hand.wait()
    hand.click(2, *DISCS[2])
    hand.wait()
    layer = hand.layer("Boxes and scribbles")
    assert np.allclose(layer.data[0][:, 0], 1)

    def coloured() -> int:
        picture = hand.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
        return int((np.abs(picture - (46, 230, 107)).sum(axis=-1) < 100).sum())

    hand.layer("Live mask").visible = False
    assert coloured() > 100
    hand.viewer.dims.set_current_step(0, 2)
    hand.qtbot.wait(100)
    assert coloured() == 0


def test_layers_follow_the_image_when_it_is_moved(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.press(Qt.Key.Key_J)
    hand.drag((20, 18), (20, 32))
    image = hand.layer("image")
    image.scale = (0.5, 2.0)
    image.rotate = 30
    image.affine = [[1, 0.1, 5], [0, 1, -3], [0, 0, 1]]
    for name in ("Objects", "Live mask", "Prompts", "Boxes and scribbles"):
        assert np.allclose(hand.layer(name).data_to_world((7, 9)), image.data_to_world((7, 9)))
