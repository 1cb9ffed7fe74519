"""Prompts as maps: where disks, strokes, boxes and masks lie in what the network sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_iseg.inference.bimap import Frame, draw_bimap
from napari_iseg.inference.prediction import Window
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.models._blocks import click_disks

FRAME = Frame(Window(10, 70, 20, 140), 96)


def test_clicks_are_the_disks_that_networks_draw() -> None:
    clicks = [Click(33.3, 47.9), Click(12, 139), Click(60, 100, positive=False), Click(9, 19)]
    drawn = draw_bimap(clicks, FRAME, 5.0)
    placed = FRAME.place([(click.row, click.column) for click in clicks])
    unused = np.full((1, 2), -9.0)
    rows = np.concatenate([placed[[0, 1, 3]], placed[[2]], unused, unused])
    points = torch.from_numpy(np.column_stack([rows, np.zeros(6)]))[None]
    # A disk whose middle lies above and left of the crop is drawn here, dropped by RITM's rule; it is the last one.
    points[0, 2, :2] = torch.tensor([0.0, 0.0], dtype=torch.float64) - 20
    expected = click_disks(points, (96, 96), 5.0)[0].numpy()
    corner = drawn[0].copy()
    corner[:6, :6] = 0
    np.testing.assert_array_equal(corner, expected[0])
    np.testing.assert_array_equal(drawn[1], expected[1])


@pytest.mark.parametrize(("width", "expected"), [(0.1, 3), (5 / np.sqrt(1.6 * 0.8), 5), (100, 7)])
def test_strokes_are_as_wide_as_the_network_was_trained_with(width: float, expected: int) -> None:
    drawn = draw_bimap([Scribble(((40.0, 30.0), (40.0, 120.0)), width=width)], FRAME, 5.0)
    assert drawn[0, :, 40].sum() == expected
    assert drawn[0, 48, 8:80].all()
    assert drawn[1].sum() == 0


def test_a_stroke_that_leaves_the_crop_costs_no_more_than_the_crop() -> None:
    close = Frame(Window(500, 510, 500, 510), 64)
    drawn = draw_bimap([Scribble(((0.0, 0.0), (1e6, 1e6)), positive=False)], close, 5.0)
    assert drawn[1][np.arange(64), np.arange(64)].all()
    assert drawn[1][0, 20:].sum() == 0


def test_a_box_is_its_filled_rectangle_and_never_nothing() -> None:
    drawn = draw_bimap([Box((25.0, 50.0), (40.0, 80.0))], FRAME, 5.0)[0]
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    # 1.6 and 0.8 of the network's pixels per image pixel; the stop is not inside.
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (24, 47, 24, 47)
    assert drawn[24:48, 24:48].all()
    assert draw_bimap([Box((30.0, 60.1), (30.2, 60.2))], FRAME, 5.0)[0].sum() == 1


def test_a_mask_includes_itself() -> None:
    mask = np.zeros((80, 150), bool)
    mask[10:40, 20:80] = True
    drawn = draw_bimap([MaskPrompt(mask)], FRAME, 5.0)[0]
    assert drawn[:47, :47].all()
    assert drawn[49:].sum() == 0
    assert drawn[:, 49:].sum() == 0
    np.testing.assert_array_equal(draw_bimap([MaskPrompt(mask * 0.8)], FRAME, 5.0)[0], drawn)


def test_a_click_comes_back_to_its_own_pixel() -> None:
    for side in (32, 96):
        frame = Frame(FRAME.window, side)
        back = frame.back(draw_bimap([Click(33, 47)], frame, 0.6))
        assert back.shape == (2, 60, 120)
        assert back[0, 23, 27] == 1
