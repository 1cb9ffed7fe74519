"""Tri-maps, the patches over what they leave unknown, and the average of those patches."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.inference.prediction import Window
from napari_iseg.inference.trimap import (
    BACKGROUND,
    OBJECT,
    UNKNOWN,
    HannAverage,
    Trimap,
    choose_patches,
    patch_side,
)

WINDOW = Window(20, 140, 30, 230)


def ring() -> np.ndarray:
    """Return (120, 200) probabilities of a disc of radius 45 with a soft edge from radius 40 to 50."""
    row, column = np.mgrid[:120, :200]
    return np.clip((50 - np.hypot(row - 60, column - 90)) / 10, 0, 1).astype(np.float32)


def test_the_unknown_is_the_soft_edge_two_pixels_wider() -> None:
    trimap = Trimap.of(WINDOW, ring(), None, 0.9)
    # On row 60 the probability lies in [0.1, 0.9] from radius 41 to 49.
    assert np.flatnonzero(trimap.unknown[60, 90:]).tolist() == list(range(39, 52))
    assert (trimap.labels[60, 90:129] == OBJECT).all()
    assert (trimap.labels[60, 142:] == BACKGROUND).all()


def test_marks_are_certain_unless_they_contradict() -> None:
    marks = np.zeros((2, 120, 200), np.float32)
    marks[0, 60, 132:136] = 1
    marks[1, 60, 135:138] = 1
    labels = Trimap.of(WINDOW, ring(), marks, 0.9).labels[60, 130:140]
    assert labels.tolist() == [UNKNOWN] * 2 + [OBJECT] * 3 + [UNKNOWN] + [BACKGROUND] * 2 + [UNKNOWN] * 2


def test_what_lies_outside_the_crop_is_background_in_a_patch() -> None:
    labels = np.full((120, 200), OBJECT, np.uint8)
    cut = Trimap(WINDOW, labels).cut(Window(10, 42, 214, 246), 64)
    assert cut.shape == (3, 64, 64)
    assert (cut.sum(axis=0) == 1).all()
    assert cut[OBJECT, 20:, :32].all()
    assert cut[BACKGROUND, :20].all()
    assert cut[BACKGROUND, :, 32:].all()


def test_patches_cover_the_unknown_inside_the_image() -> None:
    trimap = Trimap.of(WINDOW, ring(), None, 0.9)
    patches = choose_patches(trimap, 40, (150, 240), 100)
    covered = np.zeros((150, 240), bool)
    for patch in patches:
        assert patch.shape == (40, 40)
        assert patch.row_start >= 0
        assert patch.row_stop <= 150
        covered[patch.slices] = True
    assert covered[WINDOW.slices][trimap.unknown].mean() > 0.98
    # The middle of the disc holds nothing unknown.
    assert not covered[80, 120]


def test_few_patches_are_those_with_most_unknown_pixels() -> None:
    trimap = Trimap.of(WINDOW, ring(), None, 0.9)

    def unknown_in(patch: Window) -> int:
        plane = np.zeros((150, 240), bool)
        plane[WINDOW.slices] = trimap.unknown
        return int(plane[patch.slices].sum())

    every = choose_patches(trimap, 40, (150, 240), 100)
    few = choose_patches(trimap, 40, (150, 240), 4)
    assert len(few) == 4
    assert few == [patch for patch in every if patch in few]
    assert min(map(unknown_in, few)) >= max(unknown_in(patch) for patch in every if patch not in few)


def test_hardly_anything_unknown_needs_no_patch() -> None:
    labels = np.zeros((120, 200), np.uint8)
    assert choose_patches(Trimap(WINDOW, labels), 64, (150, 240), 16) == []
    labels[50, 50:65] = UNKNOWN
    assert choose_patches(Trimap(WINDOW, labels), 64, (150, 240), 16) == []
    labels[50, 65] = UNKNOWN
    assert choose_patches(Trimap(WINDOW, labels), 64, (150, 240), 16) == [Window(70, 134, 80, 144)]


def test_patches_of_a_small_plane_are_as_small() -> None:
    labels = np.full((30, 50), UNKNOWN, np.uint8)
    assert choose_patches(Trimap(Window.whole((30, 50)), labels), 64, (30, 50), 16) == [Window(0, 30, 0, 50)]


@pytest.mark.parametrize(("size", "side"), [(0, 100), (40, 64), (300, 75), (400, 100)])
def test_the_side_of_a_patch_follows_the_object(size: int, side: int) -> None:
    probability = np.zeros((300, 400), np.float32)
    probability[100:120, :size] = 1
    assert patch_side(probability) == side


def test_overlapping_patches_are_averaged_and_their_middles_count_most() -> None:
    average = HannAverage(Window(0, 10, 0, 30))
    average.add(Window(-5, 15, 0, 20), np.full((20, 20), 0.25, np.float32))
    average.add(Window(0, 10, 10, 30), np.full((10, 20), 0.75, np.float32))
    everything = np.ones((10, 30), bool)
    values = average.at(everything).reshape(10, 30)
    assert average.covered.all()
    np.testing.assert_allclose(values[:, :10], 0.25)
    np.testing.assert_allclose(values[:, 20:], 0.75)
    between = values[5, 10:20]
    assert (np.diff(between) > 0).all()
    assert 0.25 < between[0] < between[-1] < 0.75


def test_a_band_leaves_open_only_what_is_near_the_outline() -> None:
    # Half the window is a region of which the network is unsure, right of a soft edge.
    probability = np.full((120, 200), 0.3, np.float32)
    probability[:, :100] = 0.99
    everywhere = Trimap.of(WINDOW, probability, None, 0.9)
    near = Trimap.of(WINDOW, probability, None, 0.9, band=0.03)
    assert everywhere.unknown[:, 100:].all()
    # Six of 200 columns, and what the unknown grows by on the other side.
    assert np.flatnonzero(near.unknown[60]).tolist() == list(range(98, 106))
    assert (near.labels[:, :98] == OBJECT).all()
    assert (near.labels[:, 106:] == BACKGROUND).all()
    nothing = Trimap.of(WINDOW, np.full((120, 200), 0.3, np.float32), None, 0.9, band=0.03)
    assert not nothing.unknown.any()
