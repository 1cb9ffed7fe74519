"""What can be opened in a file, a folder or at an address: one image, or several to choose from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iseg.errors import ImageError
from napari_iseg.io.dicom_files import read_stack
from napari_iseg.io.dicom_headers import stacks_in
from napari_iseg.io.files import ending, existing_file
from napari_iseg.io.folder_cases import case_choices
from napari_iseg.io.hdf5_files import hdf5_choices
from napari_iseg.io.several import Choice, pick, split_choice, unique_names
from napari_iseg.io.slice_folders import slice_choice
from napari_iseg.io.zarr_files import is_address, is_zarr, zarr_choices

if TYPE_CHECKING:
    from napari_iseg.io.dicom_headers import DicomStack
    from napari_iseg.io.loaded import LoadedImage

__all__ = ["HDF5_ENDINGS", "choices_in", "holds_choices", "read_choice"]

HDF5_ENDINGS = (".h5", ".hdf5", ".hdf")


def choices_in(path: str | Path) -> list[Choice]:
    """List the images of a folder, an HDF5 file or an address.

    Parameters
    ----------
    path
        A folder (OME-Zarr, DICOM, a case of BraTS or OAI-ZIB, or slices), an HDF5 file, or the address of an OME-Zarr.

    Returns
    -------
    list of Choice
        Each with a name of its own; for DICOM the largest one first.

    Raises
    ------
    ImageError
        If nothing in it can be opened.
    """
    if is_address(str(path)):
        return unique_names(zarr_choices(str(path)))
    place = Path(path)
    if not place.is_dir():
        return hdf5_choices(existing_file(place))
    if is_zarr(place):
        return unique_names(zarr_choices(str(place)))
    found = case_choices(place) or [_of_stack(stack) for stack in stacks_in(place)]
    if not found:
        # ssTEM comes with a folder of sections and folders of drawings beside it.
        folders = [place, *sorted(path for path in place.iterdir() if path.is_dir() and path.name[0] != ".")]
        stacks = [slice_choice(folder) for folder in folders]
        found = [stack for stack in stacks if stack is not None]
    if not found:
        raise ImageError(
            f"{place} is a folder without DICOM files, OME-Zarr or slices that can be opened together; name one file "
            "in it."
        )
    return unique_names(found)


def read_choice(path: str | Path, *, lazy: bool) -> LoadedImage:
    """Read one of the images: the one that is named after ``::``, or the largest, whose ``shown.notes`` say so.

    Raises
    ------
    ImageError
        If there is no image in it, or it cannot be read.
    UnknownNameError
        If there is none of that name.
    """
    place, name = split_choice(path)
    choice, notes = pick(choices_in(place), name, place)
    loaded = choice.open(lazy)
    return replace(loaded, shown=replace(loaded.shown, notes=(*loaded.shown.notes, *notes)))


def holds_choices(path: str | Path) -> bool:
    """Whether a path is of the kind that may hold several images."""
    place, name = split_choice(path)
    return name is not None or is_address(place) or Path(place).is_dir() or ending(Path(place)) in HDF5_ENDINGS


def _of_stack(stack: DicomStack) -> Choice:
    header = stack.headers[0]
    frames = int(header.get("NumberOfFrames", 1) or 1)
    lead = (stack.times, stack.slices) if stack.times > 1 else (frames if frames > 1 else stack.slices,)
    kind = " ".join(str(value) for value in (header.get("ImageType") or ())[:3])
    missing = ", slices are missing" if stack.notes else ""
    return Choice(
        name=stack.name,
        shape=(*lead, int(header.Rows), int(header.Columns)),
        dtype=str(header.get("Modality", "")),
        description=f"{kind.lower()}{missing}",
        open=lambda lazy: read_stack(stack, lazy=lazy),
    )
