"""Where to look before there is a mask: sizes of earlier objects, and several crops at once."""

from dataclasses import replace

import numpy as np
from tests.methods import tiny_predictor
from tests.seeded import seeded_image

from napari_iseg.inference.first_crop import answer_at_scales, prior_view, scales
from napari_iseg.inference.prediction import Prediction, Window
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Box, Choice, Click

SHAPE = (200, 320)


def test_three_objects_say_how_much_to_look_at() -> None:
    assert prior_view(Click(100, 150), [10, 12], SHAPE) is None
    view = prior_view(Click(100, 150), [10, 90, 12], SHAPE)
    assert view == Box((82.5, 132.5), (118.5, 168.5))
    # At the border it is moved onto the plane, and never larger than that.
    assert prior_view(Click(0, 319), [20, 20, 20], SHAPE) == Box((0, 260), (60, 320))
    assert prior_view(Click(9, 9), [500, 500, 500], SHAPE) == Box((0, 0), SHAPE)


def test_scales_halve_about_the_click_down_to_what_shows_something() -> None:
    views = scales(Click(100, 10), SHAPE)
    sides = [(view.stop[0] - view.start[0], view.stop[1] - view.start[1]) for view in views]
    assert sides == [SHAPE, (100, 100), (50, 50)]
    assert all(view.start[0] <= 100 < view.stop[0] and view.start[1] <= 10 < view.stop[1] for view in views)
    assert len(scales(Click(20, 20), (60, 40))) == 1


def painted(window: Window, mask: np.ndarray, value: float) -> Prediction:
    values = np.where(mask[window.slices], np.float32(value), np.float32(0.01))
    return Prediction.single(SHAPE, window, values, forwards=1)


def test_the_answer_is_what_scales_agree_on_and_the_others_are_proposals() -> None:
    disk = np.hypot(*(np.indices(SHAPE) - np.array([100, 150])[:, None, None])) <= 12
    asked = []

    def predict(click: Click) -> Prediction:
        assert click.view is not None
        asked.append(click)
        rows, columns = ((int(start), int(stop)) for start, stop in zip(click.view.start, click.view.stop, strict=True))
        window = Window(*rows, *columns)
        # The whole image is one object to the first; the others see the disk, the second more surely.
        if window == Window.whole(SHAPE):
            return painted(window, np.ones(SHAPE, bool), 0.95)
        return painted(window, disk, 0.9 if window.shape == (100, 100) else 0.8)

    answer = answer_at_scales(predict, Click(100, 150), SHAPE)
    assert len(asked) == answer.forwards == 3
    np.testing.assert_array_equal(answer.render() > 0.5, disk)
    assert answer.window.shape == (100, 100)
    assert answer.chosen == 0
    assert not answer.picked
    scores = [proposal.score for proposal in answer.proposals]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 3
    # Whoever chooses another goes on from the crop that it was seen in.
    other = answer.choose(2)
    assert other.window == Window.whole(SHAPE)
    assert other.picked
    assert len(other.proposals) == 3


def test_a_session_answers_a_first_click_at_every_scale_and_undoes_a_choice() -> None:
    predictor = tiny_predictor("cfr-icl", first_crop="multi-scale", cascade_steps=0)
    session = Session(seeded_image(*SHAPE), predictor)
    session.threshold = 0.4
    first = session.add(Click(100, 150))
    assert session.prediction is not None
    assert session.prediction.forwards == 3
    encoding = predictor.encode(session.image)
    alone = {
        predictor.predict(encoding, [replace(Click(100, 150), view=view)], None).render().tobytes()
        for view in scales(Click(100, 150), SHAPE)
    }
    assert len(alone) == 3
    assert session.prediction.render().tobytes() in alone
    assert all(proposal.render(SHAPE).tobytes() in alone for proposal in session.proposals)
    if session.proposals:
        session.choose(len(session.proposals) - 1)
        assert session.prompts[-1] == Choice(len(session.proposals) - 1)
        session.undo()
    np.testing.assert_array_equal(session.mask, first)
