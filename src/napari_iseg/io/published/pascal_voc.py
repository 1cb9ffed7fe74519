"""PascalVOC 2012 (Everingham et al. 2015): instances as palette indices, 255 for the borders that are not scored.

The indices are read as they are, so each instance stays apart (3427 in the validation images); upstream turned the
colours to grey first, where ten instances fall together with others (3417).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.files import damaged, existing_file
from napari_iseg.io.published.entries import Entry, Layout, read_names, without_ignored

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["PASCAL_VOC"]

_LISTS = "ImageSets/Segmentation"


def _recognise(path: Path) -> bool:
    return (path / "JPEGImages").is_dir() and (path / "SegmentationObject").is_dir()


def _entries(path: Path, _: str) -> list[Entry]:
    # What val.txt lists is held back; the folder has many images that neither list has.
    lists = {name: path / _LISTS / f"{name}.txt" for name in ("train", "val")}
    if not any(file.is_file() for file in lists.values()):
        raise ImageError(f"{path / _LISTS} holds neither train.txt nor val.txt; copy the lists there.")
    names = {name: key == "val" for key, file in lists.items() if file.is_file() for name in read_names(file)}
    entries = []
    for name, held_back in sorted(names.items()):
        file = path / "SegmentationObject" / f"{name}.png"
        entries.append(Entry(name, path / "JPEGImages" / f"{name}.jpg", file, partial(_read, file), held_back))
    return entries


def _read(file: Path) -> list[NDArray[np.int32]]:
    from PIL import Image

    existing_file(file)
    try:
        with Image.open(file) as image:
            mode, indices = image.mode, np.array(image)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise damaged(file, "a PNG image") from error
    if mode not in ("P", "L"):
        raise ImageError(f"{file} has colours of the mode {mode} instead of palette indices; fetch the original file.")
    return [without_ignored(indices)]


PASCAL_VOC = Layout(
    name="pascal-voc",
    files="the folders JPEGImages, SegmentationObject and ImageSets/Segmentation",
    recognise=_recognise,
    entries=_entries,
)
