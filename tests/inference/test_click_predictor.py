"""Zoom-in, flip averaging and cascade-forward refinement against goldens, and what the predictor refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.golden.make_golden import FOLDER, PLANE, PREDICTORS, predictor_output
from tests.models.test_simpleclick import released_module, released_network
from tests.seeded import TINY, seeded_image, seeded_network

from napari_iseg.errors import OptionError, PromptError
from napari_iseg.inference.click_predictor import ClickPredictor
from napari_iseg.inference.prediction import Window
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.session import Session
from napari_iseg.inference.zoom import choose_window, object_window
from napari_iseg.interactions import Box, Click, MaskPrompt
from napari_iseg.interactions.simulated import iou, next_click
from napari_iseg.zoo import ClickOptions

if TYPE_CHECKING:
    from pathlib import Path

SCENARIOS = [
    ("simpleclick", "std"),
    ("simpleclick", "rect_noflip"),
    ("cfr_icl", "cfr1_default_clicks"),
    ("cfr_icl", "cfr4_all"),
    ("cfr_icl", "acfr4_all"),
]


def released_options(params: dict[str, object], **more: object) -> ClickOptions:
    """Return our options for upstream's: their ``cascade_step`` counts passes, ours refinements."""
    return ClickOptions(
        cascade_steps=int(params.get("cascade_step", 1)) - 1,  # type: ignore[call-overload]
        cascade_adaptive=bool(params.get("cascade_adaptive", False)),
        cascade_clicks=int(params.get("cascade_clicks", 1)),  # type: ignore[call-overload]
        threshold=0.49,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.slow
@pytest.mark.parametrize(("method", "scenario"), SCENARIOS)
def test_released_predictor_golden(shared: Path, method: str, scenario: str) -> None:
    golden = np.load(shared / "parity" / f"{method}_predictor.npz")
    network = released_network(shared, str(golden["manifest"]))
    size = tuple(int(side) for side in golden[f"{scenario}_target_size"])
    options = released_options(
        json.loads(str(golden[f"{scenario}_params"])), target_size=size, flip=bool(golden[f"{scenario}_flip"])
    )
    image = released_module(shared).seeded_image(
        int(golden["height"]), int(golden["width"]), int(golden["image_seed"]), tuple(golden["blob"])
    )
    session = Session(image, ClickPredictor(network, options=options))
    tolerance = 5e-3 if "cfr4" in scenario else 1e-3
    for step, (row, column, positive) in enumerate(golden["clicks"].reshape(-1, 3)):
        session.add(Click(float(row), float(column), bool(positive)))
        expected = golden[f"{scenario}_probs_stride2"][step]
        np.testing.assert_allclose(session.probability[::2, ::2], expected, atol=tolerance)
        answer = session.prediction
        assert answer is not None
        window = answer.window
        corners = (window.row_start, window.row_stop - 1, window.column_start, window.column_stop - 1)
        assert corners == tuple(golden[f"{scenario}_roi"].reshape(-1, 4)[step])
        assert answer.forwards == golden[f"{scenario}_n_forward"][step]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["simpleclick", "cfr_icl"])
def test_simulated_user_on_the_released_predictor(shared: Path, method: str) -> None:
    golden = np.load(shared / "parity" / f"{method}_predictor.npz")
    network = released_network(shared, str(golden["manifest"]))
    rows, columns, blob = int(golden["height"]), int(golden["width"]), golden["blob"]
    image = released_module(shared).seeded_image(rows, columns, int(golden["image_seed"]), tuple(blob))
    row, column = np.mgrid[:rows, :columns]
    truth = ((row - blob[0]) ** 2 + (column - blob[1]) ** 2 <= blob[2] ** 2).astype(np.int8)
    options = released_options(json.loads(str(golden["sim_params"])), target_size=448)
    session = Session(image, ClickPredictor(network, options=options))
    clicks: list[Click] = []
    for expected, expected_iou in zip(golden["sim_clicks"].reshape(-1, 3), golden["sim_ious"], strict=False):
        clicks.append(next_click(truth, session.mask, clicks))
        assert (clicks[-1].row, clicks[-1].column, clicks[-1].positive) == tuple(expected)
        session.add(clicks[-1])
        assert iou(truth, session.mask) == pytest.approx(float(expected_iou), abs=5e-3)


@pytest.mark.parametrize("name", list(PREDICTORS))
def test_own_golden(name: str) -> None:
    golden = np.load(FOLDER / "click_predictor.npz")
    maps, windows = predictor_output(PREDICTORS[name])
    np.testing.assert_allclose(maps[:, ::3, ::3], golden[f"{name}_probability"], atol=5e-3)
    np.testing.assert_array_equal(windows, golden[f"{name}_windows"])


def test_window_is_the_whole_plane_before_the_first_answer() -> None:
    assert object_window(np.zeros((31, 47), np.float32), [Click(3, 4)], 1.4, 10) == Window.whole((31, 47))


def test_window_expands_about_the_object_and_stays_inside() -> None:
    probability = np.zeros((101, 203), np.float32)
    probability[40:61, 100:141] = 0.9
    # 21 rows x 1.4 = 29.4 about 50; 41 columns x 1.4 = 57.4 about 120; ends rounded, the last included.
    assert object_window(probability, [], 1.4, 1) == Window(35, 66, 91, 150)
    assert object_window(probability, [Click(2, 150)], 1.4, 1).row_start == 0
    assert object_window(probability, [], 1.4, 500) == Window.whole((101, 203))


def test_window_is_kept_until_it_no_longer_fits() -> None:
    probability = np.zeros((200, 200), np.float32)
    probability[80:120, 80:120] = 1
    options = ClickOptions(min_crop=1)
    stored = choose_window(probability, [Click(100, 100)], None, options)
    probability[80:120, 80:126] = 1
    assert choose_window(probability, [Click(100, 100)], stored, options) == stored
    assert choose_window(probability, [Click(100, 180)], stored, options) != stored
    assert choose_window(probability, [Click(100, 100), Click(10, 10, False)], stored, options) == stored
    probability[20:180, 20:180] = 1
    assert choose_window(probability, [Click(100, 100)], stored, options) != stored


def test_a_mask_is_its_own_answer_and_the_next_click_refines_it() -> None:
    session = Session(seeded_image(*PLANE), ClickPredictor(seeded_network(TINY), options=ClickOptions(min_crop=20)))
    mask = np.zeros(PLANE, bool)
    mask[20:40, 50:70] = True
    assert np.array_equal(session.add(MaskPrompt(mask)), mask)
    assert session.prediction is not None
    assert session.prediction.forwards == 0
    session.add(Click(30, 60))
    assert session.prediction.forwards == 1
    assert session.prediction.window == object_window(mask.astype(np.float32), [Click(30, 60)], 1.4, 20)


def test_boxes_are_refused_and_change_nothing() -> None:
    session = Session(seeded_image(*PLANE), ClickPredictor(seeded_network(TINY), options=ClickOptions()))
    session.add(Click(30, 60))
    before = session.mask
    with pytest.raises(PromptError, match="not a box"):
        session.add(Box((10, 10), (20, 20)))
    assert len(session.prompts) == 1
    assert np.array_equal(session.mask, before)


def test_work_can_be_cancelled_between_passes() -> None:
    predictor = ClickPredictor(seeded_network(TINY), options=ClickOptions(cascade_steps=5))
    asked = []

    def cancelled() -> bool:
        asked.append(None)
        return len(asked) > 2

    with pytest.raises(CancelledError):
        predictor.predict(predictor.encode(seeded_image(*PLANE)), [Click(30, 60)], None, cancelled=cancelled)
    assert len(asked) == 3


def test_a_size_that_does_not_fit_is_refused() -> None:
    with pytest.raises(OptionError, match="target_size"):
        ClickPredictor(seeded_network(TINY), options=ClickOptions(target_size=65))
