"""Focus crops and progressive merges against the released code's, and where that fails."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_iseg.inference.focus import click_pixel, component_at, focus_window, merge_region
from napari_iseg.inference.prediction import Window
from napari_iseg.inference.zoom import object_window
from napari_iseg.interactions import Click

if TYPE_CHECKING:
    from pathlib import Path

CASES = range(10)


def geometry(shared: Path, number: int) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Return a case of the goldens, its new mask and its previous one."""
    case = json.loads((shared / "parity" / "geometry.json").read_text())["cases"][number]
    packed = np.load(shared / "parity" / "geometry.npz")
    shape = tuple(packed["hw"])
    new, previous = (
        np.unpackbits(packed[name][number], count=shape[0] * shape[1]).view(bool).reshape(shape)
        for name in ("new", "prev")
    )
    return case, new, previous


@pytest.mark.parametrize("number", CASES)
def test_target_crops_are_the_released_codes(shared: Path, number: int) -> None:
    case, new, _ = geometry(shared, number)
    clicks = [Click(row, column, bool(positive)) for row, column, positive in case["roi_clicks"]]
    if not new.any():
        # The goldens asked for the clicks' own crop there; the predictors look at the whole image instead.
        for click in clicks:
            new[int(click.row), int(click.column)] = click.positive
    for name, smallest in (("min10", 10), ("min200", 200)):
        window = object_window(new.astype(np.float32), clicks, 1.4, smallest)
        corners = [window.row_start, window.row_stop - 1, window.column_start, window.column_stop - 1]
        assert corners == case["object_roi_rmin_rmax_cmin_cmax"][name]


@pytest.mark.parametrize("number", CASES)
def test_focus_crops_are_the_released_codes(shared: Path, number: int) -> None:
    case, new, previous = geometry(shared, number)
    window = focus_window(new, previous, Click(*case["click"]), Window(*case["target_roi_y1y2x1x2"]), case["ratio"])
    assert window == Window(*case["focus_box_y1y2x1x2"])
    assert (new ^ previous)[tuple(case["click"])] == case["click_in_difference"]


@pytest.mark.parametrize("number", CASES)
def test_merges_are_the_released_codes(shared: Path, number: int) -> None:
    case, new, previous = geometry(shared, number)
    pixel = tuple(case["click"])
    region = merge_region(new, previous, pixel, safe=False)
    merged = np.where(region, not previous[pixel], previous)
    assert merged.sum() == case["merged_area"]
    assert zlib.crc32(np.packbits(merged).tobytes()) == case["merged_crc32_of_packbits"]
    safe = merge_region(new, previous, pixel, safe=True)
    assert np.array_equal(safe, region) if case["click_in_difference"] else not safe.any()


def test_a_merge_never_takes_back_what_the_other_sign_changes_beside_it() -> None:
    shown, new = np.zeros((2, 9, 12), bool)
    shown[4:6, 0:6] = True
    new[4:6, 3:9] = True
    # The click adds columns 6 to 8; columns 0 to 2, which the new mask drops, are another component, as 3 to 5 stay.
    assert merge_region(new, shown, (4, 7), safe=True).sum() == 6
    new[4:6, 0:6] = False
    # Now the change is one piece, but a click that adds only adds.
    assert merge_region(new, shown, (4, 7), safe=True).sum() == 6
    assert merge_region(new, shown, (4, 1), safe=True).sum() == 12


def test_without_a_previous_mask_the_object_is_looked_at() -> None:
    coarse = np.zeros((60, 80), bool)
    coarse[20:30, 30:50] = True
    # 10 rows x 1.4 = 14 about 24.5; 20 columns x 1.4 = 28 about 39.5; ends cut to whole numbers.
    window = focus_window(coarse, np.zeros_like(coarse), Click(25, 40), Window.whole((60, 80)), 1.4)
    assert window == Window(17, 31, 25, 53)


def test_an_empty_focus_crop_falls_back_to_the_target_crop() -> None:
    coarse = np.zeros((60, 80), bool)
    coarse[2:12, 2:12] = True
    target = Window(40, 60, 50, 80)
    assert focus_window(coarse, np.zeros_like(coarse), Click(5, 5), target, 1.0) == target


def test_of_next_to_nothing_everything_is_looked_at() -> None:
    coarse = np.zeros((60, 80), bool)
    coarse[5, 5:14] = True
    target = Window(3, 33, 4, 64)
    assert focus_window(coarse, np.zeros_like(coarse), Click(5, 5), target, 1.4) == target


@pytest.mark.parametrize(("row", "column", "pixel"), [(-0.5, 3.49, (0, 3)), (9.4, 11.5, (9, 11)), (2.5, 7.0, (3, 7))])
def test_a_click_lies_in_a_pixel_of_the_plane(row: float, column: float, pixel: tuple[int, int]) -> None:
    assert click_pixel(Click(row, column), (10, 12)) == pixel


def test_components_touch_by_corners() -> None:
    mask = np.zeros((7, 9), bool)
    mask[[1, 2, 3, 5], [1, 2, 3, 7]] = True
    component = component_at(mask, (1, 1))
    assert component is not None
    assert np.argwhere(component).tolist() == [[1, 1], [2, 2], [3, 3]]
    assert component_at(mask, (0, 0)) is None
