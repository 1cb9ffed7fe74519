"""Zoom-in, flip averaging and cascade-forward refinement against goldens, and what the predictor refuses."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.golden.make_golden import FOLDER, PLANE, PREDICTORS, predictor_output
from tests.models.test_simpleclick import released_module, released_network
from tests.seeded import TINY, seeded_image, seeded_network

from napari_iseg.errors import OptionError
from napari_iseg.inference.click_predictor import ClickPredictor
from napari_iseg.inference.prediction import Window
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.session import Session
from napari_iseg.inference.translation import as_clicks
from napari_iseg.inference.zoom import choose_window, object_window
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
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


def test_a_box_is_a_click_and_the_first_crop() -> None:
    session = Session(seeded_image(*PLANE), ClickPredictor(seeded_network(TINY), options=ClickOptions(min_crop=8)))
    session.add(Box((10, 20), (30, 60)))
    assert session.prediction is not None
    # 20 rows x 1.4 = 28 about 19.5; 40 columns x 1.4 = 56 about 39.5; ends rounded to even, the last included.
    assert session.prediction.window == Window(6, 35, 12, 69)


def test_a_scribble_counts_as_clicks_along_it() -> None:
    points = tuple((30.0, 20.0 + column) for column in range(60))
    translated = as_clicks([Click(5, 5, positive=False), Scribble(points, width=3.0)], PLANE)
    assert translated.clicks[0] == Click(5, 5, positive=False)
    assert [round(click.column, 1) for click in translated.clicks[1:]] == [29.8, 49.5, 69.2]
    options = ClickOptions(min_crop=20)
    drawn = Session(seeded_image(*PLANE), ClickPredictor(seeded_network(TINY), options=options))
    drawn.add(Scribble(points, width=3.0))
    predictor = ClickPredictor(seeded_network(TINY), options=options)
    clicked = predictor.predict(predictor.encode(seeded_image(*PLANE)), translated.clicks[1:], None)
    assert np.array_equal(drawn.probability, clicked.render())


def test_translated_clicks_lie_on_the_plane() -> None:
    outside = Scribble(((-40.0, 3.0), (2.0, 3.0), (-40.0, 3.0)))
    for prompt in (outside, Box((-9, -9), (1, 1)), Scribble(((74.4, 109.4),))):
        clicks = as_clicks([prompt], PLANE).clicks
        assert clicks
        assert all(-0.5 <= c.row <= PLANE[0] - 0.5 and -0.5 <= c.column <= PLANE[1] - 0.5 for c in clicks)


def test_the_first_clicks_may_see_the_whole_image_in_its_own_pixels() -> None:
    options = ClickOptions(min_crop=20, skip_clicks=1, target_size=40, keep_aspect=True, flip=False)
    session = Session(seeded_image(72, 104), ClickPredictor(_AnySize(seeded_network(TINY)), options=options))
    session.add(Click(32, 57))
    assert session.prediction is not None
    assert session.prediction.patches[0].values.shape == (72, 104)
    mask = np.zeros((72, 104), bool)
    mask[20:40, 40:70] = True
    session.add(MaskPrompt(mask))
    session.add(Click(30, 60))
    assert session.prediction.window == object_window(mask.astype(np.float32), [Click(30, 60)], 1.4, 20)
    assert max(session.prediction.patches[0].values.shape) == 40


class _AnySize(torch.nn.Module):
    """A network that takes any size, as RITM's do: it pads for one that does not."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.config = SimpleNamespace(accepts=lambda size: True, image_size=(64, 64))

    def forward(self, image: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        rows, columns = image.shape[-2:]
        padded = torch.nn.functional.pad(image, (0, -columns % 8, 0, -rows % 8))
        return self.inner(padded, points)[..., :rows, :columns]


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
