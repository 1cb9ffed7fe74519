"""Labels on odd, anisotropic, rotated, oblique and flipped grids: two other programs find every voxel in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import tifffile

from napari_iseg.errors import ExportError
from napari_iseg.io import read_image, write_labels

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (23, 17, 5)
ZOOMS = np.array([0.7, 0.9, 3.5])


def turned(around_x: float, around_z: float) -> np.ndarray:
    a, b = np.radians(around_x), np.radians(around_z)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return x @ z


GRIDS = {
    "anisotropic": np.eye(3),
    "flipped": np.diag([-1.0, 1.0, -1.0]),
    "mirrored": np.diag([-1.0, 1.0, 1.0]),
    "rotated": np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    "oblique": turned(17, -33),
    "oblique and flipped": turned(-8, 71) @ np.diag([1.0, -1.0, 1.0]),
}


@pytest.fixture(params=GRIDS)
def affine(request: pytest.FixtureRequest) -> np.ndarray:
    whole = np.eye(4)
    whole[:3, :3] = GRIDS[request.param] * ZOOMS
    whole[:3, 3] = (-31.5, 12.25, 80)
    return whole


def labels_of(dtype: type = np.uint16) -> np.ndarray:
    return np.random.default_rng(3).integers(0, np.iinfo(dtype).max, SHAPE[::-1], endpoint=True, dtype=dtype)


@pytest.mark.parametrize("kind", [".nii", ".mha"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mha", ".nrrd"])
def test_every_voxel_lies_where_the_source_says(affine: np.ndarray, kind: str, ending: str, tmp_path: Path) -> None:
    values = np.random.default_rng(5).integers(0, 900, SHAPE).astype(np.int16)
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "source.nii")
    if kind == ".mha":
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(tmp_path / "source.nii")), str(tmp_path / "source.mha"))
    labels = labels_of()
    written = write_labels(tmp_path / f"labels{ending}", labels, read_image(tmp_path / f"source{kind}"))
    voxels = np.array([(0, 0, 0), (22, 16, 4), (7, 0, 3), (0, 11, 1)])
    ras = voxels @ affine[:3, :3].T + affine[:3, 3]
    itk = SimpleITK.ReadImage(str(written))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(itk), labels)
    lps = [itk.TransformIndexToPhysicalPoint([int(place) for place in voxel]) for voxel in voxels]
    np.testing.assert_allclose(lps, ras * (-1, -1, 1), atol=2e-3)
    if ending.startswith(".nii"):
        image = nib.load(written)
        np.testing.assert_array_equal(np.asarray(image.dataobj), labels.T)
        np.testing.assert_allclose(nib.affines.apply_affine(image.affine, voxels), ras, atol=2e-3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("ending", [".ome.tif", ".OME.TIFF"])
def test_ome_tiff_tells_axes_sizes_and_units(dtype: type, ending: str, tmp_path: Path) -> None:
    labels = labels_of(dtype)
    written = write_labels(tmp_path / f"cells{ending}", labels, spacing=(3.5, 0.9, 0.7), units="um")
    with tifffile.TiffFile(written) as tiff:
        assert tiff.is_ome
        assert tiff.series[0].axes == "ZYX"
        assert tiff.series[0].dtype == dtype
        np.testing.assert_array_equal(tiff.asarray(), labels)
        pixels = ElementTree.fromstring(tiff.ome_metadata).find(".//{*}Pixels")
    assert pixels is not None
    assert [float(pixels.attrib[f"PhysicalSize{axis}"]) for axis in "ZYX"] == [3.5, 0.9, 0.7]
    assert {pixels.attrib[f"PhysicalSize{axis}Unit"] for axis in "ZYX"} == {"µm"}
    again = read_image(written)
    assert (again.spacing, again.units) == ((3.5, 0.9, 0.7), "um")
    itk = SimpleITK.ReadImage(str(written))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(itk), labels)


def test_ome_tiff_keeps_time_and_the_source_s_own_axes(tmp_path: Path) -> None:
    stack = np.zeros((3, 11, 9), np.uint8)
    tifffile.imwrite(
        tmp_path / "film.ome.tif", stack, metadata={"axes": "TYX", "TimeIncrement": 2.5, "PhysicalSizeX": 0.25}
    )
    labels = np.arange(stack.size).reshape(stack.shape)
    written = write_labels(tmp_path / "labels.ome.tif", labels, read_image(tmp_path / "film.ome.tif"))
    with tifffile.TiffFile(written) as tiff:
        assert tiff.series[0].axes == "TYX"
        np.testing.assert_array_equal(tiff.asarray(), labels)
    assert read_image(written).spacing == (2.5, 1.0, 0.25)


def test_what_ome_tiff_cannot_hold_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="export them as TIFF"):
        write_labels(tmp_path / "labels.ome.tif", np.ones((2, 1, 2, 1, 3, 4), int))
    assert not list(tmp_path.iterdir())
