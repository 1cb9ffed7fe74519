"""Editing again: whatever the method says, only what the new prompt means changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_iseg.inference.prediction import Prediction, Proposal, Window
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.io.prompt_values import prompt_from_values, prompt_to_values
from napari_iseg.zoo import Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.interactions import Prompt

SHAPE = (41, 63)


def square(top: int, left: int, side: int = 9) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[top : top + side, left : left + side] = True
    return mask


class Fickle:
    """Says the same two squares to everything, whatever there was: a method that forgets the mask it was given."""

    def __init__(self) -> None:
        self.options = Options()
        self.asked = 0

    def encode(self, image: np.ndarray) -> None:
        return None

    def predict(self, encoding: Any, prompts: Sequence[Prompt], previous: Prediction | None, **_: object) -> Prediction:
        self.asked += 1
        answer = Prediction.from_mask(square(5, 20) | square(25, 40))
        patch = answer.patches[0]
        return Prediction(SHAPE, answer.patches, proposals=(Proposal(patch, 1.0, Window.whole(SHAPE)),), matte=True)


def session() -> tuple[Session, Fickle]:
    method = Fickle()
    return Session(np.zeros((*SHAPE, 3), np.uint8), method), method


def test_a_kept_mask_is_the_answer_without_asking_the_method() -> None:
    work, method = session()
    assert np.array_equal(work.add(MaskPrompt(square(5, 5), keep=True)), square(5, 5))
    assert method.asked == 0


def test_a_click_adds_only_the_piece_that_it_lies_on() -> None:
    work, _ = session()
    work.add(MaskPrompt(square(5, 5), keep=True))
    assert np.array_equal(work.add(Click(9, 24)), square(5, 5) | square(5, 20))
    assert work.proposals == ()
    assert work.alpha is None
    work.undo()
    assert np.array_equal(work.mask, square(5, 5))


def test_a_negative_click_takes_only_its_piece_away() -> None:
    work, _ = session()
    work.add(MaskPrompt(square(5, 5) | square(28, 5), keep=True))
    assert np.array_equal(work.add(Click(30, 8, positive=False)), square(5, 5))


def test_a_click_on_what_is_there_already_changes_nothing() -> None:
    work, _ = session()
    work.add(MaskPrompt(square(5, 5), keep=True))
    assert np.array_equal(work.add(Click(9, 9)), square(5, 5))


def test_a_scribble_takes_every_piece_it_runs_through_and_a_box_what_lies_in_it() -> None:
    work, _ = session()
    work.add(MaskPrompt(square(5, 5), keep=True))
    both = work.add(Scribble(((9.0, 22.0), (9.0, 26.0)), width=1.0))
    assert np.array_equal(both, square(5, 5) | square(5, 20))
    work.undo()
    assert np.array_equal(work.add(Box((20, 35), (40, 60))), square(5, 5) | square(25, 40))


def test_a_mask_that_need_not_be_kept_is_the_methods_own_affair() -> None:
    work, _ = session()
    work.add(MaskPrompt(square(5, 5)))
    assert np.array_equal(work.add(Click(9, 24)), square(5, 20) | square(25, 40))


@pytest.mark.parametrize("dtype", [bool, np.float32])
def test_kept_masks_and_their_source_go_through_files(dtype: type) -> None:
    prompt = MaskPrompt(square(5, 5).astype(dtype), keep=True, source="object 12")
    kind, values = prompt_to_values(prompt)
    again = prompt_from_values(kind, values, "prompts[0]")
    assert isinstance(again, MaskPrompt)
    assert (again.keep, again.source, again.mask.dtype) == (True, "object 12", np.dtype(dtype))
    assert np.array_equal(again.mask, prompt.mask)
    assert set(prompt_to_values(MaskPrompt(square(5, 5)))[1]) == {"shape", "dtype", "data"}
