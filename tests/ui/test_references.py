"""The dock in each of its states looks as it did when somebody last looked at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt

from napari_iseg.errors import PromptError
from napari_iseg.interactions import Click
from napari_iseg.io import SavedObject
from napari_iseg.io.autosave_file import AutosaveWriter
from napari_iseg.io.autosave_places import places_for
from napari_iseg.planes import PlaneAddress
from napari_iseg.ui._loading import Loaded
from napari_iseg.ui._saved import image_of

from .conftest import DISCS, Hand  # noqa: TID252 - the tests are no package
from .references import FOLDER, fault, likeness, picture_of  # noqa: TID252
from .test_methods import GrowingPredictor  # noqa: TID252

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qtpy.QtWidgets import QWidget

STATES = (
    "empty",
    "open",
    "restore",
    "proposals",
    "objects",
    "unfolded",
    "busy",
    "error",
    "keys",
)


class Album:
    """Takes pictures of one window and keeps what is wrong with them."""

    def __init__(self, hand: Hand, folder: Path) -> None:
        self.hand, self.folder = hand, folder
        self.taken: list[str] = []
        self.faults: list[str] = []

    def take(self, name: str, widget: QWidget | None = None) -> None:
        answering = self.hand.widget.controller.answering
        if answering.milliseconds is not None:
            # It differs from time to time, and everything else must not.
            answering.milliseconds = 42.0
            self.hand.widget.controller.changed.emit()
        self.hand.qtbot.wait(150)
        self.faults.append(fault(name, picture_of(widget or self.hand.widget), self.folder))
        self.taken.append(name)


def test_every_state_looks_as_its_reference(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    predictor = GrowingPredictor()
    hand = open_hand(load=lambda _choice: Loaded(predictor, "CPU"))
    hand.window.resize(1000, 900)
    album = Album(hand, tmp_path / "seen")
    album.take("empty")
    image = hand.viewer.add_image(discs, name="image")
    hand.qtbot.wait(50)
    hand.wait()
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    album.take("open")
    leave_unsaved_work(image)
    hand.widget.recovery.look()
    hand.qtbot.waitUntil(hand.widget.banner.isVisible, timeout=3000)
    hand.widget.banner.label.setText("Unsaved work on image from 12:34: 1 object, unfinished.")
    album.take("restore", hand.widget.banner)
    hand.qtbot.mouseClick(hand.widget.banner.discard_button, Qt.MouseButton.LeftButton)
    hand.qtbot.waitUntil(lambda: not hand.widget.banner.isVisible(), timeout=3000)
    hand.click(*DISCS[0])
    hand.wait()
    album.take("proposals")
    accept_some(hand)
    album.take("objects")
    hand.widget.mask_options.folded.expand()
    album.take("unfolded")
    hand.widget.mask_options.folded.collapse()
    predictor.seconds = 1.5
    hand.click(*DISCS[2])
    hand.qtbot.waitUntil(hand.widget.status.cancel_button.isVisible, timeout=1400)
    album.take("busy")
    hand.wait()
    predictor.seconds = 0.0
    predictor.error = PromptError("The method found nothing here; click somewhere else.")
    hand.click(*DISCS[1])
    hand.wait()
    album.take("error")
    predictor.error = None
    hand.widget.tools.show_sheet()
    hand.qtbot.waitExposed(hand.widget.tools.sheet)
    album.take("keys", hand.widget.tools.sheet)
    hand.widget.tools.show_sheet()
    assert tuple(album.taken) == STATES
    assert [fault for fault in album.faults if fault] == []


def accept_some(hand: Hand) -> None:
    hand.press(Qt.Key.Key_Q)
    hand.widget.objects.classes.add("nucleus")
    for place in DISCS[1:]:
        hand.click(*place)
        hand.wait()
        hand.press(Qt.Key.Key_Q)


def leave_unsaved_work(layer: Any) -> None:
    image = image_of(layer)
    path = places_for(None, image.name)[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    old = SavedObject(1, PlaneAddress(), "geodesic", prompts=(Click(*DISCS[0]),), finished=False)
    AutosaveWriter(path, image).write(((1, old),), np.zeros((81, 123), np.uint16), ())


@pytest.mark.parametrize("name", STATES)
def test_a_reference_is_small_and_a_control_that_goes_or_moves_is_noticed(name: str) -> None:
    path = FOLDER / f"{name}.png"
    assert path.stat().st_size < 60_000
    picture = np.asarray(Image.open(path).convert("L"))
    rng = np.random.default_rng(1)
    noisy = np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
    assert likeness(noisy, picture) > 0.8
    # A strip with something on it, of the height of a button, is blank, or lies lower.
    rows = max(range(0, picture.shape[0] - 26, 4), key=lambda row: float(picture[row : row + 12].std()))
    blank = picture.copy()
    blank[rows : rows + 12] = np.median(picture)
    assert likeness(blank, picture) < 0.5
    assert likeness(np.roll(picture, 6, axis=0), picture) < 0.5


def test_the_references_are_few_bytes() -> None:
    assert {path.stem for path in FOLDER.glob("*.png")} == set(STATES)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.png")) < 700_000
