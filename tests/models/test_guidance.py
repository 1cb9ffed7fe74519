"""Maps of what is like and near the clicks: against plain definitions, and against scikit-image's shortest paths."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.graph import MCP_Geometric

from napari_iseg.models.adaptiveclick import FAMILY as ADAPTIVECLICK
from napari_iseg.models.disnet import FAMILY as DISNET
from napari_iseg.models.families import Family
from napari_iseg.models.focalclick import FAMILY as FOCALCLICK
from napari_iseg.models.guidance import GUIDANCE_CHANNELS, click_guidance, geodesic_distances
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
    assert torch.equal(positive[:, ::2], negative[:, 1::2])


def test_ways_are_the_shortest_paths_of_scikit_image() -> None:
    rng = np.random.default_rng(0)
    rgb = torch.from_numpy(rng.random((1, 3, 48, 40))).float()
    row, column = torch.tensor([[[9.0, 30.0], [41.0, 0.0]]]), torch.tensor([[[5.0, 33.0], [17.0, 0.0]]])
    used = torch.tensor([[[True, True], [True, False]]])
    found = geodesic_distances(rgb, row, column, used)[0]
    cells = torch.nn.functional.avg_pool2d(rgb, 4)[0].numpy().astype(np.float64)

    class ByColour(MCP_Geometric):
        def travel_cost(self, old_cost: float, new_cost: float, offset_length: float) -> float:
            # The costs are the numbers of the cells, whose colours and places say what a step costs.
            (i, j), (k, m) = divmod(int(old_cost) - 1, 10), divmod(int(new_cost) - 1, 10)
            change = ((cells[:, i, j] - cells[:, k, m]) ** 2).sum()
            return float((100 * change + (1.6 / 12 * offset_length) ** 2) ** 0.5)

    numbers = np.arange(1, 121, dtype=np.float64).reshape(12, 10)
    for sign, starts in enumerate([[(2, 1), (7, 8)], [(10, 4)]]):
        expected, _ = ByColour(numbers, fully_connected=True).find_costs(starts)
        np.testing.assert_allclose(found[sign].numpy(), expected, atol=1e-4)


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
