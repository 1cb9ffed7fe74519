"""PNG per plane, COCO and the table of measurements: pycocotools, Pillow and plain arithmetic agree with them."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from scipy import ndimage

from napari_iseg.errors import ExportError, UnknownNameError
from napari_iseg.io import LoadedImage
from napari_iseg.io.export_formats import EXPORT_FORMATS, export_format, export_labels
from napari_iseg.io.exported import ExportCancelledError, ExportedLabels, ExportedObject
from napari_iseg.io.measurements import measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

OBJECTS = {5: ExportedObject(5, "nucleus", 0.75, "odd one"), 900: ExportedObject(900, "debris")}


def stack() -> NDArray[np.int64]:
    """Return (4, 37, 53) rough blobs with holes, of the ids 5, 900 and 60000."""
    noise = ndimage.gaussian_filter(np.random.default_rng(4).random((4, 37, 53)), (0, 1.3, 1.3))
    return np.select([noise > 0.56, noise > 0.53, noise < 0.44], [5, 900, 60000], 0)


def of_slices(labels: NDArray[np.int64], folder: Path) -> ExportedLabels:
    files = tuple(folder / f"slice {number}.tif" for number in (2, 9, 10, 11))
    like = LoadedImage(np.zeros(labels.shape), folder, "tiff", spacing=(50, 4, 4), units="nm", source_files=files)
    return ExportedLabels(labels, like, objects=OBJECTS)


def test_every_plane_is_a_png_with_the_slice_s_name(tmp_path: Path) -> None:
    labels = stack()
    folder = export_labels(tmp_path / "masks", of_slices(labels, tmp_path), format_name="png-planes")
    said = json.loads((folder / "napari-iseg.json").read_text())
    assert (said["spacing"], said["unit"]) == ([50, 4, 4], "nm")
    for name, plane in zip(("slice 2", "slice 9", "slice 10", "slice 11"), labels, strict=True):
        with Image.open(folder / f"{name}.png") as image:
            np.testing.assert_array_equal(np.asarray(image), plane)


def test_planes_without_names_are_numbered_and_replaced_as_a_whole(tmp_path: Path) -> None:
    export_labels(tmp_path / "masks", ExportedLabels(stack()), format_name="png-planes")
    assert sorted(file.name for file in (tmp_path / "masks").glob("*.png")) == [f"000{n}.png" for n in range(4)]
    film = np.arange(2 * 3 * 5 * 7).reshape(2, 3, 5, 7)
    export_labels(tmp_path / "masks", ExportedLabels(film), format_name="png-planes")
    names = sorted(file.name for file in (tmp_path / "masks").glob("*.png"))
    assert names[-1] == "t0001_z0002.png"
    assert len(names) == 6
    with Image.open(tmp_path / "masks" / names[-1]) as image:
        np.testing.assert_array_equal(np.asarray(image), film[1, 2])


def test_a_user_s_own_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "slices").mkdir()
    (tmp_path / "slices" / "0001.png").write_bytes(b"the only copy")
    with pytest.raises(ExportError, match="holds other files"):
        export_labels(tmp_path / "slices", ExportedLabels(stack()), format_name="png-planes")
    export_labels(tmp_path / "masks", ExportedLabels(stack()), format_name="png-planes")
    (tmp_path / "masks" / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match="holds other files"):
        export_labels(tmp_path / "masks", ExportedLabels(stack()), format_name="png-planes")
    assert (tmp_path / "slices" / "0001.png").read_bytes() == b"the only copy"


@pytest.mark.parametrize("name", ["coco", "coco-polygons"])
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_draws_the_very_same_masks(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = stack()
    export_labels(tmp_path / "x.coco.json", of_slices(labels, tmp_path), format_name=name)
    coco = COCO(str(tmp_path / "x.coco.json"))
    capsys.readouterr()
    assert [one["name"] for one in coco.loadCats(coco.getCatIds())] == ["debris", "nucleus", "object"]
    assert [one["file_name"] for one in coco.loadImgs(coco.getImgIds())][1:3] == ["slice 9.tif", "slice 10.tif"]
    again = np.zeros_like(labels)
    kinds = set()
    for one in coco.loadAnns(coco.getAnnIds()):
        mask = coco.annToMask(one).astype(bool)
        again[one["image_id"] - 1][mask] = one["attributes"]["label"]
        kinds.add(type(one["segmentation"]))
        assert one["area"] == mask.sum()
        x, y, width, height = one["bbox"]
        assert mask[y : y + height, x : x + width].sum() == one["area"]
        category = coco.loadCats(one["category_id"])[0]["name"]
        assert category == {5: "nucleus", 900: "debris", 60000: "object"}[one["attributes"]["label"]]
    np.testing.assert_array_equal(again, labels)
    assert kinds == ({dict} if name == "coco" else {dict, list})
    sure = [one["attributes"].get("confidence") for one in coco.loadAnns(coco.getAnnIds(catIds=[2]))]
    assert set(sure) == {0.75}


def test_a_disk_and_a_box_are_measured_in_their_units() -> None:
    y, x = np.ogrid[:61, :83]
    labels = np.zeros((61, 83), int)
    labels[((y - 30) * 0.5) ** 2 + ((x - 40) * 0.25) ** 2 <= 7.0**2] = 3
    labels[2:6, 60:80] = 9
    image = np.random.default_rng(1).normal(50, 9, labels.shape)
    disk, box = measure(ExportedLabels(labels, spacing=(0.5, 0.25), units="um", image=image, objects=OBJECTS))
    assert disk["area_um2"] == pytest.approx(np.pi * 49, rel=0.02)
    assert disk["equivalent_diameter_um"] == pytest.approx(14, rel=0.01)
    assert disk["feret_um"] == pytest.approx(14, abs=0.5)
    assert (disk["centroid_y_um"], disk["centroid_x_um"]) == pytest.approx((15, 10))
    assert box["area_um2"] == 80 * 0.125
    assert box["feret_um"] == pytest.approx(np.hypot(3 * 0.5, 20 * 0.25))
    assert (box["box_y_start_um"], box["box_y_stop_um"], box["box_x_stop_um"]) == (0.75, 2.75, 19.875)
    for name, value in (("mean", image[2:6, 60:80].mean()), ("std", image[2:6, 60:80].std())):
        assert box[f"intensity_{name}"] == pytest.approx(value)
    assert (box["intensity_min"], box["intensity_max"]) == (image[2:6, 60:80].min(), image[2:6, 60:80].max())


def test_flat_and_solid_objects_of_a_stack_are_measured_alike(tmp_path: Path) -> None:
    z, y, x = np.ogrid[:13, :41, :43]
    labels = np.zeros((13, 41, 43), int)
    labels[((z - 6) * 2.0) ** 2 + ((y - 20) * 0.5) ** 2 + ((x - 21) * 0.5) ** 2 <= 9.0**2] = 5
    labels[1, 3:7, 30:40] = 900
    labels[2:9, 2:5, 0] = 77
    labels[0, 0, 0] = 80
    exported = ExportedLabels(labels, spacing=(2, 0.5, 0.5), units="mm", objects=OBJECTS)
    export_labels(tmp_path / "table.csv", exported)
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        ball, flat, upright, point = sorted(
            csv.DictReader(file), key=lambda row: [5, 900, 77, 80].index(int(row["label"]))
        )
    assert float(ball["volume_mm3"]) == pytest.approx(4 / 3 * np.pi * 9**3, rel=0.03)
    # Half a slice stands out above and below.
    assert float(ball["feret_mm"]) == pytest.approx(2 * np.hypot(9, np.sqrt(17)), abs=0.1)
    assert (ball["area_mm2"], ball["class"], ball["confidence"], ball["note"]) == ("", "nucleus", "0.75", "odd one")
    assert (flat["volume_mm3"], float(flat["area_mm2"]), flat["name"]) == ("", 40 * 0.25, "debris 900")
    assert float(flat["centroid_z_mm"]) == 2
    assert float(flat["feret_mm"]) == pytest.approx(np.hypot(3 * 0.5, 10 * 0.5))
    assert float(upright["area_mm2"]) == 7 * 3 * 1.0
    assert float(upright["feret_mm"]) == pytest.approx(np.hypot(7 * 2.0, 2 * 0.5))
    assert float(point["area_mm2"]) == 0.25


def test_colours_channels_and_time_points_have_columns_and_rows_of_their_own() -> None:
    labels = np.zeros((2, 9, 11), int)
    labels[:, 2:5, 3:7] = 4
    image = np.random.default_rng(6).integers(0, 255, (2, 9, 11, 3)).astype(np.uint8)
    (solid,) = measure(ExportedLabels(labels, image=image, rgb=True))
    assert solid["volume_px3"] == 24
    assert solid["intensity_mean-1"] == pytest.approx(image[:, 2:5, 3:7, 1].mean())
    (channels,) = measure(ExportedLabels(labels, image=np.moveaxis(image, -1, 0)))
    assert channels["intensity_max-2"] == image[:, 2:5, 3:7, 2].max()
    film = LoadedImage(labels, Path("film.tif"), "tiff", spacing=(2, 0.5, 0.5), header="TYX")
    first, second = measure(ExportedLabels(labels, film, image=image[..., 0]))
    assert (first["t"], second["t"], second["area"]) == (0, 1, 3)
    assert second["intensity_mean"] == pytest.approx(image[1, 2:5, 3:7, 0].mean())


def test_ids_may_be_as_large_as_the_type_holds() -> None:
    labels = np.zeros((5, 7), np.uint32)
    labels[1:3, 2:6] = 2**32 - 1
    (row,) = measure(ExportedLabels(labels))
    assert (row["label"], row["area_px2"]) == (2**32 - 1, 8)


def test_an_empty_image_gives_an_empty_table(tmp_path: Path) -> None:
    export_labels(tmp_path / "table.csv", ExportedLabels(np.zeros((5, 7), int)))
    assert (tmp_path / "table.csv").read_text(encoding="utf-8-sig").split() == ["label"]


def test_endings_and_names_choose_the_format(tmp_path: Path) -> None:
    for one in EXPORT_FORMATS.values():
        assert export_format(tmp_path / f"x{one.endings[0] if one.endings else ''}", one.name) is one
        for end in one.endings:
            assert end in export_format(f"X{end.upper()}").endings
    assert export_format("a.ome.tif").name == "ome-tiff"
    for wrong, name, said in (
        ("a.iseg.json", None, "name of a session|session's name"),
        ("a.docx", None, "says no format"),
        ("a.niii", None, "did you mean .nii"),
        ("a.tif", "csv", r"give it \.csv"),
    ):
        with pytest.raises(ExportError, match=said):
            export_format(wrong, name)
    with pytest.raises(UnknownNameError, match="dicom-seg"):
        export_format("a.dcm", "dicomseg")


@pytest.mark.parametrize("name", sorted(EXPORT_FORMATS.keys() - {"dicom-seg", "png"}))
def test_what_is_cancelled_in_the_middle_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    ending = (*EXPORT_FORMATS[name].endings, "")[0]
    path = tmp_path / f"out{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_labels(path, ExportedLabels(stack()), format_name=name)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    def stop(part: float) -> None:
        if part > 0:
            raise ExportCancelledError("enough")

    with pytest.raises(ExportCancelledError):
        export_labels(path, ExportedLabels(np.maximum(stack(), 1)), format_name=name, tick=stop)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("name", sorted(EXPORT_FORMATS.keys() - {"dicom-seg", "png", "ome-zarr"}))
def test_a_full_disk_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / f"out{(*EXPORT_FORMATS[name].endings, '')[0]}"
    labels = np.random.default_rng(9).integers(0, 60, (7, 61, 83)) * 7
    export_labels(path, ExportedLabels(labels), format_name=name)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As on a disk that is full: no file grows over 2 kB.
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        with pytest.raises(ExportError, match=r"cannot be written"):
            export_labels(path, ExportedLabels(labels[::-1]), format_name=name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
