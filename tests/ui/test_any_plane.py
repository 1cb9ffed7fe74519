"""The plane on the canvas is the plane that is segmented: any axis, any order, channels, moments, colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from tests.ui.conftest import nearly

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ui.conftest import Hand

MIDDLE, RADIUS = (7, 30, 44), 5


def ball(shape: tuple[int, ...] = (15, 61, 83)) -> np.ndarray:
    """Return (15, 61, 83) bool: an ellipsoid that is a ball where a slice is three pixels thick."""
    z, y, x = np.indices(shape)
    where = ((z - MIDDLE[0]) * 3) ** 2 + (y - MIDDLE[1]) ** 2 + (x - MIDDLE[2]) ** 2
    return where <= (3 * RADIUS) ** 2


def grey(inside: np.ndarray) -> np.ndarray:
    return np.where(inside, 200, 20).astype(np.uint8)


def show(hand: Hand, order: tuple[int, ...], point: tuple[float, ...]) -> None:
    hand.viewer.dims.order = order
    hand.viewer.dims.set_point(range(len(point)), point)
    hand.viewer.reset_view()
    hand.qtbot.wait(300)


def test_axial_coronal_and_sagittal_and_each_transposed(open_hand: Callable[..., Hand]) -> None:
    inside = ball()
    hand = open_hand(grey(inside), scale=(3.0, 1.0, 1.0))
    image = hand.viewer.layers[0]
    for number, order in enumerate([(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]):
        show(hand, order, tuple(float(at * size) for at, size in zip(MIDDLE, (3, 1, 1), strict=True)))
        hand.click_data(image, *MIDDLE)
        hand.wait()
        hidden = order[0]
        work = hand.widget.controller.work
        assert work.plane.other_axes == (hidden,)
        assert work.plane.index == (MIDDLE[hidden],)
        assert hand.mask.any(axis=tuple(axis for axis in range(3) if axis != hidden)).sum() == 1
        found, wanted = (np.take(each, MIDDLE[hidden], axis=hidden) for each in (hand.mask, inside))
        assert nearly(found, wanted)
        # Where a slice is thick, rows are as wide as they are in the world; the slice itself stays as it is.
        assert (work.square is None) == (hidden == 0), number
        hand.undo()
        hand.wait()
        assert not hand.mask.any()


def test_a_channel_and_a_moment_are_their_own_planes(open_hand: Callable[..., Hand]) -> None:
    inside = ball()
    movie = np.zeros((2, 15, 3, 61, 83), np.uint8)
    movie[1, :, 2] = grey(inside)
    hand = open_hand(movie, axis_labels=("t", "z", "c", "y", "x"), scale=(1.0, 3.0, 1.0, 1.0, 1.0))
    image = hand.viewer.layers[0]
    point = (1.0, 21.0, 2.0, 30.0, 44.0)
    for order, shown in (((0, 1, 2, 3, 4), (3, 4)), ((0, 2, 3, 1, 4), (1, 4)), ((0, 2, 4, 3, 1), (3, 1))):
        show(hand, order, point)
        hand.click_data(image, 1, 7, 2, 30, 44)
        hand.wait()
        work = hand.widget.controller.work
        assert {work.plane.rows, work.plane.columns} == set(shown)
        assert nearly(work.plane.take_labels(hand.mask), work.plane.take_labels(movie) > 100)
        assert not hand.mask[0].any()
        assert not hand.mask[:, :, :2].any()
        hand.press(Qt.Key.Key_Q)
        hand.wait()
    assert len(np.unique(hand.layer("Objects").data)) == 4


def test_moments_along_the_rows_have_no_height_in_space(open_hand: Callable[..., Hand]) -> None:
    lines = np.zeros((40, 5, 70), np.uint8)
    lines[12:30, :, 20:50] = 220
    hand = open_hand(lines, axis_labels=("t", "y", "x"), scale=(10.0, 0.5, 0.5))
    show(hand, (1, 0, 2), (0.0, 1.0, 0.0))
    hand.click_data(hand.viewer.layers[0], 20, 2, 30)
    hand.wait()
    assert hand.widget.controller.work.square is None
    assert np.array_equal(hand.mask[:, 2], lines[:, 2] > 0)


def test_a_colour_stack_from_the_side(open_hand: Callable[..., Hand]) -> None:
    inside = ball()
    colours = np.stack([grey(inside), grey(inside) // 2, grey(inside) // 3], axis=-1)
    hand = open_hand(colours, rgb=True, scale=(3.0, 1.0, 1.0))
    show(hand, (2, 0, 1), (21.0, 30.0, 44.0))
    hand.click_data(hand.viewer.layers[0], *MIDDLE)
    hand.wait()
    assert hand.widget.controller.work.plane.rgb
    assert nearly(hand.mask[:, :, 44], inside[:, :, 44])


def test_channels_as_layers_are_chosen_and_keep_their_own_work(open_hand: Callable[..., Hand]) -> None:
    inside = ball()
    hand = open_hand(grey(inside), grey(np.roll(inside, 20, axis=2)), scale=(3.0, 1.0, 1.0))
    first, second = hand.viewer.layers[0], hand.viewer.layers[1]
    show(hand, (1, 0, 2), (21.0, 30.0, 44.0))
    for image, column in ((first, 44), (second, 64)):
        hand.widget.controller.choose_image(image)
        hand.wait()
        hand.click_data(image, 7, 30, column)
        hand.wait()
        work = hand.widget.controller.work
        assert nearly(work.session.mask, work.plane.take(image.data) > 100)
    hand.widget.controller.choose_image(first)
    hand.wait()
    assert nearly(hand.widget.controller.work.session.mask, inside[:, 30])


@pytest.mark.parametrize("name", ["em_stack", "mri_stack", "nuclei_stack"])
def test_every_drawn_sample_opens_from_napari_with_its_reference(open_hand: Callable[..., Hand], name: str) -> None:
    hand = open_hand()
    hand.viewer.open_sample("napari-iseg", name)
    hand.wait()
    image, reference = hand.viewer.layers[name], hand.viewer.layers[f"{name} reference"]
    assert hand.widget.controller.image is image
    assert not reference.visible
    assert np.allclose(image.scale, reference.scale)
    middle = int(image.data.shape[0] // 2)
    labels = reference.data[middle]
    value = int(np.bincount(labels[labels > 0]).argmax())
    rows, columns = np.nonzero(labels == value)
    hand.viewer.dims.set_current_step(0, middle)
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.click_data(image, middle, rows[len(rows) // 2], columns[len(rows) // 2])
    hand.wait()
    assert hand.mask.any()
    assert not hand.mask[:middle].any()


def test_a_real_sample_tells_its_licence(
    open_hand: Callable[..., Hand], notes: list[str], shared: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_ISEG_DATA", f"{shared}/data")
    hand = open_hand()
    menu = hand.widget.begin.more_button.menu()
    actions = {action.text(): action for action in menu.actions()}
    spine = next(action for title, action in actions.items() if title.startswith("Hippocampus"))
    assert "CC BY-SA 4.0" in spine.toolTip()
    spine.trigger()
    hand.wait_for_note(notes, "Licence: CC BY-SA 4.0")
    assert "Cite: Antonelli" in notes[-1]
    assert [layer.name for layer in hand.viewer.layers][:2] == ["hippocampus", "hippocampus reference"]
