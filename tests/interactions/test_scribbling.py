"""The deterministic scribble: its region, its path on drawn shapes, its curve, and what takes its place."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_opening, distance_transform_edt
from tests.interactions import shapes

from napari_iseg.interactions import Click, Scribble, next_click
from napari_iseg.interactions.drawing import bezier_curve, draw_stroke
from napari_iseg.interactions.scribbling import largest_error, middle_path, next_scribble, smooth_curve, smoothed


def nothing(region: np.ndarray) -> np.ndarray:
    return np.zeros(region.shape, bool)


def scribble_over(region: np.ndarray) -> tuple[Scribble, np.ndarray]:
    """Return the scribble into a region that is missed, and its pixels."""
    scribble = next_scribble(region.astype(np.int8), nothing(region))
    assert isinstance(scribble, Scribble)
    return scribble, draw_stroke(scribble.points, scribble.width, region.shape)


REGIONS = {
    "bar": shapes.bar(),
    "T": shapes.letter_t(),
    "ring": shapes.ring(),
    "frame": shapes.frame(),
    **{f"blob{seed}": shapes.blob(seed) for seed in range(5)},
    **{f"small blob{seed}": shapes.blob(seed, 4.0) for seed in range(3)},
}


@pytest.mark.parametrize("name", REGIONS)
def test_a_scribble_is_the_same_every_time_and_lies_in_its_region(name: str) -> None:
    region = REGIONS[name]
    first, drawn = scribble_over(region)
    again, _ = scribble_over(region.copy())
    assert first == again
    assert first.positive
    assert first.width == 3
    largest, _ = largest_error(region.astype(np.int8), nothing(region))
    assert drawn.any()
    # The line itself is never more than a pixel off, so the brush's rim is never more than three.
    assert distance_transform_edt(~largest)[drawn].max() <= 3
    assert np.count_nonzero(drawn & largest) > 0.5 * np.count_nonzero(drawn)


@pytest.mark.parametrize("name", REGIONS)
def test_a_wrong_region_is_scribbled_over_the_same_way_but_negatively(name: str) -> None:
    region = REGIONS[name]
    positive, _ = scribble_over(region)
    negative = next_scribble(np.zeros(region.shape, np.int8), region)
    assert isinstance(negative, Scribble)
    assert not negative.positive
    assert negative.points == positive.points


def test_a_bar_is_scribbled_from_end_to_end_along_its_middle() -> None:
    points = np.array(scribble_over(shapes.bar())[0].points)
    assert np.ptp(points[:, 1]) > 110
    middle = points[(points[:, 1] > 40) & (points[:, 1] < 120)]
    assert np.abs(middle[:, 0] - 60).max() < 1.5


def test_the_longest_path_of_a_t_goes_from_its_foot_to_one_arm() -> None:
    path = middle_path(shapes.letter_t())
    assert path is not None
    assert np.abs(np.diff(path, axis=0)).max() == 1
    assert path[:, 0].max() > 105
    ends = path[[0, -1]]
    assert (ends[:, 0] > 100).sum() == 1
    columns = ends[ends[:, 0] < 40, 1]
    assert min(abs(columns - 25).min(), abs(columns - 135).min()) < 10


def test_a_ring_is_opened_and_followed_all_around() -> None:
    path = middle_path(shapes.ring())
    assert path is not None
    assert len({tuple(pixel) for pixel in path}) == len(path)
    angles = np.unwrap(np.arctan2(path[:, 0] - 60, path[:, 1] - 80))
    assert np.ptp(angles) > 1.85 * np.pi
    curve = smooth_curve(path, shapes.ring())
    radii = np.hypot(curve[:, 0] - 60, curve[:, 1] - 80)
    assert radii.min() > 34
    assert radii.max() < 56


def test_a_curve_follows_a_frame_where_fifty_control_points_would_cut_its_corners() -> None:
    frame = shapes.frame()
    path = middle_path(frame)
    assert path is not None
    assert len(path) > 300
    curve = smooth_curve(path, frame)
    rows, columns = np.rint(curve).astype(int).T
    assert distance_transform_edt(~frame)[rows, columns].max() <= 1.5
    assert np.ptp(curve[:, 0]) > 65
    assert np.ptp(curve[:, 1]) > 105
    fifty = bezier_curve(path[np.linspace(0, len(path) - 1, 50).round().astype(int)], 1000)
    rows, columns = np.rint(fifty).astype(int).T
    assert distance_transform_edt(~frame)[rows, columns].max() > 3


def test_of_a_region_thinner_than_any_disk_only_the_widest_places_are_left() -> None:
    """The published smoothing shrinks its disk until anything is left, here the frame's corners: they are clicked."""
    frame = shapes.frame(2)
    assert 0 < smoothed(frame).sum() < 50
    assert next_scribble(frame.astype(np.int8), nothing(frame)) == next_click(frame.astype(np.int8), nothing(frame))


@pytest.mark.parametrize("pixels", [1, 2, 3])
def test_too_small_an_error_is_clicked(pixels: int) -> None:
    truth = np.zeros((19, 23), np.int8)
    truth[7, 5 : 5 + pixels] = 1
    nowhere = np.zeros(truth.shape, bool)
    assert next_scribble(truth, nowhere) == next_click(truth, nowhere)
    assert next_scribble(truth, nowhere, [Click(7, 5)]) == next_click(truth, nowhere, [Click(7, 5)])


def test_four_pixels_in_a_row_are_scribbled_over() -> None:
    truth = np.zeros((19, 23), np.int8)
    truth[7, 5:9] = 1
    scribble = next_scribble(truth, np.zeros(truth.shape, bool))
    assert isinstance(scribble, Scribble)
    assert scribble.points[0] == (7, 5)
    assert scribble.points[-1] == (7, 8)


def test_a_disc_has_a_middle_but_no_line_and_is_clicked_there() -> None:
    disc = shapes.disc()
    assert next_scribble(disc.astype(np.int8), nothing(disc)) == Click(60, 80, positive=True)


def test_without_an_error_the_click_is_the_protocols() -> None:
    bar = shapes.bar()
    assert next_scribble(bar.astype(np.int8), bar) == Click(0, 0, positive=False)


def test_the_error_of_the_largest_area_counts_not_the_deepest() -> None:
    truth = np.zeros((60, 90), np.int8)
    truth[5:25, 5:25] = 1  # 400 pixels, deep
    mask = np.zeros(truth.shape, bool)
    mask[40:48, 5:85] = True  # 640 pixels, shallow
    region, positive = largest_error(truth, mask)
    assert not positive
    assert np.array_equal(region, mask)


def test_a_tie_is_a_missed_object_and_corners_connect() -> None:
    truth = np.zeros((12, 17), np.int8)
    truth[2, 2] = truth[3, 3] = 1
    mask = np.zeros(truth.shape, bool)
    mask[8, 8:10] = True
    region, positive = largest_error(truth, mask)
    assert positive
    assert np.array_equal(region, truth == 1)


def test_ignored_pixels_are_no_error() -> None:
    truth = np.full((30, 40), -1, np.int8)
    truth[10:13, 10:30] = 1
    region, positive = largest_error(truth, np.ones(truth.shape, bool))
    assert not region.any()
    region, positive = largest_error(truth, np.zeros(truth.shape, bool))
    assert positive
    assert np.array_equal(region, truth == 1)


@pytest.mark.parametrize("seed", range(4))
def test_smoothing_is_an_opening_by_a_disk(seed: int) -> None:
    region = shapes.blob(seed)
    radius = min(0.15 * np.sqrt(region.sum()) / 2, 16)
    reach = int(radius)
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = np.hypot(down, across) <= radius
    padded = np.pad(region, reach + 1)
    expected = binary_opening(padded, disk)[reach + 1 : -reach - 1, reach + 1 : -reach - 1]
    assert expected.any()
    np.testing.assert_array_equal(smoothed(region), expected)


def test_smoothing_shrinks_its_disk_until_something_is_left() -> None:
    bar = np.zeros((60, 400), bool)
    bar[27:32, 10:390] = True
    opened = smoothed(bar)
    assert opened.sum() > 0.95 * bar.sum()
    line = np.zeros((9, 300), bool)
    line[4] = True
    assert np.array_equal(smoothed(line), line)
