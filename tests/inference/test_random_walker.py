"""The random walker: it finds a clear object, obeys every kind of prompt and survives what images there are."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.random_walker import RandomWalkerPredictor
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble, iou
from napari_iseg.zoo import RandomWalkerOptions

SHAPE = (71, 93)


def disk(shape, row, column, radius):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(rows - row, columns - column) <= radius


def grey(*objects, shape=SHAPE, noise=6, seed=0):
    values = np.random.default_rng(seed).normal(60, noise, shape)
    for mask in objects:
        values[mask] += 120
    return np.repeat(values.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def session(image, **options):
    return Session(image, RandomWalkerPredictor(options=RandomWalkerOptions(**options)))


def test_one_click_finds_a_clear_object():
    truth = disk(SHAPE, 30, 40, 15)
    assert iou(truth.astype(np.int8), session(grey(truth)).add(Click(28, 43))) > 0.95


def test_an_object_that_only_colour_shows():
    truth = disk(SHAPE, 30, 40, 15)
    image = np.full((*SHAPE, 3), (90, 160, 90), np.uint8)
    image[truth] = (160, 90, 90)
    assert iou(truth.astype(np.int8), session(image).add(Click(28, 43))) > 0.95


def test_the_answer_is_a_small_patch_of_probabilities_over_the_whole_image():
    truth = disk((301, 471), 150, 200, 80)
    one = session(grey(truth, shape=truth.shape), max_side=128)
    mask = one.add(Click(150, 200))
    patch = one.prediction.patches[0].values
    assert patch.dtype == np.float32
    assert patch.shape == (82, 128)
    assert 0 <= patch.min() < patch.max() <= 1
    assert one.prediction.window.shape == truth.shape
    assert iou(truth.astype(np.int8), mask) > 0.9


def test_an_image_below_the_size_is_not_enlarged():
    one = session(grey(disk(SHAPE, 30, 40, 15)), max_side=256)
    one.add(Click(30, 40))
    assert one.prediction.patches[0].values.shape == SHAPE


@pytest.mark.parametrize("shape", [(2, 2), (2, 401), (401, 3), (37, 2)])
def test_thin_images(shape):
    image = np.random.default_rng(1).integers(0, 255, (*shape, 3), dtype=np.uint8)
    one = session(image, max_side=64, seed_radius=0.5)
    assert one.add(Click(shape[0] - 1, 0)).shape == shape
    one.add(Click(0, shape[1] - 1, positive=False))
    assert one.mask[shape[0] - 1, 0]
    assert not one.mask[0, shape[1] - 1]


def test_a_negative_click_takes_a_second_object_away():
    first, second = disk(SHAPE, 35, 25, 13), disk(SHAPE, 35, 60, 13)
    bridge = np.zeros(SHAPE, bool)
    bridge[30:40, 25:60] = True
    one = session(grey(first | second | bridge))
    before = one.add(Click(35, 25))
    after = one.add(Click(35, 60, positive=False))
    assert before[35, 25]
    assert after[35, 25]
    assert not after[35, 60]
    assert np.count_nonzero(after & second) < np.count_nonzero(after & first) / 4


def test_a_negative_click_keeps_the_image_border_out():
    truth = disk(SHAPE, 35, 45, 15)
    one = session(grey(truth, noise=20))
    one.add(Click(35, 45))
    mask = one.add(Click(35, 65, positive=False))
    assert not mask[0].any()
    assert not mask[:, -1].any()
    assert mask[35, 45]


def test_only_negative_clicks_give_an_empty_mask():
    assert not session(grey(disk(SHAPE, 30, 40, 15))).add(Click(30, 40, positive=False)).any()


def test_of_two_clicks_on_one_pixel_the_later_holds():
    one = session(grey(disk(SHAPE, 30, 40, 15)))
    one.add(Click(30, 40))
    assert not one.add(Click(30, 40, positive=False))[30, 40]
    assert one.add(Click(30, 40))[30, 40]


def test_a_positive_seed_that_covers_everything_is_everything():
    assert session(grey(), seed_radius=500.0).add(Click(30, 40)).all()


def test_a_constant_image():
    image = np.full((*SHAPE, 3), 128, np.uint8)
    one = session(image)
    mask = one.add(Click(35, 46))
    assert mask[35, 46]
    assert not mask[0, 0]
    assert not one.add(Click(35, 60, positive=False))[35, 60]


def test_two_grey_levels_without_noise():
    truth = disk(SHAPE, 30, 40, 15)
    assert iou(truth.astype(np.int8), session(grey(truth, noise=0), beta=1e6).add(Click(30, 40))) > 0.95


def test_a_scribble_covers_its_stroke_and_finds_the_object():
    truth = np.zeros(SHAPE, bool)
    truth[20:45, 10:80] = True
    mask = session(grey(truth)).add(Scribble(((30.0, 15.0), (35.5, 40.0), (30.0, 75.0)), width=4.0))
    assert iou(truth.astype(np.int8), mask) > 0.95
    assert mask[30, 15]
    assert mask[30, 75]


def test_a_negative_scribble_that_leaves_the_image():
    one = session(grey())
    one.add(Click(35, 46))
    mask = one.add(Scribble(((20.0, 60.0), (500.0, 60.0)), width=3.0, positive=False))
    assert not mask[20:, 60].any()
    assert mask[35, 46]


def test_a_scribble_of_one_point_is_a_dot():
    truth = disk(SHAPE, 30, 40, 15)
    assert iou(truth.astype(np.int8), session(grey(truth)).add(Scribble(((30.0, 40.0),)))) > 0.95


def test_a_box_keeps_the_mask_inside_and_finds_its_middle():
    first, second = disk(SHAPE, 35, 25, 13), disk(SHAPE, 35, 60, 13)
    mask = session(grey(first | second)).add(Box((20.0, 10.0), (51.0, 41.0)))
    assert iou(first.astype(np.int8), mask) > 0.95
    rows, columns = np.nonzero(mask)
    assert rows.min() >= 20
    assert rows.max() < 51
    assert columns.min() >= 10
    assert columns.max() < 41


def test_a_box_around_everything():
    truth = disk(SHAPE, 35, 46, 15)
    assert iou(truth.astype(np.int8), session(grey(truth)).add(Box((-5.0, -5.0), (99.0, 99.0)))) > 0.95


def test_a_mask_is_its_own_answer_and_clicks_go_on_from_it():
    truth = disk(SHAPE, 35, 46, 15)
    image = grey(truth)
    one = session(image)
    start = disk(SHAPE, 33, 44, 13)
    np.testing.assert_array_equal(one.add(MaskPrompt(start)), start)
    assert iou(truth.astype(np.int8), one.add(Click(35, 57))) > 0.9


def test_a_negative_click_in_the_middle_of_a_mask_takes_it_away():
    first, second = disk(SHAPE, 35, 20, 13), disk(SHAPE, 35, 65, 13)
    one = session(grey(first, second))
    one.add(MaskPrompt(first | second))
    mask = one.add(Click(35, 65, positive=False))
    assert iou(first.astype(np.int8), mask) > 0.9


@pytest.mark.parametrize("value", [False, True])
def test_a_mask_of_nothing_or_everything_seeds_nothing(value):
    truth = disk(SHAPE, 35, 46, 15)
    one = session(grey(truth))
    one.add(MaskPrompt(np.full(SHAPE, value)))
    assert iou(truth.astype(np.int8), one.add(Click(35, 46))) > 0.95


def test_the_same_question_has_the_same_answer_and_the_session_undoes_exactly():
    image = grey(disk(SHAPE, 30, 40, 15), noise=30)
    one, other = session(image), session(image)
    first = one.add(Click(30, 40)).copy()
    one.add(Click(30, 60, positive=False))
    one.undo()
    np.testing.assert_array_equal(one.mask, first)
    np.testing.assert_array_equal(other.add(Click(30, 40)), first)
    np.testing.assert_array_equal(other.probability, one.probability)


def test_work_can_be_given_up():
    predictor = RandomWalkerPredictor()
    encoding = predictor.encode(grey())
    with pytest.raises(CancelledError):
        predictor.predict(encoding, [Click(30, 40)], None, cancelled=lambda: True)


def test_a_stronger_beta_stops_at_fainter_edges():
    truth = disk(SHAPE, 35, 46, 20)
    image = np.full((*SHAPE, 3), 100, np.uint8)
    image[truth] = 104
    image[:5] = 255
    scores = [iou(truth.astype(np.int8), session(image, beta=beta).add(Click(35, 40))) for beta in (1.0, 3e5)]
    assert scores[0] < 0.6
    assert scores[1] > 0.95
