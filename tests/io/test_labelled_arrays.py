"""Objects of arrays that are open already: where each is taken, in which order, and what is refused."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.io.labelled_arrays import LabelledArray, PlacedObject
from napari_iseg.planes import PlaneAddress, PlaneLook


def labels() -> np.ndarray:
    """(4, 21, 33): object 3 is largest on plane 1, object 5 on plane 2; 7 is on plane 2 only; some is ignored."""
    values = np.zeros((4, 21, 33), np.int32)
    values[0, 2:5, 2:5] = 3
    values[1, 2:9, 2:9] = 3
    values[1, 12:14, 12:14] = 5
    values[2, 10:18, 10:20] = 5
    values[2, 2:6, 25:30] = 7
    values[2, :, 31] = 65535
    return values


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4000, (4, 21, 33), np.uint16)


def planes(axis: int = 0) -> dict[int | None, PlaneAddress]:
    first = PlaneAddress.across((4, 21, 33), axis, 0)
    return {position: first.at(axis, position) for position in range((4, 21, 33)[axis])}


def test_each_object_is_taken_on_the_plane_where_it_is_largest() -> None:
    source = LabelledArray("stack", image(), labels(), planes(), look=PlaneLook(limits=(0, 2000)), pixel_size=(2, 1))
    places = source.places()
    assert {(place.plane, place.object_id, place.pixels) for place in places} == {(1, 3, 49), (2, 5, 80), (2, 7, 20)}
    objects = {one.object_id: one for one in source.objects(places)}
    assert np.array_equal(objects[5].truth == 1, labels()[2] == 5)
    assert (objects[5].truth[:, 31] == -1).all()
    assert np.array_equal(objects[3].image, PlaneLook(limits=(0, 2000)).rgb(image()[1]))
    # What a method computes once per image is computed once for a plane.
    assert objects[5].image is objects[7].image
    assert objects[3].pixel_size == (2, 1)
    assert np.array_equal(source.find_object("stack", 7).truth, objects[7].truth)


def test_along_another_axis_the_planes_are_other_ones() -> None:
    source = LabelledArray("stack", image(), labels(), planes(axis=2))
    one = next(one for one in source.objects(source.places()) if one.object_id == 7)
    assert one.truth.shape == (4, 21)
    assert np.array_equal(one.truth == 1, labels()[:, :, one.plane] == 7)


def test_fewer_objects_are_spread_over_the_planes_and_more_contain_them() -> None:
    source = LabelledArray("stack", image(), labels(), planes())
    few = source.places(limit=2)
    assert {place.plane for place in few} == {1, 2}
    assert set(few) < set(source.places(limit=3))
    assert source.places() == source.places()
    assert source.places(min_pixels=50) == [PlacedObject(2, 5, 80)]


def test_lazy_arrays_are_read_plane_by_plane_and_those_in_memory_may_be_painted_in_meanwhile() -> None:
    read: list[int] = []

    def block(values: np.ndarray, block_info: dict) -> np.ndarray:
        read.append(block_info[0]["array-location"][0][0])
        return values

    lazy = da.from_array(image(), chunks=(1, 21, 33)).map_blocks(block, dtype=np.uint16, meta=np.empty((0, 0, 0)))
    drawn = labels()
    source = LabelledArray("stack", lazy, drawn, planes())
    places = source.places()
    drawn[:] = 0
    assert len(list(source.objects(places))) == 3
    assert sorted(set(read)) == [1, 2]
    before: list[tuple[int, int]] = []
    LabelledArray("stack", lazy, da.from_array(labels()), planes()).places(before_plane=lambda *now: before.append(now))
    assert before == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ImageError, match=r"'drawn' has the shape \(21, 33\), but the image 'stack' has \(4, 21, 33\)"):
        LabelledArray("stack", image(), labels()[0], planes(), reference="drawn")
    with pytest.raises(ImageError, match="float64; its values must be whole numbers"):
        LabelledArray("stack", image(), labels().astype(float), planes())
    with pytest.raises(ImageError, match="holds no object of at least 1 pixels on any of its 4 planes"):
        LabelledArray("stack", image(), np.zeros_like(labels()), planes()).places()
    source = LabelledArray("stack", image(), labels(), planes())
    with pytest.raises(UnknownNameError, match="99"):
        source.find_object("stack", 99)
    with pytest.raises(UnknownNameError, match="other"):
        source.find_object("other", 3)
