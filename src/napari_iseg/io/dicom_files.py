"""DICOM through pydicom: slices in order along their normal, in the scanner's own units and place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.dicom_gaps import gaps_in
from napari_iseg.io.dicom_headers import DicomStack, normal_of, read_header
from napari_iseg.io.files import damaged
from napari_iseg.io.geometry import itk_to_ras
from napari_iseg.io.lazily import SMALL, lazy_array
from napari_iseg.io.loaded import ItkGrid, LoadedImage
from napari_iseg.io.shown import Shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["frame_order", "read_dicom", "read_stack"]

_TILTED = 1.0


def read_dicom(file: Path) -> LoadedImage:
    """Read one DICOM file, of one frame or many.

    Raises
    ------
    ImageError
        If pydicom cannot read it, or it holds no pixels.
    """
    header = read_header(file)
    if header is None:
        raise ImageError(
            f"{file} cannot be read as a DICOM image: it is damaged, cut off or holds no pixels; copy or export it "
            "again."
        )
    return read_stack(DicomStack((file,), (header,)), lazy=False)


def read_stack(stack: DicomStack, *, lazy: bool = True) -> LoadedImage:
    """Read the slices of a stack.

    Parameters
    ----------
    stack
        What :func:`napari_iseg.io.dicom_headers.stacks_in` found.
    lazy
        Whether a large stack stays in its files; small ones are read at once.

    Returns
    -------
    LoadedImage
        (slices, rows, columns), with time in front where there is more than one point in time, and colours last.
        Rescaled: Hounsfield units for CT. Whole numbers stay whole where slope and intercept allow it.

    Raises
    ------
    ImageError
        If a file cannot be read or decompressed.
    """
    header = stack.headers[0]
    frames = int(header.get("NumberOfFrames", 1) or 1)
    if frames > 1:
        return _of_frames(stack.files[0], header)
    dtype = _dtype(stack)
    rgb = int(header.get("SamplesPerPixel", 1)) == 3
    plane = (int(header.Rows), int(header.Columns), *((3,) if rgb else ()))
    lead = (stack.times, stack.slices) if stack.times > 1 else (stack.slices,)
    shape = (*lead, *plane)

    def read(where: tuple[slice, ...]) -> NDArray[Any]:
        index = np.arange(len(stack.files)).reshape(lead)[where[: len(lead)]]
        planes = [_plane(stack.files[number], dtype) for number in index.ravel()]
        return np.stack(planes).reshape(*index.shape, *plane)

    whole = tuple(slice(0, size) for size in shape)
    if lazy and int(np.prod(shape)) * dtype.itemsize > SMALL:
        data = lazy_array(read, shape, dtype, [*[1] * len(lead), *plane], stack.files[0].parent)
    else:
        data = read(whole)
    grid, sheared = _grid(stack)
    notes = stack.notes
    if sheared > _TILTED:
        notes = (*notes, f"The slices are tilted by {sheared:.0f} degrees (gantry); they are shown upright.")
    spacing = (*[1.0] * (len(lead) - 1), *grid.spacing[::-1])
    loaded = LoadedImage(data, _source(stack), "dicom", rgb, spacing, "mm", itk_to_ras(grid), grid, stack.files)
    return _with_shown(loaded, header, stack.name, "tzyx"[-len(shape) + int(rgb) :], notes)


def _source(stack: DicomStack) -> Path:
    return stack.files[0] if len(stack.files) == 1 else stack.files[0].parent


def _dtype(stack: DicomStack) -> np.dtype[Any]:
    """Return the type that holds every slice after its rescaling."""
    low, high = 0.0, 0.0
    for header in stack.headers:
        slope, intercept = _rescale(header)
        if slope != 1 or intercept % 1:
            return np.dtype(np.float32)
        bits, signed = int(header.get("BitsStored", 16)), int(header.get("PixelRepresentation", 0))
        ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        low, high = min(low, ends[0] + intercept), max(high, ends[1] + intercept)
    kinds = (np.uint8, np.int16, np.uint16, np.int32)
    fits = (kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return np.dtype(next(fits, np.float32))


def _rescale(header: Any) -> tuple[float, float]:
    shared = header.get("SharedFunctionalGroupsSequence") or [{}]
    frames = header.get("PerFrameFunctionalGroupsSequence") or [{}]
    found = [groups.get("PixelValueTransformationSequence") for groups in (shared[0], frames[0])]
    said = next((sequence[0] for sequence in found if sequence), header)
    slope, intercept = said.get("RescaleSlope"), said.get("RescaleIntercept")
    return float(1 if slope in (None, "") else slope), float(0 if intercept in (None, "") else intercept)


def _plane(file: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    values, rescaled = _pixels(file)
    if rescaled is None:
        return values.astype(dtype)
    slope, intercept = rescaled
    if dtype.kind == "f":
        return (values * np.float64(slope) + intercept).astype(dtype)
    return (values.astype(np.int64) + int(intercept)).astype(dtype)


def _pixels(file: Path) -> tuple[NDArray[Any], tuple[float, float] | None]:
    """Return the values of a file and how they are rescaled; None if they already are."""
    import pydicom

    try:
        header = pydicom.dcmread(file, force=True)
        return np.asarray(header.pixel_array), _rescale(header)
    except (RuntimeError, NotImplementedError):
        # A compression that needs a decoder pydicom does not find; the one inside SimpleITK knows most of them.
        return _pixels_of_itk(file), None
    except (OSError, ValueError, KeyError, AttributeError, TypeError, IndexError, EOFError) as error:
        raise damaged(file, "a DICOM image") from error


def _pixels_of_itk(file: Path) -> NDArray[Any]:
    import SimpleITK

    try:
        values = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(file)))
    except RuntimeError as error:
        raise ImageError(
            f"{file} is compressed in a way that cannot be read here; pip install pylibjpeg or export it without "
            "compression."
        ) from error
    return values[0] if values.shape[0] == 1 else values


def _grid(stack: DicomStack) -> tuple[ItkGrid, float]:
    """Return the grid and by how many degrees the slices are shifted against each other."""
    first, last = stack.headers[0], stack.headers[stack.slices - 1]
    row, column = _pixel_size(first)
    turned, position = first.get("ImageOrientationPatient"), first.get("ImagePositionPatient")
    if turned is None or position is None:
        apart = float(first.get("SpacingBetweenSlices") or first.get("SliceThickness") or 1)
        return _grid_of(np.array([1, 0, 0, 0, 1, 0.0]), np.zeros(3), (column, row, apart)), 0.0
    normal = normal_of(turned)
    step, sheared = float(first.get("SpacingBetweenSlices") or first.get("SliceThickness") or 1), 0.0
    if stack.slices > 1:
        places = [float(normal @ np.asarray(header.ImagePositionPatient, float)) for header in stack.headers]
        step = float(np.median(np.diff(places[: stack.slices]))) or step
        way = np.asarray(last.ImagePositionPatient, float) - np.asarray(position, float)
        length = float(np.linalg.norm(way)) or 1.0
        sheared = float(np.degrees(np.arccos(np.clip(abs(way @ normal) / length, -1, 1))))
    return _grid_of(np.asarray(turned, float), np.asarray(position, float), (column, row, abs(step) or 1.0)), sheared


def _grid_of(turned: NDArray[np.float64], origin: NDArray[np.float64], spacing: tuple[float, ...]) -> ItkGrid:
    direction = np.column_stack([turned[:3], turned[3:], normal_of(turned)])
    return ItkGrid(tuple(spacing), tuple(origin.tolist()), tuple(direction.ravel().tolist()))


def _pixel_size(header: Any) -> tuple[float, float]:
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        size = header.get(name)
        if size and all(float(value) > 0 for value in size):
            return float(size[0]), float(size[1])
    return 1.0, 1.0


def _of_frames(file: Path, header: Any) -> LoadedImage:
    """Read a file of many frames: in the order of their places where it has them, else of the file, as time."""
    values, rescaled = _pixels(file)
    placed = _frame_places(header)
    rgb = int(header.get("SamplesPerPixel", 1)) == 3
    notes: tuple[str, ...] = ()
    spacing: tuple[float, ...]
    grid: ItkGrid | None
    if placed is None or len(placed[1]) != len(values):
        row, column = _pixel_size(header)
        spacing, axes, grid = (float(header.get("FrameTime", 1000) or 1000) / 1000, row, column), "tyx", None
    else:
        turned, positions, (row, column, thickness) = placed
        places = positions @ normal_of(turned)
        order = np.argsort(places, kind="stable")
        values, positions, places = values[order], positions[order], places[order]
        steps = np.diff(places)
        step = float(np.median(steps)) if steps.size and np.median(steps) > 0 else thickness
        notes = gaps_in([float(place) for place in places]) if steps.size and steps.min() > 0 else ()
        grid = _grid_of(turned, positions[0], (column, row, step))
        spacing, axes = grid.spacing[::-1], "zyx"
    if rescaled is not None and rescaled != (1.0, 0.0):
        whole = rescaled[0] == 1 and rescaled[1] % 1 == 0
        values = (values * rescaled[0] + rescaled[1]).astype(np.int32 if whole else np.float32)
    affine = itk_to_ras(grid) if grid is not None else None
    loaded = LoadedImage(values, file, "dicom", rgb, spacing, "mm", affine, grid, (file,))
    return _with_shown(loaded, header, DicomStack((file,), (header,)).name, axes, notes)


def frame_order(header: Any) -> list[int]:
    """Return which frame of a file each plane of :func:`read_dicom` is: frames are sorted by their places."""
    placed = _frame_places(header)
    count = int(header.get("NumberOfFrames", 1) or 1)
    if placed is None or len(placed[1]) != count:
        return list(range(count))
    order: list[int] = np.argsort(placed[1] @ normal_of(placed[0]), kind="stable").tolist()
    return order


def _frame_places(header: Any) -> tuple[Any, Any, tuple[float, float, float]] | None:
    """Return the cosines, every frame's position and (row, column, slice) sizes; None if one of them is not there."""
    try:
        shared, frames = header.SharedFunctionalGroupsSequence[0], header.PerFrameFunctionalGroupsSequence
        measures = (shared if "PixelMeasuresSequence" in shared else frames[0]).PixelMeasuresSequence[0]
        plane = (shared if "PlaneOrientationSequence" in shared else frames[0]).PlaneOrientationSequence[0]
        positions = [frame.PlanePositionSequence[0].ImagePositionPatient for frame in frames]
    except (AttributeError, IndexError):
        return None
    row, column = (float(value) for value in measures.PixelSpacing)
    thickness = float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 1)
    return np.asarray(plane.ImageOrientationPatient, float), np.asarray(positions, float), (row, column, thickness)


def _with_shown(loaded: LoadedImage, header: Any, name: str, axes: str, notes: tuple[str, ...]) -> LoadedImage:
    facts = {
        "study_uid": str(header.get("StudyInstanceUID", "")),
        "series_uid": str(header.get("SeriesInstanceUID", "")),
        "modality": str(header.get("Modality", "")),
        "description": str(header.get("SeriesDescription", "")),
    }
    shown = Shown(
        name=name,
        axes=axes,
        limits=None if loaded.rgb else _window(header),
        inverted=header.get("PhotometricInterpretation") == "MONOCHROME1",
        facts=facts,
        notes=tuple(f"{name}: {note}" for note in notes),
        units=tuple(
            "s" if axis == "t" and loaded.header is None else "mm" if axis in "zyx" else "pixel" for axis in axes
        ),
    )
    return replace(loaded, shown=shown)


def _window(header: Any) -> tuple[float, float] | None:
    """Return the first window that the header recommends as (lowest, highest)."""
    centre, width = header.get("WindowCenter"), header.get("WindowWidth")
    first = [
        value[0] if hasattr(value, "__len__") and not isinstance(value, str) and len(value) else value
        for value in (centre, width)
    ]
    try:
        middle, size = (float(value) for value in first)
    except (TypeError, ValueError):
        return None
    return (middle - size / 2, middle + size / 2) if size > 0 else None
