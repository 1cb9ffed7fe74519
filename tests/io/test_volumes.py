"""Volumes keep their grid: what one library wrote another one finds in the same place."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from napari_iseg.io import read_image, write_labels

NIBABEL_DATA = Path(find_spec("nibabel").origin).parent / "tests" / "data"
NIFTI = ["anatomical.nii", "example4d.nii.gz", "example_nifti2.nii.gz", "functional.nii", "standard.nii.gz"]
SHARED = [
    "sct_spinalcord/images/t1.nii.gz",
    "sct_spinalcord/images/t2.nii.gz",
    "sct_spinalcord/images/t2s_cord.nii.gz",
    "msd_hippocampus/images/hippocampus_003.nii.gz",
]
PLACE = ("qform_code", "sform_code", "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units")


def random_labels(shape: tuple[int, ...], highest: int = 300) -> np.ndarray:
    return np.random.default_rng(11).integers(0, highest, shape)


def assert_same_nifti(written: Path, source: Path, labels: np.ndarray) -> None:
    ours, theirs = nib.load(written), nib.load(source)
    assert ours.shape == theirs.shape
    assert type(ours) is type(theirs)
    np.testing.assert_array_equal(ours.affine, theirs.affine)
    assert nib.aff2axcodes(ours.affine) == nib.aff2axcodes(theirs.affine)
    for name in PLACE:
        np.testing.assert_array_equal(ours.header[name], theirs.header[name], err_msg=name)
    np.testing.assert_array_equal(ours.header.get_zooms(), theirs.header.get_zooms())
    np.testing.assert_array_equal(np.asarray(ours.dataobj), labels.T)


def assert_same_place(written: Path, source: Path) -> None:
    """SimpleITK, which neither wrote nor shares code with nibabel, puts every corner in the same place."""
    ours, theirs = SimpleITK.ReadImage(str(written)), SimpleITK.ReadImage(str(source))
    assert ours.GetSize() == theirs.GetSize()
    for corner in ([0] * ours.GetDimension(), [size - 1 for size in ours.GetSize()]):
        here, there = (image.TransformIndexToPhysicalPoint(corner) for image in (ours, theirs))
        np.testing.assert_allclose(here, there, atol=2e-3)


@pytest.mark.parametrize("name", NIFTI)
def test_nifti_goes_back_on_its_own_grid(name: str, tmp_path: Path) -> None:
    source = NIBABEL_DATA / name
    loaded = read_image(source)
    np.testing.assert_array_equal(loaded.data, np.asarray(nib.load(source).dataobj).T)
    assert loaded.data.dtype.isnative
    np.testing.assert_allclose(loaded.spacing, nib.load(source).header.get_zooms()[::-1])
    labels = random_labels(loaded.grid_shape)
    assert_same_nifti(write_labels(tmp_path / "labels.nii.gz", labels, loaded), source, labels)


@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mha", ".nrrd"])
def test_every_orientation_and_format_ends_in_the_same_place(
    name: str, ending: str, shared: Path, tmp_path: Path
) -> None:
    source = shared / "data" / name
    if not source.exists():
        pytest.skip(f"{source} is not here")
    loaded = read_image(source)
    labels = random_labels(loaded.grid_shape)
    written = write_labels(tmp_path / f"labels{ending}", labels, loaded)
    assert_same_place(written, source)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(written))), labels)
    if ending.startswith(".nii"):
        assert_same_nifti(written, source, labels)


def test_4d_nifti_takes_labels_of_the_volume_alone(tmp_path: Path) -> None:
    loaded = read_image(NIBABEL_DATA / "example4d.nii.gz")
    assert loaded.grid_shape == (2, 24, 96, 128)
    labels = random_labels((24, 96, 128), 9)
    written = nib.load(write_labels(tmp_path / "labels.nii.gz", labels, loaded))
    assert written.shape == (128, 96, 24)
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(written.affine, loaded.affine)
    itk = SimpleITK.ReadImage(str(tmp_path / "labels.nii.gz"))
    np.testing.assert_allclose(itk.GetSpacing(), loaded.spacing[:0:-1], rtol=1e-6)


def oblique_itk_image(dtype: type = np.int16) -> SimpleITK.Image:
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, -1]])
    image = SimpleITK.GetImageFromArray(random_labels((5, 17, 23), 900).astype(dtype))
    image.SetSpacing((0.7, 0.9, 3.5))
    image.SetOrigin((-12.5, 40.25, 7))
    image.SetDirection(turn.ravel().tolist())
    return image


@pytest.mark.parametrize("ending", [".mha", ".mhd", ".nrrd"])
@pytest.mark.parametrize("out", [".mha", ".nrrd", ".nii.gz"])
def test_itk_images_keep_direction_and_origin(ending: str, out: str, tmp_path: Path) -> None:
    source = tmp_path / f"image{ending}"
    SimpleITK.WriteImage(oblique_itk_image(), str(source))
    loaded = read_image(source)
    assert loaded.grid_shape == (5, 17, 23)
    np.testing.assert_allclose(loaded.spacing, (3.5, 0.9, 0.7))
    labels = random_labels(loaded.grid_shape, 70000)
    written = write_labels(tmp_path / f"labels{out}", labels, loaded)
    assert_same_place(written, source)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(written))), labels)
    if out == ".nii.gz":
        np.testing.assert_allclose(nib.load(written).affine, loaded.affine, atol=1e-4)


def test_nibabel_agrees_with_the_ras_affine_of_itk_images(tmp_path: Path) -> None:
    """SimpleITK itself writes the NIfTI here: its idea of RAS is the reference for ours."""
    SimpleITK.WriteImage(oblique_itk_image(), str(tmp_path / "image.mha"))
    SimpleITK.WriteImage(oblique_itk_image(), str(tmp_path / "image.nii"))
    loaded = read_image(tmp_path / "image.mha")
    np.testing.assert_allclose(loaded.affine, nib.load(tmp_path / "image.nii").affine, atol=1e-4)
    k, j, i = 4, 10, 20
    ijk_world = loaded.affine @ (i, j, k, 1)
    kji_world = loaded.array_affine @ (k, j, i, 1)
    np.testing.assert_allclose(kji_world[:3], ijk_world[2::-1])


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
def test_4d_and_flat_itk_images(ending: str, tmp_path: Path) -> None:
    for shape in [(2, 3, 9, 7), (9, 7)]:
        image = SimpleITK.GetImageFromArray(random_labels(shape).astype(np.uint16), isVector=False)
        image.SetSpacing([0.5 + axis for axis in range(len(shape))])
        source = tmp_path / f"image{len(shape)}{ending}"
        SimpleITK.WriteImage(image, str(source))
        loaded = read_image(source)
        assert loaded.grid_shape == shape
        labels = random_labels(shape)
        assert_same_place(write_labels(tmp_path / f"labels{ending}", labels, loaded), source)
        nifti = nib.load(write_labels(tmp_path / "labels.nii", labels, loaded))
        np.testing.assert_allclose(nifti.header.get_zooms()[: len(shape)], loaded.spacing[::-1])
        np.testing.assert_array_equal(np.asarray(nifti.dataobj), labels.T)


def test_colours_and_vectors_of_itk_images(tmp_path: Path) -> None:
    values = random_labels((4, 9, 7, 3), 255)
    for dtype, shape, rgb in ((np.uint8, (4, 9, 7, 3), True), (np.float32, (3, 4, 9, 7), False)):
        source = tmp_path / f"{dtype.__name__}.mha"
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values.astype(dtype), isVector=True), str(source))
        loaded = read_image(source)
        assert (loaded.data.shape, loaded.rgb) == (shape, rgb)
        assert len(loaded.spacing) == len(loaded.grid_shape)
        labels = random_labels(loaded.grid_shape)
        again = read_image(write_labels(tmp_path / "labels.mha", labels, loaded))
        np.testing.assert_array_equal(again.data, labels)
        nifti = nib.load(write_labels(tmp_path / "labels.nii", labels, loaded))
        np.testing.assert_array_equal(np.asarray(nifti.dataobj), labels.T)


def test_rgb_nifti(tmp_path: Path) -> None:
    colours = np.zeros((7, 9, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    colours["G"] = random_labels((7, 9, 4), 255)
    nib.save(nib.Nifti1Image(colours, np.diag([2.0, 3.0, 4.0, 1.0])), tmp_path / "rgb.nii")
    loaded = read_image(tmp_path / "rgb.nii")
    assert loaded.rgb
    assert loaded.data.shape == (4, 9, 7, 3)
    assert loaded.spacing == (4, 3, 2)
    np.testing.assert_array_equal(loaded.data[..., 1], colours["G"].T)
    labels = random_labels(loaded.grid_shape)
    written = nib.load(write_labels(tmp_path / "labels.nii", labels, loaded))
    np.testing.assert_array_equal(np.asarray(written.dataobj), labels.T)
    np.testing.assert_array_equal(written.affine, loaded.affine)


def test_without_a_source_the_spacing_makes_the_world(tmp_path: Path) -> None:
    labels = random_labels((5, 17, 23))
    for ending in (".nii.gz", ".mha", ".nrrd"):
        written = SimpleITK.ReadImage(str(write_labels(tmp_path / f"x{ending}", labels, spacing=(4.0, 0.5, 0.25))))
        np.testing.assert_allclose(written.GetSpacing(), (0.25, 0.5, 4.0))
        np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(written), labels)
