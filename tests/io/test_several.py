"""HDF5 files and folders that hold several images: all are listed, one is chosen, large ones stay where they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import dask.array as da
import h5py
import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.io import lazily, read_image
from napari_iseg.io.choices import choices_in
from napari_iseg.io.readers import open_layers

if TYPE_CHECKING:
    from pathlib import Path

VOLUME = np.random.default_rng(3).integers(0, 4000, (6, 31, 23)).astype(np.uint16)


@pytest.fixture
def all_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every image stay in its file."""
    for name in ("hdf5_files", "tiff_shown", "tiff_files", "zarr_files", "slice_folders", "nifti_files", "dicom_files"):
        monkeypatch.setattr(f"napari_iseg.io.{name}.SMALL", 0, raising=False)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "stack.h5", "w") as file:
        item = file.create_dataset("volumes/raw", data=VOLUME, chunks=(2, 8, 8))
        item.attrs["resolution"], item.attrs["offset"] = (40.0, 4.0, 4.0), (400.0, 8.0, 0.0)
        file["volumes/labels/neurons"] = (VOLUME[:4] > 2000).astype(np.uint64)
        file["photo"] = np.zeros((9, 11, 3), np.uint8)
        file["ilastik"] = np.zeros((6, 31, 2), np.float32)
        file["ilastik"].attrs["axistags"] = json.dumps({"axes": [{"key": "y"}, {"key": "x"}, {"key": "c"}]})
        file["table"] = np.arange(5)
        file["words"] = "a text"
    return tmp_path / "stack.h5"


def test_the_data_sets_of_an_hdf5_file_are_listed_and_chosen(stack: Path) -> None:
    found = {choice.name: choice.shape for choice in choices_in(stack)}
    assert found == {
        "ilastik": (6, 31, 2),
        "photo": (9, 11, 3),
        "volumes/labels/neurons": (4, 31, 23),
        "volumes/raw": VOLUME.shape,
    }
    largest = read_image(stack)
    np.testing.assert_array_equal(largest.data, VOLUME)
    assert largest.spacing == (40, 4, 4)
    assert (largest.units, largest.translate) == ("nm", (400, 8, 0))
    assert "4 images" in largest.shown.notes[0]
    assert read_image(f"{stack}::photo").rgb
    assert read_image(f"{stack}::ilastik").data.shape == (2, 6, 31)
    ((_, attributes, kind),) = open_layers(f"{stack}::volumes/labels/neurons")
    assert kind == "labels"
    assert attributes["name"] == "stack volumes/labels/neurons"
    with pytest.raises(UnknownNameError, match="volumes/raw"):
        read_image(f"{stack}::volumes/row")


@pytest.mark.usefixtures("all_large")
def test_a_large_data_set_is_read_where_it_is_looked_at_and_its_loss_is_told(stack: Path) -> None:
    ((data, attributes, _),) = open_layers(f"{stack}::volumes/raw")
    assert isinstance(data, da.Array)
    np.testing.assert_array_equal(data[3].compute(), VOLUME[3])
    # The limits are those of the middle plane, which napari shows first.
    assert attributes["contrast_limits"] == (VOLUME[2].min(), VOLUME[2].max())
    away = stack.rename(stack.with_name("away.h5"))
    with pytest.raises(ImageError, match=r"stack\.h5 cannot be read any more.*again") as caught:
        data[4].compute()
    assert "\n" not in str(caught.value)
    away.rename(stack)
    np.testing.assert_array_equal(data[4].compute(), VOLUME[4])


def test_an_hdf5_file_without_images_and_a_broken_one(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file["words"] = "nothing"
    with pytest.raises(ImageError, match="no image"):
        read_image(tmp_path / "empty.h5")
    (tmp_path / "bad.h5").write_bytes(b"not HDF5" * 99)
    with pytest.raises(ImageError, match="damaged"):
        read_image(tmp_path / "bad.h5")


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_folder_of_slices_opens_in_natural_order(ending: str, tmp_path: Path) -> None:
    folder = tmp_path / "sections"
    folder.mkdir()
    for number in range(12):
        page = np.full((9, 7), number, np.uint8)
        file = folder / f"section {number}{ending}"
        tifffile.imwrite(file, page) if ending == ".tif" else Image.fromarray(page).save(file)
    (folder / "readme.txt").write_text("ssTEM")
    loaded = read_image(folder)
    assert loaded.data[:, 0, 0].tolist() == list(range(12))
    assert [file.name for file in loaded.source_files][2::8] == [f"section 2{ending}", f"section 10{ending}"]
    assert (loaded.shown.axes, loaded.shown.notes) == ("zyx", ())
    (folder / f"section 4{ending}").unlink()
    assert "these are missing: 4;" in read_image(folder).shown.notes[0]


@pytest.mark.usefixtures("all_large")
def test_slices_are_read_one_by_one(tmp_path: Path) -> None:
    for number in range(5):
        Image.fromarray(np.full((9, 7, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
    ((data, attributes, _),) = open_layers(tmp_path)
    assert (data.shape, attributes["rgb"], data.chunks[0]) == ((5, 9, 7, 3), True, (1,) * 5)
    (tmp_path / "0.png").unlink()
    assert data[3].compute()[0, 0].tolist() == [3, 3, 3]
    with pytest.raises(ImageError, match=r"0\.png"):
        data[0].compute()


def test_slices_of_different_sizes_are_named(tmp_path: Path) -> None:
    for number in range(5):
        Image.fromarray(np.zeros((9, 7 + (number == 3)), np.uint8)).save(tmp_path / f"{number}.png")
    with pytest.raises(ImageError, match=r"most are 9 x 7, but 3\.png \(9 x 8\)"):
        read_image(tmp_path)
    Image.fromarray(np.zeros((9, 7, 3), np.uint8)).save(tmp_path / "3.png")
    with pytest.raises(ImageError, match=r"3\.png \(9 x 7 in colour\)"):
        read_image(tmp_path)


def test_a_folder_with_raw_sections_beside_drawings_offers_both(tmp_path: Path) -> None:
    for name in ("raw", "mitochondria"):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.fromarray(np.zeros((9, 7), np.uint8)).save(tmp_path / name / f"{number:02d}.png")
    assert [choice.name for choice in choices_in(tmp_path)] == ["mitochondria", "raw"]
    assert read_image(f"{tmp_path}::raw").data.shape == (3, 9, 7)


def test_the_shared_nerve_cord_opens_as_a_stack(shared: Path) -> None:
    loaded = read_image(shared / "data" / "sstem_vnc" / "images", lazy=True)
    assert loaded.data.shape[0] == 10
    assert loaded.data.shape[1:3] == (1024, 1024)


def save_nifti(file: Path, values: np.ndarray) -> None:
    file.parent.mkdir(exist_ok=True, parents=True)
    nib.save(nib.Nifti1Image(values, np.diag([1.5, 1.0, 3.0, 1.0])), file)


def test_a_case_of_brats_opens_with_its_modalities_and_labels(tmp_path: Path) -> None:
    for number in (1, 2):
        case = f"BraTS20_{number:03d}"
        for position, kind in enumerate(("flair", "t1", "t1ce", "t2", "seg")):
            save_nifti(tmp_path / case / f"{case}_{kind}.nii.gz", np.full((5, 7, 4), position, np.int16))
    assert [choice.name for choice in choices_in(tmp_path)] == ["BraTS20_001", "BraTS20_002"]
    loaded = read_image(tmp_path / "BraTS20_001")
    assert loaded.data.shape == (4, 4, 7, 5)
    layers = open_layers(tmp_path / "BraTS20_001")
    assert [attributes["name"] for _, attributes, _ in layers] == [
        *(f"BraTS20_001 {kind}" for kind in ("flair", "t1", "t1ce", "t2")),
        "BraTS20_001 labels",
    ]
    assert [kind for *_, kind in layers] == ["image"] * 4 + ["labels"]
    data, attributes, _ = layers[2]
    assert (data.shape, data.max(), attributes["scale"]) == ((4, 7, 5), 2, (3, 1, 1.5))
    assert attributes["metadata"]["napari_iseg"]["image"].grid_shape == (4, 7, 5)
    save_nifti(tmp_path / "BraTS20_001" / "BraTS20_001_t1.nii.gz", np.zeros((5, 7, 3), np.int16))
    with pytest.raises(ImageError, match="different grids"):
        read_image(tmp_path / "BraTS20_001")


def test_cases_of_oai_zib_open_with_their_labels(tmp_path: Path) -> None:
    for case in ("knee_07", "knee_11"):
        save_nifti(tmp_path / "imagesTr" / f"{case}_0000.nii.gz", VOLUME.T.astype(np.int16))
        save_nifti(tmp_path / "labelsTr" / f"{case}.nii.gz", (VOLUME.T > 2000).astype(np.uint8))
    image, labels = open_layers(f"{tmp_path}::knee_11")
    np.testing.assert_array_equal(image[0], VOLUME)
    assert (image[2], labels[2], labels[0].max()) == ("image", "labels", 1)


def test_small_ones_are_read_at_once(stack: Path) -> None:
    assert VOLUME.nbytes < lazily.SMALL
    assert isinstance(read_image(f"{stack}::volumes/raw", lazy=True).data, np.ndarray)


def test_a_folder_with_nothing_to_open_says_so(tmp_path: Path) -> None:
    (tmp_path / "letter.docx").write_bytes(b"x")
    with pytest.raises(ImageError, match="is a folder without"):
        read_image(tmp_path)
