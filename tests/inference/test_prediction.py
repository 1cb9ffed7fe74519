"""Patches, regions and proposals: what is painted where, and that nothing ever changes an answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_iseg.errors import PromptError
from napari_iseg.inference.prediction import Patch, Prediction, Proposal, Region, Window

SHAPE = (31, 47)


def test_later_patches_lie_over_earlier_ones() -> None:
    answer = Prediction(
        shape=SHAPE,
        patches=(
            Patch(Window(2, 20, 3, 40), np.full((2, 2), 0.25, np.float32)),
            Patch(Window(10, 14, 5, 9), np.full((4, 4), 2.0, np.float32), logits=True),
        ),
    )
    drawn = answer.render()
    assert drawn[0, 0] == 0
    assert drawn[3, 4] == 0.25
    assert drawn[12, 7] == pytest.approx(torch.tensor(2.0).sigmoid().item())
    assert answer.window == Window(2, 20, 3, 40)


def test_logits_are_resized_before_the_sigmoid() -> None:
    values = np.array([[-4.0, 4.0]], np.float32).repeat(2, axis=0)
    window = Window(0, 2, 0, 5)
    one = Prediction(shape=SHAPE, patches=(Patch(window, values, logits=True),)).render()[0, :5]
    np.testing.assert_allclose(one, 1 / (1 + np.exp([4.0, 2.0, 0.0, -2.0, -4.0])), atol=1e-6)


def test_a_region_limits_what_is_painted_and_packs_eightfold() -> None:
    mask = np.zeros((8, 13), bool)
    mask[2:5, 4:11] = True
    region = Region.pack(mask)
    assert np.array_equal(region.unpack(), mask)
    assert region.bits.nbytes == 13
    below = Patch(Window.whole(SHAPE), np.full((2, 2), 0.5, np.float32))
    over = Patch(Window(10, 18, 20, 33), np.full((8, 13), 0.75, np.float32), region=region)
    drawn = Prediction(shape=SHAPE, patches=(below, over)).render()
    assert np.array_equal(drawn == 0.75, np.pad(mask, ((10, 13), (20, 14))))
    listed = Patch(Window(10, 18, 20, 33), np.arange(21, dtype=np.float32), region=region)
    drawn = Prediction(shape=SHAPE, patches=(listed,)).render()
    assert drawn[12, 24:31].tolist() == list(range(7))


def test_patches_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="region"):
        Patch(Window(0, 4, 0, 4), np.zeros((4, 4), np.float32), region=Region.pack(np.zeros((3, 4), bool)))
    with pytest.raises(ValueError, match="need a region"):
        Patch(Window(0, 4, 0, 4), np.zeros(16, np.float32))


def test_a_choice_is_a_new_answer() -> None:
    window = Window(1, 9, 2, 12)
    patch = Patch(window, np.full((8, 10), 0.9, np.float32))
    answer = Prediction(
        shape=SHAPE,
        patches=(Patch(Window.whole(SHAPE), np.full((3, 3), 0.1, np.float32)),),
        proposals=(Proposal(patch, 0.8, window, "part"),),
    )
    chosen = answer.choose(0)
    assert answer.chosen is None
    assert chosen.chosen == 0
    assert chosen.proposals == answer.proposals
    assert np.array_equal(chosen.render(), answer.proposals[0].render(SHAPE))
    with pytest.raises(PromptError, match="no proposal 1"):
        answer.choose(1)
    with pytest.raises(PromptError, match="there are none"):
        Prediction.from_mask(np.ones(SHAPE, bool)).choose(0)


def test_values_can_not_be_written_to() -> None:
    patch = Patch(Window(0, 2, 0, 2), np.zeros((2, 2), np.float32))
    with pytest.raises(ValueError, match="read-only"):
        patch.values[0, 0] = 1


def test_a_window_as_another_sees_it_cuts_out_the_same():
    plane = np.arange(30 * 40).reshape(30, 40)
    window, other = Window(5, 9, 20, 31), Window(2, 8, 25, 38)
    both = window.union(other)
    for one in (window, other):
        np.testing.assert_array_equal(plane[both.slices][one.within(both).slices], plane[one.slices])
