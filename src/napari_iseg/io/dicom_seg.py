"""Labels as a DICOM segmentation object that refers to the slices of its source series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ExportError
from napari_iseg.io.dicom_files import frame_order
from napari_iseg.io.exported import no_tick
from napari_iseg.io.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iseg.io.exported import ExportedLabels, Tick

__all__ = ["write_dicom_seg"]

_MOST_SEGMENTS = 2**16 - 1
_LONGEST_LABEL = 64


def write_dicom_seg(path: Path, exported: ExportedLabels, tick: Tick = no_tick) -> Path:
    """Write every object as a binary segment of a DICOM SEG; the file appears whole or not at all.

    Segments are counted from 1 in the order of the labels; a segment's name is the object's, and its tracking id tells
    its label. A class that has no code is of the type "Tissue".

    Parameters
    ----------
    path
        The file.
    exported
        Labels in their final unsigned type on the grid of a DICOM series, whose files ``like.source_files`` lists in
        the order of the slices.
    tick
        Is told the part that is done.

    Raises
    ------
    ExportError
        If the image is no DICOM series, there is no object, or the series lacks what a DICOM SEG must repeat.
    """
    sources = _sources(exported)
    present = exported.present()
    if not present:
        raise ExportError("A DICOM SEG needs at least one object; there is none in the labels.")
    if len(present) > _MOST_SEGMENTS:
        raise ExportError(f"A DICOM SEG holds up to {_MOST_SEGMENTS} objects, not {len(present)}; export NIfTI.")
    labels = exported.labels if exported.labels.ndim == 3 else exported.labels[np.newaxis]
    frames = int(sources[0].get("NumberOfFrames", 1)) if len(sources) == 1 else len(sources)
    if labels.ndim != 3 or len(labels) != frames or labels.shape[1:] != (sources[0].Rows, sources[0].Columns):
        raise ExportError(
            f"The labels have the shape {exported.labels.shape} but the series has {frames} slices of "
            f"{sources[0].Rows} x {sources[0].Columns}; export the labels of that series."
        )
    if len(sources) == 1 and frames > 1:
        # The frames of a file may lie in any order, and highdicom takes them in that of the file.
        labels = labels[np.argsort(frame_order(sources[0]))]
    numbered = np.searchsorted([0, *present], labels).astype(np.uint8 if len(present) < 256 else np.uint16)
    tick(0.1)
    made = _segmentation(sources, numbered, exported, present)
    tick(0.8)
    with replacing(path) as temporary:
        made.save_as(temporary)
    return path


def _sources(exported: ExportedLabels) -> list[Any]:
    import pydicom
    from pydicom.errors import InvalidDicomError

    like = exported.like
    if like is None:
        raise ExportError(
            "A DICOM SEG refers to the DICOM series that was segmented; name the series, or export NIfTI (.nii.gz)."
        )
    files = like.source_files or (like.source,)
    try:
        return [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    except (OSError, InvalidDicomError) as error:
        raise ExportError(
            f"A DICOM SEG refers to a DICOM series, which {like.source.name} is not or no longer; export NIfTI "
            "(.nii.gz)."
        ) from error


def _segmentation(sources: list[Any], numbered: NDArray[Any], exported: ExportedLabels, present: list[int]) -> Any:
    import highdicom

    from napari_iseg import __version__

    try:
        return highdicom.seg.Segmentation(
            source_images=sources,
            pixel_array=numbered,
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=_descriptions(exported, present, __version__),
            series_instance_uid=highdicom.UID(),
            series_number=_series_number(sources),
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="napari-iseg developers",
            manufacturer_model_name="napari-iseg",
            software_versions=__version__,
            device_serial_number="0",
            content_label="SEGMENTATION",
            content_description="Objects segmented with napari-iseg",
            series_description="napari-iseg",
        )
    # What an incomplete or inconsistent series lacks.
    except (AttributeError, KeyError, ValueError, TypeError) as error:
        raise ExportError(
            f"The series lacks or contradicts what a DICOM SEG must repeat ({error}); export NIfTI (.nii.gz)."
        ) from error


def _descriptions(exported: ExportedLabels, present: list[int], version: str) -> list[Any]:
    import highdicom
    from pydicom.sr.codedict import codes

    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="napari-iseg", family=codes.DCM.ArtificialIntelligence, version=version
    )
    return [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=exported.about(label).name[:_LONGEST_LABEL],
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Tissue,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
            algorithm_identification=algorithm,
            tracking_uid=highdicom.UID(),
            tracking_id=f"label {label}",
        )
        for number, label in enumerate(present, start=1)
    ]


def _series_number(sources: list[Any]) -> int:
    # Another series of the same study; viewers sort by this number and need no gap.
    number = sources[0].get("SeriesNumber")
    return int(number) + 1000 if number is not None else 1000
