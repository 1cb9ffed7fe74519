"""A viewer has one tool, however often its dock is closed and opened, and however many docks there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QThreadPool, QTimer
from qtpy.QtWidgets import QApplication, QLabel, QMessageBox, QPushButton

from napari_iseg.ui import SegmentDock

from .conftest import DISCS, Hand, _keep_context_current, disc  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def open_docked(
    make_napari_viewer: Callable[..., Any], qtbot: Any, discs: np.ndarray
) -> Iterator[Callable[[], tuple[Hand, Any]]]:
    """Return what opens an image and the dock as napari does, with a method that needs no network."""
    hands: list[Hand] = []

    def open_it() -> tuple[Hand, Any]:
        viewer = make_napari_viewer(show=True)
        viewer.add_image(discs, name="image")
        dock, frame = viewer.window.add_plugin_dock_widget("napari-iseg", "Segment")
        frame.tool.controller.choose_method("geodesic")
        _keep_context_current(viewer)
        hand = Hand(viewer, frame.tool, qtbot)
        hand.wait()
        viewer.reset_view()
        qtbot.wait(300)
        hands.append(hand)
        activate(hand)
        return hand, dock

    yield open_it
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, timeout=20000)
    for hand in hands:
        hand.__dict__.clear()


def activate(hand: Hand) -> None:
    """Give the canvas the keys, as a window manager would."""
    hand.window.activateWindow()
    hand.native.setFocus()
    hand.qtbot.waitUntil(lambda: hand.window.isActiveWindow() and hand.native.hasFocus(), timeout=5000)


def reopened(hand: Hand) -> SegmentDock:
    _, frame = hand.viewer.window.add_plugin_dock_widget("napari-iseg", "Segment")
    hand.qtbot.waitUntil(hand.widget.isVisible, timeout=5000)
    activate(hand)
    assert isinstance(frame, SegmentDock)
    return frame


def said(frame: SegmentDock) -> list[str]:
    return [label.text() for label in frame.findChildren(QLabel) if label.isVisibleTo(frame)]


def bring(frame: SegmentDock) -> None:
    (button,) = [one for one in frame.findChildren(QPushButton) if one.text() == "Bring it here"]
    button.click()


def test_a_dock_that_was_closed_goes_on_where_it_was(open_docked: Callable[[], tuple[Hand, Any]]) -> None:
    hand, dock = open_docked()
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.click(*DISCS[1])
    hand.wait()
    begun, layers = hand.mask.copy(), [layer.name for layer in hand.viewer.layers]
    assert begun.any()
    dock.destroyOnClose()
    QApplication.processEvents()
    assert not hand.widget.isVisible()
    hand.click(*DISCS[2])
    hand.qtbot.wait(100)
    assert np.array_equal(hand.mask, begun), "without a dock a click is no prompt"
    frame = reopened(hand)
    assert frame.tool is hand.widget
    assert [layer.name for layer in hand.viewer.layers] == layers
    assert not hand.widget.banner.isVisible(), "nothing was lost, so nothing is offered to be restored"
    hand.undo()
    hand.wait()
    assert not hand.mask.any()
    hand.undo()
    hand.wait()
    assert not hand.layer("Objects").data.any(), "what was accepted before the dock was closed is taken back, too"
    hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    hand.wait()
    assert hand.layer("Objects").data[disc(0)].mean() > 0.8


def test_a_second_dock_says_where_the_tool_is_and_can_have_it(
    open_docked: Callable[[], tuple[Hand, Any]],
) -> None:
    hand, dock = open_docked()
    first = dock.inner_widget()
    second = SegmentDock(hand.viewer)
    other = hand.viewer.window.add_dock_widget(second, name="again")
    hand.qtbot.wait(100)
    assert "another dock" in " ".join(said(second))
    hand.click(*DISCS[0])
    hand.wait()
    assert len(hand.widget.controller.work.prompts) == 1, "a click is taken once"
    bring(second)
    QApplication.processEvents()
    assert hand.widget.isVisible()
    assert hand.widget.parentWidget() is second
    assert "another dock" in " ".join(said(first))
    hand.click(*DISCS[0])
    hand.wait()
    assert len(hand.widget.controller.work.prompts) == 2
    other.destroyOnClose()
    QApplication.processEvents()
    assert not hand.widget.isVisible()
    bring(first)
    QApplication.processEvents()
    assert hand.widget.isVisible()
    assert len(hand.widget.controller.work.prompts) == 2


def test_two_viewers_have_a_tool_each(open_docked: Callable[[], tuple[Hand, Any]]) -> None:
    (one, _), (two, _) = open_docked(), open_docked()
    assert one.widget is not two.widget
    two.click(*DISCS[0])
    two.wait()
    assert two.mask.any()
    assert not one.widget.controller.work.prompts


def test_the_window_asks_about_unsaved_objects_of_a_dock_that_was_closed(
    open_docked: Callable[[], tuple[Hand, Any]],
) -> None:
    hand, dock = open_docked()
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    dock.destroyOnClose()
    QApplication.processEvents()
    asked: list[str] = []

    def answer() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            asked.append(box.text())
            box.button(QMessageBox.StandardButton.Cancel).click()
        else:
            QTimer.singleShot(50, answer)

    QTimer.singleShot(50, answer)
    window: Any = hand.viewer.window._qt_window
    assert not window.close()
    assert "image" in asked[0]
    assert window.isVisible()
    hand.widget.autosaver.clear(hand.widget.controller.projects)
    hand.widget.autosaver.mark_saved(hand.widget.controller.project)
