"""The headers of DICOM files, sorted into what belongs together: one grid of slices in order, or one file of frames."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["DicomStack", "gaps_in", "is_dicom", "normal_of", "read_header", "stacks_in"]

_MARK_AT, _MARK = 128, b"DICM"
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
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        header = pydicom.dcmread(file, stop_before_pixels=True, force=file.suffix.lower() in (".dcm", ".ima"))
    except (InvalidDicomError, OSError, ValueError, KeyError, AttributeError, NotImplementedError):
        return None
    return header if header.get("Rows") and header.get("Columns") else None


def stacks_in(folder: Path) -> list[DicomStack]:
    """Find the stacks of a folder and of those in it, the largest first.

    Slices belong together that are of one series, one orientation, one size, and all original or all derived: a
    localizer with three views makes three stacks.
    """
    groups: dict[tuple[Any, ...], list[tuple[Path, Any]]] = defaultdict(list)
    for file in _files(folder, _DEEPEST):
        header = read_header(file)
        if header is not None:
            groups[_group(file, header)].append((file, header))
    stacks = [_sorted(members) for members in groups.values()]
    return sorted(stacks, key=lambda stack: -_frames(stack))


def _frames(stack: DicomStack) -> int:
    return sum(int(header.get("NumberOfFrames", 1) or 1) for header in stack.headers)


def _files(folder: Path, deep: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "DICOMDIR":
            continue
        if path.is_dir():
            if deep:
                yield from _files(path, deep - 1)
        elif is_dicom(path) or path.suffix.lower() in (".dcm", ".ima"):
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


def gaps_in(places: list[float]) -> tuple[str, ...]:
    """Return a sentence where slices at rising places, in mm, are missing or lie unevenly; else nothing."""
    if len(places) < 3:
        return ()
    steps = np.diff(places)
    step = float(np.median(steps))
    missing = np.rint(steps / step).astype(int) - 1
    wide = np.flatnonzero(missing > 0)
    if wide.size:
        where = ", ".join(f"{places[gap]:g} and {places[gap + 1]:g} mm" for gap in wide[:3])
        count = int(missing[wide].sum())
        were = "slice is" if count == 1 else "slices are"
        return (
            f"{count} {were} missing between {where}; the planes beyond lie closer in the window than in the body, so "
            "copy the whole series again.",
        )
    if float(np.abs(steps - step).max()) > 0.05 * step:
        return (
            f"The slices lie unevenly, {steps.min():g} to {steps.max():g} mm apart; they are shown {step:g} mm apart.",
        )
    return ()
