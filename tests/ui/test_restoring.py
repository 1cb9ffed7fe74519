"""Saved objects come back from a thread: the window moves, cancel leaves everything, what is done meanwhile stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt, QThreadPool

from napari_iseg.interactions import Click
from napari_iseg.io import SavedObject
from napari_iseg.io.autosave_file import AutosaveWriter, blocks_in, read_autosave
from napari_iseg.io.autosave_places import every_autosave, places_for
from napari_iseg.planes import PlaneAddress
from napari_iseg.ui import _putting_back
from napari_iseg.ui._saved import image_of

from .conftest import DISCS, Hand, disc  # noqa: TID252 - the tests are no package
from .gate import Gate  # noqa: TID252

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Hold what was read before it is made ready for the layers."""
    gate = Gate()
    monkeypatch.setattr(_putting_back, "fit", gate.before(_putting_back.fit))
    yield gate
    gate.open()


def offered(open_hand: Callable[..., Hand], discs: np.ndarray) -> tuple[Hand, Path]:
    """Return a window that offers the work on two discs, a click begun on the third, which a crash left behind."""
    hand = open_hand(discs)
    image = image_of(hand.viewer.layers[0])
    path = places_for(None, image.name)[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    objects = [
        SavedObject(n + 1, PlaneAddress(), "geodesic", prompts=(Click(*DISCS[n]),), finished=n < 2) for n in range(3)
    ]
    labels = (disc(0) + 2 * disc(1)).astype(np.uint16)
    AutosaveWriter(path, image).write(tuple(enumerate(objects)), labels, blocks_in(labels.shape))
    hand.widget.recovery.look()
    hand.qtbot.waitUntil(hand.widget.banner.isVisible, timeout=10000)
    return hand, path


def test_cancel_leaves_everything_and_the_work_is_offered_again(
    open_hand: Callable[..., Hand], discs: np.ndarray, gate: Gate, notes: list[str]
) -> None:
    hand, path = offered(open_hand, discs)
    banner, before = hand.widget.banner, path.read_bytes()
    hand.qtbot.mouseClick(banner.restore_button, Qt.MouseButton.LeftButton)
    hand.qtbot.waitUntil(gate.reached.is_set, timeout=10000)
    assert "Putting the objects back" in banner.label.text()
    assert banner.discard_button.text() == "Cancel"
    # The window's own line says it, too, and can stop it.
    hand.qtbot.waitUntil(hand.widget.status.cancel_button.isVisible, timeout=10000)
    assert "nothing changes until all are there" in hand.widget.status.text
    hand.qtbot.mouseClick(banner.discard_button, Qt.MouseButton.LeftButton)
    gate.open()
    hand.qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, timeout=20000)
    hand.wait()
    hand.wait_for_note(notes, "Nothing was put back")
    assert not hand.layer("Objects").data.any()
    assert hand.widget.controller.finished == []
    assert hand.widget.controller.work.prompts == ()
    assert path.read_bytes() == before
    assert "Unsaved work" in banner.label.text()
    assert banner.discard_button.text() == "Discard"
    hand.qtbot.mouseClick(banner.restore_button, Qt.MouseButton.LeftButton)
    hand.wait_for_note(notes, "3 of 3 objects were restored")
    assert np.array_equal(hand.layer("Objects").data, disc(0) + 2 * disc(1))
    assert [record.label for record in hand.widget.controller.finished] == [1, 2]
    assert hand.widget.controller.work.prompts == (Click(*DISCS[2]),)
    hand.qtbot.waitUntil(lambda: not path.exists() and len(every_autosave()) == 1, timeout=15000)
    assert np.array_equal(read_autosave(every_autosave()[0]).labels, disc(0) + 2 * disc(1))


def test_escape_stops_it(open_hand: Callable[..., Hand], discs: np.ndarray, gate: Gate, notes: list[str]) -> None:
    hand, path = offered(open_hand, discs)
    hand.qtbot.mouseClick(hand.widget.banner.restore_button, Qt.MouseButton.LeftButton)
    hand.qtbot.waitUntil(gate.reached.is_set, timeout=10000)
    hand.press(Qt.Key.Key_Escape)
    assert not hand.widget.controller.restoring
    assert path.exists()


def test_what_is_painted_meanwhile_stays(
    open_hand: Callable[..., Hand], discs: np.ndarray, gate: Gate, notes: list[str]
) -> None:
    hand, _ = offered(open_hand, discs)
    hand.qtbot.mouseClick(hand.widget.banner.restore_button, Qt.MouseButton.LeftButton)
    hand.qtbot.waitUntil(gate.reached.is_set, timeout=10000)
    painted = np.zeros_like(disc(0))
    painted[70:74, 5:20] = True
    hand.layer("Objects").data_setitem(np.nonzero(painted), 1)
    gate.open()
    hand.wait_for_note(notes, "3 of 3 objects were restored")
    # The id 1 was taken meanwhile.
    assert np.array_equal(hand.layer("Objects").data, painted + 2 * disc(1) + 3 * disc(0))
    # Nothing that was painted before can be undone into what came back.
    hand.layer("Objects").undo()
    assert np.array_equal(hand.layer("Objects").data, painted + 2 * disc(1) + 3 * disc(0))
