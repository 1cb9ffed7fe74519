"""A plane with oblong pixels, the grid with square ones, and the way between them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.errors import ImageError
from napari_iseg.interactions import Box, Choice, Click, MaskPrompt, Scribble
from napari_iseg.planes import SquarePixels


@pytest.mark.parametrize("size", [None, (1, 1), (0.9375, 0.9374), (-2, 2), (0, 1), (np.nan, 1), (1, 60)])
def test_square_unknown_and_senseless_pixels_are_shown_as_they_are(size: tuple[float, float] | None) -> None:
    assert SquarePixels.of((21, 103), size) is None


def test_the_finer_side_keeps_its_pixels() -> None:
    assert SquarePixels.of((21, 103), (5, 1)) == SquarePixels((21, 103), (105, 103))
    assert SquarePixels.of((21, 103), (0.5, -1.5)) == SquarePixels((21, 103), (21, 309))


def test_a_large_plane_grows_fourfold_at_most() -> None:
    square = SquarePixels.of((400, 4000), (10, 1))
    assert square is not None
    rows, columns = square.shown
    assert rows * columns == pytest.approx(4 * 400 * 4000, rel=0.01)
    assert square.factors[0] / square.factors[1] == pytest.approx(10, rel=0.01)


def test_places_and_boxes_come_back_where_they_were() -> None:
    square = SquarePixels.of((21, 103), (5, 0.7))
    assert square is not None
    for place in ((0.0, 0.0), (-0.5, -0.5), (20.5, 102.5), (3.25, 77.0)):
        assert square.point_back(*square.point(*place)) == pytest.approx(place)
    # The outer edges of both grids are the same.
    assert square.point(20.5, 102.5) == pytest.approx((square.shown[0] - 0.5, square.shown[1] - 0.5))
    box = Box((2.0, 10.0), (7.0, 60.5))
    back = square.box_back(square.box(box))
    assert (*back.start, *back.stop) == pytest.approx((*box.start, *box.stop))


def test_a_ramp_is_resampled_linearly_and_comes_back() -> None:
    square = SquarePixels((9, 11), (45, 11))
    ramp = np.repeat(np.arange(9, dtype=np.uint8)[:, None] * 20, 11, axis=1)
    shown = square.image(np.repeat(ramp[..., None], 3, axis=2))
    assert shown.shape == (45, 11, 3)
    assert shown.dtype == np.uint8
    # Row 2 is shown in the middle of its five rows, and 4 grey values lie between two of these.
    assert shown[12, 0].tolist() == [40, 40, 40]
    assert shown[10:15, 5, 1].tolist() == [32, 36, 40, 44, 48]
    np.testing.assert_allclose(square.back(shown[..., 0] / np.float32(255)), ramp / 255, atol=1e-6)


def test_a_mask_of_the_plane_comes_back_exactly() -> None:
    square = SquarePixels.of((17, 60), (4, 1))
    assert square is not None
    mask = np.zeros((17, 60), bool)
    mask[4:9, 11:40] = True
    mask[7, 20] = False
    shown = square.mask(mask)
    assert shown.dtype == np.bool_
    assert shown.sum() == pytest.approx(4 * mask.sum(), rel=0.1)
    assert np.array_equal(square.back(square.mask(mask.astype(np.float32))) > 0.5, mask)


def test_every_prompt_is_shown_at_its_place() -> None:
    square = SquarePixels((10, 40), (50, 40))
    view = Box((1.0, 2.0), (5.0, 30.0))
    click = square.prompt(Click(2, 7, positive=False, view=view))
    assert click == Click(12, 7, positive=False, view=Box((5.0, 2.0), (25.0, 30.0)))
    assert square.prompt(Box((1, 2), (3, 4))) == Box((5, 2), (15, 4))
    stroke = square.prompt(Scribble(((0, 0), (3, 9)), width=2.0, view=view))
    assert stroke == Scribble(((2, 0), (17, 9)), width=2.0, view=Box((5.0, 2.0), (25.0, 30.0)))
    kept = square.prompt(MaskPrompt(np.ones((10, 40), bool), keep=True, source="object 3"))
    assert isinstance(kept, MaskPrompt)
    assert (kept.shape, kept.keep, kept.source) == ((50, 40), True, "object 3")
    assert square.prompt(Choice(2)) == Choice(2)


def test_a_session_file_tells_how_a_plane_was_shown() -> None:
    square = SquarePixels((10, 40), (50, 40))
    assert SquarePixels.of_facts(square.facts(), (10, 40)) == square
    assert SquarePixels.of_facts({"look": None}, (10, 40)) is None


@pytest.mark.parametrize("said", [3, [1], [50, "x"], [-2, 4], [10**6, 10**6], [0, 3]])
def test_what_cannot_be_is_said(said: object) -> None:
    with pytest.raises(ImageError):
        SquarePixels.of_facts({"shown_as": said}, (10, 40))
