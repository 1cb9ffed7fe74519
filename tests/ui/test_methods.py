"""Which method answers, with which weights and options, and which of its proposals is taken: all in the window."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QCheckBox, QFormLayout
from scipy import ndimage
from tests.released import save_simpleclick
from tests.seeded import TINY, seeded_network
from tests.ui.conftest import DISCS, FloodPredictor, Hand

from napari_iseg.inference.prediction import Patch, Prediction, Proposal, Window
from napari_iseg.models.simpleclick import FAMILY
from napari_iseg.ui._loading import Loaded
from napari_iseg.ui._method_choice import MethodChoice
from napari_iseg.ui._method_form import TOOLTIP
from napari_iseg.zoo import DEFAULT_METHOD, METHODS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class GrowingPredictor(FloodPredictor):
    """Proposes the flooded object and two larger ones around it."""

    def predict(self, *arguments: Any, **more: Any) -> Prediction:
        answer = super().predict(*arguments, **more)
        window = Window.whole(answer.shape)
        grown = [
            ndimage.binary_dilation(answer.render() > 0.5, iterations=n) if n else answer.render() for n in (0, 3, 6)
        ]
        proposals = [
            Proposal(Patch(window, np.asarray(mask, np.float32)), 0.9 - n / 10, window) for n, mask in enumerate(grown)
        ]
        return replace(answer, proposals=tuple(proposals), chosen=0)


def test_choosing_a_proposal_is_a_step_that_undo_takes_back(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs, load=lambda _choice: Loaded(GrowingPredictor(), "CPU"))
    proposals = hand.widget.proposals.list
    assert not proposals.isVisible()
    hand.click(*DISCS[0])
    hand.wait()
    assert proposals.isVisible()
    texts = [proposals.item(n).text() for n in range(3)]
    assert texts == ["1 · 0.90\n441 px", "2 · 0.80\n657 px", "3 · 0.70\n909 px"]
    assert proposals.currentRow() == 0
    before = hand.mask
    proposals.itemClicked.emit(proposals.item(2))
    hand.wait()
    assert proposals.currentRow() == 2
    assert np.array_equal(hand.mask, ndimage.binary_dilation(before, iterations=6))
    hand.undo()
    hand.wait()
    assert np.array_equal(hand.mask, before)
    assert proposals.currentRow() == 0


def test_a_chosen_proposal_comes_back_with_its_session(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path
) -> None:
    hand = open_hand(discs, load=lambda _choice: Loaded(GrowingPredictor(), "CPU"))
    hand.click(*DISCS[1])
    hand.wait()
    hand.widget.controller.choose_proposal(1)
    hand.wait()
    chosen = hand.mask
    hand.widget.panel._accept()
    hand.wait()
    hand.widget.save_session(tmp_path / "session.json")
    hand.qtbot.waitUntil((tmp_path / "session.json").exists, timeout=10000)
    saved = json.loads((tmp_path / "session.json").read_text())
    assert [prompt["kind"] for prompt in saved["objects"][0]["prompts"]] == ["click", "choice"]
    again = open_hand(discs, load=lambda _choice: Loaded(GrowingPredictor(), "CPU"))
    again.widget.load_session(tmp_path / "session.json")
    again.wait()
    assert np.array_equal(np.asarray(again.layer("Objects").data) > 0, chosen)


def test_the_form_has_a_row_for_every_option_of_every_method(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    for name, spec in METHODS.items():
        hand.widget.controller.choose_method(name)
        hand.wait()
        best = MethodChoice(name).best_options
        for option, value in hand.widget.options.values.items():
            assert value == getattr(best, option), (name, option)
            assert hand.widget.options.row(option).tooltip
        expected = {field for field in type(spec.options).__dataclass_fields__ if field != "threshold"}
        assert set(hand.widget.options.values) == expected
        # One form, not one more for each method.
        hand.qtbot.wait(20)
        assert len(hand.widget.options.findChildren(QFormLayout)) == 1


def test_a_changed_option_asks_again_and_shares_the_network(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    from napari_iseg.ui._loading import load_method

    loaded = []

    def load(choice: MethodChoice) -> Loaded:
        loaded.append(choice)
        return load_method(choice)

    hand = open_hand(discs, load=load)
    hand.click(*DISCS[0])
    hand.wait()
    session = hand.widget.controller.work.session
    first, network = session.probability.copy(), session.predictor.network
    row = hand.widget.options.row("graph_cut")
    assert isinstance(row.native, QCheckBox)
    row.native.click()
    hand.qtbot.waitUntil(
        lambda: hand.widget.controller.answering.choice.changes == (("graph_cut", False),), timeout=5000
    )
    hand.wait()
    session = hand.widget.controller.work.session
    assert session.predictor.options.graph_cut is False
    assert session.predictor.network is network
    assert loaded == [MethodChoice(DEFAULT_METHOD)]
    assert not np.array_equal(session.probability, first)
    hand.widget.options.reset()
    hand.wait()
    assert np.array_equal(hand.widget.controller.work.session.probability, first)
    assert row.value is True


def test_weights_from_a_file_answer_and_are_named(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path
) -> None:
    from napari_iseg.ui._loading import load_method

    file = tmp_path / "mine.safetensors"
    FAMILY.save(file, seeded_network(TINY), {})
    hand = open_hand(discs, load=load_method)
    hand.widget.controller.choose_method("cfr-icl")
    hand.widget.method.use_file(file)
    hand.wait()
    assert hand.widget.method.weights_box.currentText() == "mine.safetensors"
    hand.click(*DISCS[0])
    hand.wait()
    assert hand.widget.controller.work.session.predictor.network.config == TINY
    hand.widget.save_session(tmp_path / "session.json")
    hand.qtbot.waitUntil((tmp_path / "session.json").exists, timeout=10000)
    assert json.loads((tmp_path / "session.json").read_text())["objects"][0]["weights"] == str(file)


def test_a_file_of_another_network_says_so(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    from napari_iseg.ui._loading import load_method

    file = tmp_path / "broken.safetensors"
    file.write_bytes(b"nothing")
    hand = open_hand(discs, load=load_method)
    hand.widget.method.use_file(file)
    hand.wait()
    assert any("broken.safetensors is damaged" in note for note in notes)
    assert "damaged" in hand.widget.status.text
    hand.widget.controller.choose_method("random-walker")
    hand.wait()
    hand.click(*DISCS[0])
    hand.wait()
    assert hand.widget.controller.work.session.mask[DISCS[0]]


def test_a_session_of_changed_options_is_the_same_session(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path
) -> None:
    from napari_iseg.ui._loading import load_method

    hand = open_hand(discs, load=load_method)
    controller = hand.widget.controller
    controller.use(controller.answering.choice.with_options({"graph_cut": False, "min_crop": 40}))
    hand.click(*DISCS[2])
    hand.wait()
    expected = controller.work.session.mask.copy()
    assert expected.any()
    hand.widget.save_session(tmp_path / "session.json")
    hand.qtbot.waitUntil((tmp_path / "session.json").exists, timeout=10000)
    again = open_hand(discs, load=load_method)
    again.widget.load_session(tmp_path / "session.json")
    again.wait()
    again.widget.panel._accept()
    assert np.array_equal(np.asarray(again.layer("Objects").data) > 0, expected)
    record = again.widget.controller.finished[0]
    assert record.choice.changes == (("graph_cut", False), ("min_crop", 40))


def test_terms_of_released_weights_are_said_once_before_they_are_used(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    from napari_iseg.ui._loading import load_method

    hand = open_hand(discs, load=load_method)
    hand.widget.controller.choose_method("cfr-icl")
    # The name that the authors gave to ViT-B; a small network does as well.
    file = save_simpleclick(tmp_path / "sbd_vit_base.pth")
    for _ in range(2):
        hand.widget.method.use_file(file)
        # Said at once, not when the network is there.
        assert sum("sbd_vit_base.pth: not for commercial use. code: MIT" in note for note in notes) == 1
        hand.wait()
    hand.click(*DISCS[0])
    hand.wait()
    assert hand.widget.controller.work.session.predictor.network.config.embed_dim == TINY.embed_dim
    box = hand.widget.method.weights_box
    assert box.itemData(box.currentIndex(), TOOLTIP).endswith("Not for commercial use.")


def test_a_file_of_unknown_name_is_told_by_its_network_at_once(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    from napari_iseg.ui._loading import load_method

    hand = open_hand(discs, load=load_method)
    hand.widget.method.use_file(save_simpleclick(tmp_path / "renamed.pth"))
    assert sum("renamed.pth: not for commercial use. code: MIT" in note for note in notes) == 1
    hand.wait()
    box = hand.widget.method.weights_box
    assert box.itemData(box.currentIndex(), TOOLTIP).endswith("Not for commercial use.")
    # What one trained oneself is one's own.
    FAMILY.save(tmp_path / "own.safetensors", seeded_network(TINY), {})
    hand.widget.method.use_file(tmp_path / "own.safetensors")
    hand.wait()
    assert not any("own.safetensors: not for commercial" in note for note in notes)
