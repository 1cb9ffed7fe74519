"""A folder of images is worked through one after the other; what was done on each stays with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import imageio.v3 as imageio
import numpy as np
import pytest
from qtpy.QtCore import Qt, QThreadPool

from napari_iseg.io.autosave_places import every_autosave

from .conftest import DISCS, Hand, disc  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(discs: np.ndarray, tmp_path: Path) -> Path:
    """Return a folder with three images, the second of another shape, and files that are no images."""
    path = tmp_path / "plate"
    path.mkdir()
    imageio.imwrite(path / "a.png", discs)
    imageio.imwrite(path / "b.tif", np.pad(discs, ((0, 20), (0, 7))))
    imageio.imwrite(path / "c.png", discs[::-1].copy())
    (path / "notes.txt").write_text("x")
    (path / ".hidden.png").write_bytes(b"x")
    return path


def arrived(hand: Hand, position: int) -> None:
    queue = hand.widget.queue
    hand.qtbot.waitUntil(lambda: not queue.busy and queue.position == position, timeout=10000)
    hand.qtbot.wait(50)
    hand.wait()
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.native.setFocus()


def press(hand: Hand, key: Any) -> None:
    hand.press(key, Qt.KeyboardModifier.ShiftModifier)


def test_every_image_keeps_its_work(open_hand: Callable[..., Hand], folder: Path, notes: list[str]) -> None:
    hand = open_hand()
    panel = hand.widget.queue_panel
    assert not panel.isVisible()
    hand.widget.queue.open([folder])
    arrived(hand, 0)
    assert panel.isVisible()
    assert panel.label.text() == "Image 1 of 3, 0 done\na"
    assert not panel.previous_button.isEnabled()
    hand.widget.controller.choose_method("geodesic")
    hand.wait()
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.click(*DISCS[1])
    hand.wait()
    press(hand, Qt.Key.Key_N)
    arrived(hand, 1)
    assert panel.label.text() == "Image 2 of 3, 0 done\nb"
    assert hand.widget.controller.answering.choice.method == "geodesic"
    assert [layer.name for layer in hand.viewer.layers] == ["b", "Objects", "Live mask", "Prompts"]
    assert not hand.layer("Objects").data.any()
    assert hand.layer("Objects").data.shape == (101, 130)
    # Nothing of the image before can be undone into this one.
    hand.layer("Objects").undo()
    assert not hand.layer("Objects").data.any()
    hand.click(*DISCS[2])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.qtbot.mouseClick(panel.previous_button, Qt.MouseButton.LeftButton)
    arrived(hand, 0)
    assert panel.label.text() == "Image 1 of 3, 1 done\na"
    # What was unfinished goes on.
    hand.qtbot.waitUntil(lambda: np.array_equal(hand.mask, disc(1)), timeout=5000)
    assert np.array_equal(hand.layer("Objects").data, disc(0))
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects").data, disc(0) + 2 * disc(1))
    press(hand, Qt.Key.Key_N)
    arrived(hand, 1)
    assert panel.label.text() == "Image 2 of 3, 2 done\nb  ✓ done"
    assert np.array_equal(hand.layer("Objects").data[:81, :123], disc(2))
    assert np.array_equal(imageio.imread(folder / "a.labels.tif"), disc(0) + 2 * disc(1))
    # All of it is saved.
    assert every_autosave() == []
    press(hand, Qt.Key.Key_N)
    arrived(hand, 2)
    assert not panel.next_button.isEnabled()
    assert sorted(file.name for file in folder.glob("[!.]*")) == [
        *("a.iseg.json", "a.labels.tif", "a.png", "b.iseg.json", "b.labels.tif", "b.tif", "c.png", "notes.txt")
    ]
    assert notes == []
    # Label files are no images; the first one that is not done is shown.
    again = open_hand()
    again.widget.queue.open([folder])
    arrived(again, 2)
    assert again.widget.queue_panel.label.text() == "Image 3 of 3, 2 done\nc"


def test_work_that_was_undone_is_not_there_any_more(open_hand: Callable[..., Hand], folder: Path) -> None:
    hand = open_hand()
    hand.widget.queue.open([folder / "a.png", folder / "c.png"])
    arrived(hand, 0)
    hand.click(*DISCS[0])
    hand.wait()
    press(hand, Qt.Key.Key_N)
    arrived(hand, 1)
    assert len(json.loads((folder / "a.iseg.json").read_text())["objects"]) == 1
    press(hand, Qt.Key.Key_B)
    arrived(hand, 0)
    hand.undo()
    press(hand, Qt.Key.Key_N)
    arrived(hand, 1)
    assert not (folder / "a.iseg.json").exists()


def test_a_step_that_cannot_be_made_keeps_what_is_shown(
    open_hand: Callable[..., Hand], folder: Path, notes: list[str]
) -> None:
    hand = open_hand()
    hand.widget.queue.open([folder])
    arrived(hand, 0)
    (folder / "b.tif").write_bytes(b"no image")
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    press(hand, Qt.Key.Key_N)
    hand.wait_for_note(notes, "b.tif")
    assert hand.widget.queue.position == 0
    assert np.array_equal(hand.layer("Objects").data, disc(0))
    hand.widget.queue.go_to(2)
    arrived(hand, 2)
    (folder / "a.iseg.json").write_text("{}")
    hand.widget.queue.go_to(0)
    hand.wait_for_note(notes, "not a session")
    arrived(hand, 0)
    with pytest.raises(ValueError, match="no image"):
        hand.widget.queue.open([folder / "notes.txt"])


def test_a_queue_works_in_the_dock_that_napari_opens(
    make_napari_viewer: Callable[..., Any], qtbot: Any, folder: Path
) -> None:
    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-iseg", "Segment")
    widget = dock.tool
    widget.controller.choose_method("random-walker")
    hand = Hand(viewer, widget, qtbot)
    widget.queue.open([folder / "a.png", folder / "c.png"])
    arrived(hand, 0)
    widget.controller.click((20, 25), include=True)
    widget.controller.click((5, 5), include=False)
    hand.wait()
    widget.controller.accept()
    widget.queue.step(1)
    arrived(hand, 1)
    assert widget.queue.progress == "2 of 2, 1 done"
    widget.queue.step(-1)
    arrived(hand, 0)
    assert (hand.layer("Objects").data == imageio.imread(folder / "a.labels.tif")).all()
    assert hand.layer("Objects").data[20, 25] == 1
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, timeout=20000)
    hand.__dict__.clear()


def test_images_in_colour_and_of_other_kinds_follow_each_other(open_hand: Callable[..., Hand], folder: Path) -> None:
    colour = np.stack([imageio.imread(folder / "a.png")] * 3, axis=-1)
    colour[..., 2] = 0
    imageio.imwrite(folder / "d.png", colour)
    hand = open_hand()
    hand.widget.queue.open([folder / "c.png", folder / "d.png", folder / "a.png"])
    arrived(hand, 0)
    for position in (1, 2):
        press(hand, Qt.Key.Key_N)
        arrived(hand, position)
        assert [layer.name for layer in hand.viewer.layers][1:] == ["Objects", "Live mask", "Prompts"]
        hand.click(*DISCS[position])
        hand.wait()
        assert np.array_equal(hand.mask, disc(position))
    assert len(hand.viewer.layers) == 4
