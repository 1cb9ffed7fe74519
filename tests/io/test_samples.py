"""Samples are there, with references that lie on their objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nibabel
import numpy as np
import pytest

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.io import write_labels
from napari_iseg.io.samples import described_samples, find_sample, open_cell, open_gland, open_head

if TYPE_CHECKING:
    from pathlib import Path


def test_there_are_a_grey_image_a_colour_image_and_a_volume() -> None:
    shapes = {name: find_sample(name).read().data.shape for name in described_samples()}
    assert shapes == {"cell": (660, 550), "gland": (512, 512, 3), "head": (24, 96, 128)}


@pytest.mark.parametrize("name", ["cell", "gland"])
def test_clicks_agree_with_the_reference(name: str) -> None:
    sample = find_sample(name)
    reference = sample.reference()
    assert reference.shape == sample.read().grid_shape
    assert sample.clicks[0].positive
    for click in sample.clicks:
        assert reference[round(click.row), round(click.column)] == click.positive


def test_cell_reference_follows_the_bright_disk() -> None:
    sample = find_sample("cell")
    image, reference = sample.read().data, sample.reference()
    # The cell is the only large thing brighter than half of its own brightness.
    bright = image > np.median(image[reference]) / 2
    window = (slice(290, 460), slice(340, 515))
    iou = (bright & reference)[window].sum() / (bright | reference)[window].sum()
    assert iou > 0.95


def test_layer_data_carries_spacing_and_source() -> None:
    [(data, attributes, kind)] = open_cell()
    assert (data.shape, kind) == ((660, 550), "image")
    assert attributes["scale"] == (0.107, 0.107)
    assert attributes["metadata"]["napari_iseg"]["source"].endswith("cell.png")
    assert open_gland()[0][1]["rgb"]
    np.testing.assert_allclose(open_head()[0][1]["scale"], (2.2, 2, 2), atol=1e-3)


def test_labels_of_the_head_take_over_its_place(tmp_path: Path) -> None:
    loaded = find_sample("head").read()
    labels = np.zeros(loaded.grid_shape, np.uint8)
    labels[12, 30:60, 40:80] = 1
    written = nibabel.Nifti1Image.from_filename(write_labels(tmp_path / "head.nii.gz", labels, like=loaded))
    assert written.shape == (128, 96, 24)
    np.testing.assert_allclose(written.affine, nibabel.Nifti1Image.from_filename(loaded.source).affine, atol=1e-6)


def test_unknown_sample_names_close_ones() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'cell'"):
        find_sample("cel")


def test_a_sample_without_a_drawn_object_says_so() -> None:
    with pytest.raises(ImageError, match="'cell' or 'gland'"):
        find_sample("head").reference()
