"""What every method of the table must do, with its own weights; a new method is tested with no test changed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.seeded import seeded_image

import napari_iseg
from napari_iseg.errors import ImageError, OptionError, UnknownNameError, WeightsError

SHAPES = [(75, 110), (133, 61)]


@pytest.mark.parametrize("method", list(napari_iseg.METHODS))
@pytest.mark.parametrize("shape", SHAPES)
def test_answers_are_finite_follow_clicks_and_undo(method: str, shape: tuple[int, int]) -> None:
    rows, columns = shape
    session = napari_iseg.open_session(seeded_image(rows, columns), method=method)
    session.add(napari_iseg.Click(0.45 * rows, 0.55 * columns))
    first = session.probability.copy()
    assert first.shape == shape
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert 0 <= first.min() <= first.max() <= 1
    session.add(napari_iseg.Click(2, 3, positive=False))
    assert not np.array_equal(session.probability, first)
    session.undo()
    assert np.array_equal(session.probability, first)


@pytest.mark.parametrize("method", list(napari_iseg.METHODS))
def test_the_same_question_has_the_same_answer(method: str) -> None:
    image = seeded_image(75, 110)
    predictor = napari_iseg.make_predictor(method)
    answers = [predictor.predict(predictor.encode(image), [napari_iseg.Click(33, 60)], None).render() for _ in range(2)]
    assert np.array_equal(*answers)


@pytest.mark.parametrize("method", list(napari_iseg.METHODS))
def test_grey_and_float_images_are_taken(method: str) -> None:
    grey = seeded_image(75, 110)[..., 0].astype(np.float64) * 40 - 900
    session = napari_iseg.open_session(grey, method=method)
    assert session.add(napari_iseg.Click(33, 60)).shape == (75, 110)


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
