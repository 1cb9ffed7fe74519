"""Samples that are fetched: the window lives meanwhile, shows how far it is, and lets the user cancel."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QProgressDialog, QPushButton

from napari_iseg.errors import ImageError
from napari_iseg.io import sample_files, sample_stacks
from napari_iseg.io.sample_files import samples_folder
from napari_iseg.io.sample_stacks import find_stack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from tests.ui.conftest import Hand
    from tests.web import Site

PIXELS = np.random.default_rng(0).integers(0, 255, (256, 301), dtype=np.uint8)


@pytest.fixture
def spine(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Put the sample ``spine`` on a server of this machine; it stops in the middle until its gate is opened."""
    monkeypatch.delenv("NAPARI_ISEG_DATA", raising=False)
    tifffile.imwrite(tmp_path / "spine.tif", PIXELS)
    site.files["/spine.tif"] = (tmp_path / "spine.tif").read_bytes()
    site.gate = threading.Event()
    facts = sample_files.read_facts("spine")
    facts["files"] = [{"role": "image", "address": f"{site.address}/spine.tif"}]
    monkeypatch.setattr(sample_stacks, "read_facts", lambda _name: json.loads(json.dumps(facts)))
    return site


def dialogs() -> list[QProgressDialog]:
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, QProgressDialog) and w.isVisible()]


def soon(look: Callable[[], bool], then: Callable[[], None]) -> QTimer:
    """Do something in the window's own loop as soon as something is true there."""
    timer = QTimer()

    def tick() -> None:
        if look():
            timer.stop()
            then()

    timer.timeout.connect(tick)
    timer.start(20)
    return timer


def half_there() -> bool:
    return bool(dialogs()) and 300 < dialogs()[0].value() < 700


def press_cancel() -> None:
    dialogs()[0].findChildren(QPushButton)[0].click()


def test_napari_s_own_menu_shows_progress_while_the_window_lives(
    open_hand: Callable[..., Hand], spine: Site, notes: list[str]
) -> None:
    hand = open_hand()
    beats: list[int] = []
    beat = QTimer()
    beat.timeout.connect(lambda: beats.append(len(hand.viewer.layers)))
    beat.start(20)
    seen: list[Any] = []

    def look_and_open() -> None:
        seen.append((dialogs()[0].labelText(), dialogs()[0].windowModality(), len(beats)))
        assert spine.gate is not None
        spine.gate.set()

    waiting = soon(half_there, look_and_open)
    (layer,) = hand.viewer.open_sample("napari-iseg", "spine")
    waiting.stop()
    beat.stop()
    assert np.array_equal(layer.data, PIXELS)
    [(text, modality, counted)] = seen
    assert "'spine'" in text
    assert modality == Qt.WindowModality.WindowModal
    # The window's own loop went on: nearly half a second passes before the dialog is shown.
    assert counted >= 5
    assert set(beats) == {0}
    hand.wait_for_note(notes, "Licence:")
    hand.qtbot.waitUntil(lambda: not dialogs())


def test_cancelling_in_napari_s_menu_leaves_nothing_behind_and_says_so(
    open_hand: Callable[..., Hand], spine: Site
) -> None:
    hand = open_hand()
    waiting = soon(half_there, press_cancel)
    with pytest.raises(ImageError, match="'spine' was not fetched: it was cancelled"):
        hand.viewer.open_sample("napari-iseg", "spine")
    waiting.stop()
    assert not hand.viewer.layers
    assert spine.gate is not None
    spine.gate.set()
    # The transfer ends in its thread, and what had arrived is thrown away.
    hand.qtbot.waitUntil(lambda: not [path for path in samples_folder().rglob("*") if path.is_file()], timeout=10_000)
    spine.gate = None
    (layer,) = hand.viewer.open_sample("napari-iseg", "spine")
    assert np.array_equal(layer.data, PIXELS)


def test_the_dock_s_menu_can_be_cancelled_and_used_again(
    open_hand: Callable[..., Hand], spine: Site, notes: list[str]
) -> None:
    hand = open_hand()
    begin = hand.widget.begin
    action = next(a for a in begin.more_button.menu().actions() if a.text().startswith("Spine"))
    action.trigger()
    assert not begin.more_button.isEnabled()
    hand.qtbot.waitUntil(half_there, timeout=10_000)
    press_cancel()
    hand.wait_for_note(notes, "'spine' was not fetched: it was cancelled")
    assert begin.more_button.isEnabled()
    assert spine.gate is not None
    spine.gate.set()
    action.trigger()
    hand.qtbot.waitUntil(lambda: bool(hand.viewer.layers), timeout=10_000)
    assert np.array_equal(hand.viewer.layers[0].data, PIXELS)


def test_what_a_server_refuses_is_said_as_before(open_hand: Callable[..., Hand], spine: Site) -> None:
    hand = open_hand()
    spine.files.clear()
    with pytest.raises(ImageError, match=r"not fetched for the sample 'spine': 404"):
        hand.viewer.open_sample("napari-iseg", "spine")
    hand.qtbot.waitUntil(lambda: not dialogs())


def test_progress_counts_all_files_of_a_sample(spine: Site) -> None:
    assert spine.gate is not None
    spine.gate.set()
    shares: list[float] = []
    find_stack("spine").layers(shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert 0 < shares[0] < 0.5
