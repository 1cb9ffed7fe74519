"""The first click of an object looks at what is on the screen, and later at what earlier objects suggest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from tests.ui.conftest import FloodPredictor, Hand


def zoom_to(hand: Hand, row: float, column: float) -> None:
    camera = getattr(hand.viewer, "scene", hand.viewer).camera
    camera.center = (0, row, column)
    camera.zoom = 12
    hand.qtbot.wait(300)


def test_the_view_goes_with_the_first_click_and_sizes_with_the_fourth_object(
    open_hand: Callable[..., Hand], predictor: FloodPredictor, dots: np.ndarray
) -> None:
    hand = open_hand(dots)
    image: Any = hand.layer("image")
    zoom_to(hand, 50, 80)
    for place in ((50, 80), (50, 50), (50, 110)):
        hand.click_data(image, *place)
        hand.wait()
        first = predictor.asked[-1][0]
        assert first.view is not None
        assert first.view.start[0] <= 50 <= first.view.stop[0]
        # The canvas shows a part of the image.
        assert 10 < first.view.stop[1] - first.view.start[1] < 200
        hand.click_data(image, place[0] + 1, place[1] + 1)
        hand.wait()
        assert predictor.asked[-1][1].view is None
        hand.press(Qt.Key.Key_Q)
        hand.wait()
    hand.click_data(image, 20, 80)
    hand.wait()
    fourth = predictor.asked[-1][0]
    assert fourth.view.stop[0] - fourth.view.start[0] == pytest.approx(27)
    assert fourth.view.stop[1] - fourth.view.start[1] == pytest.approx(27)
