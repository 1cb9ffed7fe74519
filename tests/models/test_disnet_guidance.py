"""What guides DISNet's refinement in small configurations: nothing at first, then each click where it looks alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from napari_iseg.models.disnet import FAMILY, DISNet
from napari_iseg.models.disnet_guidance import ClickedFeatures

SIZE = (64, 64)


def clicks(*rows: tuple[float, float, bool]) -> torch.Tensor:
    """Return (1, 6, 3): clicks of (row, column, positive)."""
    points = torch.full((1, 6, 3), -1.0)
    for number, (row, column, positive) in enumerate(rows):
        points[0, number if positive else 3 + number] = torch.tensor([row, column, float(number)])
    return points


def test_features_are_alike_where_they_are_the_clicks() -> None:
    torch.manual_seed(0)
    guide = ClickedFeatures(32, 3.0)
    left, right = torch.randn(2, 32)
    features = left.view(1, 32, 1, 1).repeat(1, 1, 16, 16)
    features[..., 8:] = right.view(32, 1, 1)
    likeness = guide.likeness(features, clicks((30, 10, True)), SIZE)
    torch.testing.assert_close(likeness[0, 0, :, :8], torch.ones(16, 8))
    assert likeness[0, 0, :, 8:].max() < 0.9
    assert (likeness[0, 1] == -1).all()
    both = guide.likeness(features, clicks((30, 10, True), (30, 50, False)), SIZE)
    torch.testing.assert_close(both[0, 1, :, 8:], torch.ones(16, 8))


def test_nothing_is_added_until_it_is_learnt_and_then_each_click_counts_where_it_is() -> None:
    torch.manual_seed(0)
    guide = ClickedFeatures(32, 3.0)
    features, mask, image = torch.randn(1, 32, 16, 16), torch.full((1, 1, 16, 16), 0.5), torch.rand(1, 3, *SIZE)
    one, two = clicks((20, 20, True)), clicks((20, 20, True), (44, 44, False))
    assert torch.equal(guide(features, mask, image, one), features)
    torch.nn.init.normal_(guide.join[-1].weight, std=0.1)
    changed = (guide(features, mask, image, one) - guide(features, mask, image, two)).abs().sum(1)[0]
    assert changed[9:13, 9:13].mean() > 1.2 * changed[:4, :4].mean()


def test_a_guided_network_asks_for_the_image() -> None:
    torch.manual_seed(0)
    network = DISNet(replace(FAMILY.configs["tiny"], guidance=True)).eval()
    image, points = torch.rand(1, 3, *SIZE), clicks((20, 20, True), (44, 44, False))
    proposals = network.propose(image, points)
    masks, queries = proposals.pick(torch.tensor([0]))
    answer = network.refine(proposals.features, queries, masks.sigmoid(), points, image)
    assert answer.shape == (1, 1, *SIZE)
    with pytest.raises(ValueError, match="none was given"):
        network.refine(proposals.features, queries, masks.sigmoid(), points)
    # Without guidance there is nothing to look at the image with.
    assert DISNet(FAMILY.configs["tiny"]).refinement.guided is None


def test_the_guide_learns() -> None:
    torch.manual_seed(0)
    network = DISNet(replace(FAMILY.configs["tiny"], guidance=True))
    image = torch.cat([torch.rand(1, 3, *SIZE), torch.zeros(1, 1, *SIZE)], dim=1)
    network(image, clicks((20, 20, True), (44, 44, False))).square().mean().backward()
    gradient = network.refinement.guided.join[-1].weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0
