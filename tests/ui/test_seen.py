"""The dock shows what the method sees: which plane, which channel, which contrast; and these can be set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from tests.ui.conftest import DISCS, disc

from napari_iseg.planes import PlaneLook

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
    row.window_box.setCurrentIndex(1)
    row.window_box.activated.emit(1)
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
    row.window_box.activated.emit(0)
    wait_until_seen(hand)
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
