"""How many clicks and keys it takes from an opened image to labels in a file: at most 8 for one object, 105 for fifty.

The dock is opened from napari's menu in three clicks (benchmarks/workbench_acts.py does so); here it is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication
from tests.ui.conftest import DISCS, disc

from napari_iseg.ui import SegmentWidget
from napari_iseg.ui._loading import Loaded
from napari_iseg.ui._protection import Protection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.ui.conftest import FloodPredictor, Hand

DOCK = 3
SAVE = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


class Counting:
    """A hand that counts."""

    def __init__(self, hand: Hand) -> None:
        self.hand, self.acts = hand, 0

    def click(self, *place: float, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        self.acts += 1
        self.hand.click(*place, modifier=modifier)
        self.hand.wait()

    def press(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        self.acts += 1
        self.hand.press(key, modifier)

    def press_in_dialog(self, key: Any) -> None:
        """Press a key in the dialog that the next act opens."""
        timer = QTimer(self.hand.window)

        def look() -> None:
            dialog = QApplication.activeModalWidget()
            if dialog is not None and dialog.isVisible():
                timer.stop()
                self.acts += 1
                self.hand.qtbot.keyClick(dialog.focusWidget() or dialog, key)

        timer.timeout.connect(look)
        timer.start(50)


@pytest.fixture
def opened(open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path) -> Counting:
    """Return a hand at a window in which an image was opened from a file."""
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, discs)
    hand = open_hand()
    hand.viewer.open(path, plugin="napari")
    hand.wait()
    hand.qtbot.wait(300)
    return Counting(hand)


def export(user: Counting, path: Path) -> np.ndarray:
    """Export by the key to the proposed name, and return what another program reads."""
    user.press_in_dialog(Qt.Key.Key_Return)
    user.press(Qt.Key.Key_E, SAVE)
    user.hand.qtbot.waitUntil(path.exists, timeout=10000)
    user.hand.qtbot.wait(100)
    return np.asarray(Image.open(path))


def test_one_object_takes_three_acts_besides_the_dock(opened: Counting, tmp_path: Path) -> None:
    opened.click(*DISCS[1])
    labels = export(opened, tmp_path / "cells_labels.tif")
    assert np.array_equal(labels > 0, disc(1))
    assert opened.acts == 3
    assert DOCK + opened.acts <= 8


def test_each_further_object_takes_two_acts(opened: Counting, tmp_path: Path) -> None:
    for place in DISCS[:-1]:
        opened.click(*place)
        opened.press(Qt.Key.Key_Q)
    opened.click(*DISCS[-1])
    labels = export(opened, tmp_path / "cells_labels.tif")
    assert sorted(np.unique(labels)) == [0, 1, 2, 3]
    assert np.array_equal(labels > 0, disc(0) | disc(1) | disc(2))
    first, each = 3, 2
    assert opened.acts == first + each * (len(DISCS) - 1)
    assert DOCK + first + each * 49 <= 105


def test_with_ctrl_each_further_object_takes_one_act(opened: Counting, tmp_path: Path) -> None:
    hand, ctrl = opened.hand, Qt.KeyboardModifier.ControlModifier
    # There is nothing to accept yet: it is a click like any other.
    for place in DISCS:
        opened.click(*place, modifier=ctrl)
    assert [record.label for record in hand.widget.controller.finished] == [1, 2]
    assert np.array_equal(hand.mask, disc(2))
    # Undo takes back one thing at a time: the click, then the acceptance.
    hand.undo()
    hand.wait()
    assert not hand.widget.controller.work.prompts
    assert len(hand.widget.controller.finished) == 2
    hand.undo()
    hand.wait()
    assert len(hand.widget.controller.finished) == 1
    assert np.array_equal(hand.mask, disc(1))
    hand.redo()
    hand.redo()
    hand.wait()
    assert np.array_equal(hand.mask, disc(2))
    labels = export(opened, tmp_path / "cells_labels.tif")
    assert np.array_equal(labels > 0, disc(0) | disc(1) | disc(2))
    assert opened.acts == 5


def test_with_ctrl_a_third_object_waits_for_the_first(
    opened: Counting, predictor: FloodPredictor, notes: list[str]
) -> None:
    hand, ctrl = opened.hand, Qt.KeyboardModifier.ControlModifier
    predictor.seconds = 0.5
    hand.click(*DISCS[0])
    hand.click(*DISCS[1], modifier=ctrl)
    hand.click(*DISCS[2], modifier=ctrl)
    assert any("still being computed" in note for note in notes)
    predictor.seconds = 0.0
    hand.wait()
    # The second object is the second alone; the third can be clicked now.
    assert np.array_equal(hand.mask, disc(1))
    opened.click(*DISCS[2], modifier=ctrl)
    assert np.array_equal(hand.mask, disc(2))
    assert len(hand.widget.controller.finished) == 2


def test_with_ctrl_nothing_is_clicked_while_a_question_is_open(opened: Counting) -> None:
    hand, ctrl = opened.hand, Qt.KeyboardModifier.ControlModifier
    controller = hand.widget.controller
    controller.guard.rule = Protection.ASK
    opened.click(*DISCS[0])
    opened.press(Qt.Key.Key_Q)
    opened.click(*DISCS[0])
    opened.click(*DISCS[1], modifier=ctrl)
    assert len(controller.finished) == 1
    assert controller.guard.question_on(controller.work) is not None
    assert len(controller.work.prompts) == 1


def test_an_image_that_was_seen_whole_is_so_beside_the_dock(
    make_napari_viewer: Any, qtbot: Any, predictor: FloodPredictor, discs: np.ndarray
) -> None:
    viewer = make_napari_viewer(show=True, strict_qt=True)
    viewer.window._qt_window.resize(1000, 500)
    image = viewer.add_image(np.tile(discs, (1, 2)))
    qtbot.wait(300)
    viewer.reset_view()
    qtbot.wait(300)
    widget = SegmentWidget(viewer, lambda _choice: Loaded(predictor, "CPU"))
    viewer.window.add_dock_widget(widget, name="Segment", area="right")
    # It is cut off when the canvas becomes narrower, and fitted in again after that.
    qtbot.waitUntil(lambda: widget.width() > 100 and not widget._whole_view._timer.isActive(), timeout=10000)

    def is_whole() -> bool:
        first, last = image.corner_pixels
        return bool((first <= 0).all() and (last >= np.array(image.data.shape) - 1).all())

    qtbot.waitUntil(is_whole, timeout=10000)
    qtbot.waitUntil(lambda: not (widget.controller.preparing or widget._workers.busy), timeout=20000)
