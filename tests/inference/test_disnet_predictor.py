"""DISNet's predictor: proposals once, the chosen one as template, other prompts, and that caches decide nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from tests.seeded import seeded_image
from torch.nn import functional

from napari_iseg.errors import OptionError, PromptError
from napari_iseg.inference.click_predictor import points_tensor
from napari_iseg.inference.disnet_first_stage import most_alike, seen
from napari_iseg.inference.disnet_predictor import DISNetPredictor
from napari_iseg.inference.prediction import Patch, Prediction, Proposal, Window
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.proposals import best_proposal, object_box, suggested
from napari_iseg.inference.session import Session
from napari_iseg.inference.translation import as_clicks
from napari_iseg.inference.zoom import object_window
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.models.disnet import FAMILY, DISNet
from napari_iseg.zoo import DISNetOptions

ROWS, COLUMNS = SHAPE = (75, 110)
IMAGE = seeded_image(ROWS, COLUMNS)
CLICKS = [Click(34, 60), Click(21.25, 57), Click(8, 11, positive=False), Click(39, 67), Click(60, 44, positive=False)]


def network(**changes: Any) -> DISNet:
    """Return a small network whose five proposals differ: random weights, the masks' levels spread around 0.5."""
    torch.manual_seed(3)
    small = DISNet(dataclasses.replace(FAMILY.configs["tiny"], **changes)).eval()
    with torch.no_grad():
        for parameter in small.parameters():
            if parameter.ndim == 1 or not parameter.any():
                parameter.add_(torch.randn_like(parameter) * 0.1)
        small.proposals.decoder.query_feat.weight.mul_(3)
    return small


def predictor(options: dict[str, Any] | None = None, **changes: Any) -> DISNetPredictor:
    return DISNetPredictor(network(**changes), options=DISNetOptions(**(options or {})))


def count_first_stages(one: DISNetPredictor) -> list[int]:
    """Return a list that grows by one at every pass of the first stage."""
    passes: list[int] = []
    one.network.proposals.register_forward_hook(lambda *_: passes.append(1))
    return passes


def test_the_first_stage_runs_once_in_a_session_of_five_clicks() -> None:
    one = predictor()
    passes = count_first_stages(one)
    session = Session(IMAGE, one)
    for click in CLICKS:
        session.add(click)
    assert len(passes) == 1
    assert session.probability.shape == SHAPE
    assert np.isfinite(session.probability).all()
    assert len({drawn.tobytes() for drawn in answers(one, CLICKS)}) == 5


def answers(one: DISNetPredictor, clicks: list[Click]) -> list[np.ndarray]:
    encoding, previous, drawn = one.encode(IMAGE), None, []
    for number in range(1, len(clicks) + 1):
        previous = one.predict(encoding, clicks[:number], previous)
        drawn.append(previous.render())
    return drawn


def test_the_answer_to_the_first_click_is_the_likeliest_of_all_proposals() -> None:
    one = predictor()
    answer = one.predict(one.encode(IMAGE), CLICKS[:1], None)
    scores = [proposal.score for proposal in answer.proposals]
    assert len(scores) == one.network.config.queries
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert answer.chosen == 0
    assert answer.forwards == 1
    assert np.array_equal(answer.render(), answer.proposals[0].render(SHAPE))
    for proposal in answer.proposals:
        assert proposal.box == object_box(proposal.render(SHAPE))


def test_the_first_answer_is_what_the_network_says() -> None:
    one = predictor()
    rgb = torch.from_numpy(IMAGE).permute(2, 0, 1)[None] / 255
    rgb = torch.nn.functional.interpolate(rgb, size=(64, 64), mode="bilinear", align_corners=True)
    points = torch.tensor([[[34 * 64 / ROWS, 60 * 64 / COLUMNS, 0], [-1, -1, -1]]])
    with torch.no_grad():
        logits = one.network(torch.cat([rgb, torch.zeros(1, 1, 64, 64)], dim=1), points)
    patch = one.predict(one.encode(IMAGE), CLICKS[:1], None).patches[0]
    np.testing.assert_allclose(patch.values, logits[0, 0].numpy(), atol=1e-5)
    assert patch.window == Window.whole(SHAPE)
    assert patch.logits


def test_later_clicks_are_what_the_network_says() -> None:
    one = predictor()
    encoding = one.encode(IMAGE)
    first = one.predict(encoding, CLICKS[:1], None)
    patch = one.predict(encoding, CLICKS[:2], first).patches[0]
    rgb = torch.nn.functional.interpolate(encoding.image, size=(64, 64), mode="bilinear", align_corners=True)
    rows = [[c.row * 64 / ROWS, c.column * 64 / COLUMNS, i] for i, c in enumerate(CLICKS[:2])]
    with torch.no_grad():
        logits = one.network(
            torch.cat([rgb, torch.zeros(1, 1, 64, 64)], dim=1), torch.tensor([[*rows, [-1.0] * 3, [-1.0] * 3]])
        )
    np.testing.assert_allclose(patch.values, logits[0, 0].numpy(), atol=1e-5)


def test_the_chosen_proposal_stays_the_template_of_all_later_clicks() -> None:
    one = predictor()
    encoding = one.encode(IMAGE)
    first = one.predict(encoding, CLICKS[:1], None)
    thirds = []
    for index in range(len(first.proposals)):
        second = one.predict(encoding, CLICKS[:2], first.choose(index))
        assert second.proposals == ()
        assert second.chosen is None
        thirds.append(one.predict(encoding, CLICKS[:3], second).render())
    for index, third in enumerate(thirds):
        assert all(np.abs(third - other).max() > 1e-4 for other in thirds[:index])
    assert np.array_equal(thirds[0], answers(one, CLICKS[:3])[2])


def test_no_answer_depends_on_what_is_kept_or_on_the_answers_between() -> None:
    one = predictor()
    encoding = one.encode(IMAGE)
    first = one.predict(encoding, CLICKS[:1], None).choose(2)
    second = one.predict(encoding, CLICKS[:2], first)
    for row in range(5, 65, 10):
        one.predict(encoding, [Click(row, 100)], None)
    assert len(encoding.found) <= 4
    again = one.predict(encoding, CLICKS[:2], first)
    fresh = one.predict(one.encode(IMAGE), CLICKS[:2], first)
    assert np.array_equal(second.render(), again.render())
    assert np.array_equal(second.render(), fresh.render())
    assert second.forwards == again.forwards == fresh.forwards == 1


def test_several_clicks_at_once_are_answered_from_the_likeliest_proposal() -> None:
    one = predictor()
    at_once = one.predict(one.encode(IMAGE), CLICKS[:3], None)
    assert np.array_equal(at_once.render(), answers(one, CLICKS[:3])[2])


def test_an_answer_to_another_first_click_is_no_template() -> None:
    one = predictor()
    encoding = one.encode(IMAGE)
    foreign = one.predict(encoding, [Click(10, 90)], None).choose(3)
    moved = one.predict(encoding, CLICKS[:2], foreign)
    assert np.array_equal(moved.render(), answers(one, CLICKS[:2])[1])


def test_clicks_find_the_template_of_somebody_who_chose_none() -> None:
    fixed, follows = predictor(), predictor({"follow_clicks": True})
    encoding, plain = follows.encode(IMAGE), fixed.encode(IMAGE)
    first = follows.predict(encoding, CLICKS[:1], None)
    maps = [proposal.render(SHAPE) for proposal in first.proposals]
    # A click that includes where the likeliest proposal is least an object compared with another one.
    gain = np.max(maps, axis=0) - maps[0]
    row, column = np.unravel_index(gain.argmax(), SHAPE)
    better = int(np.argmax([one[row, column] for one in maps]))
    assert better != 0
    clicks = [CLICKS[0], *(Click(int(row), int(column)) for _ in range(6))]
    followed = follows.predict(encoding, clicks, first)
    assert np.array_equal(followed.render(), fixed.predict(plain, clicks, first.choose(better)).render())
    assert not np.array_equal(followed.render(), fixed.predict(plain, clicks, first).render())
    # Later clicks may still change it, a choice may not be changed.
    again = [*clicks, CLICKS[2]]
    assert follows.predict(encoding, again, followed).memory.follows
    chosen = first.choose(0)
    assert chosen.picked
    picked = follows.predict(encoding, clicks, chosen)
    assert np.array_equal(picked.render(), fixed.predict(plain, clicks, first).render())
    assert not picked.memory.follows


def test_a_session_chooses_undoes_and_goes_on() -> None:
    session = Session(IMAGE, predictor())
    session.add(CLICKS[0])
    likeliest = session.probability.copy()
    session.choose(3)
    chosen = session.probability.copy()
    assert not np.array_equal(chosen, likeliest)
    session.add(CLICKS[1])
    refined = session.probability.copy()
    session.undo()
    assert np.array_equal(session.probability, chosen)
    session.undo()
    assert np.array_equal(session.probability, likeliest)
    session.add(CLICKS[1])
    assert not np.array_equal(session.probability, refined)


def test_a_negative_first_click_is_refused() -> None:
    session = Session(IMAGE, predictor())
    with pytest.raises(PromptError, match="starts from a positive one"):
        session.add(Click(10, 10, positive=False))
    assert session.prompts == ()
    with pytest.raises(PromptError, match="positive"):
        session.add(Scribble(((5, 5), (9, 20)), positive=False))


def drawn_proposals() -> list[Proposal]:
    """Return a large disc, a small one and another small one, the likeliest first."""
    masks = [disc(40, 55, 30), disc(40, 40, 8), disc(20, 90, 8)]
    window = Window.whole(SHAPE)
    return [Proposal(Patch(window, mask.astype(np.float32)), score=0.5, box=object_box(mask)) for mask in masks]


def test_a_box_suggests_the_proposal_with_the_most_similar_box() -> None:
    proposals = drawn_proposals()
    assert suggested(proposals, Box((12, 28), (68, 84)), SHAPE) == 0
    assert suggested(proposals, Box((30, 31), (49, 50)), SHAPE) == 1
    assert suggested(proposals, Box((5, 75), (30, 109)), SHAPE) == 2
    assert suggested(proposals, Click(40, 40), SHAPE) == 0


def test_a_scribble_suggests_the_likeliest_proposal_that_holds_most_of_it() -> None:
    proposals = drawn_proposals()
    assert suggested(proposals, Scribble(((40, 34), (40, 46))), SHAPE) == 0
    assert suggested(proposals, Scribble(((20, 84), (20, 96))), SHAPE) == 2
    assert suggested(proposals, Scribble(((74.5, 109.4),)), SHAPE) == 0


def test_a_first_box_is_answered_by_what_it_suggests() -> None:
    one = predictor()
    encoding = one.encode(IMAGE)
    box = Box((24, 45), (45, 76))
    answer = one.predict(encoding, [box], None)
    click = one.predict(encoding, [Click(34, 60)], None)
    assert len(encoding.found) == 1
    assert [p.score for p in answer.proposals] == [p.score for p in click.proposals]
    assert answer.chosen == suggested(click.proposals, box, SHAPE)
    assert np.array_equal(answer.render(), click.proposals[answer.chosen].render(SHAPE))


def test_a_scribble_is_answered_by_the_proposal_that_holds_most_of_it() -> None:
    one = predictor()
    encoding = one.encode(IMAGE)
    scribble = Scribble(((12, 10), (60, 100)), width=2)
    answer = one.predict(encoding, [scribble], None)
    clicks = [(c.row, c.column) for c in as_clicks([scribble], SHAPE).clicks]
    held = [sum(p.render(SHAPE)[round(r), round(c)] > 0.5 for r, c in clicks) for p in answer.proposals]
    assert len(clicks) > 1
    assert answer.chosen == held.index(max(held))
    later = one.predict(encoding, [scribble, CLICKS[2]], answer)
    assert np.isfinite(later.render()).all()
    assert later.proposals == ()


def disc(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    return np.hypot(rows - row, columns - column) < radius


def test_a_mask_is_the_answer_and_then_the_template() -> None:
    one = predictor()
    passes = count_first_stages(one)
    encoding = one.encode(IMAGE)
    prompts = [MaskPrompt(disc(30, 60, 15)), Click(12, 15, positive=False)]
    given = one.predict(encoding, prompts[:1], None)
    assert np.array_equal(given.render() > 0.5, disc(30, 60, 15))
    assert passes == []
    refined = one.predict(encoding, prompts, given)
    further = one.predict(encoding, [*prompts, Click(50, 60)], refined)
    assert passes == [1]
    assert list(encoding.found) == [((Click(30, 60),), Window.whole(SHAPE))]
    other = one.predict(encoding, [MaskPrompt(disc(30, 60, 9)), prompts[1]], None)
    assert np.abs(other.render() - refined.render()).max() > 1e-4
    assert np.abs(further.render() - refined.render()).max() > 1e-4


def test_a_mask_after_a_click_keeps_the_first_click() -> None:
    one = predictor()
    encoding = one.encode(IMAGE)
    prompts = [CLICKS[0], MaskPrompt(disc(20, 90, 12)), CLICKS[2]]
    one.predict(encoding, prompts, None)
    assert list(encoding.found) == [((CLICKS[0],), Window.whole(SHAPE))]


def test_a_box_before_a_mask_gives_the_first_click_once() -> None:
    one = predictor()
    seen: list[torch.Tensor] = []
    one.network.refinement.register_forward_pre_hook(lambda _, given: seen.append(given[3]))
    box, mask = Box((24, 45), (45, 76)), MaskPrompt(disc(20, 90, 12))
    one.predict(one.encode(IMAGE), [box, mask, CLICKS[2]], None)
    assert [int((row[:, 0] >= 0).sum()) for row in seen[0]] == [2]


def test_an_empty_mask_is_told_in_a_sentence() -> None:
    one = predictor()
    encoding = one.encode(IMAGE)
    prompts = [MaskPrompt(np.zeros(SHAPE, bool)), Click(12, 15, positive=False)]
    with pytest.raises(PromptError, match="mask is empty"):
        one.predict(encoding, prompts, None)
    assert np.isfinite(one.predict(encoding, [CLICKS[0], *prompts], None).render()).all()


def lowered(one: DISNetPredictor, level: float) -> DISNetPredictor:
    """Lower every logit of the proposals by ``level``, through a channel of F that is 1 everywhere."""
    features, head = one.network.proposals.pixel_decoder.mask_features, one.network.proposals.decoder.head
    with torch.no_grad():
        features.weight[0], features.bias[0] = 0, 1
        head.mask_embed[-1].weight[0], head.mask_embed[-1].bias[0] = 0, -level
    return one


def test_zoom_in_asks_again_at_the_mask_s_surroundings_with_the_mask_as_template() -> None:
    rows, columns = 640, 500
    mask = np.zeros((rows, columns), bool)
    mask[280:340, 230:300] = True
    one = predictor({"zoom_in": True, "min_crop": 24})
    passes = count_first_stages(one)
    encoding = one.encode(seeded_image(rows, columns))
    both = [Click(300, 250), Click(335, 290, positive=False)]
    prompts = [both[0], MaskPrompt(mask), both[1]]
    crop = object_window(mask.astype(np.float32), both[:1], 1.4, 24)
    first = one.predict(encoding, prompts, one.predict(encoding, prompts[:2], None))
    assert first.window == first.zoom == crop
    assert len(passes) == 1
    assert first.forwards == 2
    # As long as the crop suits, the template stays: what is between two clicks changes nothing.
    cut = Patch(crop, mask[crop.slices].astype(np.float32))
    second = one.predict(encoding, prompts, dataclasses.replace(first, patches=(cut,)))
    assert second.window == second.zoom == crop
    assert len(passes) == second.forwards == 1
    proposals = one.network.propose(seen(encoding, crop, one.size), points_tensor(both[:1], crop, one.size))
    reduced = functional.interpolate(
        torch.from_numpy(mask[crop.slices].astype(np.float32))[None, None],
        size=proposals.masks.shape[-2:],
        mode="bilinear",
        antialias=True,
    )[:, 0]
    query = most_alike(proposals.masks[0].sigmoid(), reduced)
    refined = one.network.refine(
        proposals.features, proposals.queries[:, query], reduced, points_tensor(both, crop, one.size)
    )
    np.testing.assert_allclose(second.patches[0].values, refined[0, 0].detach(), atol=2e-5)
    # A mask elsewhere wants another crop.
    away = Patch(Window(20, 60, 30, 90), np.ones((40, 60), np.float32))
    third = one.predict(encoding, prompts, dataclasses.replace(first, patches=(away,)))
    assert third.zoom != crop
    assert third.forwards == 2


def test_zoom_in_keeps_the_first_crop_while_it_suits() -> None:
    one, plain = predictor({"zoom_in": True}), predictor()
    answers = []
    for each in (one, plain):
        encoding = each.encode(IMAGE)
        first = each.predict(encoding, CLICKS[:1], None)
        full = dataclasses.replace(first, patches=(Patch(first.window, np.full(SHAPE, 0.9, np.float32)),))
        answers.append(each.predict(encoding, CLICKS[:2], full).render())
    np.testing.assert_array_equal(*answers)


def test_zoom_in_looks_at_what_the_clicks_choose_while_nobody_has_chosen() -> None:
    one = predictor({"zoom_in": True, "follow_clicks": True, "min_crop": 8})
    encoding = one.encode(IMAGE)
    first = one.predict(encoding, CLICKS[:1], None)
    likeliest, _, *_, last = first.memory.queries
    masks = next(iter(encoding.found.values())).masks
    with torch.inference_mode():
        # The likeliest proposal fills the image; the last alone holds the first click and not the second.
        masks.fill_(-9)
        masks[0, likeliest] = 9
        masks[0, last, 11:17, 14:20] = 9
    clicks = [Click(34, 60), Click(8, 11, positive=False)]
    answer = one.predict(encoding, clicks, first)
    rows, columns = answer.window.shape
    assert answer.zoom == answer.window
    assert rows < 0.5 * ROWS
    assert columns < 0.5 * COLUMNS
    # Whoever chose the likeliest has said what is meant.
    full = Patch(Window.whole(SHAPE), np.full(SHAPE, 0.9, np.float32))
    proposals = (dataclasses.replace(first.proposals[0], patch=full), *first.proposals[1:])
    chosen = dataclasses.replace(first, proposals=proposals).choose(0)
    assert one.predict(encoding, clicks, chosen).zoom is None


def test_zoom_first_proposes_anew_around_a_small_first_mask() -> None:
    rows, columns = 640, 500
    image, first = seeded_image(rows, columns), Click(300, 250)
    whole = Window.whole((rows, columns))
    for level in np.arange(0, 12, 0.5):
        plain = lowered(predictor(), level)
        answer = plain.predict(plain.encode(image), [first], None)
        crop = object_window(answer.render(), [first], 1.4, 200)
        if np.prod(crop.shape) < 0.5 * rows * columns:
            break
    else:
        pytest.fail("at no level is the first mask small")
    assert answer.patches[0].window == whole
    zooming = lowered(predictor({"zoom_first": True}), level)
    passes = count_first_stages(zooming)
    encoding = zooming.encode(image)
    zoomed = zooming.predict(encoding, [first], None)
    later = zooming.predict(encoding, [first, Click(20, 20, positive=False)], zoomed)
    assert len(passes) == zoomed.forwards == 2
    assert all(proposal.patch.window == crop for proposal in zoomed.proposals)
    assert later.patches[0].window == crop


def test_zoom_first_keeps_the_whole_image_for_a_large_or_missing_first_mask() -> None:
    for level in (-100.0, 100.0):
        one = lowered(predictor({"zoom_first": True}), level)
        passes = count_first_stages(one)
        answer = one.predict(one.encode(IMAGE), CLICKS[:1], None)
        assert answer.patches[0].window == Window.whole(SHAPE)
        assert len(passes) == answer.forwards == 1


def test_zoom_first_looks_at_a_mask_that_is_given() -> None:
    rows, columns = 640, 500
    mask = np.zeros((rows, columns), bool)
    mask[280:340, 230:300] = True
    one = predictor({"zoom_first": True})
    passes = count_first_stages(one)
    encoding = one.encode(seeded_image(rows, columns))
    refined = one.predict(encoding, [MaskPrompt(mask), Click(10, 10, positive=False)], None)
    # 1.4 times the mask is less than the smallest crop: 200 pixels around its middle.
    assert refined.patches[0].window == Window(210, 411, 164, 365)
    assert len(passes) == 1
    closer = predictor({"zoom_first": True, "min_crop": 64})
    given = [MaskPrompt(mask), Click(10, 10, positive=False)]
    window = closer.predict(closer.encode(seeded_image(rows, columns)), given, None).patches[0].window
    assert window == object_window(Prediction.from_mask(mask).render(), [], 1.4, 64)
    assert window.shape[0] < 100


def test_the_ablation_without_first_click_design_proposes_at_every_positive_click() -> None:
    one = predictor(first_click=False)
    passes = count_first_stages(one)
    answers(one, CLICKS)
    assert len(passes) == 3


def test_evaluations_choose_by_the_reference() -> None:
    one = predictor()
    first = one.predict(one.encode(IMAGE), CLICKS[:1], None)
    for index, proposal in enumerate(first.proposals):
        truth = proposal.render(SHAPE) > 0.5
        same = [np.array_equal(p.render(SHAPE) > 0.5, truth) for p in first.proposals]
        if truth.any():
            assert best_proposal(first, truth) == same.index(True) <= index
    assert len({best_proposal(first, p.render(SHAPE) > 0.5) for p in first.proposals}) > 1
    second = one.predict(one.encode(IMAGE), CLICKS[:2], first)
    with pytest.raises(PromptError, match="no proposals"):
        best_proposal(second, truth)


def test_the_reference_may_ignore_pixels() -> None:
    one = predictor()
    first = one.predict(one.encode(IMAGE), CLICKS[:1], None)
    masks = [proposal.render(SHAPE) > 0.5 for proposal in first.proposals]
    index = next(i for i, mask in enumerate(masks) if i and mask.any() and not np.array_equal(mask, masks[0]))
    truth = np.where(masks[index] == masks[0], masks[0], -1).astype(np.int8)
    assert best_proposal(first, truth) == 0


def test_sizes_other_than_the_networks_own() -> None:
    one = predictor({"target_size": (72, 104)})
    assert answers(one, CLICKS)[-1].shape == SHAPE
    with pytest.raises(OptionError, match="target_size"):
        predictor({"target_size": 71})


def test_cancelling_ends_the_work() -> None:
    one = predictor()
    with pytest.raises(CancelledError):
        one.predict(one.encode(IMAGE), CLICKS[:1], None, cancelled=lambda: True)
