"""An object is followed from plane to plane until it ends, and filled between planes where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_iseg.errors import OptionError
from napari_iseg.inference.graph_cut_refinement import cut_shape
from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.propagation import Propagation, SliceMask, Tracker
from napari_iseg.interactions import iou
from napari_iseg.planes.shapes import interpolate_shapes

SHAPE = (14, 67, 91)
FIRST, LAST = 2, 10
CARRY = Propagation(refine=False)


def tube() -> np.ndarray:
    """Return the object: a disc that moves two pixels a plane, on planes 2 to 10."""
    planes, rows, columns = np.indices(SHAPE)
    there = (rows - 33) ** 2 + (columns - 25 - 2 * planes) ** 2 <= 121
    return there & (planes >= FIRST) & (planes <= LAST)


def volume() -> np.ndarray:
    noise = np.random.default_rng(2).integers(0, 25, SHAPE)
    grey = (np.where(tube(), 190, 50) + noise).astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=3)


class Planes:
    """Reads planes and remembers which."""

    def __init__(self) -> None:
        self.volume = volume()
        self.read: list[int] = []

    def __call__(self, position: int) -> np.ndarray:
        self.read.append(position)
        return self.volume[position]


def test_it_goes_along_with_the_object_and_stops_behind_it() -> None:
    tracker = Tracker(Planes(), None, CARRY)
    found = list(tracker.propagate(5, tube()[5], range(6, SHAPE[0])))
    assert [one.position for one in found] == [6, 7, 8, 9, 10]
    assert all(iou(tube()[one.position].astype(int), one.mask) > 0.9 for one in found)
    assert {one.origin for one in found} == {"propagated"}


def test_without_registration_it_stays_where_it_was() -> None:
    tracker = Tracker(Planes(), None, Propagation(refine=False, register=False, least_confidence=0))
    found = list(tracker.propagate(5, tube()[5], range(6, 9)))
    assert all(np.array_equal(one.mask, tube()[5]) for one in found)


def test_the_confidence_falls_as_the_carried_mask_leaves_the_object() -> None:
    tracker = Tracker(Planes(), None, Propagation(refine=False, register=False, least_confidence=0))
    confidences = [one.confidence for one in tracker.propagate(3, tube()[3], range(4, 10))]
    assert confidences[-1] < 0.7 * confidences[0]


def test_a_method_corrects_what_is_carried() -> None:
    options = Propagation(register=False, least_confidence=0)
    plain = Tracker(Planes(), None, Propagation(register=False, refine=False, least_confidence=0))
    corrected = Tracker(Planes(), make_predictor("random-walker"), options)
    last = [list(tracker.propagate(5, tube()[5], range(6, 10)))[-1] for tracker in (plain, corrected)]
    before, after = (iou(tube()[9].astype(int), one.mask) for one in last)
    assert after > before + 0.1


def test_every_plane_is_read_once_and_no_other() -> None:
    planes = Planes()
    list(Tracker(planes, None, CARRY).propagate(5, tube()[5], range(4, 1, -1)))
    assert planes.read == [5, 4, 3, 2]


def test_nothing_is_followed_from_an_empty_mask() -> None:
    planes = Planes()
    assert list(Tracker(planes, None, CARRY).propagate(5, np.zeros(SHAPE[1:], bool), range(6, 9))) == []
    assert planes.read == []


def test_planes_between_known_ones_get_the_shapes_between() -> None:
    known = {2: tube()[2], 10: tube()[10]}
    found = list(Tracker(Planes(), None, CARRY).interpolate(known, [4, 7]))
    assert [one.position for one in found] == [4, 7]
    assert np.array_equal(found[0].mask, interpolate_shapes(known, 4))
    assert all(iou(tube()[one.position].astype(int), one.mask) > 0.85 for one in found)


def test_planes_that_are_known_tell_what_fills_best() -> None:
    """It finds the edge of a bright disc, and no edge in noise, where somebody outlined one all the same."""
    predictor = make_predictor("random-walker")
    planes = Planes()
    noise = np.random.default_rng(1).integers(0, 255, (*SHAPE, 3)).astype(np.uint8)
    # Somebody saw the disc grow in the middle, which no shape from both sides tells.
    wide = {position: tube()[position] for position in (3, 6, 9)}
    wide[3], wide[9] = (np.hypot(*(np.indices(SHAPE[1:]) - [[[33]], [[25 + 2 * p]]])) <= 8 for p in (3, 9))
    assert Tracker(planes, predictor).best_filling(wide) == "method"
    known = {position: tube()[position] for position in (3, 6, 9)}
    assert Tracker(lambda position: noise[position], predictor).best_filling(known) == "shape"


def test_two_known_planes_tell_nothing_and_without_a_method_there_is_nothing_to_tell() -> None:
    planes = Planes()
    predictor = make_predictor("focalclick", device="cpu")
    two = {3: tube()[3], 6: np.zeros_like(tube()[6]), 9: tube()[9]}
    assert Tracker(planes, predictor).best_filling(two) == "method"
    three = {**two, 6: tube()[6]}
    assert Tracker(planes, None, CARRY).best_filling(three) == "shape"
    assert Tracker(planes, predictor, CARRY).best_filling(three) == "shape"
    assert not planes.read


def test_along_edges_a_shape_that_is_off_finds_the_object() -> None:
    disc = tube()[6]
    known = {5: ndimage.binary_erosion(disc, iterations=2), 7: ndimage.binary_erosion(disc, iterations=2)}
    (shape,), (edges,) = (
        Tracker(Planes(), None).interpolate(known, [6], filling=filling) for filling in ("shape", "edges")
    )
    assert iou(disc.astype(int), shape.mask) < 0.75
    assert iou(disc.astype(int), edges.mask) > 0.9
    assert 0 < edges.confidence < shape.confidence


def test_along_edges_nothing_stays_nothing_and_a_flat_plane_keeps_the_shape() -> None:
    flat = np.full((*SHAPE[1:], 3), 90, np.uint8)
    assert not cut_shape(np.zeros(SHAPE[1:], bool), flat).any()
    assert iou(tube()[6].astype(int), cut_shape(tube()[6], flat)) > 0.9
    edge = np.zeros(SHAPE[1:], bool)
    edge[:20, :15] = True
    assert iou(edge.astype(int), cut_shape(edge, flat)) > 0.8
    everything = np.ones(SHAPE[1:], bool)
    assert cut_shape(everything, flat).all()


@pytest.mark.parametrize("least", ["method", "edges", "shape"])
def test_what_fills_best_is_best_on_the_known_planes(least: str) -> None:
    predictor = make_predictor("random-walker")
    tracker = Tracker(Planes(), predictor)
    known = {position: tube()[position] for position in (2, 6, 10)}
    ends = {2: known[2], 10: known[10]}
    found = {}
    for filling in ("method", "edges", "shape"):
        (one,) = tracker.interpolate(ends, [6], filling=filling)
        found[filling] = iou(known[6].astype(int), one.mask)
    assert found[tracker.best_filling(known)] >= found[least]


def test_uncorrected_the_shape_between_stays_as_it_is() -> None:
    predictor = make_predictor("focalclick", device="cpu")
    known = {3: tube()[3], 9: tube()[9]}
    (found,) = Tracker(Planes(), predictor).interpolate(known, [6], filling="shape")
    np.testing.assert_array_equal(found.mask, interpolate_shapes(known, 6))


def test_towards_a_plane_known_to_be_empty_it_ends() -> None:
    known = {9: tube()[9], 13: np.zeros(SHAPE[1:], bool)}
    found = list(Tracker(Planes(), None, CARRY).interpolate(known, [10, 12]))
    assert found[0].mask.any()
    assert not found[1].mask.any()
    assert found[1].confidence == 1


def test_a_plane_outside_the_known_ones_is_refused() -> None:
    with pytest.raises(ValueError, match="between known planes"):
        list(Tracker(Planes(), None, CARRY).interpolate({2: tube()[2], 5: tube()[5]}, [7]))


def test_cancelled_it_ends_before_the_next_plane() -> None:
    planes = Planes()
    tracker = Tracker(planes, None, CARRY, cancelled=lambda: len(planes.read) > 2)
    seen: list[SliceMask] = []
    with pytest.raises(CancelledError):
        seen.extend(tracker.propagate(5, tube()[5], range(6, 11)))
    assert planes.read == [5, 6, 7]


def test_a_confidence_that_cannot_be_is_refused() -> None:
    with pytest.raises(OptionError, match="least confidence"):
        Propagation(least_confidence=2)
