"""BraTS (Menze et al. 2015; Baid et al. 2021): as volumes of four modalities, and as slices.

A challenge's folder of a case holds ``<case>_flair``, ``_t1``, ``_t1ce``, ``_t2`` and ``_seg``, as NIfTI or MetaImage;
each modality is an image of its own and all of a case are held back together. The slices that SimpleClick and its
descendants evaluate on lie in ``image`` and ``annotation``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.io.files import ending
from napari_iseg.io.images import IMAGE_ENDINGS
from napari_iseg.io.labelled_images import in_held_back
from napari_iseg.io.published.entries import Entry, Layout, first_channel, paired

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["BRATS"]

# t1ce was renamed with the challenge of 2023, as was the rest: t1n, t1c, t2w, t2f.
_MODALITIES = ("flair", "t1", "t1ce", "t2", "t1n", "t1c", "t2w", "t2f")
# The whole tumour is everything; 2 is oedema, so its core is the rest; 4 (3 since 2023) is the enhancing part.
_OEDEMA, _ENHANCING = 2, (3, 4)


def _recognise(path: Path) -> bool:
    return _slices(path) or next(_references(path), None) is not None


def _slices(path: Path) -> bool:
    return (path / "image").is_dir() and (path / "annotation").is_dir()


def _references(path: Path) -> Iterator[Path]:
    """Find the references of all cases: in the folder, in those of the cases, or in those of HGG and LGG."""
    for pattern in ("*seg.*", "*/*seg.*", "*/*/*seg.*"):
        yield from (file for file in sorted(path.glob(pattern)) if _kind(file) == "seg")


def _kind(file: Path) -> str:
    """Return what a file's name has after its last _ or -, without the ending."""
    end = ending(file)
    return file.name[: -len(end)].lower().replace("-", "_").rpartition("_")[2] if end in IMAGE_ENDINGS else ""


def _entries(path: Path, labels: str) -> list[Entry]:
    if _slices(path):
        return paired(path / "image", path / "annotation", lambda file: (first_channel(file) > 0).astype(np.int32))
    entries = []
    for reference in _references(path):
        case = reference.name[: -len(ending(reference)) - len("_seg")]
        found = [file for file in sorted(reference.parent.iterdir()) if file.name.startswith(case)]
        read = partial(_read, reference, regions=labels == "labels_regions")
        for image in (file for file in found if _kind(file) in _MODALITIES):
            name = image.name[: -len(ending(image))]
            entries.append(Entry(name, image, reference, read, in_held_back(case)))
    return entries


def _read(file: Path, *, regions: bool) -> list[NDArray[np.int32]]:
    """Return the whole tumour (1), or the core (2) and the enhancing part (3) in layers of their own."""
    classes = first_channel(file)
    if not regions:
        return [(classes > 0).astype(np.int32)]
    core = (classes > 0) & (classes != _OEDEMA)
    return [np.where(core, 2, 0), np.where(np.isin(classes, _ENHANCING), 3, 0)]


BRATS = Layout(
    name="brats",
    files="cases with *_seg and *_flair, *_t1, *_t1ce or *_t2 volumes, or the folders image and annotation",
    recognise=_recognise,
    entries=_entries,
    labels=("labels", "labels_regions"),
)
