"""Whatever a method answers, a mask agrees with every click; and only around the clicks does it change."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.inference.click_consistency import contradicted, with_clicks_kept
from napari_iseg.interactions import Choice, Click, MaskPrompt

SHAPE = (60, 80)


def disc(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def test_a_mask_that_agrees_is_left_as_it_is() -> None:
    mask = disc(30, 40, 12)
    assert with_clicks_kept(mask, [Click(30, 40), Click(5, 5, positive=False)]) is mask


def test_where_the_method_found_nothing_no_spot_hides_it() -> None:
    assert not with_clicks_kept(np.zeros(SHAPE, bool), [Click(30, 40)]).any()


def test_an_excluding_click_takes_away_as_far_as_the_edge() -> None:
    """A crescent of 6 pixels on the right is wrong; the click in its middle removes it there, and nothing elsewhere."""
    mask = disc(30, 40, 15)
    kept = with_clicks_kept(mask, [Click(30, 40), Click(30, 52, positive=False)])
    assert not kept[30, 50:56].any()
    assert kept[30, 40]
    assert np.array_equal(kept[:, :46], mask[:, :46])
    assert not (kept & ~mask).any()


def test_an_including_click_adds_as_far_as_the_object_and_no_further() -> None:
    mask = disc(30, 30, 10)
    kept = with_clicks_kept(mask, [Click(30, 30), Click(30, 44)])
    assert kept[30, 30:48].all(), "what is added reaches the object"
    assert not kept[30, 52:].any()
    far = with_clicks_kept(mask, [Click(30, 30), Click(30, 70)])
    assert far[30, 70]
    assert np.count_nonzero(far & ~mask) <= np.count_nonzero(mask), "at most as much as the object itself"


def test_a_click_gives_way_near_one_that_says_the_opposite() -> None:
    mask = disc(30, 40, 15)
    clicks = [Click(30, 46), Click(30, 50, positive=False)]
    kept = with_clicks_kept(mask, clicks)
    assert kept[30, 46]
    assert not kept[30, 50]


def test_of_two_clicks_on_one_pixel_the_later_counts() -> None:
    mask = disc(30, 40, 15)
    assert not with_clicks_kept(mask, [Click(30, 40), Click(30, 40, positive=False)])[30, 40]
    assert with_clicks_kept(mask, [Click(30, 40, positive=False), Click(30, 40)])[30, 40]


@pytest.mark.parametrize("later", [Choice(1), MaskPrompt(disc(30, 40, 15))], ids=["proposal", "mask"])
def test_what_was_chosen_or_given_later_stands(later: Choice | MaskPrompt) -> None:
    mask = disc(30, 40, 15)
    before = [Click(30, 40, positive=False), later]
    assert with_clicks_kept(mask, before) is mask
    after = with_clicks_kept(mask, [*before, Click(30, 52, positive=False)])
    assert after[30, 40]
    assert not after[30, 52]


def test_clicks_between_pixels_and_at_the_border_mean_the_nearest_pixel() -> None:
    mask = disc(30, 40, 15)
    edge = SHAPE[1] - 1
    kept = with_clicks_kept(mask, [Click(29.6, 40.4, positive=False), Click(0.2, edge + 0.49)])
    assert not kept[30, 40]
    assert kept[0, edge]


@pytest.mark.parametrize("object_there", [True, False], ids=["object", "all but a hole"])
@pytest.mark.parametrize("seed", range(40))
def test_every_click_holds_whatever_the_clicks(seed: int, object_there: bool) -> None:
    mask = disc(30, 40, 14) if object_there else ~disc(30, 40, 14)
    rng = np.random.default_rng(seed)
    # Distinct pixels, close together: half of the clicks contradict the mask, and one another's surroundings.
    places = rng.choice(30 * 40, size=int(rng.integers(1, 9)), replace=False)
    clicks = [
        Click(float(20 + place // 40), float(20 + place % 40), positive=bool(rng.integers(2))) for place in places
    ]
    before = mask.copy()
    kept = with_clicks_kept(mask, clicks)
    assert not contradicted(kept, clicks)
    assert np.array_equal(mask, before), "the method's mask itself is not changed"
