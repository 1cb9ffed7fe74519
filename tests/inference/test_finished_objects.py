"""What is finished is no part of a new object, and the cut along edges knows it; sessions are made anew from that."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg import Click, MaskPrompt, make_predictor
from napari_iseg.errors import ImageError
from napari_iseg.inference.remaking import remake
from napari_iseg.inference.session import Session
from napari_iseg.io.finished_pixels import facts_of_finished, finished_of_facts
from napari_iseg.io.session_file import SavedObject
from napari_iseg.planes import PlaneAddress

SHAPE = (90, 120)
_OWN, _OTHER = (np.hypot(*(np.indices(SHAPE) - [[[45]], [[column]]])) for column in (40, 76))
OWN = _OWN <= 20
OTHER = (_OTHER <= 20) & ~OWN
GREY = np.where(OWN | OTHER, 170, 60) + np.random.default_rng(0).normal(0, 8, SHAPE)
IMAGE = np.repeat(GREY.clip(0, 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)
METHOD = "focalclick"


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


@pytest.fixture(scope="module")
def predictor():
    return make_predictor(METHOD, device="cpu")


def test_a_new_object_ends_where_a_finished_one_begins(predictor):
    alone = Session(IMAGE, predictor)
    both = alone.add(Click(45, 38)).copy()
    assert iou(both, OWN | OTHER) > 0.8, "the network holds the drawn neighbours apart: draw them closer"
    assert alone.finished is None
    assert facts_of_finished(alone.finished, alone.spared) == {}
    beside = Session(IMAGE, predictor, finished=OTHER)
    one = beside.add(Click(45, 38))
    assert not (one & OTHER).any()
    assert iou(one, OWN) > 0.85
    # Not only cut out of the mask: what is answered is another object.
    assert not (beside.probability[OTHER] > beside.threshold).sum() > 0.1 * OTHER.sum()
    # The network itself knows nothing of it.
    np.testing.assert_array_equal(beside.prediction.raw.render(), alone.prediction.raw.render())


def test_a_mask_among_the_prompts_says_what_there_is(predictor):
    session = Session(IMAGE, predictor, finished=OTHER)
    given = OWN | OTHER
    np.testing.assert_array_equal(session.add(MaskPrompt(given, keep=True)), given)
    without = Session(IMAGE, predictor)
    without.add(MaskPrompt(given, keep=True))
    click = Click(5, 5, positive=False)
    np.testing.assert_array_equal(session.add(click), without.add(click))


def test_what_was_spared_is_enough_to_make_the_object_anew(predictor):
    far = np.zeros(SHAPE, bool)
    far[:4, :4] = True
    session = Session(IMAGE, predictor, finished=OTHER | far)
    session.add(Click(45, 38))
    session.add(Click(70, 40, positive=False))
    wanted = session.mask
    rows, columns = session.spared
    # So little of the plane is kept that thousands of objects fit in a file.
    assert (rows.stop - rows.start) * (columns.stop - columns.start) < OWN.size
    facts = facts_of_finished(session.finished, session.spared)
    known = finished_of_facts(facts, SHAPE)
    assert (known & OTHER).any()
    assert not known[~(OTHER | far)].any()
    saved = SavedObject(
        1, PlaneAddress(0, 1, (), rgb=True), METHOD, prompts=session.prompts, answered=session.answered, facts=facts
    )
    ((_, again),) = remake([saved], IMAGE, lambda _item: predictor)
    np.testing.assert_array_equal(again.mask, wanted)
    ((_, other),) = remake(
        [SavedObject(1, saved.plane, METHOD, prompts=session.prompts)], IMAGE, lambda _item: predictor
    )
    assert (other.mask != wanted).any()


def test_a_session_that_is_kept_for_undo_keeps_only_what_mattered(predictor):
    far = np.zeros(SHAPE, bool)
    far[:4, :4] = True
    session = Session(IMAGE, predictor, finished=OTHER | far)
    session.add(Click(45, 38))
    mask, facts = session.mask.copy(), facts_of_finished(session.finished, session.spared)
    session.release()
    assert not (session.finished & far).any()
    np.testing.assert_array_equal(session.mask, mask)
    assert facts_of_finished(session.finished, session.spared) == facts
    session.finished = None
    assert session.finished is None
    assert session.mask.sum() >= mask.sum()


def test_objects_that_spare_nothing_have_no_facts(predictor):
    far = np.zeros(SHAPE, bool)
    far[:2, :2] = True
    session = Session(IMAGE, predictor, finished=far)
    session.add(Click(45, 38))
    assert facts_of_finished(session.finished, session.spared) == {}
    assert facts_of_finished(None, None) == {}
    assert finished_of_facts({}, SHAPE) is None


@pytest.mark.parametrize(
    "damage",
    [
        {"corner": [80, 0]},
        {"corner": [-1, 0]},
        {"corner": "here"},
        {"corner": [0]},
        {"size": [1]},
        {"counts": 5},
    ],
)
def test_a_damaged_file_is_said_to_be_one(damage):
    facts = facts_of_finished(OTHER, (slice(20, 70), slice(50, 100)))
    np.testing.assert_array_equal(finished_of_facts(facts, SHAPE), OTHER)
    (name,) = facts
    with pytest.raises(ImageError):
        finished_of_facts({name: {**facts[name], **damage}}, SHAPE)
    with pytest.raises(ImageError):
        finished_of_facts({name: 5}, SHAPE)


def test_finished_pixels_of_another_plane_are_refused(predictor):
    with pytest.raises(ValueError, match="shape"):
        Session(IMAGE, predictor, finished=OTHER[:-1])
