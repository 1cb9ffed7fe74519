"""Shapes between planes: where the outline of two shapes lies in between, in pixels and in physical units."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.io.session_labels import mask_digest
from napari_iseg.planes.shapes import bounding_slices, gaps_around, interpolate_shapes, planes_around, signed_distance

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
    between = interpolate_shapes({0: disc(30, 40, 8), 2: disc(30, 40, 20)}, 1)
    assert np.count_nonzero(between ^ disc(30, 40, 14)) <= 0.06 * np.count_nonzero(disc(30, 40, 14))


def test_a_disc_that_moves_further_than_its_width_is_on_its_way() -> None:
    between = interpolate_shapes({0: disc(12, 12, 6), 4: disc(48, 64, 6)}, 1)
    assert np.count_nonzero(between & disc(21, 25, 6)) >= 0.9 * np.count_nonzero(disc(21, 25, 6))
    assert np.count_nonzero(between) <= 1.15 * np.count_nonzero(disc(21, 25, 6))


def test_at_both_ends_lie_the_shapes_themselves() -> None:
    first, last = disc(20, 30, 7), disc(33, 44, 11)
    known = {3: first, 8: last, 9: disc(40, 50, 12)}
    assert np.array_equal(interpolate_shapes(known, 3), first)
    assert np.array_equal(interpolate_shapes(known, 8), last)


def test_next_to_a_plane_without_the_object_it_ends_half_way() -> None:
    nothing = np.zeros(SHAPE, bool)
    known = {0: disc(30, 40, 9), 5: nothing, 9: nothing, 12: disc(20, 40, 9)}
    assert np.array_equal(interpolate_shapes(known, 2), disc(30, 40, 9))
    assert not interpolate_shapes(known, 3).any()
    assert not interpolate_shapes(known, 7).any()
    assert np.array_equal(interpolate_shapes(known, 11), disc(20, 40, 9))


def test_an_object_that_fills_its_plane_stays_full() -> None:
    full = np.ones((7, 9), bool)
    assert interpolate_shapes({0: full, 2: full, 4: full}, 1).all()


@pytest.mark.parametrize("way", [0, 2])
def test_a_ball_is_round_between_its_known_planes(way: int) -> None:
    """Straight lines between its sections would cut its bulge off, also of a ball that leans."""
    ball = {place: disc(30, 30 + way * place, np.sqrt(max(225 - place**2, 0))) for place in range(-14, 15)}
    known = {place: ball[place] for place in (-14, -7, 0, 7, 14)}

    def error(place: int, told: dict[int, np.ndarray]) -> int:
        return np.count_nonzero(interpolate_shapes(told, place) ^ ball[place])

    between = [place for place in ball if place not in known]
    pairs = [{end: known[end] for end in (7 * (place // 7), 7 * (place // 7) + 7)} for place in between]
    straight = sum(error(place, pair) for place, pair in zip(between, pairs, strict=True))
    assert sum(error(place, known) for place in between) < 0.7 * straight


def test_a_thin_object_that_runs_away_does_not_vanish() -> None:
    known = {place: disc(10 + 5 * place, 20, 2.5) for place in (0, 3, 6, 9)}
    assert all(np.count_nonzero(interpolate_shapes(known, place)) >= 12 for place in range(10))


def test_planes_beyond_one_without_the_object_do_not_count() -> None:
    nothing = np.zeros(SHAPE, bool)
    two = {3: disc(30, 40, 8), 7: disc(33, 44, 12)}
    more = {0: disc(30, 40, 25), 1: nothing, **two, 8: nothing, 11: disc(30, 40, 3)}
    assert np.array_equal(interpolate_shapes(more, 5), interpolate_shapes(two, 5))
    assert not np.array_equal(interpolate_shapes({0: disc(30, 40, 25), **two}, 5), interpolate_shapes(two, 5))


def test_the_planes_that_are_looked_at_and_the_gaps_that_change_belong_together() -> None:
    known = [2, 5, 9, 14, 20, 27]
    assert planes_around(known, (9, 14)) == [5, 9, 14, 20]
    assert planes_around(known, (2, 5)) == [2, 5, 9]
    assert gaps_around(known, 9) == [(2, 5), (5, 9), (9, 14), (14, 20)]
    assert gaps_around(known, 27) == [(14, 20), (20, 27)]
    assert gaps_around([4], 4) == []


@pytest.mark.parametrize(
    ("pixel_size", "digest"),
    [((1.0, 1.0), "1f01dd46db90eeb3b7eda2e485efd5b2f9fe1a76b9deb9ded4632f5e41077809"),
     ((2.5, 0.7), "fff2e6650a8e7cd323d1162d287a4560e3e109c047028a268c85e067f8fccfe3")],
)  # fmt: skip
def test_between_two_planes_old_sessions_come_again(pixel_size: tuple[float, float], digest: str) -> None:
    rows, columns = np.indices((60, 80))
    first = ((rows - 20) / 9) ** 2 + ((columns - 25) / 14) ** 2 <= 1
    last = ((rows - 37) / 13) ** 2 + ((columns - 52) / 8) ** 2 <= 1
    last |= (abs(rows - 30) < 3) & (abs(columns - 50) < 20)
    assert mask_digest(interpolate_shapes({0: first, 4: last}, 1, pixel_size)) == digest


def test_pixels_that_are_not_square_are_measured_in_their_own_unit() -> None:
    # A bar along the coarse axis and one along the fine axis, equally thick in physical units.
    first, last = np.zeros((31, 91), bool), np.zeros((31, 91), bool)
    first[13:18, 42:48] = True
    last[13:18, 24:66] = True
    between = interpolate_shapes({0: first, 2: last}, 1, (3.0, 1.0))
    columns = np.flatnonzero(between[15])
    assert abs((columns[-1] - columns[0] + 1) - 24) <= 2


def test_masks_of_two_sizes_and_a_place_outside_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        interpolate_shapes({0: disc(9, 9, 3), 1: np.zeros((4, 4), bool)}, 0.5)
    with pytest.raises(ValueError, match="between known planes"):
        interpolate_shapes({0: disc(9, 9, 3), 1: disc(9, 9, 3)}, 1.5)


def test_the_box_of_a_mask_ends_at_the_plane() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[2:5, 80:83] = True
    assert bounding_slices(mask, 4) == (slice(0, 9), slice(76, 83))
    with pytest.raises(ValueError, match="empty"):
        bounding_slices(np.zeros(SHAPE, bool))
