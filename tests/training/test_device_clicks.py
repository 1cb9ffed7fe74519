"""Clicks drawn on the device follow the rules of those drawn one by one; here the device is the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt

from napari_iseg.interactions.simulated import sample_training_click
from napari_iseg.interactions.simulated_clicks import sample_boundary_click
from napari_iseg.training.device_clicks import correcting_clicks, depth, first_points
from napari_iseg.training.points import sample_first_points
from napari_iseg.training.procedural import procedural_sample


@pytest.fixture(scope="module")
def targets() -> torch.Tensor:
    """Return (6, 72, 72) int8 objects of generated images, a corner of one ignored."""
    rng = np.random.default_rng(4)
    found = []
    while len(found) < 6:
        labels = procedural_sample(rng, 72).labels
        inside = labels == labels.max()
        if 150 < inside.sum() < 3000 and binary_erosion(inside, np.ones((3, 3)), iterations=3).sum() > 60:
            found.append(inside.astype(np.int8))
    found[0][:9, :7] = -1
    return torch.from_numpy(np.stack(found))


def answers_to(targets: torch.Tensor) -> torch.Tensor:
    """Return answers that are wrong in places: a moved copy of the object."""
    return torch.roll(targets == 1, (9, -6), (1, 2)).float() * 0.9


def test_depth_is_the_distance_to_the_rim_within_an_eighth(targets: torch.Tensor) -> None:
    found = depth(targets == 1)
    for one, target in zip(found.numpy(), targets.numpy(), strict=True):
        exact = distance_transform_edt(np.pad(target == 1, 1))[1:-1, 1:-1]
        assert ((one > 0) == (exact > 0)).all()
        assert (np.abs(one - exact) <= 0.125 * exact + 1).all()


def test_corrections_lie_deep_in_the_larger_error(targets: torch.Tensor) -> None:
    rng = np.random.default_rng(0)
    answers = answers_to(targets)
    for _ in range(20):
        for number, (row, column, sign) in enumerate(correcting_clicks(answers, targets, rng)):
            target, answer = targets[number].numpy(), answers[number].numpy()
            error = (target == 1) & (answer < 0.49) if sign else (target == 0) & (answer > 0.49)
            exact = distance_transform_edt(np.pad(error, 1))[1:-1, 1:-1]
            assert exact[row, column] >= 0.75 * exact.max() / 2
            other = (target == 0) & (answer > 0.49) if sign else (target == 1) & (answer < 0.49)
            assert exact.max() >= 0.85 * distance_transform_edt(np.pad(other, 1)).max()


def test_corrections_are_spread_as_the_exact_ones_are() -> None:
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:70, :90]
    shapes = [np.hypot((rows - 30) / 20, (columns - 50) / 35) < 1, (abs(rows - 40) < 18) & (abs(columns - 30) < 12)]
    targets = torch.from_numpy(np.stack(shapes).astype(np.int8))
    empty = torch.zeros(targets.shape)
    drawn = np.array([correcting_clicks(empty, targets, rng) for _ in range(300)])
    assert (drawn[..., 2] == 1).all()
    for number, target in enumerate(targets.numpy()):
        exact = [sample_training_click(empty[number].numpy(), target, rng) for _ in range(300)]
        places = np.array([(click.row, click.column) for click in exact if click is not None])
        assert drawn[:, number, :2].mean(axis=0) == pytest.approx(places.mean(axis=0), abs=2.5)
        assert drawn[:, number, :2].std(axis=0) == pytest.approx(places.std(axis=0), rel=0.25)


def test_nothing_is_clicked_where_nothing_is_wrong(targets: torch.Tensor) -> None:
    perfect = (targets == 1).float()
    clicks = correcting_clicks(perfect, targets, np.random.default_rng(0), boundary_share=0.5)
    assert (clicks[:, 2] == -1).all()


def test_clicks_along_the_boundary_lie_there(targets: torch.Tensor) -> None:
    rng = np.random.default_rng(2)
    answers = 1 - (targets == 1).float()
    for number, (row, column, sign) in enumerate(correcting_clicks(answers, targets, rng, boundary_share=1.0)):
        target = targets[number].numpy()
        inside = target == 1
        near = distance_transform_edt(inside) + distance_transform_edt(~inside)
        # A square's corner is further away than its side.
        assert near[row, column] <= 10 * np.sqrt(2)
        assert bool(sign) == bool(inside[row, column])
        assert target[row, column] != -1
        assert sample_boundary_click(answers[number].numpy(), target, rng) is not None


@pytest.mark.parametrize("inner_first", [False, True])
def test_first_clicks_keep_the_rules(targets: torch.Tensor, inner_first: bool) -> None:
    rng = np.random.default_rng(3)
    counts, reference = [], []
    for _ in range(60):
        batch = first_points(targets, 12, rng, inner_first=inner_first)
        counts.append((batch[..., 2] > 0).reshape(len(targets), 2, 12).sum(axis=2))
        for points, target in zip(batch, targets.numpy(), strict=True):
            used = points[:, 2] > 0
            rows, columns = points[used, :2].astype(int).T
            assert (target[rows, columns] == (np.flatnonzero(used) < 12)).all()
            orders = np.sort(points[used, 2])
            assert (orders[1:] > orders[:-1]).all() or inner_first
            if inner_first:
                middle = distance_transform_edt(np.pad(target == 1, 1))[1:-1, 1:-1]
                assert points[0, 2] == 1
                assert middle[rows[0], columns[0]] >= 0.8 * middle.max() / 1.7
        reference.append(
            [(sample_first_points(target, 12, rng)[:, 2] > 0).reshape(2, 12).sum(axis=1) for target in targets.numpy()]
        )
    assert np.mean(counts, axis=(0, 1)) == pytest.approx(np.mean(reference, axis=(0, 1)), rel=0.15)


def test_negative_first_clicks_lie_half_in_the_band(targets: torch.Tensor) -> None:
    rng = np.random.default_rng(5)
    inside = targets[1].numpy() == 1
    band = binary_dilation(inside, np.ones((3, 3)), iterations=int(np.ceil(0.1 * np.sqrt(inside.sum())))) & ~inside
    core = binary_erosion(inside, np.ones((3, 3)), iterations=3)
    in_band, in_core = [], []
    for _ in range(300):
        (points,) = first_points(targets[1:2], 12, rng)
        negative, positive = points[12:][points[12:, 2] > 0], points[:12][points[:12, 2] > 0]
        in_band += band[negative[:, 0].astype(int), negative[:, 1].astype(int)].tolist()
        in_core += core[positive[:, 0].astype(int), positive[:, 1].astype(int)].tolist()
    outside = (~inside).sum()
    assert np.mean(in_band) == pytest.approx(0.5 + 0.5 * band.sum() / outside, abs=0.06)
    assert np.mean(in_core) > 0.85
