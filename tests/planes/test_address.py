"""A plane is taken from any axis of any array, and a mask goes back to exactly where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import nibabel as nib
import numpy as np
import pytest

from napari_iseg.errors import ImageError
from napari_iseg.planes import PlaneAddress

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (5, 7, 11)
VOLUME = np.arange(np.prod(SHAPE)).reshape(SHAPE)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_every_axis_is_taken_and_put_back(axis: int) -> None:
    address = PlaneAddress.across(VOLUME.shape, axis, 3)
    np.testing.assert_array_equal(address.take(VOLUME), np.take(VOLUME, 3, axis=axis))
    labels = np.zeros(SHAPE, int)
    address.put(labels, np.take(VOLUME, 3, axis=axis))
    assert (np.take(labels, 3, axis=axis) == np.take(VOLUME, 3, axis=axis)).all()
    assert np.count_nonzero(labels) <= np.take(labels, 3, axis=axis).size
    np.testing.assert_array_equal(address.take_labels(labels), np.take(VOLUME, 3, axis=axis))


def test_rows_may_come_after_columns() -> None:
    address = PlaneAddress.shown((2, 0), (99, 4, 99))
    np.testing.assert_array_equal(address.take(VOLUME), VOLUME[:, 4, :].T)
    labels = np.zeros(SHAPE, int)
    address.put(labels, VOLUME[:, 4, :].T)
    np.testing.assert_array_equal(labels[:, 4, :], VOLUME[:, 4, :])
    mask = np.zeros((11, 5), bool)
    mask[9, 2] = True
    assert [axis.tolist() for axis in address.mask_index(mask)] == [[2], [4], [9]]
    assert address.point(9, 2) == (2, 4, 9)
    assert address.row_column((2, 4, 9)) == (9, 2)
    assert address.pixel_size((7.5, 0.5, 0.25)) == (0.25, 7.5)


def test_colours_stay_with_the_image_and_off_the_labels() -> None:
    stack = np.random.default_rng(1).integers(0, 255, (*SHAPE, 3), dtype=np.uint8)
    address = PlaneAddress.across(stack.shape, 1, 6, rgb=True)
    np.testing.assert_array_equal(address.take(stack), stack[:, 6])
    labels = np.zeros(SHAPE, np.uint8)
    address.put(labels, np.ones((5, 11)))
    assert labels[:, 6].all()
    assert labels.sum() == 55
    flipped = PlaneAddress.shown((2, 0), (0, 6, 0), rgb=True)
    np.testing.assert_array_equal(flipped.take(stack), stack[:, 6].swapaxes(0, 1))


def test_flat_images_have_one_plane() -> None:
    assert PlaneAddress.across((9, 13)) == PlaneAddress()
    assert PlaneAddress.across((9, 13, 3), rgb=True).take(np.zeros((9, 13, 3))).shape == (9, 13, 3)
    with pytest.raises(ImageError, match="single plane"):
        PlaneAddress.across((9, 13), 0, 4)


def test_further_axes_stay_at_zero_and_the_middle_is_the_default() -> None:
    film = np.arange(2 * 5 * 7 * 11).reshape(2, *SHAPE)
    np.testing.assert_array_equal(PlaneAddress.across(film.shape, 1, 3).take(film), film[0, 3])
    np.testing.assert_array_equal(PlaneAddress.across(film.shape, 0, 1).take(film), film[1, 0])
    np.testing.assert_array_equal(PlaneAddress.across(film.shape, 3, 10).take(film), film[0, :, :, 10])
    np.testing.assert_array_equal(PlaneAddress.across(SHAPE).take(VOLUME), VOLUME[2])


def test_dask_computes_only_the_plane() -> None:
    computed = []

    def block(block_info: dict) -> np.ndarray:
        computed.append(block_info[None]["chunk-location"][0])
        return np.full((1, 7, 11), computed[-1])

    lazy = da.map_blocks(block, chunks=((1,) * 5, (7,), (11,)), dtype=int)
    computed.clear()
    plane = PlaneAddress.across(lazy.shape, 0, 4).take(lazy)
    assert isinstance(plane, np.ndarray)
    assert (plane == 4).all()
    assert computed == [4]


def test_nibabel_proxies_read_only_the_plane(tmp_path: Path) -> None:
    file = tmp_path / "volume.nii"
    nib.save(nib.Nifti1Image(VOLUME.astype(np.int16), np.eye(4)), file)
    proxy = nib.load(file).dataobj
    np.testing.assert_array_equal(PlaneAddress.across(proxy.shape, 2, 8).take(proxy), VOLUME[:, :, 8])


@pytest.mark.parametrize(
    ("axis", "plane", "words"), [(0, 5, "0 to 4"), (2, -1, "0 to 10"), (3, 0, "0 to 2"), (-4, 0, "0 to 2")]
)
def test_planes_that_are_not_there(axis: int, plane: int, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        PlaneAddress.across(SHAPE, axis, plane)


def test_the_wrong_array_is_refused() -> None:
    address = PlaneAddress.across(SHAPE, 0, 4)
    with pytest.raises(ImageError, match="3 axes"):
        address.take(np.zeros((9, 13)))
    with pytest.raises(ImageError, match="no plane 4"):
        address.take_labels(np.zeros((4, 7, 11)))
    with pytest.raises(ImageError, match="7 x 11"):
        address.put(np.zeros(SHAPE), np.zeros((11, 7)))
    with pytest.raises(ImageError, match="two different"):
        PlaneAddress(1, 1, (2,))
    with pytest.raises(ImageError, match="count from 0"):
        PlaneAddress(0, 1, (-2,))
    with pytest.raises(ImageError, match="two axes"):
        PlaneAddress.across((5,))
