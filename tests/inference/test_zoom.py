"""Where a network looks before and after there is a mask."""

import numpy as np
import pytest
from tests.methods import tiny_predictor
from tests.seeded import seeded_image

from napari_iseg import METHODS
from napari_iseg.inference.prediction import Window
from napari_iseg.inference.zoom import object_window
from napari_iseg.interactions import Click

NOTHING = np.zeros((600, 800), np.float32)


def test_before_there_is_a_mask_the_whole_plane_is_seen_or_so_much_around_the_click() -> None:
    click = [Click(300, 400)]
    assert object_window(NOTHING, click, 1.4, 64) == Window(0, 600, 0, 800)
    assert object_window(NOTHING, click, 1.4, 64, first_crop=200) == Window(200, 401, 300, 501)
    # At the border what there is.
    assert object_window(NOTHING, [Click(5, 790)], 1.4, 64, first_crop=200) == Window(0, 106, 690, 800)


def test_all_positive_clicks_lie_in_the_first_crop_and_negative_ones_need_not() -> None:
    clicks = [Click(100, 100), Click(500, 700), Click(10, 10, positive=False)]
    window = object_window(NOTHING, clicks, 1.4, 64, first_crop=200)
    assert window.row_start <= 100
    assert window.row_stop > 500
    assert window.column_start <= 100
    assert window.column_stop > 700
    assert object_window(NOTHING, clicks[2:], 1.4, 64, first_crop=200) == Window(0, 600, 0, 800)


def test_once_there_is_a_mask_the_first_crop_does_not_count() -> None:
    mask = NOTHING.copy()
    mask[100:140, 100:140] = 1
    click = [Click(120, 120)]
    assert object_window(mask, click, 1.4, 10, first_crop=300) == object_window(mask, click, 1.4, 10)


@pytest.mark.parametrize("method", [n for n, spec in METHODS.items() if hasattr(spec.options, "first_crop")])
def test_every_method_that_zooms_in_can_begin_close(method: str) -> None:
    """A first click that sees its surroundings alone changes nothing outside of them."""
    options = {"first_crop": 64, **({"skip_clicks": -1} if method == "ritm" else {})}
    predictor = tiny_predictor(method, **options)
    prediction = predictor.predict(predictor.encode(seeded_image(300, 300)), [Click(150, 150)], None)
    rendered = prediction.render()
    assert rendered.any()
    if not getattr(predictor.options, "cascade_steps", 0):
        rendered[117:184, 117:184] = 0
        assert not rendered.any()


def test_the_networks_that_zoom_in_have_the_option() -> None:
    named = {n for n, spec in METHODS.items() if hasattr(spec.options, "first_crop")}
    assert named == {"cfr-icl", "simpleclick", "ritm", "focalclick", "adaptiveclick", "focalclick-xl", "disnet"}
