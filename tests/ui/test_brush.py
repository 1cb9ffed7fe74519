"""What is painted with the brush stays as it was painted, whichever method is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from tests.ui.conftest import DISCS

from napari_iseg.interactions import MaskPrompt
from napari_iseg.ui._loading import load_method
from napari_iseg.ui._method_choice import MethodChoice
from napari_iseg.zoo import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ui.conftest import Hand

# Those that answer without a download.
AT_HAND = [spec.name for spec in METHODS.values() if spec.weights or spec.family is None]


def test_a_brush_stroke_is_kept_pixel_for_pixel_by_every_method(
    open_hand: Callable[..., Hand], discs: np.ndarray
) -> None:
    # One window for all of them: opening one takes longer than every answer together.
    # Loaded before the window waits for them: torch takes long to come on a busy machine.
    loaded = {method: load_method(MethodChoice(method)) for method in AT_HAND}
    hand = open_hand(discs, load=lambda choice: loaded[choice.method])
    controller = hand.widget.controller
    hand.widget.prompting.set_width(5)
    for method in AT_HAND:
        controller.choose_method(method)
        hand.wait()
        hand.press(Qt.Key.Key_G)
        hand.click(*DISCS[1])
        hand.wait()
        assert hand.mask.any(), method
        hand.press(Qt.Key.Key_K)
        hand.drag((70, 10), (72, 50))
        hand.wait()
        stroke = controller.work.prompts[-1]
        assert isinstance(stroke, MaskPrompt)
        assert stroke.mask[71, 30], method
        assert np.array_equal(controller.work.session.mask, stroke.mask), method
        assert np.array_equal(hand.mask, stroke.mask), method
        # A later click elsewhere leaves what was painted alone.
        hand.press(Qt.Key.Key_G)
        hand.click(*DISCS[2])
        hand.wait()
        assert hand.mask[71, 20:45].all(), method
        for _ in range(3):
            hand.undo()
        hand.wait()
        assert not controller.work.prompts, method
