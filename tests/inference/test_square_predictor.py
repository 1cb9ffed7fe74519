"""Every method sees a plane with oblong pixels as it is in the world; masks come back on the plane's own grid."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.transform import resize

from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.inference.opening import make_predictor, open_session
from napari_iseg.inference.session import Session
from napari_iseg.inference.square_predictor import SquarePredictor, on_square_pixels
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble, iou
from napari_iseg.planes import SquarePixels

METHODS = ("cfr-icl", "geodesic")
SHAPE = (30, 150)


def ellipse() -> tuple[np.ndarray, np.ndarray]:
    """Return (30, 150, 3) uint8 with an ellipse that is a circle where a pixel is 5 high and 1 wide, and its mask."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    inside = np.hypot((rows - 14) * 5, columns - 70) < 42
    noise = np.random.default_rng(3).normal(0, 6, SHAPE)
    grey = np.clip(np.where(inside, 170, 70) + noise, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2), inside


@pytest.mark.parametrize("method", METHODS)
def test_an_object_is_the_same_as_on_the_plane_resampled_by_hand(method: str) -> None:
    image, inside = ellipse()
    predictor = make_predictor(method, device="cpu")
    square = SquarePixels.of(SHAPE, (5, 1))
    assert square is not None
    session = Session(image, on_square_pixels(predictor, square))
    by_hand = np.stack([resize(image[..., c].astype(float), (150, 150), order=1, mode="edge") for c in range(3)], -1)
    other = Session(np.rint(by_hand).astype(np.uint8), predictor)
    for click in (Click(14, 70), Click(2, 5, positive=False), Click(17.4, 95)):
        session.add(click)
        other.add(Click((click.row + 0.5) * 5 - 0.5, click.column, click.positive))
        assert session.mask.shape == SHAPE
        assert iou(other.mask[2::5].astype(np.int8), session.mask) > 0.95
    assert iou(inside.astype(np.int8), session.mask) > 0.9


def test_square_pixels_change_nothing() -> None:
    predictor = make_predictor("geodesic", device="cpu")
    assert on_square_pixels(predictor, SquarePixels.of(SHAPE, (2, 2))) is predictor
    image, _ = ellipse()
    plain = open_session(image, "geodesic", device="cpu")
    square = open_session(image, "geodesic", device="cpu", pixel_size=(0.7, 0.7))
    assert np.array_equal(plain.add(Click(14, 70)), square.add(Click(14, 70)))
    assert np.array_equal(plain.probability, square.probability)


def test_what_one_session_encoded_serves_the_next() -> None:
    image, _ = ellipse()
    predictor = make_predictor("geodesic", device="cpu")
    square = SquarePixels.of(SHAPE, (5, 1))
    encoded = EncodedImage(image, on_square_pixels(predictor, square))
    assert encoded.fits(image, on_square_pixels(predictor, square))
    assert not encoded.fits(image, predictor)
    assert not encoded.fits(image, on_square_pixels(predictor, SquarePixels.of(SHAPE, (3, 1))))


@pytest.mark.parametrize("method", METHODS)
def test_every_kind_of_prompt_undo_and_a_second_run_give_the_very_same_masks(method: str) -> None:
    image, inside = ellipse()
    session = open_session(image, method, device="cpu", pixel_size=(5, 1))
    first = session.add(Box((5.0, 25.0), (24.0, 115.0)))
    second = session.add(Scribble(((12.0, 60.0), (16.0, 80.0)), width=2.0))
    third = session.add(Click(3.0, 140.0, positive=False))
    assert [session.undo(), session.undo()] == [True, True]
    assert np.array_equal(session.mask, first)
    session.redo()
    assert np.array_equal(session.mask, second)
    again = session.another()
    again.resume((Box((5.0, 25.0), (24.0, 115.0)), Scribble(((12.0, 60.0), (16.0, 80.0)), width=2.0)))
    again.compute()
    again.add(Click(3.0, 140.0, positive=False))
    assert np.array_equal(again.mask, third)
    assert iou(inside.astype(np.int8), third) > 0.8


def test_a_mask_to_be_kept_stays_as_it_is_and_grows_where_it_is_clicked() -> None:
    image, inside = ellipse()
    session = open_session(image, "cfr-icl", device="cpu", pixel_size=(5, 1))
    half = inside.copy()
    half[:, 60:] = False
    assert np.array_equal(session.add(MaskPrompt(half, keep=True)), half)
    grown = session.add(Click(14, 90))
    assert grown[14, 90]
    assert (grown | ~half).all()
    # The next answer starts from what the user saw, not from what the method said before the merge.
    assert session.add(Click(2, 5, positive=False))[14, 90]


def test_proposals_lie_on_the_planes_own_grid_and_can_be_chosen() -> None:
    image, _ = ellipse()
    session = open_session(image, "cfr-icl", device="cpu", options={"first_crop": "multi-scale"}, pixel_size=(5, 1))
    session.add(Click(14, 70))
    assert session.proposals
    for number, proposal in enumerate(session.proposals):
        shown = proposal.render(SHAPE)
        session.choose(number)
        assert np.array_equal(session.probability, shown)
    chosen = session.mask.copy()
    session.add(Click(14, 75))
    session.undo()
    assert np.array_equal(session.mask, chosen)
    assert isinstance(session.predictor, SquarePredictor)
