"""A mask that nobody clicked stays the object when a part of it is excluded."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter

from napari_iseg import METHODS
from napari_iseg.evaluation.objects import published_options
from napari_iseg.inference.mask_click import middle_click, with_mask_click
from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.planes import to_rgb
from napari_iseg.zoo import CascadeOptions

SHAPE = (40, 60)


def bar() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[10:21, 5:46] = True
    return mask


def kept(mask: np.ndarray) -> MaskPrompt:
    return MaskPrompt(mask, keep=True)


def test_the_click_lies_where_the_mask_is_deepest():
    click = middle_click(bar())
    assert click is not None
    assert click.positive
    assert click.row == 15
    assert distance_transform_edt(bar())[int(click.row), int(click.column)] == 6


def test_the_click_keeps_away_from_what_is_excluded():
    excluded = [Click(15, 10, positive=False), Click(15, 20, positive=False)]
    click = middle_click(bar(), excluded)
    assert click is not None
    assert click.column >= 26
    assert bar()[int(click.row), int(click.column)]


def test_an_empty_mask_and_one_that_is_all_excluded_have_no_middle():
    assert middle_click(np.zeros(SHAPE, bool)) is None
    single = np.zeros(SHAPE, bool)
    single[3, 4] = True
    assert middle_click(single) == Click(3, 4)
    assert middle_click(single, [Click(3, 4, positive=False)]) is None


def test_a_given_mask_is_followed_by_a_click_in_its_middle():
    wrong = Click(15, 44, positive=False)
    given = (kept(bar()), wrong)
    mask, click, last = with_mask_click(given)
    assert (mask, last) == given
    assert click == middle_click(bar(), [wrong])
    # It stays when something is included later, so that the answer does not jump.
    further = Click(30, 30)
    assert with_mask_click((*given, further))[1] == click


@pytest.mark.parametrize(
    "prompts",
    [
        (Click(5, 5), Click(9, 9, positive=False)),
        (kept(bar()),),
        (Click(15, 12), kept(bar()), Click(15, 44, positive=False)),
        (Box((8, 3), (24, 48)), kept(bar()), Click(15, 44, positive=False)),
        (Scribble(((15, 8), (15, 40)), width=3), kept(bar()), Click(15, 44, positive=False)),
        (kept(bar()), Click(15, 44, positive=False), kept(bar())),
        (kept(np.zeros(SHAPE, bool)), Click(15, 44)),
        (kept(bar()), middle_click(bar())),
    ],
    ids=[
        "no mask",
        "mask alone",
        "clicked",
        "boxed",
        "scribbled",
        "new mask",
        "empty mask",
        "already there",
    ],
)
def test_nothing_is_added_where_nothing_is_missing(prompts):
    assert with_mask_click(prompts) == prompts


def test_a_click_beside_the_mask_does_not_say_what_it_is():
    prompts = (Click(35, 55), kept(bar()), Click(15, 44, positive=False))
    assert len(with_mask_click(prompts)) == 4


def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a faint nucleus, (H, W, 3) uint8, its mask, and one that is too large on one side."""
    rows, columns = np.indices((128, 158))
    own = np.hypot(rows - 64, columns - 70) <= 22
    grey = gaussian_filter(np.where(own, 200.0, 190.0), 3) + np.random.default_rng(0).normal(0, 10, own.shape)
    return to_rgb(grey.clip(0, 255).astype(np.uint8)), own, own | (np.hypot(rows - 64, columns - 92) <= 13)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


@pytest.mark.parametrize("keep", [True, False], ids=["keep", "go on"])
@pytest.mark.parametrize("method", ["focalclick-xl", "focalclick", "cfr-icl", "adaptiveclick"])
def test_a_mask_of_another_program_survives_a_click_that_excludes(method, keep):
    image, own, given = drawn()
    session = Session(image, make_predictor(method, device="cpu"))
    session.add(MaskPrompt(given, keep=keep))
    before = iou(given, own)
    session.add(Click(64, 98, positive=False))
    assert iou(session.mask, own) > max(before, 0.85)
    assert not session.mask[64, 98]
    # Nobody sees the click: not the user, not the file.
    assert len(session.prompts) == 2


def test_without_the_option_networks_lose_the_object():
    image, own, given = drawn()
    session = Session(image, make_predictor("focalclick-xl", device="cpu", options={"mask_click": False}))
    session.add(kept(given))
    session.add(Click(64, 98, positive=False))
    assert iou(session.mask, own) < 0.5, "this network no longer needs the click: is the option of any use?"


def test_published_evaluations_leave_it_out():
    for spec in METHODS.values():
        assert published_options(spec).get("mask_click", False) is False
        assert hasattr(spec.options, "mask_click") == isinstance(spec.options, CascadeOptions)
