"""DICOM series and files: in order, in the scanner's place and units, and apart from what does not belong to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from npe2 import PluginManager, PluginManifest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import BasicTextSRStorage, CTImageStorage, ExplicitVRLittleEndian, RLELossless, generate_uid

import napari_iseg
from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.io import read_image
from napari_iseg.io.choices import choices_in
from napari_iseg.io.readers import get_reader, open_layers

STUDY = generate_uid()
SIZE = (9, 13)
ANGLE = 0.4
OBLIQUE = [np.cos(ANGLE), np.sin(ANGLE), 0, 0, 0, -1.0]
STRAIGHT = [1.0, 0, 0, 0, 1.0, 0]


def values(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 3000, SIZE).astype(np.uint16)


def write_slice(file: Path, number: int, series: str, turned: list[float], step: float = 2.5, **more: object) -> Path:
    """Write a slice as a scanner does; ``more`` are further DICOM attributes."""
    normal = np.cross(turned[:3], turned[3:])
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = STUDY, series
    data.Modality, data.SeriesDescription, data.InstanceNumber = "CT", "Abdomen", number + 1
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.ImageOrientationPatient = [float(f"{value:.8g}") for value in turned]
    data.ImagePositionPatient = [float(f"{value:.8g}") for value in np.array([-40.0, 12.5, 7]) + number * step * normal]
    data.PixelSpacing, data.SliceThickness = [0.75, 0.5], step
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.WindowCenter, data.WindowWidth = [40, 300], [400, 1500]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    pixels = np.asarray(more.pop("pixels", values(number)))
    data.Rows, data.Columns = pixels.shape[-2:]
    data.PixelData = pixels.tobytes()
    for name, value in more.items():
        setattr(data, name, value)
    data.save_as(file, enforce_file_format=True)
    return file


def write_series(folder: Path, slices: list[int], turned: list[float] = OBLIQUE, **more: object) -> str:
    folder.mkdir(exist_ok=True)
    series = generate_uid()
    # The names say nothing about the order, and there is no ending.
    for number in slices:
        write_slice(folder / f"IM{(number * 7 + 3) % 50:04d}{series[-4:]}", number, series, turned, **more)
    return series


def test_a_series_is_sorted_along_its_normal_and_lies_where_simpleitk_puts_it(tmp_path: Path) -> None:
    series = write_series(tmp_path / "ct", list(range(7)))
    loaded = read_image(tmp_path / "ct")
    np.testing.assert_array_equal(loaded.data, np.stack([values(k) for k in range(7)]).astype(int) - 1024)
    assert loaded.data.dtype == np.int16
    np.testing.assert_allclose(loaded.spacing, (2.5, 0.75, 0.5))
    assert [pydicom.dcmread(file).InstanceNumber for file in loaded.source_files] == list(range(1, 8))
    assert loaded.shown.facts["series_uid"] == series
    assert loaded.shown.facts["study_uid"] == STUDY
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(file) for file in loaded.source_files])
    theirs = reader.Execute()
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(theirs), loaded.data)
    for index in ((0, 0, 0), (12, 8, 6)):
        there = np.array(theirs.TransformIndexToPhysicalPoint(index)) * (-1, -1, 1)
        np.testing.assert_allclose((loaded.affine @ (*index, 1))[:3], there, atol=1e-3)


def test_a_series_becomes_a_layer_with_its_name_window_scale_and_units(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", list(range(4)), STRAIGHT)
    ((data, attributes, kind),) = open_layers(tmp_path / "ct")
    assert (data.shape, kind, attributes["name"]) == ((4, *SIZE), "image", "Abdomen")
    assert attributes["contrast_limits"] == (-160, 240)
    assert attributes["units"] == ("mm",) * 3
    np.testing.assert_allclose(attributes["scale"], (2.5, 0.75, 0.5))
    # Right and anterior are negative in DICOM's world, but the axes of this grid run to left and posterior.
    np.testing.assert_allclose(attributes["translate"], (7, 12.5, -40))


def test_localizers_and_derived_files_are_choices_of_their_own(tmp_path: Path) -> None:
    write_series(tmp_path, list(range(6)), STRAIGHT)
    series = generate_uid()
    for number, turned in enumerate((STRAIGHT, OBLIQUE, [0, 1.0, 0, 0, 0, -1])):
        pixels = np.zeros((31, 17), np.uint16)
        write_slice(tmp_path / f"loc{number}", number, series, turned, pixels=pixels, SeriesDescription="Localizer")
    write_series(tmp_path, [0, 1], STRAIGHT, ImageType=["DERIVED", "SECONDARY"], SeriesDescription="MIP")
    (tmp_path / "notes.txt").write_text("patient moved")
    found = choices_in(tmp_path)
    assert [(choice.name.split(" (")[0], choice.shape) for choice in found[:2]] == [
        ("Abdomen", (6, *SIZE)),
        ("MIP", (2, *SIZE)),
    ]
    assert [choice.shape for choice in found[2:]] == [(1, 31, 17)] * 3
    assert len({choice.name for choice in found}) == 5
    loaded = read_image(f"{tmp_path}::MIP")
    assert loaded.data.shape == (2, *SIZE)
    largest = read_image(tmp_path)
    assert largest.data.shape == (6, *SIZE)
    assert "5 images" in largest.shown.notes[-1]
    with pytest.raises(UnknownNameError, match="MIP"):
        read_image(f"{tmp_path}::MPI")


def test_missing_slices_are_told(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", [0, 1, 2, 5, 6, 7])
    loaded = read_image(tmp_path / "ct")
    assert loaded.data.shape == (6, *SIZE)
    assert loaded.spacing[0] == pytest.approx(2.5)
    (note,) = loaded.shown.notes
    assert "2 slices are missing" in note


def notes_of(folder: Path) -> str:
    return " ".join(read_image(folder).shown.notes)


def test_a_damaged_last_slice_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "ct"
    series = write_series(folder, list(range(5)))
    assert notes_of(folder) == ""
    last = write_slice(folder / "IM9999", 5, series, OBLIQUE)
    whole = last.read_bytes()
    # Cut off within the header, overwritten there, and a size that is none.
    for damage in (whole[:300], whole[:200] + b"\xff" * 500 + whole[700:], whole[:140]):
        last.write_bytes(damage)
        assert read_image(folder).data.shape == (5, *SIZE)
        assert "IM9999 claims to be DICOM but cannot be read, so a slice may be missing" in notes_of(folder)
    header = pydicom.dcmread(folder / sorted(path.name for path in folder.iterdir())[0])
    del header.Rows
    header.save_as(last)
    assert "IM9999 claims to be DICOM" in notes_of(folder)


def test_files_without_pixels_by_right_are_not_missed(tmp_path: Path) -> None:
    folder = tmp_path / "ct"
    series = write_series(folder, list(range(4)))
    report = pydicom.dcmread(write_slice(tmp_path / "report", 9, series, OBLIQUE))
    for name in ("PixelData", "Rows", "Columns"):
        delattr(report, name)
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    report.save_as(folder / "SR0001")
    (folder / "README.txt").write_text("Scans of a phantom")
    assert notes_of(folder) == ""


@pytest.mark.parametrize(("promised", "told"), [(6, ""), (7, "speak of 7 images but there are 6")])
def test_slices_missing_at_an_end_are_told_where_the_headers_count_them(
    tmp_path: Path, promised: int, told: str
) -> None:
    write_series(tmp_path / "ct", list(range(6)), ImagesInAcquisition=promised, AcquisitionNumber=1)
    found = notes_of(tmp_path / "ct")
    assert told in found
    assert bool(found) == bool(told)


def test_a_point_in_time_that_is_missing_is_told(tmp_path: Path) -> None:
    series = generate_uid()
    for time in range(2):
        for number in range(3):
            more = {"TemporalPositionIdentifier": time + 1, "NumberOfTemporalPositions": 3}
            write_slice(tmp_path / f"{number}{time}", number, series, STRAIGHT, **more)
    assert read_image(tmp_path).data.shape == (2, 3, *SIZE)
    assert "speak of 3 points in time but there are 2" in notes_of(tmp_path)


def test_pictures_without_a_place_are_missed_by_their_numbers(tmp_path: Path) -> None:
    series = generate_uid()
    for number in (0, 1, 2, 4, 5):
        write_slice(tmp_path / f"IM{number}", number, series, STRAIGHT)
        header = pydicom.dcmread(tmp_path / f"IM{number}")
        del header.ImagePositionPatient
        del header.ImageOrientationPatient
        header.save_as(tmp_path / f"IM{number}")
    assert read_image(tmp_path).data.shape == (5, *SIZE)
    assert "Image number 4 of the series is missing" in notes_of(tmp_path)


def manager() -> PluginManager:
    """Return a plugin manager of npe2 that knows this package's manifest alone."""
    alone = PluginManager()
    alone.register(PluginManifest.from_file(Path(napari_iseg.__file__).with_name("napari.yaml")))
    return alone


@pytest.mark.parametrize(
    "name", ["IM0001", "I1000001", "00000012", "1.2.840.113619.2.55", "1.2.840.113619.2.5", "slice.dicom", "slice.DCM"]
)
def test_napari_gives_us_a_file_without_an_ending(tmp_path: Path, name: str) -> None:
    file = write_slice(tmp_path / name, 3, generate_uid(), OBLIQUE)
    (contribution,) = manager().iter_compatible_readers(str(file))
    assert contribution.command == "napari-iseg.read"
    read = get_reader(str(file))
    assert read is not None
    ((data, _, _),) = read(str(file))
    np.testing.assert_array_equal(data[0], values(3).astype(int) - 1024)


@pytest.mark.parametrize("name", ["cells.tif", "notes.txt", "film.mp4", "movie", "cells"])
def test_napari_does_not_offer_us_what_is_not_ours(name: str) -> None:
    assert not list(manager().iter_compatible_readers(name))


def test_a_file_that_ends_in_a_number_and_is_no_dicom_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "log.001").write_text("a" * 200)
    assert get_reader(str(tmp_path / "log.001")) is None


def test_points_in_time_come_in_front(tmp_path: Path) -> None:
    series = generate_uid()
    for time in range(2):
        for number in range(3):
            write_slice(
                tmp_path / f"{number}{time}",
                number,
                series,
                STRAIGHT,
                pixels=values(10 * time + number),
                TemporalPositionIdentifier=time + 1,
            )
    loaded = read_image(tmp_path)
    assert loaded.data.shape == (2, 3, *SIZE)
    np.testing.assert_array_equal(loaded.data[1, 2], values(12).astype(int) - 1024)
    assert len(loaded.source_files) == 6
    assert loaded.shown.axes == "tzyx"


def test_single_files_with_any_ending_or_none(tmp_path: Path) -> None:
    for name in ("slice.dcm", "I0001", "1.2.840.113619.2.55"):
        loaded = read_image(write_slice(tmp_path / name, 3, generate_uid(), OBLIQUE))
        np.testing.assert_array_equal(loaded.data[0], values(3).astype(int) - 1024)
        assert loaded.kind == "dicom"


def test_slopes_inverted_and_compressed_values(tmp_path: Path) -> None:
    more = {"RescaleSlope": 0.25, "RescaleIntercept": 3, "PhotometricInterpretation": "MONOCHROME1"}
    file = write_slice(tmp_path / "pet.dcm", 0, generate_uid(), STRAIGHT, **more)
    np.testing.assert_allclose(read_image(file).data[0], values(0) * 0.25 + 3)
    ((_, attributes, _),) = open_layers(file)
    assert attributes["colormap"] == "gray_r"
    packed = pydicom.dcmread(file)
    packed.compress(RLELossless)
    packed.save_as(tmp_path / "rle.dcm")
    np.testing.assert_allclose(read_image(tmp_path / "rle.dcm").data[0], values(0) * 0.25 + 3)


def test_many_frames_with_places_are_a_volume_and_without_a_film(tmp_path: Path) -> None:
    frames = np.stack([values(number) for number in range(5)])
    film = write_slice(
        tmp_path / "film.dcm", 0, generate_uid(), STRAIGHT, pixels=frames, NumberOfFrames=5, FrameTime=40
    )
    loaded = read_image(film)
    assert (loaded.data.shape, loaded.shown.axes) == ((5, *SIZE), "tyx")
    assert loaded.spacing == (0.04, 0.75, 0.5)
    header = pydicom.dcmread(film)
    shared, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.75, 0.5], 3
    plane.ImageOrientationPatient = STRAIGHT
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    header.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for number in (4, 3, 2, 1, 0):
        group, place = Dataset(), Dataset()
        place.ImagePositionPatient = [1, 2, 3.0 * number]
        group.PlanePositionSequence = [place]
        groups.append(group)
    header.PerFrameFunctionalGroupsSequence = groups
    header.save_as(tmp_path / "volume.dcm")
    loaded = read_image(tmp_path / "volume.dcm")
    assert loaded.spacing == (3, 0.75, 0.5)
    np.testing.assert_array_equal(loaded.data, frames[::-1].astype(int) - 1024)
    np.testing.assert_allclose(loaded.affine[:3, 3], (-1, -2, 0))


def test_a_broken_slice_is_one_sentence(tmp_path: Path) -> None:
    file = write_slice(tmp_path / "slice.dcm", 0, generate_uid(), STRAIGHT)
    content = file.read_bytes()
    for part in (0.3, 0.9):
        file.write_bytes(content[: int(len(content) * part)])
        with pytest.raises(ImageError, match=r"slice\.dcm.*again"):
            read_image(file)
