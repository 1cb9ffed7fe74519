"""DISNet's network: the equations one by one, what depends on what, and sizes. No released weights to compare with."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.seeded import seeded_image
from torch.nn import functional

from napari_iseg.errors import WeightsError
from napari_iseg.models.disnet import FAMILY, DISNet, DISNetConfig
from napari_iseg.models.disnet_refinement import (
    FirstClickGuidance,
    MaskedClickAttention,
    decay_maps,
    first_positive,
)

if TYPE_CHECKING:
    from pathlib import Path

TINY = FAMILY.configs["tiny"]
UNUSED = (-1.0, -1.0, -1.0)
FIRST = (20.0, 22.5, 0.0)


def tiny(seed: int = 0, **changes: object) -> DISNet:
    """Return a small network with random weights, those that start at zero or one made random as well."""
    torch.manual_seed(seed)
    network = DISNet(dataclasses.replace(TINY, **changes))
    for parameter in network.parameters():
        if parameter.ndim == 1 or not parameter.any():
            torch.nn.init.normal_(parameter, mean=float(parameter.detach().mean()), std=0.05)
    return network.eval()


def picture(rows: int = 64, columns: int = 64) -> torch.Tensor:
    """Return (1, 4, rows, columns): an image and an empty previous mask."""
    rgb = torch.from_numpy(seeded_image(rows, columns)).permute(2, 0, 1)[None] / 255
    return torch.cat([rgb, torch.zeros(1, 1, rows, columns)], dim=1)


def points(positive: list[tuple[float, float, float]], negative: list[tuple[float, float, float]] = []) -> torch.Tensor:  # noqa: B006
    """Return (1, 2n, 3) of positive and negative (row, column, order)."""
    count = max(len(positive), len(negative), 1)
    rows = [row for half in (positive, negative) for row in half + [UNUSED] * (count - len(half))]
    return torch.tensor([rows])


FIVE = ([FIRST, (40.0, 11.0, 2.0), (50.0, 50.0, 3.0)], [(5.0, 5.0, 1.0), (33.0, 60.0, 4.0)])


def test_decay_maps_are_equation_5() -> None:
    clicks = first_positive(points([(21.5, 29.5, 0), (61.5, 61.5, 1)], [(45.5, 9.5, 2)]))
    positive, negative = decay_maps(clicks, (20, 18), (4.0, 4.0), first_radius=15, other_radius=5)
    assert positive.shape == negative.shape == (1, 20, 18)
    # Centres of cells are at 4 i + 1.5: these clicks lie on those of cells (5, 7), (15, 15) and (11, 2).
    assert positive[0, 5, 7] == 1
    assert positive[0, 15, 15] == 1
    assert negative[0, 11, 2] == 1
    assert positive[0, 5, 8] == pytest.approx(1 - 4 / 15)
    assert positive[0, 7, 9] == pytest.approx(1 - np.hypot(8, 8) / 15)
    assert positive[0, 5, 11] == 0
    assert positive[0, 15, 16] == pytest.approx(1 - 4 / 5)
    assert positive[0, 16, 16] == 0
    assert negative[0, 12, 2] == pytest.approx(1 - 4 / 5)
    assert np.count_nonzero(negative) == 5
    distance = np.hypot(*(4 * np.mgrid[:20, :18] + 1.5 - np.array([21.5, 29.5])[:, None, None]))
    assert (positive[0, :12].numpy() == 0).tolist() == (distance >= 15)[:12].tolist()


def test_decay_maps_without_clicks_are_zero() -> None:
    maps = decay_maps(first_positive(points([])), (6, 7), (4.0, 4.0), first_radius=15, other_radius=5)
    assert all(not plane.any() for plane in maps)


def test_every_click_touches_a_cell() -> None:
    for row in np.arange(0, 8, 0.5):
        for column in np.arange(0, 8, 0.5):
            clicks = first_positive(points([], [(row, column, 0)]))
            assert decay_maps(clicks, (2, 2), (4.0, 4.0), first_radius=15, other_radius=5)[1].max() > 0


def test_the_first_click_is_the_positive_one_of_lowest_order() -> None:
    clicks = first_positive(points([(1, 1, 3), (2, 2, 1), (3, 3, 2)], [(4, 4, 0)]))
    assert clicks.first.tolist() == [[False, True, False, False, False, False]]
    assert clicks.positive.tolist() == [[True, False, True, False, False, False]]
    assert clicks.negative.tolist() == [[False, False, False, True, False, False]]
    tied = first_positive(points([(1, 1, 1), (2, 2, 1)]))
    assert tied.first.tolist() == [[True, False, False, False]]
    assert not first_positive(points([], [(4, 4, 0)])).first.any()


def attention() -> MaskedClickAttention:
    torch.manual_seed(1)
    module = MaskedClickAttention(32, 4, 16)
    for layer in (module.query, module.key, module.value):
        torch.nn.init.normal_(layer.bias)
    return module


def test_masked_click_attention_is_equation_7() -> None:
    from napari_iseg.models.deformable import sine_positions

    module, rows, columns = attention(), 6, 7
    token, features = torch.randn(2, 1, 32), torch.randn(2, 32, rows, columns)
    mask, near = torch.rand(2, 1, rows, columns).clamp(0.01, 0.99), torch.rand(2, rows, columns)
    cells = features.flatten(2).transpose(1, 2)
    query = module.query(token).unflatten(-1, (4, 8)).transpose(1, 2)
    key = module.key(cells + sine_positions((rows, columns), 32, like=cells)).unflatten(-1, (4, 8)).transpose(1, 2)
    value = module.value(cells).unflatten(-1, (4, 8)).transpose(1, 2)
    scores = query @ key.transpose(-1, -2) / 8**0.5 * near.flatten(1)[:, None, None]
    weights = (scores + mask.log().flatten(2)[:, :, None]).softmax(-1)
    wanted = (weights @ value).transpose(1, 2).flatten(2)
    torch.testing.assert_close(
        module.gather(module.scores(token, features), features, mask, near), wanted, atol=1e-5, rtol=1e-5
    )


def test_without_a_click_the_masked_mean_is_gathered() -> None:
    module = attention()
    features, mask = torch.randn(1, 32, 6, 7), torch.rand(1, 1, 6, 7).clamp(1e-6, 1 - 1e-6)
    gathered = module.gather(module.scores(torch.randn(1, 1, 32), features), features, mask, torch.zeros(1, 6, 7))
    weights = (mask / mask.sum()).flatten()
    mean = weights @ module.value(features.flatten(2)[0].T)
    torch.testing.assert_close(gathered[0, 0], mean, atol=1e-5, rtol=1e-5)


def test_a_full_decay_map_leaves_ordinary_masked_attention() -> None:
    module = attention()
    token, features = torch.randn(1, 1, 32), torch.randn(1, 32, 6, 7)
    even = torch.full((1, 1, 6, 7), 0.5)
    scores = module.scores(token, features)
    weights = scores.softmax(-1)
    values = module.value(features.flatten(2).transpose(1, 2)).unflatten(-1, (4, 8))
    wanted = torch.einsum("bhs,bshe->bhe", weights, values).flatten(1)[:, None]
    torch.testing.assert_close(module.gather(scores, features, even, torch.ones(1, 6, 7)), wanted, atol=1e-5, rtol=1e-5)


def guidance_answer(mask: float, clicks: torch.Tensor, **changes: object) -> torch.Tensor:
    torch.manual_seed(2)
    network = tiny(**changes)
    guidance = network.refinement.blocks[0].guidance
    assert isinstance(guidance, FirstClickGuidance)
    features = torch.randn(1, 32, 16, 16)
    with torch.no_grad():
        split = first_positive(clicks)
        vectors = network.refinement.clicks(split, (64, 64))
        return guidance(features, torch.full((1, 1, 16, 16), mask), split, vectors, (64, 64))


def test_guidance_inside_the_mask_ignores_negative_clicks() -> None:
    here = points([FIRST, (40.0, 11.0, 2.0)], [(5.0, 5.0, 1.0), (9.0, 3.0, 3.0)])
    moved = points([FIRST, (40.0, 11.0, 2.0)], [(60.0, 35.0, 1.0), UNUSED])
    assert torch.equal(guidance_answer(1.0, here), guidance_answer(1.0, moved))
    assert (guidance_answer(0.0, here) - guidance_answer(0.0, moved)).abs().max() > 1e-5


def test_guidance_outside_the_mask_ignores_positive_clicks_but_the_first() -> None:
    here = points([FIRST, (40.0, 11.0, 2.0)], [(5.0, 5.0, 1.0)])
    moved = points([FIRST, (14.0, 51.0, 2.0)], [(5.0, 5.0, 1.0)])
    assert torch.equal(guidance_answer(0.0, here), guidance_answer(0.0, moved))
    assert (guidance_answer(1.0, here) - guidance_answer(1.0, moved)).abs().max() > 1e-5
    other_first = points([(14.0, 51.0, 0.0), (40.0, 11.0, 2.0)], [(5.0, 5.0, 1.0)])
    assert (guidance_answer(0.0, here) - guidance_answer(0.0, other_first)).abs().max() > 1e-5


def test_guidance_sees_the_feature_under_a_click() -> None:
    network = tiny()
    guidance = network.refinement.blocks[0].guidance
    features = torch.zeros(1, 32, 16, 16)
    features[..., 5, 7] = 1
    # Four input pixels to a cell: the centre of cell (5, 7) is at row 21.5, column 29.5.
    clicks = first_positive(points([(21.5, 29.5, 0.0), (21.5, 31.5, 1.0), (50.0, 50.0, 2.0)]))
    vectors = torch.zeros(1, 6, 32)
    with torch.no_grad():
        rows = guidance.rows(features, clicks, vectors, (64, 64))[0]
        full = guidance.project(torch.cat([torch.ones(32), torch.zeros(32)]))
        half = guidance.project(torch.cat([torch.full((32,), 0.5), torch.zeros(32)]))
        none = guidance.project(torch.zeros(64))
    for row, wanted in zip(rows, (full, half, none), strict=False):
        torch.testing.assert_close(row, wanted, atol=1e-5, rtol=1e-5)


def test_permuting_the_other_clicks_changes_nothing() -> None:
    network, (positive, negative) = tiny(), FIVE
    with torch.no_grad():
        answer = network(picture(), points(positive, negative))
        turned = network(picture(), points([positive[2], positive[0], positive[1]], negative[::-1]))
        other_first = network(picture(), points([(*FIRST[:2], 9.0), *positive[1:]], negative))
    torch.testing.assert_close(turned, answer, atol=1e-5, rtol=1e-5)
    assert (other_first - answer).abs().max() > 1e-3


def test_the_answer_to_the_first_click_is_the_likeliest_proposal() -> None:
    network = tiny()
    with torch.no_grad():
        proposals = network.propose(picture()[:, :3], points([FIRST]))
        answer = network(picture(), points([FIRST]))
    best = int(proposals.foreground()[0].argmax())
    assert torch.equal(answer, network.enlarge(proposals.masks[:, best : best + 1]))


def test_one_batch_holds_first_and_later_clicks() -> None:
    network = tiny()
    padded = points([FIRST, UNUSED, UNUSED])
    images = torch.cat([picture(), picture().flip(-1)])
    with torch.no_grad():
        together = network(images, torch.cat([padded, points(*FIVE)]))
        apart = network(images[:1], padded), network(images[1:], points(*FIVE))
    torch.testing.assert_close(together, torch.cat(apart), atol=1e-5, rtol=1e-5)


def test_proposals_depend_on_the_first_click_alone() -> None:
    network = tiny()
    with torch.no_grad():
        one = network.propose(picture()[:, :3], points([FIRST, UNUSED, UNUSED]))
        five = network.propose(picture()[:, :3], points(*FIVE))
        elsewhere = network.propose(picture()[:, :3], points([(50.0, 9.0, 0.0)]))
    torch.testing.assert_close(one.masks, five.masks, atol=1e-5, rtol=1e-5)
    assert (one.masks - elsewhere.masks).abs().max() > 1e-3


def test_without_the_first_click_design_proposals_see_all_positive_clicks() -> None:
    network = tiny(first_click=False)
    with torch.no_grad():
        answers = [
            network.propose(picture()[:, :3], clicks).masks
            for clicks in (points([FIRST]), points([FIRST, (50.0, 50.0, 1.0)]), points([FIRST], [(5.0, 5.0, 1.0)]))
        ]
    assert (answers[0] - answers[1]).abs().max() > 1e-4
    torch.testing.assert_close(answers[0], answers[2], atol=1e-5, rtol=1e-5)


def test_the_second_stage_teaches_the_features_but_not_the_template() -> None:
    network = tiny()
    proposals = network.propose(picture()[:, :3], points([FIRST]))
    features = proposals.features.detach().requires_grad_()
    logits = proposals.masks[:, 0].detach().requires_grad_()
    network.refine(features, proposals.queries[:, 0], logits.sigmoid(), points(*FIVE)).square().mean().backward()
    assert features.grad is not None
    assert features.grad.abs().sum() > 0
    assert logits.grad is None


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "bf16"])
def test_what_ranks_the_proposals_learns_from_their_classes(half: bool) -> None:
    network = tiny().train()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        proposals = network.propose(picture(64, 96)[:, :3], points([FIRST]))
    # The answer goes through a choice, by which nothing is learned; only the classes themselves teach.
    functional.cross_entropy(proposals.classes.float().flatten(0, 1), torch.tensor([0, 1, 1, 0, 1])).backward()
    head = network.proposals.decoder.head.class_embed
    for parameter in (head.weight, head.bias, network.proposals.backbone.patch_embed.proj.weight):
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.any()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"multi_output": False},
        {"use_mca": False},
        {"use_fcg": False},
        {"use_mca": False, "use_fcg": False},
        {"use_click_feature": False},
        {"use_convffn": False},
        {"first_click": False},
    ],
    ids=lambda changes: "-".join(changes) or "full",
)
def test_gradients_reach_every_parameter_of_every_ablation(changes: dict[str, bool]) -> None:
    network = tiny(**changes).train()
    clicks = points(*FIVE)
    proposals = network.propose(picture()[:, :3], clicks)
    masks, queries = proposals.pick(torch.tensor([0]))
    refined = network.refine(proposals.features, queries, masks.sigmoid(), clicks)
    outputs = [refined, proposals.masks, proposals.classes, *(part for pair in proposals.auxiliary for part in pair)]
    torch.stack([output.square().mean() for output in outputs]).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("name", ["use_mca", "use_fcg", "use_click_feature", "use_convffn"])
def test_every_part_of_the_refinement_changes_the_answer(name: str) -> None:
    full, without = tiny(), tiny(**{name: False})
    without.load_state_dict(full.state_dict(), strict=False)
    with torch.no_grad():
        answers = [network(picture(), points(*FIVE)) for network in (full, without)]
    assert (answers[0] - answers[1]).abs().max() > 1e-4


@pytest.mark.parametrize("radii", [(5.0, 5.0), (15.0, 15.0)])
def test_radii_of_table_3_change_the_answer(radii: tuple[float, float]) -> None:
    networks = tiny(), tiny(first_radius=radii[0], other_radius=radii[1])
    with torch.no_grad():
        answers = [network(picture(), points(*FIVE)) for network in networks]
    assert (answers[0] - answers[1]).abs().max() > 1e-5


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (72, 104)])
def test_shapes_at_other_sizes(rows: int, columns: int) -> None:
    network = tiny()
    assert network.config.accepts((rows, columns))
    image = picture(rows, columns).expand(2, -1, -1, -1)
    clicks = torch.cat([points(*FIVE), points([FIRST, UNUSED, UNUSED])])
    with torch.no_grad():
        proposals = network.propose(image[:, :3], clicks)
        answer = network(image, clicks)
    assert proposals.masks.shape == (2, 5, rows // 2, columns // 2)
    assert proposals.classes.shape == (2, 5, 2)
    assert proposals.queries.shape == (2, 5, 32)
    assert proposals.features.shape == (2, 32, rows // 2, columns // 2)
    assert len(proposals.auxiliary) == 3
    assert answer.shape == (2, 1, rows, columns)
    assert torch.isfinite(answer).all()


def test_a_certain_template_and_a_click_at_the_corner_stay_finite() -> None:
    network = tiny()
    with torch.no_grad():
        proposals = network.propose(picture()[:, :3], points([(0.0, 0.0, 0.0)]))
        for value in (0.0, 1.0):
            mask = torch.full((1, 32, 32), value)
            answer = network.refine(proposals.features, proposals.queries[:, 0], mask, points([(0.0, 0.0, 0.0)]))
            assert torch.isfinite(answer).all()


def test_the_refinement_starts_with_the_mask_layers_of_the_proposals() -> None:
    network = DISNet(TINY)
    ours, theirs = network.refinement.mask, network.proposals.decoder.head.mask_embed
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    assert ours[0].weight is not theirs[0].weight


def test_the_base_network_has_109_million_parameters_of_which_4_refine() -> None:
    with torch.device("meta"):
        network = DISNet(DISNetConfig())
    assert sum(parameter.numel() for parameter in network.parameters()) == 109_223_234
    assert sum(parameter.numel() for parameter in network.refinement.parameters()) == 3_763_712


def test_weights_survive_a_file_up_to_half_precision(tmp_path: Path) -> None:
    network = tiny(first_radius=9.0)
    FAMILY.save(tmp_path / "disnet.safetensors", network, {"name": "test"})
    loaded = FAMILY.load(tmp_path / "disnet.safetensors")
    assert loaded.config == network.config
    for (name, ours), theirs in zip(network.state_dict().items(), loaded.state_dict().values(), strict=True):
        assert torch.equal(ours.half().float(), theirs), name


def test_no_released_file_is_taken_for_disnet(tmp_path: Path) -> None:
    torch.save({"state_dict": tiny().state_dict()}, tmp_path / "somebody.pth")
    with pytest.raises(WeightsError, match="another network than DISNet"):
        FAMILY.load(tmp_path / "somebody.pth")
