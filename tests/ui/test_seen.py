"""The dock shows what the method sees: which plane, which channel, which contrast; and these can be set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from tests.ui.conftest import DISCS, disc

from napari_iseg.planes import PlaneLook
from napari_iseg.ui._method_choice import MethodChoice

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ui.conftest import Hand


def picture(hand: Hand) -> np.ndarray:
    """Return the thumbnail, (H, W, 3)."""
    image = hand.widget.seen_row.picture.pixmap().toImage()
    colours = [[image.pixelColor(x, y) for x in range(image.width())] for y in range(image.height())]
    return np.array([[(c.red(), c.green(), c.blue()) for c in row] for row in colours])


def wait_until_seen(hand: Hand) -> None:
    hand.qtbot.waitUntil(lambda: hand.widget.seen.pixels is not None, timeout=5000)
    hand.wait()
    hand.qtbot.wait(80)


def choose(hand: Hand, title: str) -> None:
    """Choose a contrast in the list and wait until the thumbnail shows it."""
    box = hand.widget.seen_row.window_box
    box.setCurrentIndex(box.findText(title))
    box.activated.emit(box.currentIndex())
    hand.qtbot.wait(100)
    wait_until_seen(hand)
    assert box.currentText() == title


def test_the_thumbnail_shows_the_plane_that_is_on_the_canvas(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(np.stack([discs, discs.T[:81].repeat(2, axis=1)[:, :123] // 2]), axis_labels=("z", "y", "x"))
    wait_until_seen(hand)
    row = hand.widget.seen_row
    assert row.isVisible()
    assert "z 0" in row.words.text()
    before = picture(hand)
    assert before.shape[1] > before.shape[0] > 20
    hand.viewer.dims.set_current_step(0, 1)
    wait_until_seen(hand)
    assert "z 1" in row.words.text()
    assert not np.array_equal(picture(hand), before)


def test_the_layers_contrast_is_what_the_method_gets(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs.astype(np.uint16) * 10)
    image: Any = hand.layer("image")
    wait_until_seen(hand)
    row, project = hand.widget.seen_row, hand.widget.controller.project
    hand.click(*DISCS[0])
    hand.wait()
    # It is the layer's from the beginning: what the user sees is what the method sees.
    assert project.look == PlaneLook(limits=(200.0, 2400.0))
    assert row.window_box.currentText() == "Layer's contrast"
    image.contrast_limits = (0, 2400)
    hand.qtbot.waitUntil(lambda: project.look == PlaneLook(limits=(0.0, 2400.0)), timeout=5000)
    wait_until_seen(hand)
    # The disc of 1,800 at limits of 0 and 2,400.
    assert hand.widget.seen.pixels[40, 60, 0] == round(1800 / 2400 * 255)
    assert "0 to 2400" in row.words.text()
    # What was begun is asked again, and the record says what was seen.
    assert np.array_equal(hand.mask, disc(0))
    assert np.array_equal(hand.widget.controller.work.session.image, hand.widget.seen.pixels)
    hand.press(Qt.Key.Key_Q)
    hand.wait()
    record = hand.widget.controller.finished[0]
    assert PlaneLook.of_facts(record.facts) == project.look
    hand.undo()
    hand.press(Qt.Key.Key_Q)
    hand.wait()
    assert PlaneLook.of_facts(hand.widget.controller.finished[0].facts) == project.look
    choose(hand, "Automatic contrast")
    assert project.look == PlaneLook()
    image.contrast_limits = (0, 2000)
    hand.qtbot.wait(400)
    assert project.look == PlaneLook()


def test_a_colour_channel_can_be_chosen(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    colours = np.stack([discs, discs // 2, np.zeros_like(discs)], axis=-1)
    hand = open_hand(colours, rgb=True)
    wait_until_seen(hand)
    row = hand.widget.seen_row
    assert row.channel_box.isVisible()
    assert not row.window_box.isVisible()
    row.channel_box.activated.emit(2)
    wait_until_seen(hand)
    assert np.array_equal(hand.widget.seen.pixels, np.repeat((discs // 2)[..., None], 3, axis=2))
    assert row.channel_box.currentText() == "Green"
    hand.click(*DISCS[2])
    hand.wait()
    assert np.array_equal(hand.mask, disc(2))


def test_a_ct_window_shows_at_once_and_stays_with_the_object(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs.astype(np.int16) * 4 - 500)
    wait_until_seen(hand)
    before = picture(hand)
    choose(hand, "CT lung (-600/1500)")
    project = hand.widget.controller.project
    assert project.look == PlaneLook(limits=(-1350.0, 150.0))
    # The disc of 120 is at -20 HU.
    assert hand.widget.seen.pixels[20, 25, 0] == round((-20 + 1350) / 1500 * 255)
    assert not np.array_equal(picture(hand), before)
    assert "level -600" in hand.widget.seen_row.window_box.toolTip()
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.wait()
    assert PlaneLook.of_facts(hand.widget.controller.finished[0].facts) == project.look


def test_each_plane_or_the_whole_volume_is_stretched(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    stack = np.stack([discs.astype(np.float32) * (1 + number) for number in range(11)])
    hand = open_hand(stack)
    wait_until_seen(hand)
    choose(hand, "Stretch each plane")
    first = hand.widget.seen.pixels.copy()
    hand.viewer.dims.set_current_step(0, 10)
    wait_until_seen(hand)
    assert np.abs(hand.widget.seen.pixels.astype(int) - first).max() <= 1
    choose(hand, "Stretch the volume")
    bright = hand.widget.seen.pixels.copy()
    hand.viewer.dims.set_current_step(0, 0)
    wait_until_seen(hand)
    assert hand.widget.seen.pixels.max() < bright.max() / 4
    assert hand.widget.controller.project.look.limits is not None


def test_of_a_lazy_stack_a_few_planes_are_read(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    import dask.array as da

    read: list[int] = []

    def plane(block_info: Any = None) -> np.ndarray:
        read.append(block_info[None]["chunk-location"][0])
        return discs[None].astype(np.uint16) * 3

    stack = da.map_blocks(
        plane, chunks=((1,) * 60, (81,), (123,)), dtype=np.uint16, meta=np.zeros((0, 0, 0), np.uint16)
    )
    hand = open_hand(stack, contrast_limits=(0, 700))
    wait_until_seen(hand)
    read.clear()
    choose(hand, "MRI")
    assert len(set(read)) <= 6
    assert hand.widget.controller.project.look.limits == (60.0, 720.0)


def test_oblong_pixels_are_seen_square(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    slices = np.ascontiguousarray(discs[::4])
    hand = open_hand(slices, scale=(4.0, 1.0))
    wait_until_seen(hand)
    high, wide = picture(hand).shape[:2]
    assert wide / high == pytest.approx(123 / 84, rel=0.05)
    assert "84 x 123 square pixels" in hand.widget.seen_row.picture.toolTip()
    hand.click_data(hand.viewer.layers[0], 10, 60)
    hand.wait()
    work = hand.widget.controller.work
    assert work.session.mask.shape == (21, 123)
    assert np.array_equal(hand.mask, work.session.mask)
    truth = disc(1)[::4]
    # Flooding stops where the rim is blurred; nothing lies elsewhere.
    assert not (hand.mask & ~truth).any()
    assert hand.mask.sum() > truth.sum() / 2
    hand.press(Qt.Key.Key_Q)
    hand.wait()
    assert hand.widget.controller.finished[0].facts["shown_as"] == [84, 123]


def test_the_thumbnail_is_brighter_where_the_method_is_shown_more_light(open_hand: Callable[..., Hand]) -> None:
    dark = np.full((81, 123), 2, np.uint8)
    dark[20:60, 30:80] = 60
    dark[30:50, 40:70] = 240
    hand = open_hand(dark)
    controller, row = hand.widget.controller, hand.widget.seen_row
    controller.use(MethodChoice("focalclick"))
    wait_until_seen(hand)
    before = picture(hand)
    assert "brighter" not in row.picture.toolTip()
    controller.use(MethodChoice("focalclick").with_options({"brighten": True}))
    hand.qtbot.waitUntil(lambda: "brighter where the plane is dark" in row.picture.toolTip(), timeout=5000)
    wait_until_seen(hand)
    after = picture(hand)
    middle = after.shape[0] // 2
    rim = round(34 / 123 * after.shape[1])
    # The square root of a quarter is a half.
    assert abs(int(before[middle, rim, 0]) - 60) < 6
    assert abs(int(after[middle, rim, 0]) - 128) < 6
