"""Nothing is lost: not by a kill in the middle of the work, and not by closing the window."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio.v3 as imageio
import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_iseg.interactions import Click
from napari_iseg.io.autosave_file import read_autosave
from napari_iseg.io.autosave_places import every_autosave
from napari_iseg.io.session_file import object_to_values
from napari_iseg.ui._loading import load_method

from .conftest import DISCS, Hand, disc  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable


def opened(open_hand: Callable[..., Hand], picture: Path) -> Hand:
    hand = open_hand()
    hand.viewer.open(str(picture), plugin="napari")
    settle(hand)
    return hand


def settle(hand: Hand) -> None:
    hand.qtbot.wait(50)
    hand.wait()
    hand.viewer.reset_view()
    hand.qtbot.wait(300)


def kept(hand: Hand, path: Path, is_so: Callable[[Any], bool]) -> Any:
    """Wait until an autosave holds something, and return it; every step must be there within a second."""
    hand.qtbot.waitUntil(lambda: path.exists() and is_so(read_autosave(path)), timeout=1000)
    return read_autosave(path)


def test_work_is_restored_after_a_kill(
    open_hand: Callable[..., Hand], picture: Path, notes: list[str], tmp_path: Path
) -> None:
    script = Path(__file__).with_name("working_process.py")
    with (tmp_path / "err.txt").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, str(script), str(picture)], stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        line = next((line for line in process.stdout if line == "worked\n"), "")
        time.sleep(0.9)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)
        process.stdout.close()
    assert line, (tmp_path / "err.txt").read_text()
    (left,) = every_autosave()
    assert left == picture.with_name(".discs.png.iseg-autosave")
    then = read_autosave(left)
    hand = open_hand(load=load_method)
    # One that needs no network, which would take long to load.
    hand.widget.controller.choose_method("random-walker")
    hand.qtbot.waitUntil(hand.widget.banner.isVisible, timeout=10000)
    text = hand.widget.banner.label.text()
    assert "Unsaved work on discs.png" in text
    assert "1 object, 1 unfinished" in text
    # Its image is opened, too.
    hand.qtbot.mouseClick(hand.widget.banner.restore_button, Qt.MouseButton.LeftButton)
    hand.wait_for_note(notes, "2 of 2 objects were restored")
    settle(hand)
    assert not hand.widget.banner.isVisible()
    classes = hand.widget.controller.classes
    assert (classes.names, classes.colour("nucleus"), classes.current) == (["nucleus"], "#123456", "nucleus")
    first, begun = then.objects
    assert [prompt.positive for prompt in first.prompts] == [True, False]
    assert [prompt.positive for prompt in begun.prompts] == [True, False]
    labels = hand.layer("Objects").data
    assert np.array_equal(labels, then.labels)
    assert set(np.unique(labels)) == {0, 1, 9}
    assert labels[20, 25] == 1
    assert np.array_equal(np.argwhere(labels == 9), [[70, 5], [70, 6], [71, 5]])
    work = hand.widget.controller.work
    assert work.prompts == begun.prompts
    assert hand.widget.controller.answering.choice.method == "geodesic"
    # What was restored is kept anew, and the old file is gone.
    hand.qtbot.waitUntil(lambda: not left.exists() and len(every_autosave()) == 1, timeout=15000)
    for now, before in zip(read_autosave(every_autosave()[0]).objects, then.objects, strict=True):
        assert object_to_values(now) == object_to_values(before)


def test_every_kind_of_step_is_kept_within_a_second(open_hand: Callable[..., Hand], picture: Path) -> None:
    hand = opened(open_hand, picture)
    path = picture.with_name(".discs.png.iseg-autosave")
    assert not path.exists()
    hand.click(*DISCS[0])
    found = kept(hand, path, lambda a: len(a.objects) == 1)
    assert not found.objects[0].finished
    assert round(found.objects[0].prompts[0].row) == DISCS[0][0]
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    found = kept(hand, path, lambda a: a.labels.any())
    assert found.objects[0].finished
    assert found.objects[0].mask_sha256
    assert np.array_equal(found.labels, disc(0))
    hand.undo()
    kept(hand, path, lambda a: not a.labels.any() and not a.objects[0].finished)
    hand.redo()
    kept(hand, path, lambda a: np.array_equal(a.labels, disc(0)))
    layer = hand.layer("Objects")
    hand.viewer.layers.selection.active = layer
    layer.mode, layer.brush_size, layer.selected_label = "paint", 5, 4
    hand.drag((65, 20), (65, 40))
    layer.mode = "pan_zoom"
    assert (layer.data == 4).any()
    kept(hand, path, lambda a: np.array_equal(a.labels, layer.data))
    layer.undo()
    assert not (layer.data == 4).any()
    kept(hand, path, lambda a: np.array_equal(a.labels, disc(0)))


def test_choices_and_objects_without_a_file_are_kept(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs, name="from memory")
    hand.click(*DISCS[1])
    hand.qtbot.waitUntil(lambda: len(every_autosave()) == 1, timeout=1000)
    (path,) = every_autosave()
    assert path.name == "from_memory.iseg-autosave"
    # A window that is open keeps its own work to itself.
    other = open_hand(discs, name="from memory")
    other.qtbot.wait(300)
    assert other.widget.recovery.offer is None
    other.click(*DISCS[2])
    other.qtbot.waitUntil(lambda: len(every_autosave()) == 2, timeout=1000)


def test_a_folder_that_cannot_be_written_is_no_reason_to_lose_work(
    open_hand: Callable[..., Hand], picture: Path, user_folder: Path
) -> None:
    hand = opened(open_hand, picture)
    # Whoever runs the tests may be allowed everything, so the folder goes.
    picture.unlink()
    picture.parent.rmdir()
    hand.click(*DISCS[0])
    hand.qtbot.waitUntil(lambda: len(every_autosave()) == 1, timeout=1000)
    assert every_autosave()[0].parent == user_folder.with_name("autosave")


def test_discard_forgets(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    from napari_iseg.io.autosave_file import AutosaveWriter
    from napari_iseg.io.autosave_places import places_for
    from napari_iseg.ui._saved import image_of

    hand = open_hand(discs)
    image = image_of(hand.viewer.layers[0])
    path = places_for(None, image.name)[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    from napari_iseg.io import SavedObject
    from napari_iseg.planes import PlaneAddress

    old = SavedObject(1, PlaneAddress(), "geodesic", prompts=(Click(*DISCS[0]),), finished=False)
    AutosaveWriter(path, image).write(((1, old),), np.zeros(discs.shape, np.uint16), ())
    hand.widget.recovery.look()
    hand.qtbot.waitUntil(hand.widget.banner.isVisible, timeout=3000)
    # New work does not touch what is offered.
    hand.click(*DISCS[2])
    hand.qtbot.waitUntil(lambda: len(every_autosave()) == 2, timeout=1000)
    assert read_autosave(path).objects == (old,)
    hand.qtbot.mouseClick(hand.widget.banner.discard_button, Qt.MouseButton.LeftButton)
    hand.qtbot.waitUntil(lambda: not hand.widget.banner.isVisible(), timeout=3000)
    assert not path.exists()


def close(hand: Hand) -> bool:
    """Close the window as its button does; napari's own fixture must not close it again."""
    closed = bool(hand.window.close())
    if closed:
        del hand.viewer.window._qt_window
    return closed


def answer(button: str, asked: list[str]) -> None:
    """Press a button of the question that is about to come."""

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(f"{box.text()} {box.informativeText()}")
        box.button(getattr(QMessageBox.StandardButton, button)).click()

    QTimer.singleShot(300, press)


def test_closing_asks_once_about_unsaved_objects(
    open_hand: Callable[..., Hand], picture: Path, notes: list[str]
) -> None:
    hand = opened(open_hand, picture)
    path = picture.with_name(".discs.png.iseg-autosave")
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    kept(hand, path, lambda a: a.labels.any())
    asked: list[str] = []
    answer("Cancel", asked)
    assert not hand.window.close()
    assert asked == [
        "Save the objects of discs before closing? 1 object would be lost. "
        "Save writes a session file and the labels beside the image."
    ]
    assert hand.window.isVisible()
    assert path.exists()
    answer("Save", asked)
    assert close(hand)
    assert len(asked) == 2
    assert not path.exists()
    assert np.array_equal(imageio.imread(picture.with_name("discs.labels.tif")), disc(0))
    assert picture.with_name("discs.iseg.json").exists()


def test_closing_after_saving_or_with_nothing_asks_nothing(
    open_hand: Callable[..., Hand], picture: Path, notes: list[str]
) -> None:
    hand = opened(open_hand, picture)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.widget.save_session(picture.with_name("discs.iseg.json"))
    hand.wait_for_note(notes, "session was saved")
    hand.qtbot.waitUntil(lambda: not every_autosave(), timeout=2000)
    assert close(hand)


def test_discarding_at_the_end_leaves_nothing(open_hand: Callable[..., Hand], picture: Path) -> None:
    hand = opened(open_hand, picture)
    hand.click(*DISCS[0])
    hand.wait()
    hand.qtbot.waitUntil(lambda: len(every_autosave()) == 1, timeout=1000)
    asked: list[str] = []
    answer("Discard", asked)
    assert close(hand)
    assert "An unfinished object would be lost" in asked[0]
    assert every_autosave() == []
    assert sorted(file.name for file in picture.parent.iterdir()) == ["discs.png"]
