"""DAVIS-585 (Chen et al., FocalClick, CVPR 2022): single objects of video frames, each with two masks to be corrected.

A sequence is a folder with ``<frame>.jpg``, ``object<k>_<frame>.png`` for each object, and beside each of these
``init_sp_object<k>_<frame>.png`` (superpixels of the reference changed) and ``init_stm_object<k>_<frame>.png`` (what a
method that follows objects through a video made of it).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.io.labelled_images import in_held_back
from napari_iseg.io.published.entries import Entry, Layout, first_channel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["DAVIS585"]

_STARTS = ("init_sp", "init_stm")
_OBJECT = 128


def _references(path: Path) -> Iterator[Path]:
    return (file for file in sorted(path.glob("*/object[0-9]*_*.png")) if file.is_file())


def _recognise(path: Path) -> bool:
    return next(_references(path), None) is not None


def _entries(path: Path, labels: str) -> list[Entry]:
    entries = []
    for reference in _references(path):
        folder, frame = reference.parent, reference.stem.rpartition("_")[2]
        chosen = labels if labels in _STARTS else _STARTS[0]
        start = folder / f"{chosen}_{reference.name}"
        # Whoever asks for one kind of mask wants no other where it is missing; reading it says which file that is.
        wanted = labels in _STARTS or start.is_file()
        entries.append(
            Entry(
                f"{folder.name}/{reference.stem}",
                folder / f"{frame}.jpg",
                reference,
                partial(_layers, reference),
                # A video is held back as a whole: its frames are much alike.
                in_held_back(folder.name),
                partial(_mask, start) if wanted else None,
            )
        )
    return entries


def _mask(file: Path) -> NDArray[np.bool_]:
    return np.asarray(first_channel(file) > _OBJECT)


def _layers(file: Path) -> list[NDArray[np.int32]]:
    return [_mask(file).astype(np.int32)]


DAVIS585 = Layout(
    name="davis-585",
    files="folders of sequences with <frame>.jpg and object<k>_<frame>.png",
    recognise=_recognise,
    entries=_entries,
    starts=_STARTS,
)
