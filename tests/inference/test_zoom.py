"""Where a network looks before and after there is a mask."""

from dataclasses import replace

import numpy as np
import pytest
from tests.methods import tiny_predictor
from tests.seeded import seeded_image

from napari_iseg import METHODS
from napari_iseg.inference.opening import change_options
from napari_iseg.inference.prediction import Window
from napari_iseg.inference.zoom import object_window
from napari_iseg.interactions import Box, Click

NOTHING = np.zeros((600, 800), np.float32)


def test_before_there_is_a_mask_the_whole_plane_is_seen_or_what_was_on_the_screen() -> None:
    click = [Click(300, 400, view=Box((200, 310.5), (401, 480)))]
    assert object_window(NOTHING, click, 1.4, 64) == Window(0, 600, 0, 800)
    assert object_window(NOTHING, click, 1.4, 64, first_crop="view") == Window(200, 401, 310, 481)
    assert object_window(NOTHING, [Click(300, 400)], 1.4, 64, first_crop="view") == Window(0, 600, 0, 800)
    # At the border what there is, and no less than shows something.
    beyond = [Click(5, 790, view=Box((-90, 700), (110, 900)))]
    assert object_window(NOTHING, beyond, 1.4, 64, first_crop="size-prior") == Window(0, 111, 700, 800)
    tiny = [Click(300, 400, view=Box((299, 399), (302, 402)))]
    assert min(object_window(NOTHING, tiny, 1.4, 64, first_crop="view").shape) >= 32


def test_all_positive_clicks_lie_in_the_first_crop_and_negative_ones_need_not() -> None:
    view = Box((50, 50), (150, 150))
    clicks = [Click(100, 100, view=view), Click(500, 700), Click(10, 10, positive=False)]
    window = object_window(NOTHING, clicks, 1.4, 64, first_crop="view")
    assert window.row_start <= 50
    assert window.row_stop > 500
    assert window.column_start <= 50
    assert window.column_stop > 700
    assert object_window(NOTHING, clicks[1:], 1.4, 64, first_crop="view") == Window(0, 600, 0, 800)


def test_once_there_is_a_mask_the_first_crop_does_not_count() -> None:
    mask = NOTHING.copy()
    mask[100:140, 100:140] = 1
    click = [Click(120, 120, view=Box((0, 0), (300, 300)))]
    assert object_window(mask, click, 1.4, 10, first_crop="view") == object_window(mask, click, 1.4, 10)


@pytest.mark.parametrize("method", [n for n, spec in METHODS.items() if hasattr(spec.options, "first_crop")])
def test_every_method_that_zooms_in_can_begin_close(method: str) -> None:
    """A first click that sees its surroundings alone changes nothing outside of them."""
    predictor = tiny_predictor(method, **({"skip_clicks": -1} if method == "ritm" else {}))
    encoding = predictor.encode(seeded_image(300, 300))
    click = Click(150, 150, view=Box((118, 118), (182, 182)))
    rendered = predictor.predict(encoding, [click], None).render()
    assert rendered.any()
    if not getattr(predictor.options, "cascade_steps", 0):
        rendered[117:184, 117:184] = 0
        assert not rendered.any()
    whole = change_options(predictor, replace(predictor.options, first_crop="whole"))
    expected = whole.predict(encoding, [Click(150, 150)], None).render()
    np.testing.assert_array_equal(whole.predict(encoding, [click], None).render(), expected)


def test_the_networks_that_zoom_in_have_the_option() -> None:
    named = {n for n, spec in METHODS.items() if hasattr(spec.options, "first_crop")}
    assert named == {"cfr-icl", "simpleclick", "ritm", "focalclick", "adaptiveclick", "focalclick-xl", "disnet"}
