"""Shapes between planes: where the outline of two shapes lies in between, in pixels and in physical units."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.planes.shapes import bounding_slices, interpolate_shapes, signed_distance

SHAPE = (61, 83)


def disc(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.indices(SHAPE)
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def test_the_distance_is_positive_inside_and_zero_at_the_outline() -> None:
    mask = np.zeros((5, 9), bool)
    mask[:, 3:] = True
    assert signed_distance(mask)[2].tolist() == [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5]


def test_the_distance_has_the_unit_of_the_pixels() -> None:
    mask = np.zeros((9, 5), bool)
    mask[4:] = True
    assert signed_distance(mask, (3.0, 1.0))[:, 2].tolist() == [-11.5, -8.5, -5.5, -2.5, 2.5, 5.5, 8.5, 11.5, 14.5]


@pytest.mark.parametrize(("full", "value"), [(True, np.inf), (False, -np.inf)])
def test_without_an_outline_every_distance_is_infinite(full: bool, value: float) -> None:
    assert (signed_distance(np.full(SHAPE, full)) == value).all()


def test_half_way_between_two_discs_lies_the_disc_of_the_mean_radius() -> None:
    between = interpolate_shapes(disc(30, 40, 8), disc(30, 40, 20), 0.5)
    assert np.count_nonzero(between ^ disc(30, 40, 14)) <= 0.06 * np.count_nonzero(disc(30, 40, 14))


def test_a_disc_that_moves_further_than_its_width_is_on_its_way() -> None:
    between = interpolate_shapes(disc(12, 12, 6), disc(48, 64, 6), 0.25)
    assert np.count_nonzero(between & disc(21, 25, 6)) >= 0.9 * np.count_nonzero(disc(21, 25, 6))
    assert np.count_nonzero(between) <= 1.15 * np.count_nonzero(disc(21, 25, 6))


def test_at_both_ends_lie_the_shapes_themselves() -> None:
    first, last = disc(20, 30, 7), disc(33, 44, 11)
    assert np.array_equal(interpolate_shapes(first, last, 0.0), first)
    assert np.array_equal(interpolate_shapes(first, last, 1.0), last)


def test_next_to_a_plane_without_the_object_it_ends_half_way() -> None:
    nothing = np.zeros(SHAPE, bool)
    assert np.array_equal(interpolate_shapes(disc(30, 40, 9), nothing, 0.4), disc(30, 40, 9))
    assert not interpolate_shapes(disc(30, 40, 9), nothing, 0.6).any()
    assert not interpolate_shapes(nothing, nothing, 0.5).any()


def test_an_object_that_fills_its_plane_stays_full() -> None:
    full = np.ones((7, 9), bool)
    assert interpolate_shapes(full, full, 0.5).all()


def test_pixels_that_are_not_square_are_measured_in_their_own_unit() -> None:
    # A bar along the coarse axis and one along the fine axis, equally thick in physical units.
    first, last = np.zeros((31, 91), bool), np.zeros((31, 91), bool)
    first[13:18, 42:48] = True
    last[13:18, 24:66] = True
    between = interpolate_shapes(first, last, 0.5, (3.0, 1.0))
    columns = np.flatnonzero(between[15])
    assert abs((columns[-1] - columns[0] + 1) - 24) <= 2


def test_masks_of_two_sizes_and_a_place_outside_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        interpolate_shapes(disc(9, 9, 3), np.zeros((4, 4), bool), 0.5)
    with pytest.raises(ValueError, match="fraction"):
        interpolate_shapes(disc(9, 9, 3), disc(9, 9, 3), 1.5)


def test_the_box_of_a_mask_ends_at_the_plane() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[2:5, 80:83] = True
    assert bounding_slices(mask, 4) == (slice(0, 9), slice(76, 83))
    with pytest.raises(ValueError, match="empty"):
        bounding_slices(np.zeros(SHAPE, bool))
