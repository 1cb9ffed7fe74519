"""A mask is smoothed, filled and reduced to the part that is meant, and what the user said always holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_iseg.errors import OptionError
from napari_iseg.inference.mask_refinement import PLAIN, MaskRefinement, refine
from napari_iseg.interactions import Click, MaskPrompt, Scribble

SHAPE = (91, 141)


def disc(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


FILL = MaskRefinement(fill_holes=True)
ONE = MaskRefinement(one_part=True)
CLICK = Click(40, 50)


def test_plain_changes_nothing() -> None:
    mask = disc(40, 50, 20)
    assert not PLAIN
    assert refine(mask, PLAIN, [CLICK]) is mask


def test_holes_are_filled_and_a_bay_is_not() -> None:
    mask = disc(40, 50, 20)
    holed = mask & ~disc(42, 55, 5)
    holed[40, 30:41] = False  # open to the outside
    filled = refine(holed, FILL, [CLICK])
    assert filled[42, 55]
    assert not filled[40, 32]
    assert not refine(disc(40, 50, 20) & ~disc(40, 50, 10), PLAIN, [CLICK])[40, 50]


def test_a_hole_that_the_user_excluded_stays() -> None:
    mask = disc(40, 50, 20) & ~disc(42, 55, 5) & ~disc(34, 44, 3)
    filled = refine(mask, FILL, [CLICK, Click(43, 56, positive=False)])
    assert not filled[42, 55]
    assert filled[34, 44]
    scribbled = refine(mask, FILL, [CLICK, Scribble(((34, 43), (34, 45)), 1.0, positive=False)])
    assert not scribbled[34, 44]
    assert scribbled[42, 55]


def test_a_bay_at_the_images_border_is_no_hole() -> None:
    mask = np.ones(SHAPE, bool)
    mask[0:5, 20:30] = False
    mask[40:45, 20:30] = False
    filled = refine(mask, FILL, [CLICK])
    assert filled[42, 25]
    assert not filled[2, 25]


def test_parts_under_including_prompts_are_kept() -> None:
    small, large, other = disc(20, 20, 4), disc(50, 80, 20), disc(80, 120, 6)
    mask = small | large | other
    assert np.array_equal(refine(mask, ONE, [Click(20, 20)]), small)
    assert np.array_equal(refine(mask, ONE, [Click(20, 20), Click(80, 121)]), small | other)
    assert np.array_equal(refine(mask, ONE, [Scribble(((80, 118), (80, 122)))]), other)
    assert np.array_equal(refine(mask, ONE, [Click(5, 130)]), large)
    assert np.array_equal(refine(mask, ONE, [Click(20, 20, positive=False)]), large)


def test_smoothing_rounds_the_edge_and_keeps_size_and_place() -> None:
    mask = disc(45, 70, 25)
    spiked = mask | False
    spiked[45, 95:110] = True  # a hair
    smooth = refine(spiked, MaskRefinement(smoothing=2), [CLICK])
    assert not smooth[45, 105]
    assert abs(int(smooth.sum()) - int(mask.sum())) < 0.03 * mask.sum()


def test_smoothing_in_tiles_is_smoothing_of_the_whole() -> None:
    mask = ndimage.gaussian_filter(np.random.default_rng(2).random((150, 203)), 3) > 0.5
    smooth = refine(mask, MaskRefinement(smoothing=1.5), [CLICK])
    whole = ndimage.gaussian_filter(mask.astype(np.float32), 1.5, radius=5, mode="nearest") >= 0.5
    assert np.array_equal(smooth, whole)


def test_what_is_smaller_than_the_smoothing_stays() -> None:
    mask = disc(20, 20, 1)
    assert np.array_equal(refine(mask, MaskRefinement(smoothing=10), [Click(20, 20)]), mask)


def test_a_mask_that_the_user_gave_is_taken_as_it_is() -> None:
    mask = disc(40, 50, 20) & ~disc(42, 55, 5)
    everything = MaskRefinement(smoothing=3, fill_holes=True, one_part=True)
    assert refine(mask, everything, [CLICK, MaskPrompt(mask)]) is mask
    assert refine(mask, everything, [MaskPrompt(mask), CLICK])[42, 55]


def test_an_empty_mask_stays_empty() -> None:
    empty = np.zeros(SHAPE, bool)
    assert not refine(empty, MaskRefinement(smoothing=2, fill_holes=True, one_part=True), [CLICK]).any()


@pytest.mark.parametrize("smoothing", [-0.5, 10.5, float("nan")])
def test_smoothing_has_a_range(smoothing: float) -> None:
    with pytest.raises(OptionError, match="from 0 to 10 pixels"):
        MaskRefinement(smoothing=smoothing)
