"""A user clicks objects in a real window: 2-D, colour, and a stack with unequal spacing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_iseg.interactions import Click
from napari_iseg.ui._layers import WorkLayers
from napari_iseg.ui._plane_view import shown_plane
from napari_iseg.zoo import DEFAULT_METHOD

from .conftest import DISCS, FloodPredictor, Hand, disc, nearly  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.ui._method_choice import MethodChoice


def test_left_includes_and_right_excludes(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    assert np.array_equal(hand.mask, disc(0))
    hand.click(*DISCS[2])
    hand.wait()
    assert np.array_equal(hand.mask, disc(0) | disc(2))
    hand.click(*DISCS[0], right=True)
    hand.wait()
    assert np.array_equal(hand.mask, disc(2))
    assert [p.positive for p in hand.widget.controller.work.prompts] == [True, True, False]


def test_colour_image(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(np.stack([discs, discs // 2, discs // 3], axis=-1), rgb=True)
    hand.click(*DISCS[1])
    hand.wait()
    assert hand.layer("Objects").data.shape == discs.shape
    assert np.array_equal(hand.mask, disc(1))


@pytest.fixture
def stack(discs: np.ndarray) -> np.ndarray:
    """(5, 81, 123): the discs move down by two pixels from plane to plane."""
    return np.stack([np.roll(discs, 2 * plane, axis=0) for plane in range(5)])


SPACING = (4.0, 0.5, 0.25)


def test_stack_with_unequal_spacing(open_hand: Callable[..., Hand], stack: np.ndarray) -> None:
    hand = open_hand(stack, scale=SPACING, translate=(100.0, -7.0, 3.0))
    image = hand.layer("image")
    hand.viewer.dims.set_current_step(0, 3)
    hand.click_data(image, 3, DISCS[0][0] + 6, DISCS[0][1])
    hand.wait()
    expected = np.zeros(stack.shape, bool)
    expected[3] = np.roll(disc(0), 6, axis=0)
    assert nearly(hand.mask, expected)
    prompts = hand.layer("Prompts")
    assert np.allclose(prompts.data, [[3, DISCS[0][0] + 6, DISCS[0][1]]], atol=0.6)
    assert np.allclose(prompts.scale, SPACING)
    assert np.allclose(hand.layer("Live mask").data_to_world((3, 4, 5)), image.data_to_world((3, 4, 5)))


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1), (0, 2, 1), (1, 2, 0)])
def test_any_order_of_the_axes(open_hand: Callable[..., Hand], stack: np.ndarray, order: tuple[int, ...]) -> None:
    hand = open_hand(stack, scale=(1.0, 1.0, 1.0))
    image = hand.viewer.layers[0]
    hand.viewer.dims.order = order
    hand.viewer.dims.set_point(range(3), (2.0, 44.0, 60.0))
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    point = (2.0, 44.0, 60.0)
    hand.click_data(image, *point)
    hand.wait()
    hidden = order[0]
    plane = hand.widget.controller.work.plane
    assert plane.other_axes == (hidden,)
    assert plane.index == (int(point[hidden]),)
    work = hand.widget.controller.work
    assert work.prompts[0].row == pytest.approx(point[plane.rows], abs=0.6)
    assert work.prompts[0].column == pytest.approx(point[plane.columns], abs=0.6)
    assert hand.mask[2, 44, 60]
    assert hand.mask.any(axis=tuple(a for a in range(3) if a != hidden)).sum() == 1


def test_rotated_image(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs, rotate=30, scale=(0.3, 0.2), affine=[[1, 0.1, 5], [0, 1, -3], [0, 0, 1]])
    hand.click_data(hand.viewer.layers[0], *DISCS[1])
    hand.wait()
    assert nearly(hand.mask, disc(1))
    click = hand.widget.controller.work.prompts[0]
    assert (click.row, click.column) == pytest.approx(DISCS[1], abs=0.6)


def test_a_plane_keeps_its_unfinished_object(open_hand: Callable[..., Hand], stack: np.ndarray) -> None:
    hand = open_hand(stack)
    image = hand.viewer.layers[0]
    hand.viewer.dims.set_current_step(0, 1)
    hand.click_data(image, 1, DISCS[0][0] + 2, DISCS[0][1])
    hand.viewer.dims.set_current_step(0, 4)
    hand.click_data(image, 4, DISCS[1][0] + 8, DISCS[1][1])
    hand.wait()
    assert hand.mask[1].sum() == disc(0).sum()
    assert hand.mask[4].sum() == disc(1).sum()
    hand.viewer.dims.set_current_step(0, 1)
    assert len(hand.widget.controller.work.prompts) == 1
    hand.undo()
    assert not hand.mask[1].any()
    assert hand.mask[4].sum() == disc(1).sum()


def test_a_drag_pans_and_is_no_click(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    before = tuple(hand.viewer.scene.camera.center)
    hand.drag(DISCS[0], DISCS[1])
    assert tuple(hand.viewer.scene.camera.center) != before
    assert hand.widget.controller.work.prompts == ()


@pytest.mark.parametrize("active", ["Objects", "Live mask", "Prompts", None])
def test_whichever_layer_is_active(open_hand: Callable[..., Hand], discs: np.ndarray, active: str | None) -> None:
    hand = open_hand(discs)
    hand.viewer.layers.selection.active = hand.layer(active) if active else None
    hand.click(*DISCS[0])
    hand.wait()
    assert np.array_equal(hand.mask, disc(0))
    hand.press(Qt.Key.Key_Q)
    assert (hand.layer("Objects").data == disc(0)).all()


def test_a_brush_has_the_mouse_while_it_is_chosen(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    objects = hand.layer("Objects")
    hand.viewer.layers.selection.active = objects
    objects.mode = "paint"
    assert "Objects" in hand.widget.status.text
    hand.click(40, 20)
    assert hand.widget.controller.work.prompts == ()
    assert objects.data[40, 20] == 1
    objects.mode = "pan_zoom"
    hand.click(*DISCS[0])
    assert len(hand.widget.controller.work.prompts) == 1


def test_t_swaps_the_buttons(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.press(Qt.Key.Key_T)
    assert hand.widget.panel.exclude_button.isChecked()
    hand.click(*DISCS[0])
    hand.click(*DISCS[1], right=True)
    assert [p.positive for p in hand.widget.controller.work.prompts] == [False, True]
    hand.qtbot.mouseClick(hand.widget.panel.include_button, Qt.MouseButton.LeftButton)
    assert hand.widget.controller.include
    prompts = hand.layer("Prompts")
    assert [str(symbol) for symbol in prompts.symbol] == ["x", "disc"]
    assert not np.allclose(prompts.face_color[0], prompts.face_color[1])


def test_threshold_is_live(open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    asked = len(predictor.asked)
    hand.widget.panel.threshold_slider.setValue(0.9)
    assert not hand.mask.any()
    hand.widget.panel.threshold_slider.setValue(0.7)
    assert np.array_equal(hand.mask, disc(0))
    assert len(predictor.asked) == asked


def test_inference_is_never_in_the_windows_thread(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    assert predictor.threads
    assert threading.get_ident() not in predictor.threads


def test_clicks_before_the_method_is_ready_are_kept(
    open_hand: Callable[..., Hand], discs: np.ndarray, predictor: FloodPredictor
) -> None:
    from napari_iseg.ui._loading import Loaded

    may_load = threading.Event()

    def load(_choice: MethodChoice) -> Loaded:
        may_load.wait(20)
        return Loaded(predictor, "CPU")

    hand = open_hand(load=load)
    hand.viewer.add_image(discs)
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.click(*DISCS[0])
    hand.click(*DISCS[1])
    hand.click(*DISCS[2])
    hand.undo()
    assert len(hand.layer("Prompts").data) == 2
    may_load.set()
    hand.wait()
    assert np.array_equal(hand.mask, disc(0) | disc(1))
    hand.redo()
    hand.wait()
    assert np.array_equal(hand.mask, disc(0) | disc(1) | disc(2))
    for _ in range(3):
        hand.undo()
    assert hand.widget.controller.work.prompts == ()


def test_a_hidden_dock_takes_no_clicks(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.widget.parent().hide()
    hand.click(*DISCS[0])
    hand.press(Qt.Key.Key_T)
    assert hand.widget.controller.work.prompts == ()
    assert hand.widget.controller.include


def test_two_images(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    other = hand.viewer.add_image(discs[:, ::-1], name="other")
    assert hand.widget.controller.image.name == "image"
    hand.widget.image_box.setCurrentIndex(0)
    hand.widget.image_box.activated.emit(0)
    hand.qtbot.wait(50)
    hand.wait()
    assert hand.widget.controller.image == other
    row, column = DISCS[2]
    hand.click(row, 122 - column)
    hand.wait()
    assert np.array_equal(hand.layer("Live mask of other").data > 0, disc(2)[:, ::-1])
    assert np.array_equal(hand.mask, disc(0))
    hand.widget.image_box.activated.emit(1)
    hand.qtbot.wait(50)
    assert np.array_equal(hand.widget.controller.work.session.mask, disc(0))
    assert hand.layer("Live mask").visible
    assert not hand.layer("Live mask of other").visible


def test_method_change_asks_again(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    from napari_iseg.ui._loading import Loaded

    made: dict[str, FloodPredictor] = {}

    def load(choice: MethodChoice) -> Loaded:
        return Loaded(made.setdefault(choice.method, FloodPredictor()), "CPU")

    hand = open_hand(discs, load=load)
    hand.click(*DISCS[0])
    hand.click(*DISCS[1])
    hand.wait()
    before = hand.mask
    index = hand.widget.method.method_box.findData("random-walker")
    hand.widget.method.method_box.setCurrentIndex(index)
    hand.widget.method.method_box.activated.emit(index)
    hand.wait()
    assert set(made) == {DEFAULT_METHOD, "random-walker"}
    assert made["random-walker"].asked[-1] == hand.widget.controller.work.prompts
    assert np.array_equal(hand.mask, before)
    hand.undo()
    hand.wait()
    assert np.array_equal(hand.mask, disc(0))


def test_bad_clicks_say_so_in_one_sentence(open_hand: Callable[..., Hand], discs: np.ndarray, notes: list[str]) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.click(-10, 60)
    assert "outside the image" in notes[-1]
    hand.viewer.dims.ndisplay = 3
    assert "2D" in hand.widget.status.text
    assert not hand.widget.panel.isEnabled()
    hand.viewer.dims.ndisplay = 2
    assert len(hand.widget.controller.work.prompts) == 1
    assert np.array_equal(hand.mask, disc(0))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((31, 47), np.nan, np.float32), "NaN"),
        (np.full((31, 47), np.inf, np.float32), "infinite"),
        (np.zeros((1, 1), np.uint8), "at least 2 x 2"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_bad_images_say_so_in_one_sentence(
    open_hand: Callable[..., Hand], image: np.ndarray, words: str, notes: list[str], discs: np.ndarray
) -> None:
    hand = open_hand(image)
    assert words in notes[-1]
    assert words in hand.widget.status.text
    hand.viewer.add_image(discs, name="good")
    hand.qtbot.wait(50)
    hand.wait()
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.click(*DISCS[0])
    hand.wait()
    assert np.array_equal(hand.layer("Live mask of good").data > 0, disc(0))


def test_prompts_lie_on_top_although_they_came_first(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    other = hand.viewer.add_image(discs[::-1], name="other")
    layers = WorkLayers(hand.viewer, other)
    layers.draw_prompts([(shown_plane(hand.viewer.dims, other), Click(20, 25))])
    names = [layer.name for layer in hand.viewer.layers]
    assert names[-3:] == ["Objects of other", "Live mask of other", "Prompts of other"]
