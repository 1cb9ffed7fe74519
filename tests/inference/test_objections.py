"""A click in the middle of a wrong part takes this part off, one at the outline does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_iseg import Choice, Click, make_predictor
from napari_iseg.inference.graph_cut_refinement import with_graph_cut
from napari_iseg.inference.objections import made_out, objections_to
from napari_iseg.inference.prediction import Prediction, Window
from napari_iseg.inference.session import Session

SHAPE = (90, 120)
OWN = np.hypot(*(np.ogrid[: SHAPE[0], : SHAPE[1]][n] - (45, 40)[n] for n in (0, 1))) <= 20
OTHER = (np.hypot(*(np.ogrid[: SHAPE[0], : SHAPE[1]][n] - (45, 76)[n] for n in (0, 1))) <= 20) & ~OWN
BOTH = OWN | OTHER
FIRST = Click(row=45, column=38)
WRONG = Click(row=45, column=78, positive=False)
RIM = Click(row=45, column=94, positive=False)


def photograph(other=170, colours=False):
    """Return two bright discs that touch on a dark ground, with noise."""
    grey = np.select([OWN, OTHER], [170, other], 60) + np.random.default_rng(0).normal(0, 8, SHAPE)
    image = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    if colours:
        image[..., 2] //= 2
    return image


def answer(mask, other=0.95, **facts):
    values = np.where(mask, np.where(OTHER, other, 0.95), 0.05).astype(np.float32)
    return Prediction.single(SHAPE, Window.whole(SHAPE), values, forwards=1, **facts)


def share(patch):
    """Return which pixels of the plane belong to a part."""
    whole = np.zeros(SHAPE, np.float32)
    patch.paint(whole)
    return whole > 0.5


def iou(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def part_of(clicks, image=None, mask=BOTH):
    (objection,) = objections_to(answer(mask), [FIRST, clicks[0]], 0.5)
    image = photograph() if image is None else image
    return made_out(objection, np.ascontiguousarray(image[objection.window.slices]), [FIRST, *clicks]).part


@pytest.mark.parametrize("other", [170, 120])
@pytest.mark.parametrize("colours", [False, True])
def test_the_neighbour_is_the_part_that_is_meant(other, colours):
    part = share(part_of([WRONG], photograph(other, colours)))
    assert iou(part, OTHER) > 0.85
    assert np.count_nonzero(part & OWN) < 0.05 * OWN.sum()


def test_on_an_image_of_one_colour_the_shape_alone_tells():
    part = share(part_of([WRONG], np.full((*SHAPE, 3), 90, np.uint8)))
    assert iou(part, OTHER) > 0.85


def test_a_click_at_the_outline_objects_to_no_part():
    assert part_of([RIM]) is None


def test_without_a_positive_click_in_the_mask_nothing_is_known_to_stay():
    assert part_of([WRONG], mask=OTHER) is None


@pytest.mark.parametrize("size", [2, 6, 12])
def test_a_piece_of_its_own_comes_off_as_a_whole(size):
    island = np.zeros(SHAPE, bool)
    island[5 : 5 + size, 100 : 100 + size] = True
    click = Click(row=5 + size // 2, column=100 + size // 2, positive=False)
    part = share(part_of([click], mask=OWN | island))
    assert iou(part, island) > 0.7
    assert not (part & OWN).any()


def test_pieces_that_clicks_cover_do_not_disturb_the_walker():
    """Beside the object lies a piece of a single pixel, and a click on it."""
    speck = np.zeros(SHAPE, bool)
    speck[3, 3] = True
    part = share(part_of([WRONG, Click(row=3, column=3)], mask=BOTH | speck))
    assert iou(part, OTHER) > 0.85


def test_later_clicks_say_what_belongs_to_the_part():
    corner = Click(row=30, column=70)
    before, after = share(part_of([WRONG])), share(part_of([WRONG, corner]))
    assert before[30, 70]
    assert not after[30, 70]
    assert after[45, 78]
    assert not (after & ~before).any()


def test_an_objection_is_to_the_mask_that_was_shown():
    shown = answer(BOTH)
    (objection,) = objections_to(shown, [FIRST, WRONG], 0.5)
    assert objection.click == WRONG
    assert np.array_equal(objection.mask.unpack(), BOTH[objection.window.slices])
    assert np.count_nonzero(objection.mask.unpack()) == BOTH.sum()
    # The next answer holds the object alone; the click goes on to object to what was there before.
    later = answer(OWN, objections=(objection,))
    assert objections_to(later, [FIRST, WRONG, RIM], 0.5) == (objection,)
    # Nor is it thought over again unless another click lies in that mask.
    image = photograph()[objection.window.slices]
    known = made_out(objection, image, [FIRST, WRONG])
    assert made_out(known, image, [FIRST, WRONG, Click(row=2, column=2, positive=False)]) is known
    assert made_out(known, image, [FIRST, WRONG, RIM]) is not known
    assert objections_to(later, [FIRST, RIM], 0.5) == ()
    assert objections_to(shown, [FIRST], 0.5) == ()
    assert objections_to(None, [WRONG], 0.5) == ()


@pytest.mark.parametrize("split_off", [True, False])
def test_the_cut_takes_off_a_part_of_which_the_network_is_not_sure(split_off):
    """By its colours it is the object's, and would come back with the cut."""
    shown, unsure = answer(BOTH), answer(BOTH, other=0.42)
    alone = {"split_off": split_off, "wide_clicks": False}
    cut = with_graph_cut(unsure, photograph(), [FIRST, WRONG], 0.5, previous=shown, **alone)
    mask = cut.render() > 0.5
    assert not mask[45, 78]
    assert (iou(mask, OWN) > 0.85) == split_off
    assert cut.raw is unsure
    assert bool(cut.objections) == split_off
    # It stays off when the next click is somewhere else.
    further = Click(row=45, column=25)
    again = with_graph_cut(unsure, photograph(), [FIRST, WRONG, further], 0.5, previous=cut, **alone)
    assert (iou(again.render() > 0.5, OWN) > 0.85) == split_off


def test_what_the_network_is_sure_of_stays():
    cut = with_graph_cut(answer(BOTH), photograph(), [FIRST, WRONG], 0.5, previous=answer(BOTH))
    assert cut.objections[0].part is not None
    assert iou(cut.render() > 0.5, BOTH) > 0.9


def test_a_choice_among_proposals_ends_objections():
    shown = with_graph_cut(answer(BOTH), photograph(), [FIRST, WRONG], 0.5, previous=answer(BOTH))
    prompts = [FIRST, WRONG, Choice(0), Click(row=45, column=80)]
    again = with_graph_cut(answer(BOTH), photograph(), prompts, 0.5, previous=shown)
    assert again.objections == ()
    assert iou(again.render() > 0.5, BOTH) > 0.95


def test_what_it_remembers_counts_as_memory():
    shown = with_graph_cut(answer(BOTH), photograph(), [FIRST, WRONG], 0.5, previous=answer(BOTH))
    (objection,) = shown.objections
    assert objection.part is not None
    wanted = objection.mask.bits.nbytes + objection.part.nbytes
    assert shown.nbytes == replace(shown, objections=()).nbytes + wanted


def test_a_removed_click_objects_no_more():
    predictor = make_predictor("focalclick", options={"graph_cut": True})
    session = Session(photograph(), predictor)
    session.add(FIRST)
    alone = session.mask.copy()
    session.add(WRONG)
    if not alone[45, 78]:
        pytest.fail("the drawn neighbours are apart to the network by themselves: draw them closer")
    assert iou(session.mask, OWN) > 0.85
    session.undo()
    assert np.array_equal(session.mask, alone)
