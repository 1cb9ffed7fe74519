"""AdaptiveClick's predictor against its goldens, and its proposals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.models.test_adaptiveclick import released_network, tiny_network
from tests.models.test_simpleclick import released_module
from tests.seeded import seeded_image

from napari_iseg.inference.adaptiveclick_predictor import AdaptiveClickPredictor, distinct
from napari_iseg.inference.prediction import Prediction, Window
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Click
from napari_iseg.interactions.simulated import iou, next_click
from napari_iseg.zoo import AdaptiveClickOptions, find_method

if TYPE_CHECKING:
    from pathlib import Path

PLANE = (75, 110)


def released_session(shared: Path) -> tuple[Session, dict[str, np.ndarray]]:
    """Return a session of the released predictor on the fixtures' image, and the fixtures."""
    golden = dict(np.load(shared / "parity" / "adaptiveclick_predictor.npz"))
    seeded = released_module(shared)
    image = seeded.seeded_image(
        int(golden["height"]), int(golden["width"]), int(golden["image_seed"]), tuple(golden["blob"])
    )
    network = released_network(shared, "adaptiveclick_predictor")
    size = tuple(int(side) for side in golden["std_target_size"])
    options = AdaptiveClickOptions(target_size=(size[0], size[1]), threshold=0.49, flip=bool(golden["std_flip"]))
    return Session(image, AdaptiveClickPredictor(network, options=options)), golden


def test_released_predictor_golden(shared: Path) -> None:
    session, golden = released_session(shared)
    for step, (row, column, positive) in enumerate(golden["clicks"]):
        session.add(Click(float(row), float(column), bool(positive)))
        answer = session.prediction
        assert answer is not None
        np.testing.assert_allclose(session.probability[::2, ::2], golden["std_probs_stride2"][step], atol=1e-3)
        window = answer.window
        corners = (window.row_start, window.row_stop - 1, window.column_start, window.column_stop - 1)
        assert corners == tuple(golden["std_roi"][step])
        assert answer.forwards == golden["std_n_forward"][step]
        assert answer.chosen is None


def test_simulated_user_on_the_released_predictor(shared: Path) -> None:
    session, golden = released_session(shared)
    blob = golden["blob"]
    row, column = np.mgrid[: int(golden["height"]), : int(golden["width"])]
    truth = ((row - blob[0]) ** 2 + (column - blob[1]) ** 2 <= blob[2] ** 2).astype(np.int8)
    clicks: list[Click] = []
    for expected, expected_iou in zip(golden["sim_clicks"], golden["sim_ious"], strict=True):
        clicks.append(next_click(truth, session.mask, clicks))
        assert (clicks[-1].row, clicks[-1].column, clicks[-1].positive) == tuple(expected)
        session.add(clicks[-1])
        assert iou(truth, session.mask) == pytest.approx(float(expected_iou), abs=5e-3)


def predictor(**options: object) -> AdaptiveClickPredictor:
    # Of the first seeds this one's queries differ most from each other.
    return AdaptiveClickPredictor(tiny_network(9), options=AdaptiveClickOptions(**options))  # type: ignore[arg-type]


def first_answer(asked: AdaptiveClickPredictor) -> Prediction:
    return asked.predict(asked.encode(seeded_image(*PLANE)), [Click(33, 60)], None)


def test_proposals_are_distinct_masks_the_surest_first() -> None:
    answer = first_answer(predictor())
    assert len(answer.proposals) >= 2
    assert answer.chosen is None
    scores = [proposal.score for proposal in answer.proposals]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] <= scores[0] <= 1
    masks = [proposal.render(PLANE) > 0.5 for proposal in answer.proposals]
    for number, (mask, proposal) in enumerate(zip(masks, answer.proposals, strict=True)):
        rows, columns = np.nonzero(mask)
        assert proposal.box == Window(rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
        # Compared on the plane, not at the masks' own resolution: a little more than the limit may be left.
        assert all((mask & other).sum() <= 0.9 * (mask | other).sum() for other in masks[:number])


def test_the_score_is_the_click_probability_times_the_masks_confidence() -> None:
    asked = predictor()
    masks = torch.full((2, 8, 8), -3.0)
    masks[0, 2:5, 2:5] = 2.0
    masks[1, 5:, 5:] = 1.0
    classes = torch.tensor([[0.0, 0.0], [0.0, 3.0]])
    found = asked._proposals(classes, masks, Window(10, 18, 20, 28))
    sigmoid = [1 / (1 + np.exp(-value)) for value in (1.0, 2.0, 3.0)]
    assert [proposal.score for proposal in found] == pytest.approx([sigmoid[2] * sigmoid[0], 0.5 * sigmoid[1]])
    assert [proposal.box for proposal in found] == [Window(15, 18, 25, 28), Window(12, 15, 22, 25)]


def test_empty_masks_and_duplicates_of_better_ones_are_left_out() -> None:
    masks = torch.zeros(4, 100, dtype=torch.bool)
    masks[0, :50] = True
    masks[1, :57] = True
    masks[2, :60] = True
    # IoU of 0 with 1: 0.877; with 2: 0.833; of 1 with 2: 0.95. The last is empty.
    assert distinct(masks, [3, 0, 1, 2], 0.85) == [0, 2]
    assert distinct(masks, [1, 0, 2, 3], 0.85) == [1]
    assert distinct(masks, [0, 1, 2, 3], 1.0) == [0, 1, 2]


def test_a_chosen_proposal_is_what_the_next_click_starts_from() -> None:
    asked = predictor(min_crop=20)
    encoding = asked.encode(seeded_image(*PLANE))
    clicks = [Click(33, 60), Click(50, 70, positive=False)]
    first = first_answer(asked)
    chosen = first.choose(1)
    assert np.array_equal(chosen.render(), first.proposals[1].render(PLANE))
    after = asked.predict(encoding, clicks, chosen)
    drawn = Prediction.single(PLANE, Window.whole(PLANE), chosen.render(), zoom=first.zoom)
    assert np.array_equal(after.render(), asked.predict(encoding, clicks, drawn).render())
    assert after.chosen is None
    assert np.abs(after.render() - asked.predict(encoding, clicks, first).render()).max() > 1e-3


def test_proposals_lie_where_the_network_looked() -> None:
    asked = predictor(min_crop=20)
    mask = np.zeros(PLANE, bool)
    mask[25:45, 50:80] = True
    answer = asked.predict(asked.encode(seeded_image(*PLANE)), [Click(33, 60)], Prediction.from_mask(mask))
    assert answer.window.shape < PLANE
    assert answer.proposals
    for proposal in answer.proposals:
        assert proposal.patch.window == answer.window
        drawn = proposal.render(PLANE)
        drawn[answer.window.slices] = 0
        assert not drawn.any()


def test_cascades_and_no_flip_work_as_for_every_click_network() -> None:
    cascaded = first_answer(predictor(cascade_steps=2))
    assert cascaded.forwards == 3
    once = first_answer(predictor(flip=False))
    assert once.forwards == 1
    assert np.abs(once.render() - first_answer(predictor()).render()).max() > 1e-3


def test_the_method_has_its_line() -> None:
    spec = find_method("adaptiveclick")
    assert spec.proposals
    assert isinstance(spec.options, AdaptiveClickOptions)
