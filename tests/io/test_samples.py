"""Samples are there, with references that lie on their objects."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.io.samples import find_sample, open_cell, open_gland, open_head, sample_names


def test_there_are_a_grey_image_a_colour_image_and_a_volume() -> None:
    shapes = {name: find_sample(name).read().shape for name in sample_names()}
    assert shapes == {"cell": (660, 550), "gland": (512, 512, 3), "head": (128, 96, 24)}


@pytest.mark.parametrize("name", ["cell", "gland"])
def test_clicks_agree_with_the_reference(name: str) -> None:
    sample = find_sample(name)
    reference = sample.reference()
    assert reference.shape == sample.read().shape[:2]
    assert sample.clicks[0].positive
    for click in sample.clicks:
        assert reference[round(click.row), round(click.column)] == click.positive


def test_cell_reference_follows_the_bright_disk() -> None:
    sample = find_sample("cell")
    image, reference = sample.read(), sample.reference()
    # The cell is the only large thing brighter than half of its own brightness.
    bright = image > np.median(image[reference]) / 2
    window = (slice(290, 460), slice(340, 515))
    iou = (bright & reference)[window].sum() / (bright | reference)[window].sum()
    assert iou > 0.95


def test_layer_data_carries_the_spacing() -> None:
    [(data, settings, kind)] = open_cell()
    assert (data.shape, kind) == ((660, 550), "image")
    assert settings["scale"] == (0.107, 0.107)
    assert settings["units"] == ("um", "um")
    assert open_gland()[0][0].shape == (512, 512, 3)
    assert open_head()[0][0].shape == (128, 96, 24)


def test_unknown_sample_names_close_ones() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'cell'"):
        find_sample("cel")


def test_a_sample_without_a_drawn_object_says_so() -> None:
    with pytest.raises(ImageError, match="'cell' or 'gland'"):
        find_sample("head").reference()
