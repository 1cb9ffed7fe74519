"""What a DICOM series lacks: slices between others, at its ends, points in time, and files that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["gaps_in", "missing_notes"]

_NAMED = 3


def missing_notes(
    headers: Sequence[Any], times: int, unreadable: Sequence[Path], files: int, *, told: bool
) -> tuple[str, ...]:
    """Return sentences about what belongs to a stack but is not in it.

    Parameters
    ----------
    headers
        Of its slices.
    times
        Its points in time.
    unreadable
        Files of its folder that claim to be DICOM and cannot be read.
    files
        How many readable files its series has; those of other orientations count, too.
    told
        Whether missing slices were told already: they are not counted a second time.
    """
    notes = []
    if unreadable:
        names = ", ".join(file.name for file in unreadable[:_NAMED])
        more = f" and {len(unreadable) - _NAMED} more" if len(unreadable) > _NAMED else ""
        claim = "claims to be DICOM but cannot be read, so a slice"
        if len(unreadable) > 1:
            claim = "claim to be DICOM but cannot be read, so slices"
        notes.append(f"{names}{more} {claim} may be missing; copy the whole series again.")
    if told:
        return tuple(notes)
    promised = _same(headers, "ImagesInAcquisition") or 0
    if files < promised and _same(headers, "AcquisitionNumber") is not None:
        notes.append(
            f"The headers speak of {promised} images but there {_are(files)}; slices at the beginning or the end may "
            "be missing, so copy the whole series again."
        )
    moments = _same(headers, "NumberOfTemporalPositions") or 0
    if times < moments:
        notes.append(
            f"The headers speak of {moments} points in time but there {_are(times)}; copy the whole series again."
        )
    if all(header.get("ImagePositionPatient") is None for header in headers):
        notes += _missing_numbers(headers)
    return tuple(notes)


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"


def _same(headers: Sequence[Any], name: str) -> int | None:
    """Return the whole number that all headers say, 0 where none says any; None where they differ."""
    try:
        said = {int(header.get(name) or 0) for header in headers}
    except (TypeError, ValueError):
        return None
    return said.pop() if len(said) == 1 else None


def _missing_numbers(headers: Sequence[Any]) -> list[str]:
    """Return a sentence where pictures without a place are numbered with gaps."""
    try:
        numbers = sorted({int(header.get("InstanceNumber") or 0) for header in headers})
    except (TypeError, ValueError):
        return []
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    # Numbered in steps of ten, or by the clock, gaps say nothing.
    if not missing or len(missing) >= len(numbers):
        return []
    named = ", ".join(map(str, missing[:_NAMED])) + (" ..." if len(missing) > _NAMED else "")
    what = "Image number" if len(missing) == 1 else "Image numbers"
    return [
        f"{what} {named} of the series {'is' if len(missing) == 1 else 'are'} missing; copy the whole series again."
    ]


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
