"""The ways to choose from, and between which values they stretch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_iseg.planes import PlaneAddress, PlaneLook
from napari_iseg.planes.contrasts import CONTRASTS, LAYER, SAVED, find_contrast
from napari_iseg.planes.percentiles import limits_between, limits_of_volume, planes_across


class Lazy:
    """An array that remembers what was read of it."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.read = values, 0
        self.shape = values.shape

    def __getitem__(self, index: Any) -> np.ndarray:
        part = self.values[index]
        self.read += part.size
        return part


@pytest.mark.parametrize(
    ("key", "low", "high"), [("ct-soft", -160, 240), ("ct-bone", -500, 1300), ("ct-lung", -1350, 150)]
)
def test_a_ct_window_is_level_and_width(key: str, low: float, high: float) -> None:
    contrast = find_contrast(key)
    assert contrast.look(None, PlaneAddress()).limits == (low, high)
    assert f"{low:g} to {high:g} HU" in contrast.tip


def test_every_way_says_what_it_is_for_and_is_found_by_its_name() -> None:
    assert len({contrast.key for contrast in CONTRASTS}) == len(CONTRASTS)
    assert all(len(contrast.tip) > 30 and len(contrast.title) < 24 for contrast in CONTRASTS)
    assert all(find_contrast(contrast.key) is contrast for contrast in (*CONTRASTS, SAVED))
    assert find_contrast("of a later version") is LAYER


def test_percentiles_of_a_plane_leave_out_what_is_not_known_and_the_rim_of_a_section() -> None:
    plane = np.zeros((40, 50), np.float32)
    plane[:, 20:] = np.linspace(100, 200, 30)
    plane[0, 0] = np.nan
    assert limits_between([plane], (0, 100)) == (0.0, 200.0)
    low, high = limits_between([plane], (1, 99), without_zero=True) or (0, 0)
    assert 99 < low < 105
    assert 195 < high <= 200
    assert limits_between([np.zeros((4, 4))], (1, 99)) is None
    assert limits_between([np.zeros((4, 4))], (1, 99), without_zero=True) is None


def test_a_few_bright_pixels_are_not_stretched_away() -> None:
    plane = np.zeros((100, 100), np.uint16)
    plane[3, 4] = 900
    assert limits_between([plane], (1, 99)) == (0.0, 900.0)


def test_the_percentiles_of_a_volume_come_from_a_few_stored_planes_whichever_way_it_is_looked_at() -> None:
    values = np.random.default_rng(1).normal(500, 100, (40, 21, 33)).astype(np.float32)
    for plane in (PlaneAddress(1, 2, (7,)), PlaneAddress(0, 1, (30,)), PlaneAddress(0, 2, (4,))):
        lazy = Lazy(values)
        low, high = limits_of_volume(lazy, plane, (1, 99)) or (0, 0)
        assert lazy.read == 5 * 21 * 33
        assert (low, high) == pytest.approx(np.percentile(values, (1, 99)), rel=0.05)


def test_channels_and_moments_are_not_mixed() -> None:
    values = np.zeros((3, 2, 30, 11, 13))
    values[:, 1] = np.linspace(10, 20, 13)
    planes = planes_across(values.shape, PlaneAddress(2, 4, (1, 1, 5)))
    assert {plane.index[:2] for plane in planes} == {(1, 1)}
    assert len({plane.index[2] for plane in planes}) == 5
    assert limits_of_volume(values, PlaneAddress(3, 4, (0, 1, 5)), (0, 100)) == (10.0, 20.0)
    assert limits_of_volume(values, PlaneAddress(3, 4, (0, 0, 5)), (0, 100)) is None


def test_a_flat_image_is_its_own_volume() -> None:
    values = np.arange(12.0).reshape(3, 4)
    assert limits_of_volume(values, PlaneAddress(), (0, 100)) == (0.0, 11.0)
    colours = np.zeros((5, 7, 3), np.uint8)
    assert planes_across(colours.shape, PlaneAddress(rgb=True)) == [PlaneAddress(rgb=True)]


def test_each_plane_by_itself_is_seen_alike_however_bright_it_is() -> None:
    look = find_contrast("plane").look(None, PlaneAddress())
    plane = np.random.default_rng(2).normal(1000, 50, (31, 47))
    assert np.array_equal(look.rgb(plane), look.rgb(plane * 3 + 7))
    assert PlaneLook.of_facts(look.facts()) == look
    everything = find_contrast("full").look(None, PlaneAddress()).rgb(plane)
    assert (everything.min(), everything.max()) == (0, 255)
    assert (everything == 255).sum() == 3
