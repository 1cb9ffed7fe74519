"""Geodesic distances are those of Dijkstra's algorithm done by hand, and probabilities compare two of them."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from napari_iseg.inference.geodesic import GeodesicPredictor, geodesic_distance
from napari_iseg.inference.seeds import reduce_image
from napari_iseg.interactions import Click
from napari_iseg.zoo import GeodesicOptions


def by_hand(values, seeds):
    """Dijkstra over the eight neighbours, one pixel after the other."""
    rows, columns = seeds.shape
    distance = np.full(seeds.shape, np.inf)
    waiting = [(0.0, int(row), int(column)) for row, column in np.argwhere(seeds)]
    for _, row, column in waiting:
        distance[row, column] = 0
    while waiting:
        so_far, row, column = heapq.heappop(waiting)
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                there = row + down, column + right
                if (down or right) and 0 <= there[0] < rows and 0 <= there[1] < columns:
                    change = np.sum((values[row, column] - values[there]) ** 2)
                    reached = so_far + np.sqrt(down**2 + right**2 + change)
                    if reached < distance[there]:
                        distance[there] = reached
                        heapq.heappush(waiting, (reached, *there))
    return distance


@pytest.mark.parametrize("shape", [(9, 13), (2, 17), (11, 2)])
@pytest.mark.parametrize("channels", [1, 4])
def test_distances_are_those_of_dijkstra_by_hand(shape, channels):
    rng = np.random.default_rng(shape[0] + channels)
    values = rng.normal(0, 3, (*shape, channels))
    seeds = rng.random(shape) < 0.1
    seeds[-1, 0] = True
    np.testing.assert_allclose(geodesic_distance(values, seeds), by_hand(values, seeds), rtol=1e-12)


def test_in_an_even_image_ways_are_straight_and_diagonal_steps():
    seeds = np.zeros((5, 8), bool)
    seeds[0, 0] = True
    rows, columns = np.mgrid[:5, :8]
    expected = abs(rows - columns) + np.sqrt(2) * np.minimum(rows, columns)
    np.testing.assert_allclose(geodesic_distance(np.zeros((5, 8, 1)), seeds), expected)


def test_a_way_goes_around_a_wall_where_that_is_shorter():
    values = np.zeros((7, 9, 1))
    values[:6, 4] = 1000
    seeds = np.zeros((7, 9), bool)
    seeds[0, 0] = True
    distance = geodesic_distance(values, seeds)
    # Down to the gap and up again, diagonally where that helps: 4 + 4 diagonal and 2 + 2 straight steps.
    assert distance[0, 8] == pytest.approx(8 * np.sqrt(2) + 4)
    assert distance[0, 4] == pytest.approx(np.hypot(1, 1000) + 3)


def test_the_probability_is_the_share_of_the_way_to_the_background():
    image = np.full((21, 31, 3), 80, np.uint8)
    predictor = GeodesicPredictor(options=GeodesicOptions(seed_radius=0.0))
    answer = predictor.predict(predictor.encode(image), [Click(10, 15)], None).render()
    inside, border = np.zeros((21, 31), bool), np.ones((21, 31), bool)
    inside[10, 15], border[1:-1, 1:-1] = True, False
    ways = [geodesic_distance(np.zeros((21, 31, 1)), seeds) for seeds in (inside, border)]
    np.testing.assert_allclose(answer, ways[1] / (ways[0] + ways[1]), rtol=1e-6)
    assert answer[10, 15] == 1
    assert not answer[border].any()
    assert answer[5, 15] == pytest.approx(0.5)


@pytest.mark.parametrize("weight", ["image_weight", "colour_weight"])
def test_either_weight_alone_stops_at_an_edge(weight):
    image = np.full((41, 61, 3), 60, np.uint8)
    image[8:30, 10:40] = 160
    weights = {"image_weight": 0.0, "colour_weight": 0.0}
    found = {}
    for value in (0.0, 1000.0):
        predictor = GeodesicPredictor(options=GeodesicOptions(**{**weights, weight: value}))
        found[value] = predictor.predict(predictor.encode(image), [Click(14, 16)], None).render() > 0.5
    assert np.array_equal(found[1000.0], image[..., 0] == 160)
    assert not np.array_equal(found[0.0], image[..., 0] == 160)


def test_encoding_reduces_once():
    image = np.random.default_rng(0).integers(0, 255, (130, 70, 3), dtype=np.uint8)
    predictor = GeodesicPredictor(options=GeodesicOptions(max_side=65))
    np.testing.assert_array_equal(predictor.encode(image).data, reduce_image(image, 65).data)
    assert predictor.predict(predictor.encode(image), [Click(60, 30)], None).patches[0].values.shape == (65, 35)
