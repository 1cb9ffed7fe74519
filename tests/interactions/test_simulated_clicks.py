"""Training clicks along the boundary."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt
from tests.interactions import shapes

from napari_iseg.interactions.simulated_clicks import sample_boundary_click


def test_clicks_answer_errors_near_the_boundary_only() -> None:
    truth = shapes.disc(40).astype(np.int8)
    truth[:, 150:] = -1
    probability = np.zeros(truth.shape, np.float32)
    probability[90:, :] = 0.8
    apart = distance_transform_edt(truth == 1) + distance_transform_edt(truth != 1)
    rng = np.random.default_rng(0)
    signs = set()
    for _ in range(200):
        click = sample_boundary_click(probability, truth, rng)
        assert click is not None
        row, column = int(click.row), int(click.column)
        assert apart[row, column] <= 10
        assert truth[row, column] == (1 if click.positive else 0)
        assert (probability[row, column] > 0.49) != click.positive
        signs.add(click.positive)
    assert signs == {True, False}


def test_without_an_error_there_or_without_a_boundary_there_is_no_click() -> None:
    truth = shapes.disc(40).astype(np.int8)
    rng = np.random.default_rng(0)
    core = truth.astype(np.float32)
    core[60, 80] = 0
    assert sample_boundary_click(core, truth, rng) is None
    for everywhere in (np.zeros((9, 12), np.int8), np.ones((9, 12), np.int8)):
        assert sample_boundary_click(1.0 - everywhere, everywhere, rng) is None
