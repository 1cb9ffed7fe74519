"""``napari-iseg export``: a label file or a session becomes any of the formats, on the grid of its image."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import nibabel
import numpy as np
import pytest
import SimpleITK
import tifffile

from napari_iseg.io import SavedObject, SavedSession, read_image, write_labels, write_session, write_session_labels
from napari_iseg.planes import PlaneAddress

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.fixture
def labels(volume: Path) -> Path:
    """Return a label file of the volume: the disk on three slices, and a bar."""
    data = (read_image(volume).data > 100).astype(np.uint8) * 7
    data[[0, 4]] = 0
    data[2, 35:38, 2:30] = 30
    return write_labels(volume.with_name("labels.nii.gz"), data, read_image(volume))


def test_several_formats_at_once_on_the_label_file_s_own_grid(run: Run, labels: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("a.mha", "a.ome.tif", "a.stl", "a.csv", "a.coco.json", "a.ome.zarr")]
    done = run("export", labels, *(part for path in outputs for part in ("-o", path)), "--classes", "1-9=disk")
    assert done.code == 0, done.err
    assert done.err.count("were written to") == len(outputs)
    stored = nibabel.load(labels)
    itk = SimpleITK.ReadImage(str(outputs[0]))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(itk), np.asarray(stored.dataobj).T)
    there = nibabel.affines.apply_affine(stored.affine, (50, 7, 3)) * (-1, -1, 1)
    np.testing.assert_allclose(itk.TransformIndexToPhysicalPoint((50, 7, 3)), there, atol=0.5)
    with tifffile.TiffFile(outputs[1]) as tiff:
        assert tiff.is_ome
    with outputs[3].open(encoding="utf-8-sig", newline="") as file:
        disk, bar = csv.DictReader(file)
    assert (disk["class"], bar["class"], bar["volume"]) == ("disk", "", "")
    assert "intensity_mean" not in disk
    coco = json.loads(outputs[4].read_text())
    assert [one["name"] for one in coco["categories"]] == ["disk", "object"]


def test_the_image_gives_intensities(run: Run, labels: Path, volume: Path, tmp_path: Path) -> None:
    done = run("export", labels, "-o", tmp_path / "a.csv", "--image", volume)
    assert done.code == 0, done.err
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        disk = next(csv.DictReader(file))
    assert float(disk["intensity_mean"]) == 200


def test_channels_of_the_image_are_measured_each(run: Run, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 99, (2, 21, 33)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "cells.tif", picture, imagej=True, metadata={"axes": "CYX"})
    flat = np.zeros((21, 33), np.uint8)
    flat[3:9, 4:17] = 1
    tifffile.imwrite(tmp_path / "labels.tif", flat)
    done = run("export", tmp_path / "labels.tif", "-o", tmp_path / "a.csv", "--image", tmp_path / "cells.tif")
    assert done.code == 0, done.err
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["intensity_mean-1"]) == pytest.approx(picture[1, 3:9, 4:17].mean())


def test_a_session_brings_its_classes_and_its_image(run: Run, flat: Path, tmp_path: Path) -> None:
    session = tmp_path / "flat.iseg.json"
    objects = (
        SavedObject(2, PlaneAddress(), "random-walker", class_name="disk", facts={"confidence": 0.8, "note": "ok"}),
    )
    values = (read_image(flat).data > 100).astype(np.uint8) * 2
    name = write_session_labels(session, values)
    write_session(session, SavedSession(str(flat), values.shape, (1.0, 1.0), objects, name))
    done = run("export", session, "-o", tmp_path / "a.csv", "-o", tmp_path / "a.png")
    assert done.code == 0, done.err
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["name"], row["confidence"], row["note"], row["intensity_max"]) == ("disk 2", "0.8", "ok", "200.0")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, values)
    flat.unlink()
    assert run("export", session, "-o", tmp_path / "b.tif").code == 0
    write_session(session, SavedSession(None, values.shape, (1.0, 1.0), objects))
    assert "napari-iseg replay" in run("export", session, "-o", tmp_path / "b.tif").err


def test_folders_have_a_format_s_name(run: Run, labels: Path, tmp_path: Path) -> None:
    assert run("export", labels, "-o", tmp_path / "planes", "--format", "png-planes").code == 0
    assert len(list((tmp_path / "planes").glob("*.png"))) == 5
    done = run("export", labels, "-o", tmp_path / "bodies", "--format", "stl-objects", "--smooth")
    # The bar is one slice thick; it has a surface, too.
    assert {file.name for file in (tmp_path / "bodies").glob("*.stl")} == {"object_0007.stl", "object_0030.stl"}
    assert done.code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "a.docx"), "says no format"),
        (("-o", "planes"), "png-planes"),
        (("-o", "no/where.tif"), "make it first"),
        (("-o", "a.tif", "--classes", "x=nucleus"), "7=nucleus"),
        (("-o", "a.tif", "-o", "a.png"), "holds one plane"),
        (("-o", "a.dcm"), "DICOM series"),
        (("-o", "a.tif", "--format", "tif"), "no export format named"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    arguments: tuple[str, ...], said: str, run: Run, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(labels.parent)
    done = run("export", labels, *arguments)
    assert done.code == 2
    assert said in done.err


def test_pictures_are_no_labels(run: Run, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.full((5, 7), 0.5, np.float32))
    tifffile.imwrite(tmp_path / "y.tif", np.zeros((5, 7, 3), np.uint8), photometric="rgb")
    assert "fractions" in run("export", tmp_path / "x.tif", "-o", tmp_path / "a.tif").err
    assert "colour image" in run("export", tmp_path / "y.tif", "-o", tmp_path / "a.tif").err
