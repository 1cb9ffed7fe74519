"""Graph cuts are the cheapest of all cuts, tried out one by one, at every threshold."""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pytest

from napari_iseg.errors import IsegError
from napari_iseg.inference.colour_model import object_share
from napari_iseg.inference.graph_cut import LEVELS, GraphCutPredictor, contrast_links, nested_cuts
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.seeds import FREE, INSIDE, OUTSIDE, neighbours
from napari_iseg.interactions import Click
from napari_iseg.zoo import GraphCutOptions

pytest.importorskip("maxflow", reason="PyMaxflow, the extra graph-cut, is not installed")


def price(cut, odds, links, level):
    """Return what a cut costs: every pixel inside it, and every outline between neighbours."""
    pairs = zip(neighbours(cut.shape), links, strict=True)
    outline = sum((link * (cut[here] != cut[there])).sum() for (here, there, _), link in pairs)
    return outline + ((np.log(level / (1 - level)) - odds) * cut).sum()


def allowed_cuts(seeds):
    """Every cut that the seeds allow, one after the other."""
    for bits in product((False, True), repeat=int((seeds == FREE).sum())):
        cut = seeds == INSIDE
        cut[seeds == FREE] = bits
        yield cut


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 5)])
def test_no_cut_is_cheaper_at_any_threshold(number, shape):
    rng = np.random.default_rng(number)
    odds = rng.normal(0, 2, shape)
    links = [rng.random(odds[here].shape) * 2 for here, _, _ in neighbours(shape)]
    seeds = np.full(shape, FREE, np.int32)
    seeds[0, 0], seeds[-1, -1] = INSIDE, OUTSIDE
    answer = nested_cuts(odds, links, seeds)
    for level in LEVELS:
        found = price(answer > level, odds, links, level)
        cheapest = min(price(cut, odds, links, level) for cut in allowed_cuts(seeds))
        # Prices are rounded to 2^-16.
        assert found == pytest.approx(cheapest, abs=1e-3)
    assert answer[0, 0] == 1
    assert answer[-1, -1] == 0


def test_without_links_each_pixel_lies_by_its_own_odds():
    share = np.array([[0.05, 0.15, 0.45, 0.55, 0.85, 0.95, 0.28]])
    share = np.concatenate([share, share[:, ::-1]])
    odds = np.log(share / (1 - share))
    links = [np.zeros(odds[here].shape) for here, _, _ in neighbours(odds.shape)]
    answer = nested_cuts(odds, links, np.zeros(odds.shape, np.int32))
    np.testing.assert_allclose(answer[0], [0.05, 0.15, 0.45, 0.55, 0.85, 0.95, 0.25], atol=1e-6)


def test_every_cut_holds_the_one_at_the_threshold_above():
    rng = np.random.default_rng(5)
    odds = rng.normal(0, 1.5, (17, 23))
    links = [rng.random(odds[here].shape) for here, _, _ in neighbours(odds.shape)]
    seeds = np.zeros(odds.shape, np.int32)
    seeds[8, 11] = INSIDE
    nested = nested_cuts(odds, links, seeds)
    for level in LEVELS:
        alone = nested_cuts(odds, links, seeds, (level,))
        np.testing.assert_array_equal(alone > level, nested > level)


def test_contradicted_colours_do_not_move_a_seed():
    odds = np.full((5, 7), -20.0)
    links = [np.ones(odds[here].shape) for here, _, _ in neighbours(odds.shape)]
    seeds = np.full((5, 7), FREE, np.int32)
    seeds[2, 2], seeds[2, 5] = INSIDE, OUTSIDE
    assert np.argwhere(nested_cuts(odds, links, seeds) > 0.5).tolist() == [[2, 2]]
    assert np.argwhere(nested_cuts(-odds, links, seeds) <= 0.5).tolist() == [[2, 5]]


def test_only_what_hangs_together_with_a_seed_is_kept():
    odds = np.full((6, 9), -3.0)
    odds[1:3, 1:4] = 3
    odds[3:5, 4:5] = 3
    odds[1:4, 7:9] = 3
    links = [np.full(odds[here].shape, 0.01) for here, _, _ in neighbours(odds.shape)]
    seeds = np.zeros(odds.shape, np.int32)
    seeds[1, 1] = INSIDE
    everything = nested_cuts(odds, links, seeds) > 0.5
    np.testing.assert_array_equal(everything, odds > 0)
    touching = nested_cuts(odds, links, seeds, connected=True) > 0.5
    expected = odds > 0
    expected[1:4, 7:9] = False
    np.testing.assert_array_equal(touching, expected)


def test_cancelling_ends_between_two_cuts():
    asked = iter([False, False, True])
    odds = np.zeros((4, 5))
    links = [np.ones(odds[here].shape) for here, _, _ in neighbours(odds.shape)]
    with pytest.raises(CancelledError):
        nested_cuts(odds, links, np.zeros((4, 5), np.int32), cancelled=lambda: next(asked))


def test_links_are_those_of_grabcut():
    data = np.array([[[0.0], [0.3]], [[0.0], [0.0]]])
    # Changes over the six pairs: right 0.3 and 0, down 0 and 0.3, the diagonals 0 and 0.3.
    edge = np.exp(-(0.3**2) / (2 * 3 * 0.3**2 / 6))
    right, down, falling, rising = contrast_links(data)
    np.testing.assert_allclose(right, [[edge], [1]])
    np.testing.assert_allclose(down, [[1, edge]])
    np.testing.assert_allclose(falling, [[1 / np.sqrt(2)]])
    np.testing.assert_allclose(rising, [[edge / np.sqrt(2)]])
    assert all((link > 0).all() for link in contrast_links(np.zeros((3, 4, 3))))


def test_the_share_of_two_colours_is_nearly_sure_and_between_them_open():
    data = np.linspace(0, 1, 101)[np.newaxis, :, np.newaxis].repeat(2, axis=0)
    inside, outside = np.zeros((2, 101), bool), np.zeros((2, 101), bool)
    inside[:, 80], outside[:, 20] = True, True
    share = object_share(data, inside, outside)
    assert share[0, 80] > 0.98
    assert share[0, 20] < 0.02
    assert share[0, 50] == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(object_share(data, outside, inside), 1 - share)
    assert (object_share(np.full((3, 4, 3), 0.2), np.ones((3, 4), bool), np.ones((3, 4), bool)) == 0.5).all()


def test_colours_that_differ_in_hue_alone_are_told_apart():
    data = np.zeros((2, 6, 3))
    data[:, :3], data[:, 3:] = (0.6, 0.3, 0.3), (0.3, 0.6, 0.3)
    inside, outside = np.zeros((2, 6), bool), np.zeros((2, 6), bool)
    inside[0, 0], outside[0, 5] = True, True
    share = object_share(data, inside, outside)
    assert (share[:, :3] > 0.95).all()
    assert (share[:, 3:] < 0.05).all()


def test_renewed_colours_find_what_the_seed_did_not_show():
    rng = np.random.default_rng(2)
    image = rng.normal(60, 5, (61, 81, 3))
    # An object of two shades that lie close together; the click shows the first only.
    image[15:45, 15:40] = rng.normal(150, 5, (30, 25, 3))
    image[15:45, 40:65] = rng.normal(172, 5, (30, 25, 3))
    image = image.clip(0, 255).astype(np.uint8)
    found = {}
    for renewals in (0, 3):
        predictor = GraphCutPredictor(options=GraphCutOptions(renewals=renewals, smoothness=4.0))
        mask = predictor.predict(predictor.encode(image), [Click(30, 25)], None).render() > 0.5
        found[renewals] = np.count_nonzero(mask[15:45, 40:65]) / 750
    assert found[3] > 0.95
    assert found[0] <= found[3]


def test_without_pymaxflow_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "maxflow", None)
    with pytest.raises(IsegError, match=r"pip install 'napari-iseg\[graph-cut\]'"):
        GraphCutPredictor()
