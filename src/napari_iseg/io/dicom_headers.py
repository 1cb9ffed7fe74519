"""The headers of DICOM files, sorted into what belongs together: one grid of slices in order, or one file of frames."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.dicom_gaps import gaps_in, missing_notes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["DicomStack", "is_dicom", "normal_of", "read_header", "stacks_in"]

_MARK_AT, _MARK = 128, b"DICM"
_ENDINGS = (".dcm", ".dicom", ".ima")
# A folder of a CD has folders of patients, studies and series.
_DEEPEST = 4


@dataclass(frozen=True, slots=True, eq=False)
class DicomStack:
    """Slices on one grid, or one file with frames.

    Parameters
    ----------
    files
        In the order of the planes; with several points in time, all slices of the first one first.
    headers
        Their headers, without pixels.
    times
        Number of points in time (or echoes) at every place.
    notes
        Sentences about what is missing or was left out.
    """

    files: tuple[Path, ...]
    headers: tuple[Any, ...]
    times: int = 1
    notes: tuple[str, ...] = ()

    @property
    def slices(self) -> int:
        """Number of places along the normal."""
        return len(self.files) // self.times

    @property
    def name(self) -> str:
        """The description of the series, or what there is in place of it."""
        header = self.headers[0]
        number = header.get("SeriesNumber")
        words = str(header.get("SeriesDescription", "") or header.get("ProtocolName", "") or "").strip()
        return words or (f"series {number}" if number is not None else self.files[0].stem)


def is_dicom(file: Path) -> bool:
    """Whether a file has DICOM's mark, whatever it is called."""
    try:
        with file.open("rb") as stream:
            return stream.read(_MARK_AT + len(_MARK))[_MARK_AT:] == _MARK
    except OSError:
        return False


def read_header(file: Path) -> Any | None:
    """Read the header of a DICOM file; None if it is none, or holds no pixels."""
    header = _any_header(file)
    return header if header is not None and _has_pixels(header) else None


def _any_header(file: Path) -> Any | None:
    """Read the header of a DICOM file, with pixels or without; None if it cannot be read."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        with warnings.catch_warnings():
            # What is cut off or damaged is told in a sentence of ours, of the whole folder.
            warnings.filterwarnings("ignore", module="pydicom")
            return pydicom.dcmread(file, stop_before_pixels=True, force=file.suffix.lower() in _ENDINGS)
    except (InvalidDicomError, OSError, EOFError, ValueError, KeyError, AttributeError, NotImplementedError):
        return None


def _has_pixels(header: Any) -> bool:
    try:
        return int(header.get("Rows") or 0) > 0 and int(header.get("Columns") or 0) > 0
    except (TypeError, ValueError):
        return False


def _should_have_pixels(header: Any) -> bool:
    """Whether a header without a size is a damaged one: reports, plans and lists of files have none by right."""
    kind = header.get("SOPClassUID") or getattr(header, "file_meta", {}).get("MediaStorageSOPClassUID")
    # pydicom knows the names of all kinds; what it was not told, or does not know, is none of these.
    return kind is None or "Image Storage" in str(getattr(kind, "name", ""))


def stacks_in(folder: Path) -> list[DicomStack]:
    """Find the stacks of a folder and of those in it, the largest first.

    Slices belong together that are of one series, one orientation, one size, and all original or all derived: a
    localizer with three views makes three stacks.
    """
    groups: dict[tuple[Any, ...], list[tuple[Path, Any]]] = defaultdict(list)
    unreadable: list[Path] = []
    for file in _files(folder, _DEEPEST):
        header = _any_header(file)
        if header is not None and _has_pixels(header):
            groups[_group(file, header)].append((file, header))
        elif header is None or _should_have_pixels(header):
            unreadable.append(file)
    files_of = Counter(str(header.get("SeriesInstanceUID", "")) for members in groups.values() for _, header in members)
    stacks = [_noted(_sorted(members), unreadable, files_of) for members in groups.values()]
    return sorted(stacks, key=lambda stack: -_frames(stack))


def _noted(stack: DicomStack, unreadable: list[Path], files_of: Counter[str]) -> DicomStack:
    """Return a stack with what the folder around it tells: files that cannot be read, images that are not there."""
    folders = {file.parent for file in stack.files}
    notes = missing_notes(
        stack.headers,
        stack.times,
        [file for file in unreadable if file.parent in folders],
        files_of[str(stack.headers[0].get("SeriesInstanceUID", ""))],
        told=bool(stack.notes),
    )
    return replace(stack, notes=(*stack.notes, *notes))


def _frames(stack: DicomStack) -> int:
    return sum(int(header.get("NumberOfFrames", 1) or 1) for header in stack.headers)


def _files(folder: Path, deep: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "DICOMDIR":
            continue
        if path.is_dir():
            if deep:
                yield from _files(path, deep - 1)
        elif is_dicom(path) or path.suffix.lower() in _ENDINGS:
            yield path


def _group(file: Path, header: Any) -> tuple[Any, ...]:
    series = str(header.get("SeriesInstanceUID", "") or file.parent)
    if int(header.get("NumberOfFrames", 1) or 1) > 1 or header.get("ImageOrientationPatient") is None:
        # Nothing says how pictures without a place would follow each other, unless they are numbered in one series.
        single = int(header.get("NumberOfFrames", 1) or 1) > 1 or not header.get("SeriesInstanceUID")
        return (series, str(file) if single else "", int(header.Rows), int(header.Columns))
    turned = tuple(np.round([float(value) for value in header.ImageOrientationPatient], 2) + 0.0)
    size = tuple(round(float(value), 3) for value in header.get("PixelSpacing") or (1, 1))
    derived = "DERIVED" in (header.get("ImageType") or ())
    colours = int(header.get("SamplesPerPixel", 1))
    return (series, turned, int(header.Rows), int(header.Columns), size, derived, colours)


def _sorted(members: list[tuple[Path, Any]]) -> DicomStack:
    places = [place_along_normal(header) for _, header in members]
    if len(members) == 1 or any(place is None for place in places):
        ordered = sorted(members, key=lambda member: (_number(member[1]), str(member[0])))
        return DicomStack(*_columns(ordered))
    at: dict[float, list[tuple[Path, Any]]] = defaultdict(list)
    for place, member in zip(places, members, strict=True):
        at[round(float(place or 0.0), 2)].append(member)
    for same in at.values():
        same.sort(key=lambda member: (_moment(member[1]), _number(member[1]), str(member[0])))
    counts = {len(same) for same in at.values()}
    times, notes = (counts.pop(), ()) if len(counts) == 1 else (1, _repeated(members, at))
    order = [at[place][time] for time in range(times) for place in sorted(at)]
    return DicomStack(*_columns(order), times, (*notes, *gaps_in(sorted(at))))


def _columns(members: Iterable[tuple[Path, Any]]) -> tuple[tuple[Path, ...], tuple[Any, ...]]:
    files, headers = zip(*members, strict=True)
    return tuple(files), tuple(headers)


def place_along_normal(header: Any) -> float | None:
    """Return where a slice lies along the normal of its plane in mm, or None if its header does not say."""
    turned, position = header.get("ImageOrientationPatient"), header.get("ImagePositionPatient")
    if turned is None or position is None or len(turned) != 6 or len(position) != 3:
        return None
    return float(normal_of(turned) @ np.asarray(position, dtype=float))


def normal_of(turned: Any) -> NDArray[np.float64]:
    """Return the normal of a plane from DICOM's six cosines."""
    cosines = np.asarray(turned, dtype=float)
    return np.asarray(np.cross(cosines[:3], cosines[3:]))


def _number(header: Any) -> int:
    try:
        return int(header.get("InstanceNumber", 0) or 0)
    except (TypeError, ValueError):
        return 0


def _moment(header: Any) -> tuple[float, float, float]:
    return tuple(  # type: ignore[return-value]
        float(header.get(name, 0) or 0) for name in ("TemporalPositionIdentifier", "EchoTime", "AcquisitionTime")
    )


def _repeated(members: list[tuple[Path, Any]], at: dict[float, Any]) -> tuple[str, ...]:
    return (
        f"The series has {len(members)} slices at {len(at)} places, some places more than once; of each place the "
        "first one is shown.",
    )
