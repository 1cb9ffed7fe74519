"""Generated images: what every kind promises, and what only some do."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.errors import UnknownNameError
from napari_iseg.training.procedural import KINDS, GeneratedImage, procedural_sample
from napari_iseg.training.procedural.generated import nested
from napari_iseg.training.relations import hierarchy, masks_of_labels

NESTED = ("shapes", "membranes", "cells", "tissue", "smear", "neurites", "head", "knee", "spine", "abdomen")


def samples(kind: str, count: int, size: int) -> list[GeneratedImage]:
    return [procedural_sample(np.random.default_rng(seed), size, kind) for seed in range(count)]


def areas(drawn: list[GeneratedImage]) -> np.ndarray:
    """Return the areas of all objects, parts and wholes, as shares of their images."""
    found = []
    for image in drawn:
        masks = masks_of_labels([image.labels] if image.wholes is None else [image.labels, image.wholes])
        found += [mask.mean() for mask in masks]
    return np.array(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [24, 73, 160])
def test_every_kind_is_an_image_with_objects(kind: str, size: int) -> None:
    for drawn in samples(kind, 4, size):
        assert (drawn.rgb.shape, drawn.rgb.dtype) == ((size, size, 3), np.uint8)
        assert (drawn.labels.shape, drawn.labels.dtype) == ((size, size), np.int32)
        assert drawn.labels.min() >= 0
        counts = np.bincount(drawn.labels.ravel())[1:]
        assert counts[counts > 0].size >= 1
        assert counts[counts > 0].min() >= 8
        assert drawn.rgb.std() > 0.5
        if drawn.wholes is not None:
            assert (drawn.wholes.shape, drawn.wholes.dtype) == ((size, size), np.int32)
            assert drawn.wholes.min() >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_makes_one_image_and_another_seed_another(kind: str) -> None:
    first, again = (procedural_sample(np.random.default_rng(5), 64, kind) for _ in range(2))
    assert np.array_equal(first.rgb, again.rgb)
    assert np.array_equal(first.labels, again.labels)
    rng = np.random.default_rng(5)
    stream = [procedural_sample(rng, 64, kind).rgb.tobytes() for _ in range(6)]
    assert stream[0] == first.rgb.tobytes()
    assert len(set(stream)) == 6


@pytest.mark.parametrize("kind", NESTED)
def test_parts_lie_inside_one_whole(kind: str) -> None:
    with_parts = 0
    for drawn in samples(kind, 12, 96):
        if drawn.wholes is None:
            continue
        for label in np.unique(drawn.labels[drawn.labels > 0]):
            part = drawn.labels == label
            around = np.unique(drawn.wholes[part])
            assert around.size == 1
            if (drawn.wholes == label).any():
                assert np.array_equal(part, drawn.wholes == label)
            else:
                with_parts += around[0] > 0
    assert with_parts >= 10


def test_cells_are_the_parents_of_their_nuclei_and_cytoplasm() -> None:
    drawn = procedural_sample(np.random.default_rng(3), 96, "cells")
    assert drawn.wholes is not None
    number = next(n for n in np.unique(drawn.wholes)[1:] if np.unique(drawn.labels[drawn.wholes == n]).size == 2)
    inner, outer = masks_of_labels([np.where(drawn.wholes == number, drawn.labels, 0)])
    whole = drawn.wholes == number
    assert np.array_equal(inner | outer, whole)
    assert hierarchy([inner, outer, whole]) == (2, 2, None)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_small_and_large_objects(kind: str) -> None:
    found = areas(samples(kind, 24, 96))
    assert found.max() > 8 * found.min()
    assert found.max() <= 1


def test_objects_take_from_a_thousandth_to_most_of_the_image() -> None:
    rng = np.random.default_rng(0)
    found = areas([procedural_sample(rng, 128) for _ in range(120)])
    shares = np.histogram(found, (0.0005, 0.001, 0.01, 0.1, 0.3, 0.9))[0]
    assert (shares >= 10).all()
    assert 0.7 < found.max() <= 0.95


def test_images_of_no_kind_in_particular_are_of_many() -> None:
    rng = np.random.default_rng(0)
    drawn = [procedural_sample(rng, 48) for _ in range(60)]
    grey = [np.ptp(image.rgb.astype(int), axis=2).max() == 0 for image in drawn]
    assert 0.2 < np.mean(grey) < 0.8
    assert 0.3 < np.mean([image.wholes is not None for image in drawn]) < 0.95


def test_an_unknown_kind_is_named_with_close_ones() -> None:
    with pytest.raises(UnknownNameError, match="membranes"):
        procedural_sample(np.random.default_rng(0), 64, "membrane")


def test_what_parts_leave_of_a_whole_is_a_part_or_nothing() -> None:
    wholes = np.zeros((12, 12), np.int32)
    wholes[1:9, 1:9] = 1
    wholes[10:, 10:] = 2
    parts = np.zeros_like(wholes)
    # Most of the part lies in the first whole; one column reaches out of it.
    parts[3:6, 5:10] = 1
    kept = nested(np.zeros((12, 12)), wholes, parts, rest=True)
    assert kept.wholes is not None
    assert (kept.labels == 2).sum() == (wholes == 2).sum()
    rest, part = sorted(np.unique(kept.labels[wholes == 1]), key=lambda n: -(kept.labels == n).sum())
    assert (kept.labels == part).sum() == 3 * 4
    assert (kept.labels == rest).sum() == 64 - 12
    bare = nested(np.zeros((12, 12)), wholes, parts, rest=False)
    assert (bare.labels[wholes == 1] == 0).sum() == 64 - 12
    assert nested(np.zeros((12, 12)), wholes, np.zeros_like(parts), rest=True).wholes is None
