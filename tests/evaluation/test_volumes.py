"""A simulated user of volumes: clicks and Dice of the three ways of working."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.evaluation.volumes import WAYS, dice, evaluate_volume_object
from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.propagation import Propagation

SHAPE = (12, 59, 83)


def tube() -> np.ndarray:
    planes, rows, columns = np.indices(SHAPE)
    there = (rows - 29) ** 2 + (columns - 30 - 2 * planes) ** 2 <= 100
    return there & (planes >= 1) & (planes <= 9)


def volume() -> np.ndarray:
    noise = np.random.default_rng(4).integers(0, 30, SHAPE)
    return (np.where(tube(), 180, 60) + noise).astype(np.uint8)


def test_every_plane_is_clicked_once_at_least() -> None:
    result = evaluate_volume_object(volume(), tube(), make_predictor("random-walker"), "every-plane")
    assert result.planes == 9
    assert [step.plane for step in result.steps] == list(range(1, 10))
    assert result.clicks >= 9
    assert result.dice > 0.9


@pytest.mark.parametrize("way", ["interpolate", "propagate"])
def test_filling_planes_saves_clicks_at_the_same_dice(way: str) -> None:
    predictor = make_predictor("random-walker")
    every = evaluate_volume_object(volume(), tube(), predictor, "every-plane")
    result = evaluate_volume_object(volume(), tube(), predictor, way, goal=every.dice - 0.02)  # type: ignore[arg-type]
    assert result.dice >= every.dice - 0.02
    assert result.clicks < every.clicks
    assert result.clicks_to(every.dice - 0.02) == result.clicks
    assert result.clicks_to(1.1) is None


def test_propagation_begins_in_the_middle_and_interpolation_needs_the_ends() -> None:
    predictor = make_predictor("random-walker")
    options = Propagation(refine=False)
    propagated = evaluate_volume_object(
        volume(), tube(), predictor, "propagate", most_visits=1, options=options, goal=0.5
    )
    interpolated = evaluate_volume_object(volume(), tube(), predictor, "interpolate", goal=0.5)
    assert [step.plane for step in propagated.steps] == [5]
    assert [step.plane for step in interpolated.steps] == [5, 1, 9]
    assert propagated.dice > 0.85


def test_an_object_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="no pixel"):
        evaluate_volume_object(volume(), np.zeros(SHAPE, bool), make_predictor("random-walker"), WAYS[0])


def test_dice() -> None:
    first = np.zeros((2, 3), bool)
    second = first.copy()
    first[0], second[:, 0] = True, True
    assert dice(first, second) == pytest.approx(2 / 5)
    assert dice(~first, ~first) == 1
    assert dice(np.zeros(3, bool), np.zeros(3, bool)) == 1
