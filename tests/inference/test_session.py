"""The session: undo and redo are exact, stale answers are dropped, removed prompts leave no trace."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage
from tests.seeded import TINY, seeded_image, seeded_network

from napari_iseg.errors import OptionError, PromptError
from napari_iseg.inference.click_predictor import ClickPredictor
from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.inference.mask_refinement import PLAIN, MaskRefinement
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Click, MaskPrompt
from napari_iseg.zoo import ClickOptions

SHAPE = (75, 110)


def new_session(**options: object) -> Session:
    """Return a session on a seeded network."""
    predictor = ClickPredictor(seeded_network(TINY, 4), options=ClickOptions(min_crop=30, flip=False, **options))  # type: ignore[arg-type]
    return Session(seeded_image(*SHAPE), predictor)


def random_clicks(count: int) -> list[Click]:
    rng = np.random.default_rng(3)
    return [Click(rng.uniform(0, SHAPE[0] - 1), rng.uniform(0, SHAPE[1] - 1), rng.random() < 0.6) for _ in range(count)]


def test_120_steps_back_and_forth_restore_every_bit() -> None:
    session = new_session()
    seen = [session.probability.copy()]
    for click in random_clicks(120):
        session.add(click)
        seen.append(session.probability.copy())
    assert any(not np.array_equal(a, b) for a, b in pairwise(seen[60:]))
    for expected in reversed(seen[:-1]):
        assert session.undo()
        assert np.array_equal(session.probability, expected)
    assert not session.undo()
    assert session.prompts == ()
    for expected in seen[1:]:
        assert session.redo()
        assert np.array_equal(session.probability, expected)
    assert not session.redo()


def test_a_new_prompt_after_undo_forgets_what_was_undone() -> None:
    session = new_session()
    for click in random_clicks(3):
        session.add(click)
    session.undo()
    session.add(Click(5, 5))
    assert not session.can_redo
    assert len(session.prompts) == 3


def test_history_is_small_for_large_images() -> None:
    session = Session(
        np.zeros((2048, 2048, 3), np.uint8), ClickPredictor(seeded_network(TINY, 4), options=ClickOptions(flip=False))
    )
    for click in random_clicks(3):
        session.add(click)
    assert session.prediction is not None
    assert session.prediction.nbytes <= 64 * 64 * 4
    assert session.probability.shape == (2048, 2048)


def test_undo_keeps_as_many_steps_as_asked() -> None:
    session = Session(seeded_image(*SHAPE), new_session().predictor, max_undo=5)
    for click in random_clicks(9):
        session.add(click)
    steps = 0
    while session.undo():
        steps += 1
    assert steps == 5


def test_removing_a_prompt_is_as_if_it_was_never_given() -> None:
    clicks = random_clicks(5)
    session, other = new_session(), new_session()
    for click in clicks:
        session.add(click)
    before = session.probability.copy()
    session.remove(1)
    for click in [*clicks[:1], *clicks[2:]]:
        other.add(click)
    assert np.array_equal(session.probability, other.probability)
    session.undo()
    assert np.array_equal(session.probability, before)


def test_replacing_a_prompt_is_as_if_it_had_been_there() -> None:
    clicks = random_clicks(4)
    session, other = new_session(), new_session()
    for click in clicks:
        session.add(click)
    session.replace(2, Click(11, 12))
    for click in [*clicks[:2], Click(11, 12), clicks[3]]:
        other.add(click)
    assert session.prompts == other.prompts
    assert np.array_equal(session.probability, other.probability)


def test_a_newer_click_voids_the_older_answer() -> None:
    session = new_session()
    first, second = random_clicks(2)
    session.edit((first,))
    old = session.request()
    assert old is not None
    session.edit((first, second))
    new = session.request()
    assert new is not None
    assert not session.deliver(old, old.run())
    assert session.pending
    assert session.deliver(new, new.run())
    assert session.prediction is not None
    assert not session.deliver(new, new.run())
    # The click in between was never answered; going back to it asks again.
    session.undo()
    assert session.pending
    session.compute()
    assert session.prompts == (first,)
    assert not session.pending


def test_undo_voids_the_answer_under_way() -> None:
    session = new_session()
    session.edit((Click(30, 60),))
    request = session.request()
    assert request is not None
    session.undo()
    assert not session.deliver(request, request.run())
    assert session.prediction is None
    assert not session.mask.any()


def test_prompts_outside_the_image_change_nothing() -> None:
    session = new_session()
    session.add(Click(30, 60))
    for prompt in (Click(-3, 5), Click(5, 110), MaskPrompt(np.ones((3, 4), bool))):
        with pytest.raises(PromptError, match="image"):
            session.add(prompt)
    assert session.prompts == (Click(30, 60),)
    assert not session.can_redo


def test_every_change_is_told() -> None:
    session = new_session()
    told: list[int] = []
    session.changed.connect(lambda: told.append(len(session.prompts)))
    session.add(Click(30, 60))
    session.undo()
    session.redo()
    session.clear()
    session.threshold = 0.7
    assert told[-1] == 0
    assert 1 in told
    assert len(told) >= 5


def test_the_threshold_needs_no_inference() -> None:
    session = new_session()
    session.add(Click(30, 60))
    answer = session.prediction
    session.threshold = 0.9
    assert session.prediction is answer
    assert np.array_equal(session.mask, session.probability > 0.9)
    with pytest.raises(OptionError, match="between 0 and 1"):
        session.threshold = 1.5


def test_clear_is_one_step() -> None:
    session = new_session()
    session.add(Click(30, 60))
    before = session.probability.copy()
    session.clear()
    assert not session.mask.any()
    session.undo()
    assert np.array_equal(session.probability, before)


def test_a_released_session_gives_the_very_same_answers() -> None:
    session = new_session()
    for click in random_clicks(3):
        session.add(click)
    before = session.probability.copy()
    session.release()
    assert np.array_equal(session.probability, before)
    session.release()
    session.add(Click(60, 90))
    session.undo()
    assert np.array_equal(session.probability, before)


def test_another_object_on_the_image_shares_its_encoding() -> None:
    session = new_session()
    encoded = []
    encode = session.predictor.encode
    session.predictor.encode = lambda image: encoded.append(1) or encode(image)  # type: ignore[method-assign, func-returns-value]
    session.add(Click(30, 60))
    other = session.another()
    other.add(Click(50, 20))
    assert len(encoded) == 1
    assert session.prompts == (Click(30, 60),)
    assert other.prompts == (Click(50, 20),)
    alone = new_session()
    alone.add(Click(50, 20))
    assert np.array_equal(other.probability, alone.probability)
    # What one session lets go of, another still has.
    session.release()
    other.add(Click(10, 10))
    assert len(encoded) == 1
    with pytest.raises(ValueError, match="another image"):
        Session(session.image.copy(), session.predictor, encoded=EncodedImage(session.image, session.predictor))


def test_an_answer_says_how_long_it_took() -> None:
    session = new_session()
    start = time.perf_counter()
    session.add(Click(30, 60))
    took = time.perf_counter() - start
    assert session.prediction is not None
    assert 0 < session.prediction.seconds <= took


def test_refinement_is_live_and_can_be_taken_off() -> None:
    session = new_session()
    session.add(Click(40, 50))
    session.threshold = float(np.median(session.probability))
    plain = session.mask.copy()
    assert ndimage.label(plain, np.ones((3, 3)))[1] > 1
    session.refinement = MaskRefinement(one_part=True, fill_holes=True)
    refined = session.mask
    assert ndimage.label(refined, np.ones((3, 3)))[1] == 1
    session.undo()
    assert not session.mask.any()
    session.redo()
    assert np.array_equal(session.mask, refined)
    session.refinement = PLAIN
    assert np.array_equal(session.mask, plain)


def test_what_was_answered_together_is_answered_together_again() -> None:
    clicks = random_clicks(5)
    session = new_session()
    session.add(clicks[0])
    # Three clicks, quicker than the answers.
    for count in (2, 3, 4):
        session.edit(clicks[:count])
    session.compute()
    session.add(clicks[4])
    assert session.answered == (1, 4, 5)
    one_by_one = new_session()
    for click in clicks:
        one_by_one.add(click)
    assert one_by_one.answered == (1, 2, 3, 4, 5)
    # Otherwise this test could not fail.
    assert not np.array_equal(session.probability, one_by_one.probability)
    again = new_session()
    again.resume(session.prompts, session.answered)
    assert again.pending
    assert np.array_equal(again.compute(), session.mask)
    assert np.array_equal(again.probability, session.probability)
    assert again.answered == session.answered
    again.undo()
    again.compute()
    session.undo()
    assert np.array_equal(again.probability, session.probability)


def test_a_click_before_a_resumed_answer_comes_forgets_nothing() -> None:
    clicks = random_clicks(4)
    session = new_session()
    for click in clicks[:2]:
        session.add(click)
    session.edit(clicks[:3])
    session.edit(clicks)
    session.compute()
    again = new_session()
    again.resume(clicks[:3])
    again.edit(clicks)
    again.compute()
    assert again.answered == (1, 2, 4) == session.answered
    assert np.array_equal(again.probability, session.probability)


@pytest.mark.parametrize("answered", [(1,), (0, 2), (2, 1), (1, 3), ()])
def test_answers_that_cannot_have_been_are_refused(answered: tuple[int, ...]) -> None:
    session = new_session()
    with pytest.raises(PromptError, match="cannot have been answered"):
        session.resume(random_clicks(2), answered)
    assert session.prompts == ()
