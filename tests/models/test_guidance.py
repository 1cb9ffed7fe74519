"""Maps of what is like and near the clicks: against plain definitions, and against Dijkstra's shortest paths."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy.sparse.csgraph import dijkstra

from napari_iseg.models._blocks import click_disks
from napari_iseg.models.adaptiveclick import FAMILY as ADAPTIVECLICK
from napari_iseg.models.disnet import FAMILY as DISNET
from napari_iseg.models.families import Family
from napari_iseg.models.focalclick import FAMILY as FOCALCLICK
from napari_iseg.models.guidance import (
    GUIDANCE_CHANNELS,
    box_guidance,
    click_guidance,
    geodesic_distances,
    mark_guidance,
    mask_guidance,
)
from napari_iseg.models.simpleclick import FAMILY as SIMPLECLICK

RED, BLUE = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)


def two_halves() -> torch.Tensor:
    """Left half red, right half blue."""
    rgb = torch.empty(1, 3, 64, 64)
    rgb[..., :32] = torch.tensor(RED).view(3, 1, 1)
    rgb[..., 32:] = torch.tensor(BLUE).view(3, 1, 1)
    return rgb


def clicks(*rows: tuple[float, float, float]) -> torch.Tensor:
    """One sample with two slots of each sign: (row, column, 1 positive or 0 negative)."""
    points = torch.full((1, 4, 3), -1.0)
    for number, (row, column, positive) in enumerate(rows):
        points[0, number if positive else 2 + number] = torch.tensor([row, column, float(number)])
    return points


def test_the_clicks_half_is_alike_and_near_and_the_other_is_not() -> None:
    maps = click_guidance(two_halves(), clicks((32, 10, 1)))
    assert maps.shape == (1, GUIDANCE_CHANNELS, 64, 64)
    assert maps.min() >= 0
    assert maps.max() <= 1
    for channel in (0, 2, 4, 6):
        assert maps[0, channel, 32, 10] > 0.9
        assert maps[0, channel, 32, 20] > maps[0, channel, 32, 50] + 0.3, channel
    # No negative click: their maps are empty.
    assert maps[0, 1::2].max() < 1e-6


def test_the_sign_of_a_click_says_which_maps_it_fills() -> None:
    image = two_halves()
    positive, negative = click_guidance(image, clicks((32, 10, 1))), click_guidance(image, clicks((32, 10, 0)))
    torch.testing.assert_close(positive[:, ::2], negative[:, 1::2])


def test_ways_are_dijkstras() -> None:
    rng = np.random.default_rng(0)
    rgb = torch.from_numpy(rng.random((1, 3, 48, 40))).float()
    row, column = torch.tensor([[[9.0, 30.0], [41.0, 0.0]]]), torch.tensor([[[5.0, 33.0], [17.0, 0.0]]])
    used = torch.tensor([[[True, True], [True, False]]])
    found = geodesic_distances(rgb, row, column, used)[0]
    cells = torch.nn.functional.avg_pool2d(rgb, 4)[0].double().numpy()
    costs = np.zeros((120, 120))
    for i, j, down, across in product(range(12), range(10), (-1, 0, 1), (-1, 0, 1)):
        if (down, across) != (0, 0) and 0 <= i + down < 12 and 0 <= j + across < 10:
            change = ((cells[:, i, j] - cells[:, i + down, j + across]) ** 2).sum()
            ground = 1.6 / 12 * np.hypot(down, across)
            costs[10 * i + j, 10 * (i + down) + j + across] = np.sqrt(100 * change + ground**2)
    for sign, starts in enumerate([[21, 78], [104]]):
        expected = dijkstra(costs, indices=starts, min_only=True)
        np.testing.assert_allclose(found[sign].flatten().numpy(), expected, atol=1e-4)


def test_a_click_outside_counts_as_one_at_the_border() -> None:
    image = two_halves()
    outside, border = click_guidance(image, clicks((32, 70, 1))), click_guidance(image, clicks((32, 63, 1)))
    assert torch.equal(outside, border)


@pytest.mark.parametrize("family", [SIMPLECLICK, ADAPTIVECLICK, DISNET, FOCALCLICK], ids=lambda family: family.name)
def test_no_released_network_is_guided_and_any_network_can_be(family: Family) -> None:
    assert not any(config.guidance for config in family.configs.values())
    torch.manual_seed(0)
    network = family.build(replace(family.configs["tiny"], guidance=True)).eval()
    image = torch.cat([two_halves(), torch.zeros(1, 1, 64, 64)], dim=1)
    answer = network(image, clicks((32, 10, 1)))
    assert answer.shape == (1, 1, 64, 64)
    answer.sum().backward()
    taken = [p for name, p in network.named_parameters() if p.ndim == 4 and p.shape[1] >= GUIDANCE_CHANNELS // 2 + 1]
    assert any(p.grad is not None and p.grad[:, -1].abs().sum() > 0 for p in taken)


def test_what_is_drawn_is_looked_at_along_its_middle() -> None:
    image = two_halves()
    marks = torch.zeros(1, 2, 64, 64)
    marks[0, 0, 10:50, 26:33] = 1  # A stroke of seven pixels whose right rim lies on the blue half.
    maps = mark_guidance(image, marks)
    assert maps[0, 2, 30, 10] > 0.9  # Red, sharply judged: only the middle counts, which is red.
    assert maps[0, 2, 30, 50] < 0.1
    assert maps[0, 1::2].max() < 1e-6
    assert mark_guidance(image, torch.zeros(1, 2, 64, 64)).max() < 1e-6


def test_a_drawn_disk_says_about_what_its_click_says() -> None:
    rng = np.random.default_rng(1)
    rgb = torch.from_numpy(rng.random((1, 3, 64, 64))).float()
    points = clicks((20, 30, 1), (50, 12, 0))
    drawn = mark_guidance(rgb, click_disks(points, (64, 64), 3.0))
    torch.testing.assert_close(drawn, click_guidance(rgb, points))


def test_a_box_excludes_what_looks_like_its_surroundings() -> None:
    # A red disc in the middle of a box that shows much of the blue around it, too.
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    disc = (rows - 32) ** 2 + (columns - 32) ** 2 < 12**2
    rgb = torch.where(disc, torch.tensor(RED).view(3, 1, 1), torch.tensor(BLUE).view(3, 1, 1))[None]
    box = torch.zeros(1, 1, 64, 64)
    box[..., 18:47, 18:47] = 1
    maps = box_guidance(rgb, box)[0]
    corner = (slice(None), 20, 20)
    assert (maps[corner][[1, 3]] > 0.9).all()
    assert (maps[:, 32, 32][[0, 2]] > 0.9).all()
    assert (maps[:, 32, 32][[1, 3]] < 0.1).all()
    assert (maps[:, 32, 32][[5, 7]] < maps[corner][[5, 7]]).all()


def test_a_box_over_the_whole_image_has_no_surroundings() -> None:
    maps = box_guidance(two_halves(), torch.ones(1, 1, 64, 64))
    assert maps[:, 1::2].max() < 1e-6
    assert maps[:, ::2].max() > 0.9
    assert box_guidance(two_halves(), torch.zeros(1, 1, 64, 64)).max() < 1e-6


def test_a_box_at_the_border_looks_at_the_sides_that_there_are() -> None:
    image, box = two_halves(), torch.zeros(1, 1, 64, 64)
    box[..., :, :40] = 1
    maps = box_guidance(image, box)[0]
    assert maps[1, 30, 60] > 0.9
    assert maps[1, 30, 5] < 0.1


def test_a_coarse_masks_outline_is_not_believed() -> None:
    image, mask = two_halves(), torch.zeros(1, 1, 64, 64)
    # Two pixels too wide: none of the blue there may count as object.
    mask[..., :34] = 1
    maps = mask_guidance(image, mask)[0]
    assert maps[0, 32, 10] > 0.9
    assert maps[0, 32, 50] < 0.1
    assert maps[1, 32, 50] > 0.9
    assert maps[1, 32, 10] < 0.1


def test_a_mask_too_thin_to_have_an_inside_is_taken_as_it_is() -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 20, 4:12] = 1
    maps = mask_guidance(two_halves(), mask)[0]
    assert maps[0, 20, 8] > 0.9
    assert mask_guidance(two_halves(), torch.zeros(1, 1, 64, 64))[:, ::2].max() < 1e-6
