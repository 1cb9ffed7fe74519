"""A user looks at candidates and chooses one, with the mouse and with keys, and keeps a matte, in a real window."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK
import tifffile
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication

from napari_iseg.inference.opening import make_predictor
from napari_iseg.interactions import Choice, MaskPrompt
from napari_iseg.ui._loading import Loaded, load_method

from .conftest import DISCS, FloodPredictor, Hand, disc, nearly  # noqa: TID252 - the tests are no package
from .test_methods import GrowingPredictor  # noqa: TID252

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_iseg.inference.prediction import Prediction
    from napari_iseg.ui._method_choice import MethodChoice


class Matting(FloodPredictor):
    """Calls its answers mattes."""

    def predict(self, *arguments: Any, **more: Any) -> Prediction:
        return replace(super().predict(*arguments, **more), matte=True)


def test_keys_choose_only_while_there_is_something_to_choose(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs, load=lambda _choice: Loaded(GrowingPredictor(), "CPU"))
    objects = hand.layer("Objects")
    hand.viewer.layers.selection.active = objects
    hand.press(Qt.Key.Key_2)
    assert str(objects.mode) == "paint"
    objects.mode = "pan_zoom"
    hand.click(*DISCS[0])
    hand.wait()
    areas = [candidate.area for candidate in hand.widget.proposals._candidates.shown]
    assert areas == sorted(areas)
    hand.press(Qt.Key.Key_2)
    hand.wait()
    assert int(hand.mask.sum()) == areas[1]
    assert str(objects.mode) == "pan_zoom"
    hand.press(Qt.Key.Key_W)
    hand.wait()
    assert int(hand.mask.sum()) == areas[2]
    hand.press(Qt.Key.Key_W)
    hand.wait()
    assert int(hand.mask.sum()) == areas[0]
    for number in (2, 1, 0):
        hand.undo()
        assert int(hand.mask.sum()) == areas[number]
    hand.press(Qt.Key.Key_Q)
    hand.press(Qt.Key.Key_2)
    assert str(objects.mode) == "paint"


def test_resting_the_mouse_on_a_proposal_shows_it(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs, load=lambda _choice: Loaded(GrowingPredictor(), "CPU"))
    hand.click(*DISCS[0])
    hand.wait()
    answer, proposals = hand.mask.copy(), hand.widget.proposals.list
    place = proposals.visualItemRect(proposals.item(1)).center()
    hand.qtbot.mouseMove(proposals.viewport(), place)
    hand.qtbot.waitUntil(lambda: int(hand.mask.sum()) > int(answer.sum()), timeout=3000)
    QApplication.sendEvent(proposals, QEvent(QEvent.Type.Leave))
    assert np.array_equal(hand.mask, answer)


def test_all_methods_answer_the_same_prompts_and_one_of_them_is_chosen(
    open_hand: Callable[..., Hand], discs: np.ndarray
) -> None:
    def load(choice: MethodChoice) -> Loaded:
        return Loaded(GrowingPredictor() if choice.method == "disnet" else FloodPredictor(), "CPU")

    hand = open_hand(discs, load=load)
    panel = hand.widget.proposals
    hand.click(*DISCS[0])
    hand.wait()
    hand.qtbot.mouseClick(panel.all_button, Qt.MouseButton.LeftButton)
    hand.qtbot.waitUntil(lambda: not panel._candidates.asking, timeout=20000)
    shown = panel._candidates.shown
    assert {"cfr-icl", "disnet", "focalclick", "random-walker"} <= {candidate.method for candidate in shown}
    assert [candidate.area for candidate in shown] == sorted(candidate.area for candidate in shown)
    largest = shown[-1]
    assert largest.method == "disnet"
    panel.list.itemClicked.emit(panel.list.item(len(shown) - 1))
    hand.wait()
    assert np.array_equal(hand.mask, largest.mask)
    prompt = hand.widget.controller.work.prompts[-1]
    assert isinstance(prompt, MaskPrompt)
    assert prompt.source.startswith("disnet, proposal 3")
    assert panel.list.currentRow() == len(shown) - 1
    hand.undo()
    assert np.array_equal(hand.mask, disc(0))
    assert panel._candidates.shown == shown
    hand.click(*DISCS[1])  # other prompts have other candidates
    hand.wait()
    assert panel._candidates.shown == ()


def test_disnet_goes_on_from_the_proposal_that_was_chosen(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    predictor = make_predictor("disnet", options={"zoom_in": False})
    hand = open_hand(np.stack([discs] * 3, axis=-1), load=lambda _choice: Loaded(predictor, "CPU"))
    hand.click(*DISCS[1])
    hand.wait()
    panel = hand.widget.proposals
    chosen = panel._candidates.shown.index(panel._candidates.chosen)
    other = (chosen + 1) % len(panel._candidates.shown)
    number = panel._candidates.shown[other].number
    query = hand.widget.controller.work.session.prediction.memory.queries[number]
    hand.press(getattr(Qt.Key, f"Key_{other + 1}"))
    hand.wait()
    assert hand.widget.controller.work.prompts[-1] == Choice(number)
    hand.click(DISCS[1][0] + 5, DISCS[1][1] + 5)
    hand.wait()
    assert hand.widget.controller.work.session.prediction.memory.queries == (query,)


def test_the_bundled_matting_weights_give_a_soft_matte_that_other_readers_open(
    open_hand: Callable[..., Hand], tmp_path: Path, notes: list[str]
) -> None:
    rows, columns = np.mgrid[:97, :131]
    image = np.full((97, 131, 3), 40, np.uint8)
    image[(rows - 45) ** 2 + (columns - 60) ** 2 < 30**2] = (200, 120, 60)
    hand = open_hand(load=load_method)
    hand.widget.controller.choose_method("focalclick-xl")
    layer = hand.viewer.add_image(image, name="image", scale=(0.5, 0.5))
    hand.qtbot.wait(100)
    hand.qtbot.waitUntil(lambda: not hand.widget.controller.preparing, timeout=90000)
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.click_data(layer, 45, 60)
    hand.qtbot.waitUntil(lambda: not hand.widget.controller.work.pending, timeout=90000)
    row = hand.widget.matting
    assert row.isVisible()
    hand.qtbot.mouseClick(row.keep_button, Qt.MouseButton.LeftButton)
    alpha = hand.layer("Alpha of image").data
    assert alpha.dtype == np.float32
    assert alpha.shape == (97, 131)
    assert alpha[45, 60] > 0.9
    assert alpha[5, 125] < 0.1
    soft = (alpha > 0.05) & (alpha < 0.95)
    assert 0 < soft.mean() < 0.5, "an edge, not everything, is soft"
    row.export(tmp_path / "alpha.tif")
    hand.wait_for_note(notes, "exported")
    assert tifffile.imread(tmp_path / "alpha.tif").dtype == np.float32
    assert np.array_equal(tifffile.imread(tmp_path / "alpha.tif"), alpha)
    read = SimpleITK.ReadImage(str(tmp_path / "alpha.tif"))
    assert np.array_equal(SimpleITK.GetArrayFromImage(read), alpha)


def test_a_matte_is_kept_as_a_layer_and_as_a_file(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    hand = open_hand(discs, load=lambda _choice: Loaded(Matting(), "CPU"), scale=(0.5, 0.25))
    row = hand.widget.matting
    assert not row.isVisible()
    hand.click_data(hand.viewer.layers[0], *DISCS[2])
    hand.wait()
    assert row.isVisible()
    hand.qtbot.mouseClick(row.keep_button, Qt.MouseButton.LeftButton)
    layer = hand.layer("Alpha of image")
    assert layer.data.dtype == np.float32
    assert np.array_equal(layer.data, hand.widget.controller.work.session.alpha)
    assert nearly(layer.data > 0.4, disc(2))
    assert np.allclose(layer.scale, (0.5, 0.25))
    assert hand.widget.controller.image.name == "image"
    row.export(tmp_path / "alpha.tif")
    hand.wait_for_note(notes, "exported")
    assert np.array_equal(tifffile.imread(tmp_path / "alpha.tif"), layer.data)
