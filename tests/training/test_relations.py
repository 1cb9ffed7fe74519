"""Related masks for DISNet's first stage, on drawn scenes whose relations can be seen."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.training.relations import (
    RelatedMasks,
    hierarchy,
    masks_of_labels,
    neighbours,
    sample_first_click,
    sample_hierarchy,
    sample_proximity,
)

SHAPE = (40, 61)


def rectangle(rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


# A car with two wheels, one of which has a hub; a tree apart; a bird on the tree that mostly sticks out.
CAR, WHEEL, HUB, OTHER_WHEEL = (
    rectangle((5, 35), (2, 32)),
    rectangle((20, 32), (4, 16)),
    rectangle((24, 28), (8, 12)),
    rectangle((20, 32), (19, 31)),
)
TREE, BIRD = rectangle((3, 38), (40, 52)), rectangle((10, 16), (50, 60))
SCENE = [HUB, TREE, CAR, OTHER_WHEEL, BIRD, WHEEL]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_the_tree_of_a_drawn_scene() -> None:
    assert hierarchy(SCENE) == (5, None, None, 2, None, 2)
    assert hierarchy(SCENE[::-1]) == (3, None, 3, None, None, 0)


def test_a_part_needs_seven_tenths_of_its_box_and_more_than_eight_tenths_of_its_pixels_inside() -> None:
    whole = rectangle((0, 30), (0, 30))
    assert hierarchy([whole, rectangle((5, 15), (21, 31))]) == (None, 0)
    # 8 of 10 columns inside: the box would do, the pixels are not more than 0.8.
    assert hierarchy([whole, rectangle((5, 15), (22, 32))]) == (None, None)
    # Most pixels inside, but a single one stretches the box to where 0.7 of it is outside.
    stretched = rectangle((5, 15), (20, 30))
    stretched[38, 60] = True
    assert hierarchy([whole, stretched]) == (None, None)


def test_a_box_inside_without_the_pixels_is_no_part() -> None:
    ring = rectangle((0, 30), (0, 30)) & ~rectangle((5, 25), (5, 25))
    assert hierarchy([ring, rectangle((8, 20), (8, 20))]) == (None, None)


def test_a_part_of_two_overlapping_wholes_belongs_to_the_smaller() -> None:
    large, small = rectangle((0, 30), (0, 30)), rectangle((8, 38), (5, 28))
    assert hierarchy([large, small, rectangle((10, 14), (10, 14))]) == (None, None, 1)


def test_a_part_belongs_to_the_deepest_node_even_if_another_root_is_smaller() -> None:
    outer, inner = rectangle((0, 40), (0, 40)), rectangle((2, 34), (2, 34))
    # Smaller than the inner one and, at 0.75 of its pixels, no part of anything.
    beside = rectangle((10, 30), (25, 45))
    part = rectangle((15, 20), (26, 31))
    assert hierarchy([outer, inner, beside, part]) == (None, 0, None, 1)


def test_the_order_of_two_equal_masks_decides() -> None:
    assert hierarchy([CAR, CAR.copy(), TREE]) == (None, 0, None)


def test_label_maps_become_masks_map_by_map() -> None:
    wholes = np.zeros(SHAPE, np.int32)
    wholes[CAR], wholes[TREE] = 7, 3
    wholes[0] = -1
    parts = np.zeros(SHAPE, np.int32)
    parts[WHEEL], parts[OTHER_WHEEL] = 1, 2
    masks = masks_of_labels([wholes, parts])
    np.testing.assert_array_equal(masks, [TREE, CAR, WHEEL, OTHER_WHEEL])
    assert hierarchy(masks) == (None, None, 1, 1)


def drawn(sample: RelatedMasks) -> list[int]:
    """Return which objects of the scene a sample's masks are."""
    return [next(i for i, mask in enumerate(SCENE) if np.array_equal(mask, one)) for one in sample.masks]


def test_hierarchy_samples_go_from_the_centre_to_the_root() -> None:
    wanted = {0: [0, 5, 2], 1: [1], 2: [2], 3: [3, 2], 4: [4], 5: [5, 2]}
    targets: dict[int, set[int]] = {index: set() for index in wanted}
    for seed in range(120):
        sample = sample_hierarchy(SCENE, rng(seed))
        chain = drawn(sample)
        assert chain == wanted[chain[0]]
        targets[chain[0]].add(sample.target)
    assert {centre: len(seen) for centre, seen in targets.items()} == {0: 3, 1: 1, 2: 1, 3: 2, 4: 1, 5: 2}


def test_the_first_click_lies_in_the_centre_but_in_none_of_its_children() -> None:
    centres = set()
    for seed in range(120):
        sample = sample_hierarchy(SCENE, rng(seed))
        centre = drawn(sample)[0]
        centres.add(centre)
        place = int(sample.click.row), int(sample.click.column)
        assert sample.click.positive
        assert sample.masks[0][place]
        for child, parent in enumerate(hierarchy(SCENE)):
            if parent == centre:
                assert not SCENE[child][place]
    assert centres == set(range(6))


def test_a_centre_that_its_children_cover_is_clicked_anywhere() -> None:
    left, right = rectangle((5, 25), (2, 20)), rectangle((5, 25), (20, 38))
    masks = [left | right, left, right]
    assert hierarchy(masks) == (None, 0, 0)
    samples = [sample_hierarchy(masks, rng(seed)) for seed in range(30)]
    wholes = [sample for sample in samples if len(sample.masks) == 1]
    assert wholes
    assert all(masks[0][int(s.click.row), int(s.click.column)] for s in wholes)


def test_neighbours_touch_after_one_mask_grew_by_a_pixel() -> None:
    centre = rectangle((10, 20), (10, 20))
    others = {
        "touching": rectangle((20, 25), (10, 20)),
        "corner to corner": rectangle((20, 25), (20, 25)),
        "one pixel between": rectangle((10, 20), (21, 25)),
        "overlapping": rectangle((15, 25), (5, 12)),
        "inside": rectangle((13, 15), (13, 15)),
    }
    masks = [centre, *others.values()]
    near = [list(others)[index - 1] for index in neighbours(masks, 0)]
    assert near == ["touching", "corner to corner", "overlapping", "inside"]
    for index in range(1, len(masks)):
        assert (0 in neighbours(masks, index)) == (index in neighbours(masks, 0))


def stripes(count: int) -> list[np.ndarray]:
    """Return a bar, and short stripes that all touch it but not each other."""
    return [rectangle((0, 4), (0, 61)), *(rectangle((4, 9), (5 * n, 5 * n + 3)) for n in range(count))]


def test_proximity_takes_every_union_with_neighbours() -> None:
    masks = stripes(2)
    for seed in range(20):
        sample = sample_proximity(masks, rng(seed))
        if np.array_equal(sample.masks[0], masks[0]):
            bar, one, two = masks
            wanted = [bar, bar | one, bar | two, bar | one | two]
            assert all(np.array_equal(a, b) for a, b in zip(sample.masks, wanted, strict=True))
            break
    else:
        pytest.fail("the bar was never drawn")


def test_proximity_of_a_stripe_ends_after_one_hop() -> None:
    masks = stripes(3)
    sizes = {len(sample_proximity(masks, rng(seed)).masks) for seed in range(60)}
    # The bar has three neighbours (eight unions, seven kept), each stripe one (two unions).
    assert sizes == {7, 2}


@pytest.mark.parametrize("most", [1, 3, 7])
def test_many_neighbours_are_capped_with_the_centre_kept(most: int) -> None:
    masks = stripes(12)
    kept = set()
    for seed in range(60):
        sample = sample_proximity(masks, rng(seed), most=most)
        assert len({mask.tobytes() for mask in sample.masks}) == len(sample.masks) == min(most, len(sample.masks))
        assert any(np.array_equal(sample.masks[0], mask) for mask in masks)
        assert all(not (sample.masks[0] & ~mask).any() for mask in sample.masks)
        assert sample.masks[0][int(sample.click.row), int(sample.click.column)]
        assert 0 <= sample.target < len(sample.masks)
        kept.add(len(sample.masks))
    assert max(kept) == most


def test_an_object_alone_is_its_own_only_mask() -> None:
    sample = sample_proximity([TREE, HUB], rng())
    assert len(sample.masks) == 1
    assert sample.target == 0


def test_first_clicks_lie_deeper_than_half_the_depth() -> None:
    where = rectangle((5, 16), (0, 41))
    clicks = [sample_first_click(where, rng(seed)) for seed in range(200)]
    # 11 rows: the middle one lies 6 deep, so that depth 4 and more remain; the image's border counts as one.
    rows, columns = {click.row for click in clicks}, {click.column for click in clicks}
    assert rows == {8, 9, 10, 11, 12}
    assert min(columns) == 3
    assert max(columns) == 37


def test_the_same_chance_draws_the_same_sample() -> None:
    for sample in (sample_hierarchy, sample_proximity):
        one, other = sample(SCENE, rng(5)), sample(SCENE, rng(5))
        assert one.click == other.click
        assert one.target == other.target
        assert all(np.array_equal(a, b) for a, b in zip(one.masks, other.masks, strict=True))
