"""A network's answer cut anew: the cheapest cut, clicks that hold, the network's own chain untouched."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from napari_iseg import Box, Choice, Click, MaskPrompt, make_predictor, open_session
from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.inference.graph_cut_refinement import minimum_cut, with_graph_cut
from napari_iseg.inference.prediction import Patch, Prediction, Proposal, Window
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.seeds import FREE, INSIDE, OUTSIDE, neighbours
from napari_iseg.planes.brightening import brightening

SHAPE = (120, 150)
DISC = np.hypot(*(np.ogrid[: SHAPE[0], : SHAPE[1]][n] - (60, 70)[n] for n in (0, 1))) <= 30


def photograph(seed=0):
    """Return a bright disc on a dark ground, with noise."""
    rng = np.random.default_rng(seed)
    grey = np.where(DISC, 170, 70) + rng.normal(0, 12, SHAPE)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def blob(row, column, radius, sure=0.8):
    """Return what a network would say of a disc: sure inside, less so at its edge."""
    away = np.hypot(*(np.ogrid[: SHAPE[0], : SHAPE[1]][n] - (row, column)[n] for n in (0, 1)))
    probability = np.clip(0.5 + (radius - away) / 20, 1 - sure, sure).astype(np.float32)
    probability[away > radius + 15] = 0
    return probability


def answer(probability, **facts):
    return Prediction.single(SHAPE, Window.whole(SHAPE), probability, forwards=1, **facts)


def iou(mask):
    return np.count_nonzero(mask & DISC) / np.count_nonzero(mask | DISC)


def price(cut, odds, links):
    pairs = zip(neighbours(cut.shape), links, strict=True)
    return sum((link * (cut[h] != cut[t])).sum() for (h, t, _), link in pairs) - (odds * cut).sum()


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 5)])
def test_no_cut_is_cheaper(number, shape):
    rng = np.random.default_rng(number)
    odds = rng.normal(0, 2, shape)
    links = [rng.random(odds[here].shape) * 2 for here, _, _ in neighbours(shape)]
    seeds = np.full(shape, FREE, np.int32)
    seeds[0, 0], seeds[-1, -1] = INSIDE, OUTSIDE
    found = minimum_cut(odds, links, seeds)
    assert found[0, 0]
    assert not found[-1, -1]
    free = seeds == FREE
    every = []
    for bits in product((False, True), repeat=int(free.sum())):
        cut = seeds == INSIDE
        cut[free] = bits
        every.append(price(cut, odds, links))
    # Prices are rounded to a thousandth.
    assert price(found, odds, links) == pytest.approx(min(every), abs=0.05)


def test_the_outline_goes_to_the_edge_of_the_image():
    rough = answer(blob(62, 74, 26, sure=0.7))
    assert iou(rough.render() > 0.5) < 0.8
    cut = with_graph_cut(rough, photograph(), [Click(row=60, column=70)], 0.5)
    assert iou(cut.render() > 0.5) > 0.95
    assert cut.raw is rough
    assert cut.forwards == rough.forwards


def test_clicks_hold_against_network_and_colours():
    rough = answer(blob(60, 70, 30))
    outside, inside = (60, 55), (60, 106)
    prompts = [
        Click(row=60, column=70),
        Click(row=outside[0], column=outside[1], positive=False),
        Click(row=inside[0], column=inside[1]),
    ]
    mask = with_graph_cut(rough, photograph(), prompts, 0.5).render() > 0.5
    assert not mask[outside]
    assert mask[inside]
    # The user chose after having clicked: what is chosen counts, not the clicks before.
    chosen = with_graph_cut(rough, photograph(), [*prompts, Choice(0), Click(row=60, column=80)], 0.5).render() > 0.5
    assert chosen[outside]


def test_outside_a_drawn_box_there_is_nothing():
    box = Box((30.0, 40.0), (90.0, 70.0))
    mask = with_graph_cut(answer(blob(60, 70, 30)), photograph(), [box], 0.5).render() > 0.5
    assert mask[60, 60]
    assert not mask[:, 75:].any()


def test_probabilities_stay_where_the_cut_agrees_and_cross_the_threshold_where_not():
    rough = answer(blob(62, 74, 26, sure=0.7))
    cut = with_graph_cut(rough, photograph(), [Click(row=60, column=70)], 0.4)
    patch = cut.patches[-1]
    assert patch.values.min() >= 0
    assert patch.values.max() <= 1
    before, after = rough.render(), cut.render()
    assert np.abs(before - after)[60, 70] < 0.05
    turned = (before > 0.4) != (after > 0.4)
    assert turned.any()
    # As far on the other side, but for the interpolation at the outline.
    assert np.median(np.abs((after - 0.4) + (before - 0.4))[turned]) < 0.05


def test_every_proposal_is_cut_and_the_answer_is_the_offered_one():
    masks = [blob(62, 74, 26, sure=0.7), blob(50, 60, 10)]
    proposals = tuple(
        Proposal(Patch(Window.whole(SHAPE), mask), score, Window(0, 1, 0, 1))
        for mask, score in zip(masks, (0.9, 0.5), strict=True)
    )
    offered = Prediction(SHAPE, (proposals[0].patch,), forwards=1, proposals=proposals, chosen=0)
    cut = with_graph_cut(offered, photograph(), [Click(row=60, column=70)], 0.5)
    assert np.array_equal(cut.render(), cut.proposals[0].render(SHAPE))
    assert iou(cut.proposals[0].render(SHAPE) > 0.5) > 0.95
    assert not np.array_equal(cut.proposals[1].render(SHAPE), masks[1])
    picked = cut.choose(1)
    assert np.array_equal(picked.render(), cut.proposals[1].render(SHAPE))
    assert picked.raw is None


@pytest.mark.parametrize("probability", [np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32) * 0.9])
def test_nothing_and_everything_are_answers_too(probability):
    cut = with_graph_cut(answer(probability), np.zeros((*SHAPE, 3), np.uint8), [Click(row=60, column=70)], 0.5)
    assert np.array_equal(cut.render() > 0.5, probability > 0.5)


def test_a_cut_can_be_cancelled():
    with pytest.raises(CancelledError):
        with_graph_cut(answer(blob(60, 70, 30)), photograph(), [], 0.5, cancelled=lambda: True)


@pytest.mark.parametrize("method", ["cfr-icl", "focalclick", "focalclick-xl", "adaptiveclick", "disnet"])
def test_the_network_goes_on_from_its_own_answers(method):
    options = {"threshold": 0.5, "graph_cut": False}
    plain = open_session(photograph(), method, options=options)
    cut = open_session(photograph(), method, options={**options, "graph_cut": True})
    for click in (Click(row=60, column=70), Click(row=5, column=5, positive=False), Click(row=75, column=80)):
        plain.add(click)
        mask = cut.add(click)
        own = cut.prediction.raw
        assert own is not None
        assert np.array_equal(own.render(), plain.probability)
        assert mask[round(click.row), round(click.column)] == click.positive
    cut.undo()
    cut.redo()
    assert np.array_equal(cut.mask, mask)


def test_a_given_mask_and_what_is_merged_onto_it_are_not_cut():
    session = open_session(photograph(), "focalclick", options={"graph_cut": True})
    given = np.roll(DISC, 12, axis=1)
    assert np.array_equal(session.add(MaskPrompt(given, keep=True)), given)
    session.add(Click(row=60, column=45))
    assert session.prediction.raw is None


def test_the_matte_is_the_networks_own():
    session = open_session(photograph(), "focalclick-xl", options={"graph_cut": True, "magnify": True})
    session.add(Click(row=60, column=70))
    assert np.array_equal(session.alpha, session.prediction.raw.render())


@pytest.mark.parametrize("method", ["cfr-icl", "focalclick", "focalclick-xl", "adaptiveclick", "disnet"])
def test_bundled_weights_are_cut_unless_somebody_says_no(method):
    assert make_predictor(method).options.graph_cut
    assert not make_predictor(method, options={"graph_cut": False}).options.graph_cut


def test_memory_counts_what_the_method_answered_once():
    own = answer(blob(62, 74, 26, sure=0.7))
    cut = with_graph_cut(own, photograph(), [Click(row=60, column=70)], 0.5)
    assert cut.nbytes == own.nbytes + cut.patches[-1].nbytes


def test_planes_with_flat_pixels_are_cut_on_their_own_grid():
    options = {"threshold": 0.5}
    plain = open_session(photograph(), "cfr-icl", options={**options, "graph_cut": False}, pixel_size=(2.0, 1.0))
    cut = open_session(photograph(), "cfr-icl", options={**options, "graph_cut": True}, pixel_size=(2.0, 1.0))
    for click in (Click(row=60, column=70), Click(row=5, column=5, positive=False)):
        plain.add(click)
        assert cut.add(click).shape == SHAPE
        assert np.array_equal(cut.prediction.raw.render(), plain.probability)


def test_the_cut_sees_the_levels_that_it_is_given():
    """On a plane in the dark the dim rim of an object is as good as the background, unless it is brightened."""
    away = np.hypot(*(np.ogrid[: SHAPE[0], : SHAPE[1]][n] - (60, 70)[n] for n in (0, 1)))
    grey = np.select([away <= 18, away <= 30], [220, 24], 4) + np.random.default_rng(0).integers(0, 4, SHAPE)
    image = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    rough, prompts = answer(blob(60, 70, 22, sure=0.6)), [Click(row=60, column=70)]
    assert iou(with_graph_cut(rough, image, prompts, 0.5).render() > 0.5) < 0.6
    levels = brightening(image)
    assert iou(with_graph_cut(rough, image, prompts, 0.5, levels=levels).render() > 0.5) > 0.9


@pytest.mark.parametrize(
    ("options", "wanted"), [({}, True), ({"brighten_cut": False}, False), ({"brighten": True}, False)]
)
def test_levels_are_given_once_and_only_where_the_plane_is_dark(options, wanted):
    dark = np.zeros((40, 50, 3), np.uint8)
    dark[10:20, 10:20] = 99
    predictor = make_predictor("focalclick", options={"graph_cut": True, **options}, device="cpu")
    assert (EncodedImage(dark, predictor).cut_levels is not None) == wanted
    assert EncodedImage(255 - dark, predictor).cut_levels is None
