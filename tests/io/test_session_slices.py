"""What is known of the planes of one object: what bounds a plane, where the object ends, and what a file keeps."""

from __future__ import annotations

import json

import pytest

from napari_iseg.io.session_slices import PROMPTED, ObjectSlices, SliceFact

CARRIED = SliceFact("propagated", 0.5)
OWN = SliceFact(PROMPTED, 1.0)


def slices() -> ObjectSlices:
    """Return an object that was prompted on planes 4 and 9 and carried to planes 2 to 12."""
    return ObjectSlices(0, {place: OWN if place in (4, 9) else CARRIED for place in range(2, 13)})


@pytest.mark.parametrize(
    ("position", "bounds"), [(1, (None, 4)), (4, (None, 9)), (6, (4, 9)), (9, (4, None)), (12, (9, None))]
)
def test_prompted_planes_bound_the_others(position: int, bounds: tuple[int | None, int | None]) -> None:
    assert slices().bounds(position) == bounds


def test_an_end_takes_the_planes_beyond_away_and_bounds_what_is_before_it() -> None:
    ended = slices().without(range(11, 20))
    assert sorted(ended.planes) == list(range(2, 11))
    assert ended.ends == (11,)
    assert ended.bounds(10) == (9, 11)
    assert ended.prompted == [4, 9]
    # The new end is nearer; the old one says nothing more.
    assert ended.without(range(10, 20)).ends == (10,)
    below = ended.without(range(3, -1, -1))
    assert below.ends == (3, 11)
    assert sorted(below.planes) == list(range(4, 11))
    assert below.bounds(4) == (3, 9)


def test_a_plane_that_is_prompted_is_no_end_any_more() -> None:
    ended = slices().without(range(11, 20))
    assert ended.with_plane(11, OWN).ends == ()
    assert ended.with_plane(11, None).ends == (11,)
    assert ended.with_plane(3, OWN).ends == (11,)


def test_a_file_keeps_the_ends() -> None:
    ended = slices().without(range(11, 20))
    read = ObjectSlices.of_facts(json.loads(json.dumps(ended.facts())))
    assert read is not None
    assert read.ends == (11,)
    assert read.planes == ended.planes
    # Of an object without one nothing is said, as in files of before.
    assert "ends" not in slices().facts()["slices"]
    before = ObjectSlices.of_facts(slices().facts())
    assert before is not None
    assert before.ends == ()


@pytest.mark.parametrize("ends", [["a"], 3, [None]])
def test_ends_that_make_no_sense_make_it_an_object_of_one_plane(ends: object) -> None:
    facts = slices().facts()
    facts["slices"]["ends"] = ends
    assert ObjectSlices.of_facts(facts) is None
