"""A click that corrects a mask speaks for what lies around it, as far as the mask's edge is away."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg import Choice, Click, make_predictor
from napari_iseg.inference.click_reach import Correction, corrections_by, odds_around
from napari_iseg.inference.graph_cut_refinement import with_graph_cut
from napari_iseg.inference.prediction import Prediction, Window
from napari_iseg.inference.seeds import reduce_image
from napari_iseg.inference.session import Session

SHAPE = (80, 100)
ROWS, COLUMNS = np.ogrid[: SHAPE[0], : SHAPE[1]]
DISK = np.hypot(ROWS - 40, COLUMNS - 40) <= 20
FIRST = Click(row=40, column=40)
BESIDE = Click(row=40, column=70)
"""Ten pixels from the disk."""
INTO = Click(row=40, column=52, positive=False)
FLAT = np.full((*SHAPE, 3), 90, np.uint8)


def answer(mask, outside=0.05, **facts):
    values = np.where(mask, 0.95, outside).astype(np.float32)
    return Prediction.single(SHAPE, Window.whole(SHAPE), values, forwards=1, **facts)


def corrections(*clicks, mask=DISK):
    return corrections_by(answer(mask), [FIRST, *clicks], 0.5)


@pytest.mark.parametrize(("click", "reach"), [(BESIDE, 10), (INTO, np.hypot(1, 8)), (Click(row=40, column=61), 1)])
def test_it_reaches_to_the_nearest_edge_of_the_mask(click, reach):
    assert corrections(click) == (Correction(FIRST, 0), Correction(click, reach))


def test_a_click_with_which_the_mask_agrees_speaks_for_nothing_more():
    outside = Click(row=5, column=90, positive=False)
    assert [one.reach for one in corrections(Click(row=45, column=45), outside)] == [0, 0, 0]


def test_it_reaches_no_further_than_the_mask_is_large():
    (_, far) = corrections(Click(row=40, column=99))
    assert far.reach == pytest.approx(20, abs=0.1)
    (_, alone) = corrections(Click(row=40, column=50, positive=False), mask=np.ones(SHAPE, bool))
    assert alone.reach == pytest.approx(np.sqrt(DISK.size / np.pi))


def test_where_nothing_was_shown_nothing_is_corrected():
    assert corrections_by(None, [FIRST], 0.5) == (Correction(FIRST, 0),)
    assert corrections_by(answer(np.zeros(SHAPE, bool)), [FIRST], 0.5) == (Correction(FIRST, 0),)


def test_what_was_corrected_is_remembered_and_forgotten_with_the_click():
    then = corrections(BESIDE)
    later = answer(DISK | (np.hypot(ROWS - 40, COLUMNS - 70) <= 10), corrections=then)
    assert corrections_by(later, [FIRST, BESIDE], 0.5) == then
    assert corrections_by(later, [FIRST], 0.5) == then[:1]


def test_the_odds_rise_around_what_includes_and_fall_around_what_excludes():
    given = [Correction(FIRST, 0), Correction(BESIDE, 10), Correction(INTO, 5)]
    odds = odds_around(given, reduce_image(FLAT, 100), (0, 0))
    assert odds[40, 70] == odds[40, 79] == odds[31, 70] == 2
    assert odds[40, 52] == odds[40, 49] == -2
    assert odds[40, 40] == odds[40, 85] == odds[5, 5] == 0
    part = odds_around([Correction(BESIDE, 10)], reduce_image(FLAT[20:60, 50:], 50), (20, 50))
    assert np.array_equal(part, odds_around([Correction(BESIDE, 10)], reduce_image(FLAT, 100), (0, 0))[20:60, 50:])


def test_a_click_does_not_speak_against_another():
    near = Click(row=40, column=65, positive=False)
    odds = odds_around([Correction(BESIDE, 10), Correction(near, 0)], reduce_image(FLAT, 100), (0, 0))
    assert odds[40, 70] == odds[40, 73] == 2
    assert odds[40, 66] == odds[40, 65] == 0


@pytest.mark.parametrize("wide_clicks", [True, False])
def test_in_doubt_the_cut_follows_all_around_the_click(wide_clicks):
    """On a plane of one colour, where nothing else tells."""
    doubt = np.where(np.hypot(ROWS - 40, COLUMNS - 70) <= 14, 0.4, 0.05)
    unsure = answer(DISK, outside=doubt)
    cut = with_graph_cut(unsure, FLAT, [FIRST, BESIDE], 0.5, previous=answer(DISK), wide_clicks=wide_clicks)
    mask = cut.render() > 0.5
    assert mask[40, 70]
    around = np.hypot(ROWS - 40, COLUMNS - 70) <= 7
    assert (mask[around].mean() > 0.95) == wide_clicks
    assert not mask[:, 86:].any()
    # It holds when the next click is somewhere else.
    again = with_graph_cut(
        unsure, FLAT, [FIRST, BESIDE, Click(row=40, column=30)], 0.5, previous=cut, wide_clicks=wide_clicks
    )
    assert ((again.render() > 0.5)[around].mean() > 0.95) == wide_clicks


def test_against_what_the_network_is_sure_of_only_the_click_itself_holds():
    cut = with_graph_cut(answer(DISK, outside=0.01), FLAT, [FIRST, BESIDE], 0.5, previous=answer(DISK))
    mask = cut.render() > 0.5
    assert mask[40, 70]
    assert mask[np.hypot(ROWS - 40, COLUMNS - 70) <= 8].mean() < 0.5


def test_a_choice_among_proposals_ends_corrections():
    shown = with_graph_cut(answer(DISK), FLAT, [FIRST, BESIDE], 0.5, previous=answer(DISK))
    assert [one.click for one in shown.corrections] == [FIRST, BESIDE]
    prompts = [FIRST, BESIDE, Choice(0), Click(row=40, column=41)]
    again = with_graph_cut(answer(DISK), FLAT, prompts, 0.5, previous=shown)
    assert [one.click for one in again.corrections] == [prompts[-1]]


@pytest.mark.parametrize("answered", [(1, 2, 3), (1, 3)])
def test_a_session_that_is_resumed_gives_the_very_same_mask(answered):
    """What earlier clicks corrected is part of what comes again."""
    image = np.repeat(np.where(DISK, 150, 100).astype(np.uint8)[..., None], 3, axis=2)
    clicks = (FIRST, Click(row=40, column=66), Click(row=58, column=40, positive=False))
    predictor = make_predictor("focalclick", device="cpu", options={"graph_cut": True})
    first, second = Session(image, predictor), Session(image, predictor)
    for count in range(1, len(clicks) + 1):
        first.edit(clicks[:count])
        if count in answered:
            first.compute()
    assert first.answered == answered
    assert any(one.reach for one in first.prediction.corrections)
    second.resume(clicks, answered)
    assert np.array_equal(second.compute(), first.mask)
    # Without the first correction it is as if that had never been.
    first.remove(1)
    third = Session(image, predictor)
    for click in (clicks[0], clicks[2]):
        third.add(click)
    assert np.array_equal(first.mask, third.mask)
