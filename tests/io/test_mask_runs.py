"""Masks as run lengths: they come back pixel by pixel, and COCO's own tools read them."""

import numpy as np
import pytest
from pycocotools import mask as coco

from napari_iseg.errors import ImageError
from napari_iseg.io.mask_runs import MaskRuns


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_mask_comes_back_pixel_by_pixel(share):
    mask = np.random.default_rng(1).random((23, 41)) < share
    again = MaskRuns.from_values(MaskRuns.of(mask).values())
    np.testing.assert_array_equal(again.mask(), mask)


def test_coco_reads_what_is_kept():
    mask = np.zeros((30, 50), bool)
    mask[4:9, 10:40] = True
    assert coco.area(MaskRuns.of(mask).values()) == mask.sum()


@pytest.mark.parametrize("values", [{"size": [3]}, {"counts": "x"}, {"size": "ab", "counts": ""}])
def test_something_else_is_refused(values):
    with pytest.raises(ImageError, match="no run-length mask"):
        MaskRuns.from_values(values)
