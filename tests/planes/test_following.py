"""A mask moves along with what moves between two planes, and stays where nothing does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_iseg.planes.following import Appearance, continuity, follow, likeness

SHAPE = (90, 121)


def texture(seed: int = 0) -> np.ndarray:
    """Return (H, W) float in [0, 1] with structures of a few pixels, as tissue has."""
    values = gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 3)
    return np.clip(0.5 + values / values.std() / 5, 0, 1)


def rgb(values: np.ndarray) -> np.ndarray:
    return np.repeat((values * 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)


def disc(row: float, column: float, radius: float = 13) -> np.ndarray:
    rows, columns = np.indices(SHAPE)
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return np.count_nonzero(first & second) / np.count_nonzero(first | second)


def test_a_mask_goes_along_with_the_image() -> None:
    before = texture()
    after = shift(before, (3, -4), order=1, mode="nearest")
    moved = follow(disc(45, 60), rgb(before), rgb(after))
    assert overlap(moved, disc(48, 56)) > 0.9 > overlap(disc(45, 60), disc(48, 56))


@pytest.mark.parametrize("after", [texture(), texture(7)], ids=["the same plane", "another plane"])
def test_where_registration_does_not_help_the_mask_stays(after: np.ndarray) -> None:
    moved = follow(disc(45, 60), rgb(texture()), rgb(after))
    assert overlap(moved, disc(45, 60)) > (0.999 if np.array_equal(after, texture()) else 0.4)


def test_flat_planes_and_empty_masks_stay_as_they_are() -> None:
    flat = rgb(np.full(SHAPE, 0.5))
    assert np.array_equal(follow(disc(45, 60), flat, rgb(texture())), disc(45, 60))
    assert not follow(np.zeros(SHAPE, bool), rgb(texture()), rgb(texture(1))).any()


def test_planes_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        follow(disc(45, 60), rgb(texture()), rgb(texture())[:-1])


def test_likeness_is_the_correlation() -> None:
    values = texture()
    assert likeness(values, 3 * values + 2) == pytest.approx(1)
    assert likeness(values, -values) == pytest.approx(-1)
    assert likeness(values, np.ones(SHAPE)) == 0


def test_continuity_falls_where_the_next_plane_is_another() -> None:
    mask = disc(45, 60)
    assert continuity(mask, rgb(texture()), rgb(texture())) == pytest.approx(1)
    assert continuity(mask, rgb(texture()), rgb(texture(5))) < 0.4


def test_an_object_resembles_itself_and_not_what_is_darker() -> None:
    image = rgb(texture())
    here = Appearance.of(disc(45, 60), image)
    assert here.resemblance(here) == 1
    assert here.resemblance(Appearance.of(disc(45, 60), image // 4)) < 0.5
