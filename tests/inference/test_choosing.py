"""Proposals and choices: steps of the history like every prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.seeded import TINY, seeded_image, seeded_network

from napari_iseg.errors import PromptError
from napari_iseg.inference.click_predictor import ClickPredictor
from napari_iseg.inference.prediction import Patch, Prediction, Proposal, Window
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Choice, Click
from napari_iseg.zoo import ClickOptions

PLANE = (75, 110)


class Bands(ClickPredictor):
    """Proposes, at the first click, the network's own probabilities in three bands of columns."""

    def predict(self, *args: Any, **more: Any) -> Prediction:
        assert not any(isinstance(prompt, Choice) for prompt in args[1]), "methods never see a choice"
        answer = super().predict(*args, **more)
        if len(args[1]) > 1:
            return answer
        drawn, proposals = answer.render(), []
        for start in (0, 30, 70):
            window = Window(0, PLANE[0], start, start + 30)
            values = np.clip(drawn[window.slices] + 0.3, 0, 1)
            proposals.append(Proposal(Patch(window, values), 1 - start / 100, window))
        return replace(answer, proposals=tuple(proposals))


@pytest.fixture
def session() -> Session:
    return Session(seeded_image(*PLANE), Bands(seeded_network(TINY), options=ClickOptions(min_crop=20)))


def test_a_choice_is_the_answer_and_a_step_to_undo(session: Session) -> None:
    session.add(Click(30, 60))
    first = session.probability.copy()
    assert [round(p.score, 2) for p in session.proposals] == [1.0, 0.7, 0.3]
    assert session.chosen is None
    seconds = session.prediction.seconds if session.prediction else 0
    session.choose(1)
    chosen = session.probability.copy()
    assert session.chosen == 1
    # Nothing was computed: the time is still that of the answer that proposed it.
    assert session.prediction is not None
    assert session.prediction.seconds == seconds > 0.0001
    assert np.array_equal(chosen, session.proposals[1].render(PLANE))
    session.choose(2)
    assert session.prompts == (Click(30, 60), Choice(2))
    for expected in (chosen, first):
        session.undo()
        assert np.array_equal(session.probability, expected)
    session.redo()
    assert np.array_equal(session.probability, chosen)


def test_the_next_prompt_goes_on_from_the_choice(session: Session) -> None:
    session.add(Click(30, 60))
    session.choose(0)
    template = session.probability.copy()
    session.add(Click(40, 20))
    after = session.probability.copy()
    plain = Session(session.image, ClickPredictor(seeded_network(TINY), options=ClickOptions(min_crop=20)))
    plain.add(Click(30, 60))
    plain.add(Click(40, 20))
    assert not np.array_equal(after, plain.probability)
    # The newest click taken away again, the choice is still there.
    session.remove(2)
    assert session.chosen == 0
    assert np.array_equal(session.probability, template)


def test_a_choice_goes_with_the_prompt_that_it_answered(session: Session) -> None:
    session.add(Click(30, 60))
    session.choose(1)
    session.add(Click(40, 20))
    session.replace(0, Click(31, 60))
    assert session.prompts == (Click(31, 60), Click(40, 20))


def test_choosing_what_is_not_there_changes_nothing(session: Session) -> None:
    with pytest.raises(PromptError, match="no proposals yet"):
        session.choose(0)
    session.add(Click(30, 60))
    with pytest.raises(PromptError, match="no proposal 3: there are 3"):
        session.choose(3)
    assert session.prompts == (Click(30, 60),)
    with pytest.raises(PromptError, match="from 0"):
        Choice(-1)


def test_prompts_with_a_choice_give_the_same_answer_anew(session: Session) -> None:
    session.add(Click(30, 60))
    session.choose(2)
    session.add(Click(20, 90, positive=False))
    again = Session(session.image, session.predictor)
    for prompt in session.prompts:
        again.add(prompt)
    assert np.array_equal(again.probability, session.probability)
