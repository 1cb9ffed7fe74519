"""DICOM SEG: highdicom and pydicom find every pixel on the slice of the source series that it was drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

from napari_iseg.errors import ExportError
from napari_iseg.io import LoadedImage, read_image
from napari_iseg.io.export_formats import export_labels
from napari_iseg.io.exported import ExportedLabels, ExportedObject

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (5, 17, 23)
ANGLE = 0.3
ROW = (np.cos(ANGLE), np.sin(ANGLE), 0.0)
DOWN = (0.0, 0.0, -1.0)


def slice_of(series: FileMetaDataset, number: int, study: str, serial: str, frame: str) -> FileDataset:
    one = FileDataset(None, {}, file_meta=series, preamble=b"\0" * 128)
    one.SOPClassUID, one.SOPInstanceUID = series.MediaStorageSOPClassUID, series.MediaStorageSOPInstanceUID
    one.PatientName, one.PatientID, one.PatientBirthDate, one.PatientSex = "Nobody^Anna", "17", "", "O"
    one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = study, serial, frame
    one.StudyDate, one.StudyTime, one.StudyID, one.AccessionNumber = "20260101", "120000", "1", ""
    one.Modality, one.SeriesNumber, one.InstanceNumber, one.ReferringPhysicianName = "CT", 4, number + 1, ""
    one.PositionReferenceIndicator = ""
    one.Rows, one.Columns, one.PixelSpacing, one.SliceThickness = SHAPE[1], SHAPE[2], [0.9, 0.7], 3.5
    across = np.cross(ROW, DOWN) * 3.5 * number
    one.ImageOrientationPatient = [*ROW, *DOWN]
    one.ImagePositionPatient = [float(f"{value:.6f}") for value in np.add(across, (-12.5, 40.25, 7))]
    one.SamplesPerPixel, one.PhotometricInterpretation, one.PixelRepresentation = 1, "MONOCHROME2", 0
    one.BitsAllocated = one.BitsStored = 16
    one.HighBit = 15
    one.PixelData = np.full(SHAPE[1:], number, np.uint16).tobytes()
    return one


@pytest.fixture
def series(tmp_path: Path) -> LoadedImage:
    """Return an oblique CT series, its files named against the order of the slices."""
    study, serial, frame = generate_uid(), generate_uid(), generate_uid()
    files = []
    for number in range(SHAPE[0]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        files.append(tmp_path / f"{9 - number}.dcm")
        slice_of(meta, number, study, serial, frame).save_as(files[-1], enforce_file_format=True)
    return LoadedImage(
        np.zeros(SHAPE), tmp_path, "simpleitk", spacing=(3.5, 0.9, 0.7), units="mm", source_files=tuple(files)
    )


def labels_of() -> np.ndarray:
    labels = np.random.default_rng(7).choice([0, 3, 300, 70000], SHAPE)
    labels[2] = 0
    return labels


def test_highdicom_and_pydicom_find_every_pixel_on_its_slice(series: LoadedImage, tmp_path: Path) -> None:
    labels = labels_of()
    objects = {3: ExportedObject(3, "tumour")}
    written = export_labels(tmp_path / "seg.dcm", ExportedLabels(labels, series, objects=objects))
    seg = highdicom.seg.segread(written)
    assert seg.number_of_segments == 3
    assert seg.get_segment_description(1).segment_label == "tumour 3"
    assert [seg.get_segment_description(n).tracking_id for n in (1, 2, 3)] == ["label 3", "label 300", "label 70000"]
    sources = [pydicom.dcmread(file) for file in series.source_files]
    uids = [one.SOPInstanceUID for one in sources]
    found = seg.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    np.testing.assert_array_equal(found, np.stack([labels == label for label in (3, 300, 70000)], axis=-1))
    plain = pydicom.dcmread(written)
    assert plain.StudyInstanceUID == sources[0].StudyInstanceUID
    assert plain.FrameOfReferenceUID == sources[0].FrameOfReferenceUID
    assert plain.PatientID == "17"
    (referred,) = plain.ReferencedSeriesSequence
    assert referred.SeriesInstanceUID == sources[0].SeriesInstanceUID
    assert {one.ReferencedSOPInstanceUID for one in referred.ReferencedInstanceSequence} == set(uids)
    frames = plain.pixel_array
    assert len(frames) == 4 * 3
    for frame, about in zip(frames, plain.PerFrameFunctionalGroupsSequence, strict=True):
        number = about.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        source = about.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        index = uids.index(source)
        np.testing.assert_array_equal(frame, labels[index] == (3, 300, 70000)[number - 1])
        place = about.PlanePositionSequence[0].ImagePositionPatient
        np.testing.assert_allclose(place, sources[index].ImagePositionPatient)


def test_one_slice_alone(series: LoadedImage, tmp_path: Path) -> None:
    labels = labels_of()[1]
    one = LoadedImage(np.zeros(SHAPE[1:]), series.source_files[1], "simpleitk", spacing=(0.9, 0.7))
    seg = highdicom.seg.segread(export_labels(tmp_path / "seg.dcm", ExportedLabels(labels, one)))
    uid = pydicom.dcmread(series.source_files[1]).SOPInstanceUID
    np.testing.assert_array_equal(seg.get_pixels_by_source_instance([uid])[0, ..., 1], labels == 300)


def test_what_a_dicom_seg_cannot_refer_to_is_told(series: LoadedImage, tmp_path: Path) -> None:
    (tmp_path / "x.tif").write_bytes(b"II no dicom" * 30)
    tiff = LoadedImage(np.zeros(SHAPE), tmp_path / "x.tif", "tiff", spacing=(1, 1, 1), header="ZYX")
    short = LoadedImage(np.zeros(SHAPE), tmp_path, "simpleitk", source_files=series.source_files[:3])
    for like, labels, said in (
        (None, labels_of(), "name the series"),
        (tiff, labels_of(), "is not or no longer"),
        (series, np.zeros(SHAPE, int), "at least one object"),
        (short, labels_of(), "3 slices of 17 x 23"),
    ):
        with pytest.raises(ExportError, match=said):
            export_labels(tmp_path / "seg.dcm", ExportedLabels(labels, like, spacing=(1, 1, 1)))
    assert not (tmp_path / "seg.dcm").exists()


def test_a_series_without_a_frame_of_reference_is_told(series: LoadedImage, tmp_path: Path) -> None:
    for file in series.source_files:
        one = pydicom.dcmread(file)
        del one.FrameOfReferenceUID
        one.save_as(file)
    with pytest.raises(ExportError, match="lacks or contradicts"):
        export_labels(tmp_path / "seg.dcm", ExportedLabels(labels_of(), series))


def enhanced(folder: Path, order: list[int]) -> Path:
    """Write an enhanced CT of one file, whose frames lie in some order, as a scanner does."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slices = [slice_of(meta, number, generate_uid(), generate_uid(), generate_uid()) for number in range(SHAPE[0])]
    one = slices[0]
    pixels = np.stack([np.full(SHAPE[1:], 10 * number, np.uint16) for number in order])
    one.NumberOfFrames, one.PixelData, one.ImageType = len(order), pixels.tobytes(), ["ORIGINAL", "PRIMARY", "VOLUME"]
    one.DimensionOrganizationType, one.InstanceNumber = "3D", 1
    measures, plane, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = [0.9, 0.7], 3.5, 3.5
    plane.ImageOrientationPatient = [*ROW, *DOWN]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    organization, index = Dataset(), Dataset()
    organization.DimensionOrganizationUID = index.DimensionOrganizationUID = generate_uid()
    index.DimensionIndexPointer, index.FunctionalGroupPointer = 0x00200032, 0x00209113
    one.DimensionOrganizationSequence, one.DimensionIndexSequence = [organization], [index]
    one.SharedFunctionalGroupsSequence, one.PerFrameFunctionalGroupsSequence = [shared], []
    for number in order:
        frame, content, place = Dataset(), Dataset(), Dataset()
        content.DimensionIndexValues, content.FrameAcquisitionNumber = [number + 1], 1
        place.ImagePositionPatient = slices[number].ImagePositionPatient
        frame.FrameContentSequence, frame.PlanePositionSequence = [content], [place]
        one.PerFrameFunctionalGroupsSequence.append(frame)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(one, name)
    one.save_as(folder / "enhanced.dcm", enforce_file_format=True)
    return folder / "enhanced.dcm"


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]])
def test_an_enhanced_file_is_referred_to_frame_by_frame(tmp_path: Path, order: list[int]) -> None:
    path = enhanced(tmp_path, order)
    loaded = read_image(path)
    assert [int(plane[0, 0]) for plane in loaded.data] in ([0, 10, 20, 30, 40], [40, 30, 20, 10, 0])
    labels = labels_of()
    seg = highdicom.seg.segread(export_labels(tmp_path / "seg.dcm", ExportedLabels(labels, loaded)))
    source = pydicom.dcmread(path)
    frames = list(range(1, SHAPE[0] + 1))
    found = seg.get_pixels_by_source_frame(
        source.SOPInstanceUID, frames, combine_segments=True, assert_missing_frames_are_empty=True
    )
    tables = np.array([0, 3, 300, 70000])
    for frame, pixels in enumerate(source.pixel_array):
        # The plane of the window that shows this frame has the very labels that refer to it.
        (shown,) = [plane for plane in range(SHAPE[0]) if loaded.data[plane, 0, 0] == pixels[0, 0]]
        np.testing.assert_array_equal(tables[found[frame]], labels[shown])
