"""Open a data set without knowing how it lies: the generic folder, a published layout or a pack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.io.dataset import DatasetFolder
from napari_iseg.io.pack_file import is_pack, read_pack
from napari_iseg.io.packed import PackedImages
from napari_iseg.io.published import LAYOUTS, PublishedImages

if TYPE_CHECKING:
    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.io.labelled_images import LabelledImages, Split

__all__ = ["FOLDER", "PACK", "kinds_of_labels", "layout_names", "layout_of", "open_dataset"]

FOLDER = "folder"
"""The layout of the generic folder with ``images`` and ``labels``."""

PACK = "pack"
"""The layout of one file that ``napari-iseg data pack`` wrote."""

# Folders of references that name classes of tissue instead of objects.
_MEANINGS = ("labels_semantic",)


def layout_names() -> tuple[str, ...]:
    """Return the names that a layout can have, the generic ones first."""
    return (FOLDER, PACK, *LAYOUTS)


def layout_of(path: str | Path, layout: str | None = None) -> str:
    """Return the name of the layout of a data set.

    Parameters
    ----------
    path
        A folder, or the file of a pack.
    layout
        Forces one; None recognises it by the files.

    Raises
    ------
    ImageError
        If there is nothing at the path, no layout is recognised, or it is not laid out as the one that is forced.
    UnknownNameError
        If there is no layout of that name.
    """
    place = Path(path)
    if layout is not None:
        if layout not in layout_names():
            raise UnknownNameError("layout", layout, layout_names())
        if layout in LAYOUTS and not LAYOUTS[layout].recognise(place):
            raise ImageError(f"{place} is not laid out as {layout}, which has {LAYOUTS[layout].files}.")
        return layout
    if place.is_file():
        if is_pack(place):
            return PACK
        raise ImageError(f"{place} is a file but no pack; name a folder, or what 'napari-iseg data pack' wrote.")
    if not place.is_dir():
        raise ImageError(f"There is no folder or pack {place}; check the path.")
    if (place / "images").is_dir() and _label_folders(place):
        return FOLDER
    found = next((name for name, known in LAYOUTS.items() if known.recognise(place)), None)
    if found is None and (place / "images").is_dir():
        return FOLDER  # whose own sentence says what is missing
    if found is None:
        raise ImageError(
            f"{place} is laid out as none of the known data sets ({', '.join(layout_names())}); put images into "
            f"{place / 'images'} and label files of the same names into {place / 'labels'}."
        )
    return found


def kinds_of_labels(path: str | Path, *, layout: str | None = None) -> tuple[str, ...]:
    """Return the kinds of references with objects that a data set has, such as ``labels`` and ``labels_fine``.

    Raises
    ------
    IsegError
        As :func:`layout_of` does, or if a pack cannot be read.
    """
    name = layout_of(path, layout)
    if name == FOLDER:
        # Without any, the one that should be there, so that opening it says so.
        return _label_folders(Path(path)) or ("labels",)
    return read_pack(path).labels if name == PACK else LAYOUTS[name].labels


def open_dataset(
    path: str | Path,
    *,
    layout: str | None = None,
    labels: str = "labels",
    split: Split = "all",
    bad_input: BadInput | None = None,
) -> LabelledImages:
    """Open a data set.

    Parameters
    ----------
    path
        A folder, or the file of a pack.
    layout
        One of :func:`layout_names`; None recognises it by the files.
    labels
        Which of its kinds of references.
    split
        Which images.
    bad_input
        Takes files that cannot be used; None is strict.

    Raises
    ------
    ImageError
        If there is nothing at the path, no layout is recognised, or the data set has nothing to offer.
    UnknownNameError
        If there is no such layout, split or kind of references.
    """
    name = layout_of(path, layout)
    if name == FOLDER:
        return DatasetFolder(path, labels=labels, split=split, bad_input=bad_input)
    if name == PACK:
        return PackedImages(read_pack(path), labels=labels, split=split)
    return PublishedImages(Path(path), LAYOUTS[name], labels=labels, split=split, bad_input=bad_input)


def _label_folders(path: Path) -> tuple[str, ...]:
    return tuple(sorted(p.name for p in path.glob("labels*") if p.is_dir() and p.name not in _MEANINGS))
