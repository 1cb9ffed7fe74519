"""The functions that napari calls: layers with scale and source, labels back on the source's grid."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import tifffile
from npe2 import PluginManager, PluginManifest

import napari_iseg
from napari_iseg.errors import ExportError, ImageError
from napari_iseg.io.readers import get_reader
from napari_iseg.io.writers import write_labels_layer

AFFINE = np.array([[-0.5, 0, 0, 30], [0, 0, 2.0, -8], [0, 0.75, 0, 5], [0, 0, 0, 1]])
VOLUME = np.random.default_rng(8).integers(0, 900, (34, 21, 5)).astype(np.int16)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    nib.save(nib.Nifti1Image(VOLUME, AFFINE), tmp_path / "scan.v2.nii.gz")
    return tmp_path / "scan.v2.nii.gz"


def test_volumes_become_image_layers(source: Path) -> None:
    read = get_reader(str(source))
    assert read is not None
    ((data, attributes, kind),) = read(str(source))
    assert kind == "image"
    np.testing.assert_array_equal(data, VOLUME.T)
    assert attributes["scale"] == (2.0, 0.75, 0.5)
    assert attributes["name"] == "scan.v2"
    assert attributes["rgb"] is False
    assert attributes["metadata"]["napari_iseg"]["source"] == str(source)


def test_other_files_are_left_to_others(source: Path) -> None:
    assert get_reader([str(source), str(source)]) is None
    assert get_reader("picture.png") is None
    assert get_reader([str(source)]) is not None
    for name in ("a.NII", "a.mha", "a.mhd", "a.nrrd", "a.ome.tif", "a.h5", "a.dcm", "http://a.org/b.zarr", "a.h5::b"):
        assert get_reader(name) is not None


def test_a_cut_off_file_says_so(source: Path) -> None:
    source.write_bytes(source.read_bytes()[:-300])
    read = get_reader(str(source))
    assert read is not None
    with pytest.raises(ImageError, match="cut off"):
        read(str(source))


@pytest.mark.parametrize("key", ["image", "source"])
def test_exported_labels_lie_on_the_image_and_open_as_labels(key: str, source: Path, tmp_path: Path) -> None:
    ((data, attributes, _),) = get_reader(str(source))(str(source))
    ours = {key: attributes["metadata"]["napari_iseg"][key]}
    meta = {"scale": attributes["scale"], "metadata": {"napari_iseg": ours}}
    labels = (data > 450).astype(np.int32) * 7
    (written,) = write_labels_layer(str(tmp_path / "labels.nii.gz"), labels, meta)
    image = nib.load(written)
    assert image.shape == VOLUME.shape
    np.testing.assert_array_equal(image.affine, nib.load(source).affine)
    np.testing.assert_array_equal(np.asarray(image.dataobj), (VOLUME > 450) * 7)
    ((again, _, kind),) = get_reader(written)(written)
    assert kind == "labels"
    np.testing.assert_array_equal(again, labels)


def test_layers_without_a_source_take_their_scale_along(tmp_path: Path) -> None:
    labels = np.random.default_rng(1).integers(0, 9, (5, 21, 34))
    meta = {"scale": np.array([2.0, 0.75, -0.5]), "metadata": {}}
    (written,) = write_labels_layer(str(tmp_path / "labels.mha"), labels, meta)
    np.testing.assert_allclose(SimpleITK.ReadImage(written).GetSpacing(), (0.5, 0.75, 2.0))
    (written,) = write_labels_layer(str(tmp_path / "labels.tif"), labels, meta)
    np.testing.assert_array_equal(tifffile.imread(written), labels)
    (written,) = write_labels_layer(str(tmp_path / "labels.nii"), labels, {})
    np.testing.assert_array_equal(nib.load(written).affine, np.eye(4))


def test_a_lost_source_is_told_where_it_matters(source: Path, tmp_path: Path) -> None:
    source.unlink()
    meta = {"scale": (2.0, 0.75, 0.5), "metadata": {"napari_iseg": {"source": str(source)}}}
    labels = np.ones((5, 21, 34), np.uint8)
    with pytest.raises(ExportError, match="put it back or export as TIFF"):
        write_labels_layer(str(tmp_path / "labels.nii.gz"), labels, meta)
    assert write_labels_layer(str(tmp_path / "labels.tif"), labels, meta) == [str(tmp_path / "labels.tif")]


@pytest.mark.parametrize("ending", [".ome.tif", ".ome.zarr", ".json", ".stl", ".csv"])
def test_napari_s_own_save_finds_the_writer_of_every_ending(ending: str, tmp_path: Path) -> None:
    manager = PluginManager()
    manager.register(PluginManifest.from_file(Path(napari_iseg.__file__).with_name("napari.yaml")))
    writer, path = manager.get_writer(str(tmp_path / f"labels{ending}"), ["labels"])
    assert writer is not None
    assert ending in writer.filename_extensions
    labels = np.zeros((5, 21, 34), np.uint8)
    labels[1:4, 5:9, 6:12] = 3
    features = {"index": [3], "class": ["nucleus"], "confidence": [0.5], "note": ["x"]}
    meta = {"scale": (2.0, 0.75, 0.5), "units": ("micrometer",) * 3, "features": features}
    (written,) = write_labels_layer(path, labels, meta)
    assert Path(written).exists()
    if ending == ".csv":
        text = Path(written).read_text(encoding="utf-8-sig")
        assert "volume_um3" in text
        assert "nucleus 3,nucleus,0.5" in text
    if ending == ".json":
        assert [one["name"] for one in json.loads(Path(written).read_text())["categories"]] == ["nucleus"]
