"""Volumes as they should not be: each opens right, or one sentence says what is wrong and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from napari_iseg.errors import ImageError
from napari_iseg.io import read_image, write_labels
from napari_iseg.io.readers import open_layers

if TYPE_CHECKING:
    from pathlib import Path

VOLUME = np.random.default_rng(9).integers(0, 90, (13, 17, 5))


def write(file: Path, values: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nib.save(
        nib.Nifti1Image(values, np.diag([0.5, 0.75, 3, 1]) if affine is None else affine, dtype=values.dtype), file
    )
    return file


@pytest.mark.parametrize("dtype", ["u1", ">i2", "<i2", ">f4", "f8", "i8", "u8"])
def test_nifti_values_of_every_type_and_byte_order(dtype: str, tmp_path: Path) -> None:
    values = VOLUME.astype(dtype)
    header = nib.Nifti1Header(endianness=">" if dtype[0] == ">" else "<")
    header.set_data_dtype(values.dtype)
    nib.save(nib.Nifti1Image(values, np.eye(4), header, dtype=values.dtype), tmp_path / "v.nii.gz")
    loaded = read_image(tmp_path / "v.nii.gz")
    np.testing.assert_array_equal(loaded.data, VOLUME.T)
    assert loaded.data.dtype.isnative


def test_complex_voxels_are_shown_by_magnitude_and_said_so(tmp_path: Path) -> None:
    loaded = read_image(write(tmp_path / "v.nii", (VOLUME * (3 + 4j)).astype(np.complex64)))
    np.testing.assert_allclose(loaded.data, VOLUME.T * 5, rtol=1e-6)
    assert loaded.shown.notes[0].endswith("real numbers.")


def test_nan_voxels_do_not_spoil_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_iseg.io.nifti_files.SMALL", 0)
    values = VOLUME.astype(np.float32)
    values[:4] = np.nan
    ((data, attributes, _),) = open_layers(write(tmp_path / "v.nii", values))
    assert isinstance(data, da.Array)
    assert attributes["contrast_limits"] == (np.nanmin(values[..., 2]), np.nanmax(values[..., 2]))


def test_a_flipped_affine_keeps_its_place_along_its_own_axes(tmp_path: Path) -> None:
    flipped = np.diag([-0.5, 0.75, -3, 1.0])
    flipped[:3, 3] = (30, -20, 10)
    ((data, attributes, _),) = open_layers(write(tmp_path / "v.nii", VOLUME.astype(np.int16), flipped))
    np.testing.assert_array_equal(data, VOLUME.T)
    assert attributes["scale"] == (3, 0.75, 0.5)
    assert attributes["translate"] == (-10, -20, -30)
    assert attributes["units"] == ("pixel",) * 3 or attributes["units"] == ("mm",) * 3
    assert attributes["axis_labels"] == ("z", "y", "x")
    assert not attributes["metadata"]["napari_iseg"]["notes"]


def test_two_crops_of_one_oblique_scan_lie_where_they_belong(tmp_path: Path) -> None:
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn * (0.5, 0.75, 3)
    affine[:3, 3] = (30, -20, 10)
    crop = affine.copy()
    crop[:3, 3] += affine[:3, :3] @ (4, 6, 2)
    ((_, whole, _),) = open_layers(write(tmp_path / "whole.nii", VOLUME.astype(np.int16), affine))
    ((_, part, _),) = open_layers(write(tmp_path / "part.nii", VOLUME[4:, 6:, 2:].astype(np.int16), crop))
    moved = np.subtract(part["translate"], whole["translate"])
    np.testing.assert_allclose(moved, (2 * 3, 6 * 0.75, 4 * 0.5), atol=1e-4)


def test_a_sheared_affine_is_told_and_kept(tmp_path: Path) -> None:
    sheared = np.diag([0.5, 0.75, 3, 1.0])
    sheared[0, 1] = 0.4
    file = write(tmp_path / "v.nii", VOLUME.astype(np.int16), sheared)
    loaded = read_image(file)
    assert "sheared by 28 degrees" in loaded.shown.notes[0]
    written = write_labels(tmp_path / "labels.nii", loaded.data > 50, loaded)
    np.testing.assert_allclose(nib.load(written).affine, sheared, atol=1e-6)


def test_a_nifti_in_time_has_its_units(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.stack([VOLUME, VOLUME + 1], axis=-1).astype(np.int16), np.diag([0.5, 0.75, 3, 1]))
    image.header.set_xyzt_units("mm", "msec")
    image.header.set_zooms((0.5, 0.75, 3, 40))
    nib.save(image, tmp_path / "film.nii.gz")
    ((data, attributes, _),) = open_layers(tmp_path / "film.nii.gz")
    assert data.shape == (2, 5, 17, 13)
    assert attributes["scale"] == (40, 3, 0.75, 0.5)
    assert attributes["units"] == ("ms", "mm", "mm", "mm")
    assert attributes["axis_labels"] == ("t", "z", "y", "x")
    assert attributes["translate"] == (0, 0, 0, 0)


@pytest.mark.parametrize("name", ["v.nii", "v.mha"])
def test_large_files_without_compression_are_read_plane_by_plane(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("nifti_files", "itk_files"):
        monkeypatch.setattr(f"napari_iseg.io.{module}.SMALL", 0)
    file = tmp_path / name
    if name.endswith("nii"):
        write(file, VOLUME.astype(np.int16))
    else:
        image = SimpleITK.GetImageFromArray(VOLUME.T.astype(np.int16).copy())
        image.SetSpacing((0.5, 0.75, 3))
        SimpleITK.WriteImage(image, str(file))
    ((data, attributes, _),) = open_layers(file)
    assert data.numblocks == (5, 1, 1)
    np.testing.assert_array_equal(data[3].compute(), VOLUME.T[3])
    assert attributes["scale"] == (3, 0.75, 0.5)
    file.rename(tmp_path / f"away-{name}")
    with pytest.raises(ImageError, match="cannot be read any more"):
        data[4].compute()


def test_an_export_of_a_lazy_image_has_its_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_iseg.io.nifti_files.SMALL", 0)
    file = write(tmp_path / "v.nii", VOLUME.astype(np.int16))
    loaded = read_image(file, lazy=True)
    written = nib.load(write_labels(tmp_path / "labels.nii.gz", VOLUME.T > 50, loaded))
    np.testing.assert_array_equal(written.affine, nib.load(file).affine)
    np.testing.assert_array_equal(np.asarray(written.dataobj), VOLUME > 50)
