"""What the Object-Net is asked in training: crops around objects, and prompts where they should lie."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation
from tests.methods import FAMILIES, tiny_network

from napari_iseg.inference.focalclick_xl_predictor import FocalClickXLPredictor
from napari_iseg.inference.prediction import Window
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.interactions.simulated_masks import mask_iou
from napari_iseg.models.focalclick_xl import FAMILY
from napari_iseg.training.prompting import (
    ObjectView,
    answers_to,
    object_window_to_train,
    rough_mask,
    view_objects,
)
from napari_iseg.training.recipe import DataRecipe, Recipe, Stage
from napari_iseg.zoo import METHODS

if TYPE_CHECKING:
    from napari_iseg.models.focalclick_xl import FocalClickXL

RECIPE = Recipe(
    name="tiny-xl",
    method="focalclick-xl",
    network=FAMILY.configs["tiny"],
    stages=(Stage(until=1.0, size=64, batch=2),),
    data=DataRecipe(),
    seconds=1.0,
    schedule="sampled",
    sampled_passes=(0, 0),
    random_first_clicks=0.0,
    click_slots=4,
)


@pytest.fixture
def network() -> FocalClickXL:
    found: FocalClickXL = tiny_network(FAMILIES[METHODS["focalclick-xl"].family or ""])
    return found


def scene(count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Return bright ellipses on dark ground, a corner of each image ignored."""
    rows, columns = np.mgrid[:96, :80]
    inside = ((rows - 50) / 20) ** 2 + ((columns - 36) / 14) ** 2 <= 1
    target = torch.from_numpy(inside.astype(np.int8))[None].repeat(count, 1, 1)
    target[:, :8, :8] = -1
    rgb = (0.2 + 0.6 * (target == 1))[:, None].repeat(1, 3, 1, 1).float()
    return rgb, target


def asked(network: FocalClickXL) -> list[tuple[torch.Tensor, str]]:
    """Return a list that fills with the coordinates and the kind of every question to the Object-Net."""
    questions: list[tuple[torch.Tensor, str]] = []
    network.object_net.register_forward_pre_hook(lambda _, given: questions.append((given[1].clone(), given[2])))
    return questions


@pytest.mark.parametrize("seed", range(12))
def test_crops_hold_most_of_the_object_and_lie_in_the_image(seed: int) -> None:
    _, target = scene(1)
    truth = target[0].numpy()
    window = object_window_to_train(truth, np.random.default_rng(seed))
    assert 0 <= window.row_start < window.row_stop <= 96
    assert 0 <= window.column_start < window.column_stop <= 80
    assert 1.0 < window.shape[0] / 41 <= 2.05
    assert (truth[window.slices] == 1).sum() > 0.8 * (truth == 1).sum()


def test_nothing_to_look_at_is_seen_whole_and_a_far_object_keeps_a_pixel(network: FocalClickXL) -> None:
    assert object_window_to_train(np.zeros((20, 30), np.int8), np.random.default_rng(0)) == Window(0, 20, 0, 30)
    rgb, target = torch.rand(1, 3, 300, 300), torch.zeros(1, 300, 300, dtype=torch.int8)
    target[0, 101, 103] = 1
    view = view_objects(network, rgb, target, 32, 1.0, np.random.default_rng(0))
    assert view.windows == [Window(0, 300, 0, 300)]
    assert torch.nonzero(view.target == 1).tolist() == [[0, 10, 10]]


def test_image_and_target_are_cut_alike_and_pasted_back(network: FocalClickXL) -> None:
    rgb, target = scene()
    view = view_objects(network, rgb, target, 64, 0.3, np.random.default_rng(1))
    assert view.rgb.shape == (3, 3, 64, 64)
    assert view.target.dtype == torch.int8
    bright = view.rgb[:, 0]
    assert ((bright > 0.5) == (view.target == 1)).float().mean() > 0.995
    pasted = view.paste((view.target[:, None] == 1).float() * 20 - 10, (96, 80))
    for probability, truth, window in zip(pasted, target.numpy(), view.windows, strict=True):
        assert mask_iou(probability[window.slices] > 0.5, truth[window.slices] == 1) > 0.93
        outside = np.ones((96, 80), bool)
        outside[window.slices] = False
        assert not probability[outside].any()


@pytest.mark.parametrize(
    "prompt",
    [
        Click(30.0, 41.0),
        Scribble(((10.0, 12.5), (40.2, 50.0), (44.0, 20.0)), width=5.0, positive=False),
        Box((9.5, 12.0), (51.0, 44.3)),
        MaskPrompt(np.hypot(*(np.mgrid[:64, :64] - 30)) < 17),
    ],
    ids=lambda prompt: type(prompt).__name__,
)
def test_prompts_are_drawn_as_the_predictor_draws_them(network: FocalClickXL, prompt: Any) -> None:
    questions = asked(network)
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    options = replace(METHODS["focalclick-xl"].options, zoom_in=False, magnify=False)
    predictor = FocalClickXLPredictor(network, options=options)  # type: ignore[arg-type]
    answer = predictor.predict(predictor.encode(image), [prompt], None)
    rgb = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    whole = [Window(0, 64, 0, 64)]
    view = ObjectView(network, network.context_net(rgb), whole, rgb, torch.zeros(1, 64, 64, dtype=torch.int8))
    kind = questions[0][1]
    with torch.no_grad():
        bimap = view.draw([[prompt]])
        logits = view.answer(torch.cat([torch.zeros(1, 1, 64, 64), bimap], dim=1), kind)
    torch.testing.assert_close(questions[1][0], questions[0][0], rtol=0, atol=0)
    np.testing.assert_allclose(logits.sigmoid()[0, 0].numpy(), answer.render(), atol=1e-5)


def test_clicks_lie_on_the_object_first(network: FocalClickXL) -> None:
    questions = asked(network)
    view = view_objects(network, *scene(), 64, 0.0, np.random.default_rng(0))
    answers = answers_to("click", view, RECIPE, np.random.default_rng(0))
    assert len(answers) == 1
    coordinates, kind = questions[-1]
    assert kind == "click"
    assert not coordinates[:, 0].any()
    assert not coordinates[:, 2].any()
    for drawn, truth in zip(coordinates[:, 1].numpy() > 0, view.target.numpy() == 1, strict=True):
        middle = np.argwhere(drawn).mean(axis=0).round().astype(int)
        assert truth[tuple(middle)]


def test_scribbles_lie_in_the_object_and_around_it_then_on_the_errors(network: FocalClickXL) -> None:
    questions = asked(network)
    inside, outside = [], []
    for seed in range(4):
        view = view_objects(network, *scene(), 64, 0.0, np.random.default_rng(seed))
        recipe = replace(RECIPE, sampled_passes=(1, 1))
        questions.clear()
        answers_to("scribble", view, recipe, np.random.default_rng(seed))
        (first, kind), (second, _) = questions
        assert kind == "scribble"
        assert not first[:, 0].any()
        assert second[:, 0].any()
        # What was drawn stays.
        assert (second[:, 1:] >= first[:, 1:]).all()
        assert (second[:, 1:] > first[:, 1:]).any()
        truth = view.target == 1
        assert (first[:, 1].sum(dim=(1, 2)) > 0).all()
        inside.append(float(((first[:, 1] > 0) & truth).sum() / (first[:, 1] > 0).sum()))
        outside.append(int(((first[:, 2] > 0) & truth).sum()))
    assert min(inside) > 0.9
    assert max(outside) < 40


def test_boxes_are_filled_and_begin_anew(network: FocalClickXL) -> None:
    questions = asked(network)
    view = view_objects(network, *scene(), 64, 0.0, np.random.default_rng(0))
    answers_to("box", view, RECIPE, np.random.default_rng(0))
    ((coordinates, kind),) = questions
    assert kind == "box"
    assert not coordinates[:, (0, 2)].any()
    for drawn, truth in zip(coordinates[:, 1].numpy() > 0, view.target.numpy() == 1, strict=True):
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        assert drawn.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        exact = np.zeros_like(drawn)
        places = np.argwhere(truth)
        (top, left), (bottom, right) = places.min(axis=0), places.max(axis=0) + 1
        exact[top:bottom, left:right] = True
        assert mask_iou(drawn, exact) > 0.5


def test_coarse_masks_overlap_the_object_and_begin_anew(network: FocalClickXL) -> None:
    questions = asked(network)
    overlaps = []
    for seed in range(3):
        questions.clear()
        view = view_objects(network, *scene(), 64, 0.0, np.random.default_rng(seed))
        answers_to("mask", view, RECIPE, np.random.default_rng(seed))
        coordinates, kind = questions[-1]
        assert kind == "mask"
        assert not coordinates[:, (0, 2)].any()
        overlaps += [
            mask_iou(drawn, truth)
            for drawn, truth in zip(coordinates[:, 1].numpy() > 0, view.target.numpy() == 1, strict=True)
        ]
    assert min(overlaps) > 0.25
    assert min(overlaps) < 0.95


def test_rough_masks_are_of_every_sort() -> None:
    rng = np.random.default_rng(0)
    truth = np.hypot(*(np.mgrid[:64, :64] - 32)) < 20
    image = np.where(truth[..., None], 180, 60).astype(np.uint8) + rng.integers(0, 40, (64, 64, 3), np.uint8)
    found = [mask_iou(rough_mask(image, truth, None, rng), truth) for _ in range(40)]
    assert 0.3 <= min(found) < 0.7
    assert max(found) > 0.85
    assert not rough_mask(image, np.zeros((64, 64), bool), None, rng).any()
    # A prediction is at times what is made rough: then it lies where the prediction does.
    moved = np.roll(truth, 9, axis=0)
    closer = [
        mask_iou(mask, moved) > mask_iou(mask, truth)
        for mask in (rough_mask(image, truth, moved, rng) for _ in range(40))
    ]
    assert 1 <= sum(closer) <= 20


def test_a_scribble_near_the_border_of_a_crop_is_still_near_the_object(network: FocalClickXL) -> None:
    rgb, target = scene()
    target[:, :, 40:] = torch.where(target[:, :, 40:] == 1, 0, target[:, :, 40:])
    view = view_objects(network, rgb, target, 64, 0.0, np.random.default_rng(3))
    questions = asked(network)
    answers_to("scribble", view, RECIPE, np.random.default_rng(3))
    drawn = questions[-1][0][:, 1].numpy() > 0
    for marks, truth in zip(drawn, view.target.numpy() == 1, strict=True):
        assert not (marks & ~binary_dilation(truth, iterations=5)).any()
