"""What every method of the table must do, with its own weights; a new method is tested with no test changed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.methods import any_predictor, tiny_predictor
from tests.seeded import seeded_image

import napari_iseg
from napari_iseg import METHODS, Box, Click, MaskPrompt, Scribble
from napari_iseg.errors import ImageError, OptionError, UnknownNameError, WeightsError
from napari_iseg.inference.session import Session
from napari_iseg.planes import to_rgb
from napari_iseg.zoo import CascadeOptions

SHAPES = [(75, 110), (133, 61)]
ALL = pytest.mark.parametrize("method", list(METHODS))


def open_method(image: np.ndarray, method: str, **options: object) -> Session:
    return Session(to_rgb(image), any_predictor(method, **options))


@ALL
@pytest.mark.parametrize("shape", SHAPES)
def test_answers_are_finite_follow_clicks_and_undo(method: str, shape: tuple[int, int]) -> None:
    rows, columns = shape
    session = open_method(seeded_image(rows, columns), method)
    session.add(Click(0.45 * rows, 0.55 * columns))
    first = session.probability.copy()
    assert first.shape == shape
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert 0 <= first.min() <= first.max() <= 1
    session.add(Click(2, 3, positive=False))
    assert not np.array_equal(session.probability, first)
    session.undo()
    assert np.array_equal(session.probability, first)


@ALL
def test_every_prompt_that_the_table_names_is_answered(method: str) -> None:
    spec = METHODS[method]
    image = seeded_image(75, 110)
    mask = image[..., 0] > 120
    given = {
        Click: Click(33, 60),
        Box: Box((15, 35), (55, 85)),
        Scribble: Scribble(((25, 50), (33, 60), (40, 66))),
        MaskPrompt: MaskPrompt(mask),
    }
    assert set(spec.prompts) | set(spec.translated) == set(given)
    for prompt in given.values():
        session = open_method(image, method)
        session.add(prompt)
        first = session.probability.copy()
        assert np.isfinite(first).all()
        # And a click goes on from there.
        session.add(Click(34, 62))
        assert np.isfinite(session.probability).all()
        session.undo()
        assert np.array_equal(session.probability, first)


@pytest.mark.parametrize("method", [n for n, spec in METHODS.items() if isinstance(spec.options, CascadeOptions)])
def test_refinement_is_an_option_of_every_method_that_a_mask_guides(method: str) -> None:
    image = seeded_image(75, 110)
    answers = {}
    for steps in (0, 2):
        predictor = tiny_predictor(method, cascade_steps=steps)
        answers[steps] = predictor.predict(predictor.encode(image), [Click(33, 60)], None)
    assert answers[2].forwards == 3 * answers[0].forwards
    assert not np.array_equal(answers[0].render(), answers[2].render())


@pytest.mark.parametrize("method", [name for name, spec in METHODS.items() if spec.proposals])
def test_proposals_are_ranked_and_can_be_chosen(method: str) -> None:
    session = Session(seeded_image(75, 110), tiny_predictor(method))
    session.add(Click(33, 60))
    scores = [proposal.score for proposal in session.proposals]
    assert scores
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    before = session.probability.copy()
    for index, proposal in enumerate(session.proposals):
        session.choose(index)
        assert np.array_equal(session.probability, proposal.render(session.shape))
        rows, columns = np.nonzero(session.probability > 0.5)
        if rows.size:
            box = (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
            assert box == (
                proposal.box.row_start,
                proposal.box.row_stop,
                proposal.box.column_start,
                proposal.box.column_stop,
            )
    session.add(Click(40, 70))
    assert np.isfinite(session.probability).all()
    while len(session.prompts) > 1:
        session.undo()
    assert np.array_equal(session.probability, before)


@pytest.mark.parametrize("method", [name for name, spec in METHODS.items() if spec.alpha])
def test_mattes_are_shares(method: str) -> None:
    session = Session(seeded_image(75, 110), tiny_predictor(method))
    assert session.alpha is None
    session.add(Click(33, 60))
    assert session.alpha is not None
    assert 0 <= session.alpha.min() <= session.alpha.max() <= 1


@ALL
def test_the_same_question_has_the_same_answer(method: str) -> None:
    image = seeded_image(75, 110)
    predictor = any_predictor(method)
    answers = [predictor.predict(predictor.encode(image), [Click(33, 60)], None).render() for _ in range(2)]
    assert np.array_equal(*answers)


def disc(shape: tuple[int, int], row: int, column: int, radius: int) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(rows - row, columns - column) <= radius


CLASSICAL = pytest.mark.parametrize("method", [name for name, spec in METHODS.items() if spec.family is None])


@CLASSICAL
def test_a_classical_method_s_answer_follows_a_click_that_moves(method: str) -> None:
    here, there = disc((75, 110), 30, 30, 14), disc((75, 110), 45, 82, 14)
    image = np.where(here | there, 190, 60).astype(np.uint8)
    image[::7, ::5] += 9
    answers = []
    for row, column, truth in ((28, 33, here), (47, 80, there)):
        session = open_method(image, method)
        mask = session.add(Click(row, column))
        assert (mask & truth).sum() / (mask | truth).sum() > 0.8
        answers.append(session.probability)
    assert not np.array_equal(*answers)
    # So does a negative one.
    blocked = []
    for row, column in ((28, 45), (47, 66)):
        session = open_method(image, method)
        session.add(Click(28, 33))
        session.add(Click(row, column, positive=False))
        blocked.append(session.probability)
    assert not np.array_equal(*blocked)


@CLASSICAL
def test_the_order_of_clicks_makes_no_difference_to_a_classical_method(method: str) -> None:
    image = seeded_image(75, 110)
    clicks = [Click(33, 60), Click(12, 20, positive=False), Click(50, 85), Click(60, 15, positive=False)]
    answers = []
    for order in (clicks, clicks[::-1], [clicks[number] for number in (2, 0, 3, 1)]):
        predictor = any_predictor(method)
        answers.append(predictor.predict(predictor.encode(image), order, None).render())
    assert answers[0].std() > 0
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


@CLASSICAL
def test_of_clicks_that_overlap_the_later_one_counts(method: str) -> None:
    image = seeded_image(75, 110)
    clicks = [Click(33, 60), Click(33, 63, positive=False)]
    answers = []
    for order in (clicks, clicks[::-1]):
        predictor = any_predictor(method)
        answers.append(predictor.predict(predictor.encode(image), order, None).render())
    assert answers[0][33, 63] < 0.5 < answers[1][33, 60]
    assert not np.array_equal(*answers)


@ALL
def test_grey_and_float_images_are_taken(method: str) -> None:
    grey = seeded_image(75, 110)[..., 0].astype(np.float64) * 40 - 900
    assert open_method(grey, method).add(Click(33, 60)).shape == (75, 110)


@pytest.mark.parametrize("method", [n for n, s in METHODS.items() if s.family is not None and s.weights is None])
def test_a_method_without_weights_says_how_to_get_some(method: str) -> None:
    with pytest.raises(WeightsError, match="--weights on the command line"):
        napari_iseg.make_predictor(method)


def test_unknown_names_get_close_matches() -> None:
    with pytest.raises(UnknownNameError, match="'random-walker'"):
        napari_iseg.make_predictor("random-waker")
    with pytest.raises(UnknownNameError, match="'zoom_in'"):
        napari_iseg.make_predictor("cfr-icl", options={"zoomin": True})
    with pytest.raises(UnknownNameError, match="'cfr-icl-small'"):
        napari_iseg.make_predictor("cfr-icl", weights="cfr-icl-smal")


def test_options_read_text_and_refuse_nonsense() -> None:
    predictor = napari_iseg.make_predictor(
        "cfr-icl", options={"flip": "false", "cascade_steps": "3", "threshold": "0.4"}
    )
    assert predictor.options.threshold == 0.4
    for name, value in (("flip", "maybe"), ("threshold", "2"), ("target_size", "a,b"), ("target_size", "131")):
        with pytest.raises(OptionError, match=name):
            napari_iseg.make_predictor("cfr-icl", options={name: value})
    with pytest.raises(OptionError, match="not available"):
        napari_iseg.make_predictor("cfr-icl", device="quantum")


def test_weights_of_nothing_are_refused() -> None:
    with pytest.raises(WeightsError, match="no weights"):
        napari_iseg.make_predictor("random-walker", weights="cfr-icl-small")
    with pytest.raises(WeightsError, match="no weights file"):
        napari_iseg.make_predictor("cfr-icl", weights="nowhere/file.safetensors")


@pytest.mark.parametrize("bad", [np.zeros((0, 5)), np.zeros((1, 1)), np.full((9, 11), np.nan), np.zeros((4, 5, 6, 7))])
def test_unusable_images_are_told_in_a_sentence(bad: np.ndarray) -> None:
    with pytest.raises(ImageError):
        napari_iseg.open_session(bad, method="random-walker")
