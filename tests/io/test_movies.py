"""Movies: the axis of time stays time in every format that knows it, and other programs read it so."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import nibabel
import numpy as np
import pytest
import SimpleITK
import tifffile
import zarr
from pycocotools.coco import COCO

from napari_iseg.io import read_image
from napari_iseg.io.export_formats import export_labels
from napari_iseg.io.exported import ExportedLabels
from napari_iseg.io.writers import write_labels_layer

if TYPE_CHECKING:
    from pathlib import Path

    from napari_iseg.io import LoadedImage

MOVIES = {"TYX": (5, 31, 47), "TZYX": (3, 4, 31, 47)}


def movie(folder: Path, axes: str) -> LoadedImage:
    """Write a movie as OME-TIFF: two seconds between frames, pixels of 0.5 x 0.25 micrometres."""
    meta: dict[str, object] = {"axes": axes, "TimeIncrement": 2.0, "TimeIncrementUnit": "s"}
    for axis, size in (("X", 0.25), ("Y", 0.5), ("Z", 1.5)):
        if axis in axes:
            meta |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    path = folder / "movie.ome.tif"
    tifffile.imwrite(path, np.random.default_rng(1).integers(0, 200, MOVIES[axes], dtype=np.uint8), metadata=meta)
    return read_image(path)


def labels_of(axes: str) -> np.ndarray:
    """Return an object that moves to the right from frame to frame, and one that comes in the second frame."""
    labels = np.zeros(MOVIES[axes], np.uint16)
    for time in range(labels.shape[0]):
        labels[time, ..., 5:12, 4 + 3 * time : 10 + 3 * time] = 1
    labels[1:, ..., 20:30, 30:47] = 7
    return labels


@pytest.fixture(params=sorted(MOVIES))
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ExportedLabels]:
    return request.param, ExportedLabels(labels_of(request.param), movie(tmp_path, request.param))


def test_ome_tiff_says_time(made: tuple[str, ExportedLabels], tmp_path: Path) -> None:
    axes, exported = made
    written = export_labels(tmp_path / "out.ome.tif", exported)
    with tifffile.TiffFile(written) as tiff:
        assert tiff.series[0].axes == axes
        np.testing.assert_array_equal(tiff.asarray(), exported.labels)
        (pixels,) = (tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"],)
        assert (pixels["SizeT"], pixels["TimeIncrement"], pixels["PhysicalSizeX"]) == (MOVIES[axes][0], 2.0, 0.25)
    again = read_image(written)
    assert (again.shown.axes, again.shown.units[0], again.spacing) == (axes.lower(), "s", exported.sizes)


def test_ome_zarr_has_an_axis_of_time_in_seconds(made: tuple[str, ExportedLabels], tmp_path: Path) -> None:
    axes, exported = made
    group = zarr.open_group(str(export_labels(tmp_path / "out.ome.zarr", exported)), mode="r")
    (scales,) = group.attrs["ome"]["multiscales"]
    kinds = [(axis["name"], axis["type"], axis.get("unit")) for axis in scales["axes"]]
    assert kinds == [("t", "time", "second"), *[(axis.lower(), "space", "micrometer") for axis in axes[1:]]]
    assert scales["datasets"][0]["coordinateTransformations"][0]["scale"] == list(exported.sizes)
    np.testing.assert_array_equal(group["s0"][:], exported.labels)
    again = read_image(tmp_path / "out.ome.zarr")
    assert (again.shown.axes, again.shown.units[0]) == (axes.lower(), "s")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_has_an_image_for_every_plane_of_every_moment(
    made: tuple[str, ExportedLabels], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, exported = made
    written = export_labels(tmp_path / "out.json", exported)
    coco = COCO(str(written))
    assert len(coco.imgs) == int(np.prod(exported.labels.shape[:-2]))
    told = {image["id"]: tuple(image["plane"]) for image in json.loads(written.read_text())["images"]}
    again = np.zeros_like(exported.labels)
    for one in coco.anns.values():
        again[told[one["image_id"]]][coco.annToMask(one) > 0] = one["attributes"]["label"]
    np.testing.assert_array_equal(again, exported.labels)
    capsys.readouterr()


def test_nifti_has_time_on_its_fourth_axis(made: tuple[str, ExportedLabels], tmp_path: Path) -> None:
    axes, exported = made
    written = export_labels(tmp_path / "out.nii.gz", exported)
    image = nibabel.Nifti1Image.from_filename(written)
    assert image.ndim == 4
    assert image.header.get_xyzt_units() == ("micron", "sec")
    np.testing.assert_allclose(image.header.get_zooms(), (0.25, 0.5, 1.5 if "Z" in axes else 1.0, 2.0))
    values = np.asarray(image.dataobj).T
    np.testing.assert_array_equal(values.reshape(exported.labels.shape), exported.labels)
    assert SimpleITK.ReadImage(str(written)).GetSize() == image.shape


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
def test_metaimage_and_nrrd_have_time_on_their_fourth_axis(
    made: tuple[str, ExportedLabels], tmp_path: Path, ending: str
) -> None:
    axes, exported = made
    written = export_labels(tmp_path / f"out{ending}", exported)
    # Not asked of the library that wrote it.
    head = written.read_bytes()[:2000].split(b"ElementDataFile" if ending == ".mha" else b"\n\n")[0].decode()
    moments, *space = exported.labels.shape
    counts = [*space[::-1], *([1] if "Z" not in axes else []), moments]
    said = dict(
        line.split(" = " if ending == ".mha" else ": ", 1)
        for line in head.splitlines()
        if ": " in line or " = " in line
    )
    assert [int(count) for count in said["DimSize" if ending == ".mha" else "sizes"].split()] == counts
    image = SimpleITK.ReadImage(str(written))
    np.testing.assert_allclose(image.GetSpacing(), (0.25, 0.5, 1.5 if "Z" in axes else 1.0, 2.0))
    again = read_image(written)
    assert again.shown.axes == "tzyx"
    np.testing.assert_array_equal(again.data.reshape(exported.labels.shape), exported.labels)


def test_measurements_are_per_moment(made: tuple[str, ExportedLabels], tmp_path: Path) -> None:
    axes, exported = made
    with export_labels(tmp_path / "out.csv", exported).open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["label"]), int(row["t"])) for row in rows] == [
        (label, time) for time in range(len(exported.labels)) for label in (1, 7) if time or label == 1
    ]
    column, size = ("volume_um3", 4 * 42 * 0.1875) if "Z" in axes else ("area_um2", 42 * 0.125)
    assert {float(row[column]) for row in rows if row["label"] == "1"} == {size}


def test_a_movie_that_came_from_no_file_is_one_by_its_axes_names(tmp_path: Path) -> None:
    meta = {"scale": (2.0, 0.5, 0.25), "axis_labels": ("time", "y", "x"), "units": ("second", "um", "um")}
    (written,) = write_labels_layer(str(tmp_path / "out.ome.tif"), labels_of("TYX"), meta)
    with tifffile.TiffFile(written) as tiff:
        assert tiff.series[0].axes == "TYX"
    # What napari calls axes that nobody named says nothing.
    (written,) = write_labels_layer(
        str(tmp_path / "stack.ome.tif"), labels_of("TYX"), {**meta, "axis_labels": ("-3", "-2", "-1")}
    )
    with tifffile.TiffFile(written) as tiff:
        assert tiff.series[0].axes == "ZYX"
