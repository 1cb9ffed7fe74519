"""SBD, the Semantic Boundaries Dataset (Hariharan et al. 2011): instances in MATLAB files, lists of images."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.files import damaged, existing_file
from napari_iseg.io.labelled_images import in_held_back
from napari_iseg.io.published.entries import Entry, Layout, read_names, without_ignored

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SBD"]


def _recognise(path: Path) -> bool:
    return (path / "img").is_dir() and (path / "inst").is_dir()


def _entries(path: Path, _: str) -> list[Entry]:
    # The set's own val.txt is held back whole, so that its 6671 objects stay the ones that papers report.
    lists = {file: read_names(path / file) for file in ("train.txt", "val.txt") if (path / file).is_file()}
    if lists:
        names = {name: file == "val.txt" for file, listed in lists.items() for name in listed}
    else:
        found = {file.stem for kind in ("img/*.jpg", "inst/*.mat") for file in path.glob(kind)}
        names = {name: in_held_back(name) for name in found}
    entries = []
    for name, held_back in sorted(names.items()):
        file = path / "inst" / f"{name}.mat"
        entries.append(Entry(name, path / "img" / f"{name}.jpg", file, partial(_read, file), held_back))
    return entries


def _read(file: Path) -> list[NDArray[np.int32]]:
    from scipy.io import loadmat

    existing_file(file)
    try:
        segmentation: Any = loadmat(file)["GTinst"]["Segmentation"][0, 0]
    except KeyError as error:
        raise ImageError(f"{file} holds no GTinst.Segmentation; SBD keeps its instances there.") from error
    # Bytes of another kind end in any of these, depending on where they first make no sense.
    except Exception as error:
        raise damaged(file, "an instance file of SBD (.mat)") from error
    labels = np.asarray(segmentation)
    if labels.ndim != 2 or labels.dtype.kind not in "ui":
        raise ImageError(f"{file} holds a GTinst.Segmentation that is no plane of whole numbers; fetch it again.")
    return [without_ignored(labels)]


SBD = Layout(name="sbd", files="the folders img and inst (.mat files)", recognise=_recognise, entries=_entries)
