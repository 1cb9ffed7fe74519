"""Save at closing is written in a thread, can be cancelled, and keeps the window where it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio.v3 as imageio
import numpy as np
import pytest
from qtpy.QtCore import Qt, QThreadPool, QTimer
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QMessageBox

from napari_iseg.io import labels as label_files
from napari_iseg.io import read_session
from napari_iseg.io.autosave_file import read_autosave
from napari_iseg.io.autosave_places import every_autosave
from napari_iseg.ui._closing_save import ClosingSave

from .conftest import DISCS, Hand, disc  # noqa: TID252 - the tests are no package
from .gate import Gate  # noqa: TID252

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Hold the writing of TIFF labels."""
    gate = Gate()
    monkeypatch.setitem(label_files._WRITERS, ".tif", gate.before(label_files._WRITERS[".tif"]))
    yield gate
    gate.open()


def with_an_object(open_hand: Callable[..., Hand], picture: Path) -> Hand:
    hand = open_hand()
    hand.viewer.open(str(picture), plugin="napari")
    hand.qtbot.wait(50)
    hand.wait()
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.qtbot.waitUntil(lambda: len(every_autosave()) == 1, timeout=5000)
    return hand


def names(picture: Path) -> list[str]:
    return sorted(file.name for file in picture.parent.iterdir() if file.suffix != ".lock")


class Answers:
    """Answers the dialogs that come: Save to the question, and what the test wants to the dialog that saves."""

    def __init__(self, saving: Callable[[ClosingSave], None] = lambda _dialog: None) -> None:
        self.turns = 0
        self._saving = saving
        self._timer = QTimer()
        self._timer.timeout.connect(self._look)
        self._timer.start(20)

    def _look(self) -> None:
        dialog: Any = QApplication.activeModalWidget()
        if isinstance(dialog, QMessageBox):
            dialog.button(QMessageBox.StandardButton.Save).click()
        elif isinstance(dialog, ClosingSave):
            self.turns += 1
            self._saving(dialog)

    def stop(self) -> None:
        self._timer.stop()


def closed(hand: Hand) -> bool:
    """Close the window as its button does; napari's own fixture must not close it again."""
    is_closed = bool(hand.window.close())
    if is_closed:
        del hand.viewer.window._qt_window
    return is_closed


def test_the_window_moves_while_it_saves_and_cancel_keeps_it(
    open_hand: Callable[..., Hand], picture: Path, gate: Gate
) -> None:
    hand = with_an_object(open_hand, picture)

    def cancel(dialog: ClosingSave) -> None:
        assert "Saving discs.iseg.json" in dialog.label.text()
        # The window has its turns while the file is held.
        if gate.reached.is_set() and answers.turns > 5:
            dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Cancel).click()

    answers = Answers(cancel)
    assert not closed(hand)
    answers.stop()
    assert answers.turns > 5
    assert hand.window.isVisible()
    gate.open()
    hand.qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, timeout=20000)
    assert names(picture) == [".discs.png.iseg-autosave", "discs.png"], "what was cancelled is not written after all"
    # The work goes on.
    hand.click(*DISCS[1])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    answers = Answers()
    assert closed(hand)
    answers.stop()
    assert names(picture) == ["discs.iseg.json", "discs.labels.tif", "discs.png"]
    assert np.array_equal(imageio.imread(picture.with_name("discs.labels.tif")), disc(0) + 2 * disc(1))
    assert len(read_session(picture.with_name("discs.iseg.json")).objects) == 2


def test_a_folder_that_is_gone_keeps_the_window_and_says_so(
    open_hand: Callable[..., Hand], picture: Path, notes: list[str], user_folder: Path
) -> None:
    hand = with_an_object(open_hand, picture)
    for file in picture.parent.iterdir():
        file.unlink()
    picture.parent.rmdir()
    answers = Answers()
    assert not closed(hand)
    answers.stop()
    hand.wait_for_note(notes, "The window stays open and nothing is lost")
    assert "There is no folder" in notes[-1]
    assert np.array_equal(hand.layer("Objects").data, disc(0))
    picture.parent.mkdir()
    answers = Answers()
    assert closed(hand)
    answers.stop()
    assert names(picture) == ["discs.iseg.json", "discs.labels.tif"]


def test_what_is_done_while_a_session_is_written_is_not_taken_for_saved(
    open_hand: Callable[..., Hand], picture: Path, gate: Gate, notes: list[str]
) -> None:
    hand = with_an_object(open_hand, picture)
    hand.widget.save_session(picture.with_name("discs.iseg.json"))
    hand.qtbot.waitUntil(gate.reached.is_set, timeout=5000)
    hand.click(*DISCS[1])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    gate.open()
    hand.wait_for_note(notes, "session was saved")
    (project,) = hand.widget.controller.projects
    assert hand.widget.autosaver.has_unsaved(project)
    hand.qtbot.waitUntil(lambda: len(read_autosave(every_autosave()[0]).objects) == 2, timeout=5000)
    assert len(read_session(picture.with_name("discs.iseg.json")).objects) == 1
    hand.widget.save_session(picture.with_name("discs.iseg.json"))
    hand.qtbot.waitUntil(lambda: not every_autosave(), timeout=5000)
    assert not hand.widget.autosaver.has_unsaved(project)


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files can only be limited where there are such limits")
def test_quitting_on_a_full_disk_keeps_the_window_until_there_is_room(picture: Path) -> None:
    script = Path(__file__).with_name("closing_process.py")
    done = subprocess.run(
        [sys.executable, str(script), str(picture)], capture_output=True, text=True, timeout=400, check=False
    )
    lines = done.stdout.splitlines()
    assert lines[-1:] == ["quit"], done.stdout + done.stderr
    first = json.loads(next(line for line in lines if line.startswith("{")))
    assert first["open"]
    assert first["objects"] == 1
    left = [name for name in first["files"] if not name.endswith(".lock")]
    assert left == [".discs.png.iseg-autosave", "discs.png"], "no half of a session, and the autosave stays"
    assert "cannot be written (File too large)" in first["notes"][-1]
    assert names(picture) == ["discs.iseg.json", "discs.labels.tif", "discs.png"]
    assert read_session(picture.with_name("discs.iseg.json")).objects[0].method == "geodesic"
