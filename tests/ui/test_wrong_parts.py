"""Objects that touch, in a real window with a bundled network: one click takes the neighbour off, replays do too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile
from qtpy.QtCore import Qt
from scipy.ndimage import gaussian_filter

from napari_iseg.cli import main
from napari_iseg.ui._loading import load_method
from napari_iseg.ui._method_choice import MethodChoice
from napari_iseg.ui._protection import Protection
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from tests.ui.conftest import Hand

SHAPE = (90, 120)
OWN, OTHER = ((np.indices(SHAPE) - [[[45]], [[column]]]) for column in (40, 76))
OWN = np.hypot(*OWN) <= 20
OTHER = (np.hypot(*OTHER) <= 20) & ~OWN


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def show_two(open_hand: Callable[..., Hand], folder: Path) -> Hand:
    """Open a file with two discs that touch, in a window with a bundled network."""
    grey = np.where(OWN | OTHER, 170, 60) + np.random.default_rng(0).normal(0, 8, SHAPE)
    tifffile.imwrite(folder / "two.tif", grey.clip(0, 255).astype(np.uint8))
    hand = open_hand(load=load_method)
    hand.widget.controller.use(MethodChoice("focalclick"))
    hand.viewer.open(str(folder / "two.tif"), plugin="napari")
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.wait()
    return hand


def replayed(hand: Hand, folder: Path, capsys: pytest.CaptureFixture[str]) -> np.ndarray:
    """Save the session and return the labels that the command makes of it."""
    session, labels = folder / "two.iseg.json", folder / "again.tif"
    hand.widget.save_session(session)
    hand.qtbot.waitUntil(session.exists, timeout=10000)
    try:
        main(["replay", str(session), "-o", str(labels)])
    except SystemExit as end:
        assert not end.code, capsys.readouterr().err
    return tifffile.imread(labels)


def test_a_click_takes_a_neighbour_off_and_a_replay_does_so_again(
    open_hand: Callable[..., Hand], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand = show_two(open_hand, tmp_path)
    image = hand.viewer.layers[0]
    hand.click_data(image, 45, 38)
    hand.wait()
    both = hand.mask.copy()
    assert iou(both, OWN | OTHER) > 0.8, "the network holds the drawn neighbours apart: draw them closer"
    hand.click_data(image, 45, 78, right=True)
    hand.wait()
    one = hand.mask.copy()
    assert iou(one, OWN) > 0.85
    hand.undo()
    hand.wait()
    np.testing.assert_array_equal(hand.mask, both)
    hand.redo()
    hand.wait()
    np.testing.assert_array_equal(hand.mask, one)
    hand.press(Qt.Key.Key_Q)
    hand.wait()
    again = replayed(hand, tmp_path, capsys)
    np.testing.assert_array_equal(again > 0, one)


def test_an_object_of_another_program_survives_a_click_that_excludes(open_hand: Callable[..., Hand]) -> None:
    rows, columns = np.indices((128, 158))
    own = np.hypot(rows - 64, columns - 70) <= 22
    grey = gaussian_filter(np.where(own, 200.0, 190.0), 3) + np.random.default_rng(0).normal(0, 10, own.shape)
    theirs = own | (np.hypot(rows - 64, columns - 92) <= 13)
    hand = open_hand(grey.clip(0, 255).astype(np.uint8), load=load_method)
    hand.widget.controller.use(MethodChoice("focalclick-xl"))
    hand.wait()
    hand.viewer.add_labels(theirs.astype(np.int32), name="theirs")
    hand.widget.objects.take_over.pick_button.click()
    hand.click(64, 60)
    hand.wait()
    np.testing.assert_array_equal(hand.mask, theirs)
    hand.click(64, 98, right=True)
    hand.wait()
    assert not hand.mask[64, 98]
    assert iou(hand.mask, own) > max(iou(theirs, own), 0.85)
    hand.undo()
    hand.wait()
    np.testing.assert_array_equal(hand.mask, theirs)


def test_a_new_object_spares_finished_ones_until_they_are_gone(
    open_hand: Callable[..., Hand], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand = show_two(open_hand, tmp_path)
    controller, image = hand.widget.controller, hand.viewer.layers[0]
    hand.click_data(image, 45, 78)
    hand.wait()
    hand.click_data(image, 45, 38, right=True)
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.wait()
    other = controller.project.layers.objects.data > 0
    assert iou(other, OTHER) > 0.8
    hand.click_data(image, 45, 38)
    hand.wait()
    one = hand.mask.copy()
    assert iou(one, OWN) > 0.85
    assert not (one & other).any()
    # The other networks spare it as well; the methods without a cut of ours may answer as they like.
    panel = hand.widget.proposals
    panel.all_button.click()
    hand.qtbot.waitUntil(lambda: not panel._candidates.asking, timeout=60000)
    asked = {each.method: each.mask for each in panel._candidates.shown if find_method(each.method).family}
    assert {"cfr-icl", "focalclick-xl"} <= set(asked)
    assert not any((mask & other).any() for mask in asked.values())
    hand.press(Qt.Key.Key_Q)
    hand.wait()
    labels = controller.project.layers.objects.data.copy()
    again = replayed(hand, tmp_path, capsys)
    np.testing.assert_array_equal(again, labels)
    assert "differs" not in capsys.readouterr().out
    # The acceptance undone, it is the very one; with the finished neighbour deleted, the next click sees it gone.
    hand.undo()
    hand.wait()
    np.testing.assert_array_equal(hand.mask, one)
    controller.objects.delete([1])
    hand.click_data(image, 30, 40)
    hand.wait()
    assert (hand.mask & other).sum() > 0.5 * other.sum()
    hand.undo()
    hand.undo()
    hand.wait()
    np.testing.assert_array_equal(hand.mask, one)
    # Where finished objects may be written over, nothing is spared.
    controller.guard.rule = Protection.OVERWRITE
    hand.click_data(image, 30, 40)
    hand.wait()
    assert (hand.mask & other).sum() > 0.5 * other.sum()


def test_an_object_inside_a_finished_one_is_seen(open_hand: Callable[..., Hand]) -> None:
    rows, columns = np.indices((128, 158))
    cell, nucleus = (np.hypot(rows - 64, columns - 70) <= radius for radius in (40, 14))
    grey = np.where(nucleus, 210, np.where(cell, 130, 40)) + np.random.default_rng(0).normal(0, 6, cell.shape)
    hand = open_hand(grey.clip(0, 255).astype(np.uint8), load=load_method)
    controller = hand.widget.controller
    controller.use(MethodChoice("focalclick"))
    hand.wait()
    layer = controller.project.objects_layer()
    layer.data[cell] = 1
    layer.refresh()
    hand.click(64, 70)
    hand.wait()
    assert hand.mask[64, 70]
    assert hand.mask.sum() > 100
