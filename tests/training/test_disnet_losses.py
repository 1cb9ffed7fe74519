"""The losses of DISNet's two stages: against formulas written out, invariances, and that training helps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_iseg.models.disnet import FAMILY, DISNet, Proposals
from napari_iseg.models.query_decoder import QueryAnswer
from napari_iseg.training.disnet_losses import match, proposal_loss
from napari_iseg.training.losses import normalized_focal_loss

N, ROWS, COLUMNS = 5, 12, 17


def random_proposals(batch: int = 2, seed: int = 0, layers: int = 2) -> Proposals:
    generator = torch.Generator().manual_seed(seed)

    def answer() -> QueryAnswer:
        masks = 3 * torch.randn(batch, N, ROWS, COLUMNS, generator=generator)
        return QueryAnswer(torch.randn(batch, N, 2, generator=generator).requires_grad_(), masks.requires_grad_())

    outputs = [answer() for _ in range(layers)]
    nothing = torch.zeros(batch, N, 4), torch.zeros(batch, 4, ROWS, COLUMNS)
    return Proposals(outputs[-1].mask_logits, outputs[-1].class_logits, *nothing, tuple(outputs[:-1]))


def random_truths(*counts: int, seed: int = 1) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(count, ROWS, COLUMNS, generator=generator) > 0.6 for count in counts]


def cost_of(logits: np.ndarray, truth: np.ndarray, meant: float) -> float:
    """Return the matching cost of one pair, written out."""
    p, t = 1 / (1 + np.exp(-logits.astype(np.float64))), truth.astype(np.float64)
    near, far = -0.25 * (1 - p) ** 2 * np.log(p), -0.75 * p**2 * np.log(1 - p)
    focal = (near * t + far * (1 - t)).mean()
    dice = 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    return float(20 * focal + dice - meant)


def test_matching_has_the_least_total_cost_of_all_assignments() -> None:
    proposals, truth = random_proposals(1, seed=4), random_truths(3, seed=5)[0]
    masks, classes = proposals.masks[0].detach(), proposals.classes[0].detach()
    meant = classes.softmax(-1)[:, 0].numpy()
    cost = np.array(
        [[cost_of(m, t, float(c)) for t in truth.numpy()] for m, c in zip(masks.numpy(), meant, strict=True)]
    )
    best = min(itertools.permutations(range(N), 3), key=lambda rows: sum(cost[row, k] for k, row in enumerate(rows)))
    rows, columns = match(classes, masks, truth)
    assert dict(zip(columns.tolist(), rows.tolist(), strict=True)) == dict(enumerate(best))


def test_matching_follows_a_permutation_of_the_queries() -> None:
    proposals, truth = random_proposals(1), random_truths(4)[0]
    order = torch.tensor([3, 0, 4, 1, 2])
    rows, columns = match(proposals.classes[0], proposals.masks[0], truth)
    turned = match(proposals.classes[0][order], proposals.masks[0][order], truth)
    pairs = set(zip(rows.tolist(), columns.tolist(), strict=True))
    assert {(int(order[row]), column) for row, column in zip(*(part.tolist() for part in turned), strict=True)} == pairs


def test_the_loss_does_not_depend_on_the_order_of_queries_or_truths() -> None:
    proposals, truths = random_proposals(), random_truths(3, 2)
    order = torch.tensor([3, 0, 4, 1, 2])
    turned = Proposals(
        proposals.masks[:, order],
        proposals.classes[:, order],
        proposals.queries,
        proposals.features,
        tuple(QueryAnswer(a.class_logits[:, order], a.mask_logits[:, order]) for a in proposals.auxiliary),
    )
    losses = proposal_loss(proposals, truths), proposal_loss(turned, [truth.flip(0) for truth in truths])
    for one, other in zip(*losses, strict=True):
        torch.testing.assert_close(one, other)


def test_the_loss_is_what_the_formulas_say() -> None:
    proposals, truths = random_proposals(layers=1), random_truths(3, 2)
    with torch.no_grad():
        loss = proposal_loss(proposals, truths)
    entropy = weight = focal = dice = 0.0
    for sample, truth in enumerate(truths):
        rows, columns = match(proposals.classes[sample], proposals.masks[sample], truth)
        chances = proposals.classes[sample].detach().softmax(-1).numpy()
        for query in range(N):
            is_matched = query in rows.tolist()
            entropy -= (1.0 if is_matched else 0.1) * np.log(chances[query, 0 if is_matched else 1])
            weight += 1.0 if is_matched else 0.1
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            p = proposals.masks[sample, row].detach().double().sigmoid().numpy()
            t = truth[column].numpy().astype(np.float64)
            certainty = np.where(t > 0, p, 1 - p)
            focal += (np.where(t > 0, 0.25, 0.75) * (1 - certainty) ** 2 * -np.log(certainty)).mean()
            dice += 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    assert float(loss.classes) == pytest.approx(entropy / weight, rel=1e-5)
    assert float(loss.focal) == pytest.approx(20 * focal / 5, rel=1e-4)
    assert float(loss.dice) == pytest.approx(dice / 5, rel=1e-5)
    assert float(loss.total) == pytest.approx(float(loss.classes + loss.focal + loss.dice), rel=1e-6)


def test_every_output_of_the_decoder_weighs_the_same() -> None:
    one = random_proposals(layers=1)
    thrice = one._replace(auxiliary=(QueryAnswer(one.classes, one.masks),) * 2)
    truths = random_truths(3, 2)
    torch.testing.assert_close(proposal_loss(thrice, truths).total, 3 * proposal_loss(one, truths).total)


def test_masks_are_compared_at_the_size_of_the_truth() -> None:
    proposals = random_proposals(1, layers=1)
    truth = (torch.rand(2, 2 * ROWS, 2 * COLUMNS, generator=torch.Generator().manual_seed(3)) > 0.5).float()
    sized = proposals._replace(
        masks=torch.nn.functional.interpolate(proposals.masks, scale_factor=2, mode="bilinear", align_corners=False)
    )
    torch.testing.assert_close(proposal_loss(proposals, [truth]).total, proposal_loss(sized, [truth]).total)


def test_more_truths_than_queries_and_none_at_all() -> None:
    proposals = random_proposals()
    truths = [random_truths(9)[0], torch.zeros(0, ROWS, COLUMNS)]
    loss = proposal_loss(proposals, truths)
    assert torch.isfinite(loss.total)
    rows, columns = match(proposals.classes[0], proposals.masks[0], truths[0])
    assert len(set(rows.tolist())) == len(set(columns.tolist())) == N
    empty = proposal_loss(proposals, [torch.zeros(0, ROWS, COLUMNS)] * 2)
    assert float(empty.focal.detach()) == float(empty.dice.detach()) == 0
    empty.total.backward()
    assert proposals.classes.grad is not None
    assert proposals.classes.grad.abs().sum() > 0


def test_matched_queries_learn_their_masks_and_the_others_none() -> None:
    proposals, truths = random_proposals(1, layers=1), random_truths(2)
    rows, _ = match(proposals.classes[0], proposals.masks[0], truths[0])
    proposal_loss(proposals, truths).total.backward()
    assert proposals.masks.grad is not None
    learned = proposals.masks.grad[0].abs().sum(dim=(-2, -1)) > 0
    assert sorted(learned.nonzero().flatten().tolist()) == sorted(rows.tolist())


def test_a_few_steps_make_both_stages_better() -> None:
    torch.manual_seed(0)
    network = DISNet(FAMILY.configs["tiny"]).train()
    rows, columns = np.mgrid[:64, :64]
    inner, outer = np.hypot(rows - 30, columns - 34) < 9, np.hypot(rows - 30, columns - 34) < 22
    rgb = torch.from_numpy(np.stack([inner, outer, outer & ~inner]).astype(np.float32))[None]
    truths = [torch.from_numpy(np.stack([inner, outer]))]
    clicks = torch.tensor([[[30.0, 34.0, 0.0], [-1, -1, -1], [48.0, 34.0, 1.0], [-1, -1, -1]]])
    target = torch.from_numpy(inner[None, None].astype(np.float32))
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3, betas=(0.9, 0.99))
    seen = []
    for _ in range(12):
        proposals = network.propose(rgb, clicks)
        first = proposal_loss(proposals, truths)
        masks, queries = proposals.pick(torch.tensor([0]))
        corrected = network.refine(proposals.features, queries, masks.sigmoid(), clicks)
        second = normalized_focal_loss(corrected, target).mean()
        optimiser.zero_grad()
        (first.total + second).backward()
        optimiser.step()
        seen.append((float(first.total.detach()), float(second.detach())))
    assert seen[-1][0] < 0.8 * seen[0][0]
    assert seen[-1][1] < seen[0][1]
