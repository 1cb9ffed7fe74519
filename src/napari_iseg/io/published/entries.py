"""What a published layout is made of: images, each with a reference that its own convention reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.interactions import IGNORE
from napari_iseg.io.dataset import make_sample, whole_numbers
from napari_iseg.io.files import ending
from napari_iseg.io.images import IMAGE_ENDINGS, read_image
from napari_iseg.io.labelled_images import LabelledImages, Sample, Split, in_held_back, in_split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iseg.io.bad_input import BadInput

__all__ = ["Entry", "Layout", "PublishedImages", "first_channel", "paired", "read_names", "without_ignored"]

_IGNORED_BYTE = 255


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of a published set.

    Parameters
    ----------
    name
        Of the image.
    image, reference
        The files; one of them may be missing, which is then told by its path.
    layers
        Reads the reference: integer arrays of the image's shape with 0 background, 1..N objects, -1 ignored. More than
        one where objects lie over each other.
    held_back
        Whether the image is held back from training: by the set's own list of validation images where it is published
        with one, else by :func:`napari_iseg.io.dataset.in_held_back`.
    start
        Reads a defective mask of the only object to start from, (H, W) bool; None where the set has none.
    """

    name: str
    image: Path
    reference: Path
    layers: Callable[[], Sequence[NDArray[np.integer]]]
    held_back: bool
    start: Callable[[], NDArray[np.bool_]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a published data set lies in its folder.

    Parameters
    ----------
    name
        What ``--layout`` takes.
    files
        One line that says by which files it is recognised.
    recognise
        Says of a folder whether it is one.
    entries
        Lists the images of a folder for one of ``labels``.
    labels
        The kinds of references; the first is that of the published evaluations.
    starts
        The kinds of masks to start from, which may be asked for instead of ``labels`` and come with the same objects.
    """

    name: str
    files: str
    recognise: Callable[[Path], bool]
    entries: Callable[[Path, str], Iterable[Entry]]
    labels: tuple[str, ...] = ("labels",)
    starts: tuple[str, ...] = ()


class PublishedImages(LabelledImages):
    """A data set in its published layout.

    Parameters
    ----------
    path
        The folder.
    layout
        How it lies there.
    labels
        One of the layout's kinds of references, or of masks to start from.
    split
        Which images.
    bad_input
        Takes an image without its reference, a reference without its image and what cannot be read. None is strict
        with images and does not look at references that no image needs.

    Raises
    ------
    ImageError
        If nothing of the folder is in the split, or an image has no reference.
    UnknownNameError
        If there is no such split or kind of references.
    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        *,
        labels: str = "labels",
        split: Split = "all",
        bad_input: BadInput | None = None,
    ) -> None:
        super().__init__(path, labels=labels, split=split, bad_input=bad_input)
        kinds = (*layout.labels, *layout.starts)
        if labels not in kinds:
            raise UnknownNameError(f"kind of labels of {layout.name}", labels, kinds)
        entries = list(layout.entries(path, labels))
        wanted = [entry for entry in entries if in_split(entry.held_back, split)]
        self._entry = {entry.name: entry for entry in wanted if self._usable(entry, bad_input)}
        self.names = tuple(sorted(self._entry))
        if not self.names:
            raise ImageError(
                f"None of the {len(entries)} images of {path} ({layout.name}) is in the split {split!r}; use 'all' or "
                "check the folder."
            )

    def _usable(self, entry: Entry, bad_input: BadInput | None) -> bool:
        if not entry.reference.is_file():
            sentence = f"{entry.image} has no reference; there should be a file {entry.reference}."
            if bad_input is None:
                raise ImageError(sentence)
            bad_input.add(entry.image, sentence)
            return False
        if not entry.image.is_file():
            if bad_input is not None:
                bad_input.add(
                    entry.reference,
                    f"{entry.reference} is a label file without its image; there should be {entry.image}.",
                )
            return False
        return True

    def _find(self, name: str) -> Entry:
        if name not in self._entry:
            raise UnknownNameError("image", name, self._entry)
        return self._entry[name]

    def source(self, name: str) -> Path:
        """Return the file of an image; raises as the base class says."""
        return self._find(name).image

    def is_held_back(self, name: str) -> bool:
        """Return whether the set's own list, or else the name, holds an image back."""
        return self._find(name).held_back

    def samples(self, name: str) -> list[Sample]:
        """Read one image with its reference, once for each layer; raises as the base class says."""
        entry = self._find(name)
        loaded = read_image(entry.image)
        samples = [make_sample(name, loaded, labels, entry.reference) for labels in self.layers(name)]
        if entry.start is None:
            return samples
        start = entry.start()
        if start.shape != samples[0].labels.shape:
            raise ImageError(
                f"The initial mask of {name!r} has the shape {start.shape} but the image {samples[0].labels.shape}; "
                f"fetch the files beside {entry.reference} again."
            )
        return [replace(sample, start=start) for sample in samples]

    def layers(self, name: str) -> list[NDArray[np.int32]]:
        """Read the layers of one reference; raises as the base class says."""
        return [np.asarray(labels, dtype=np.int32) for labels in self._find(name).layers()]


def paired(
    images: Path,
    references: Path,
    read: Callable[[Path], NDArray[np.integer]],
    *,
    held_back: bool | None = None,
) -> list[Entry]:
    """Pair the files of two folders by what their names have before the first dot.

    Parameters
    ----------
    images, references
        The folders.
    read
        Reads a reference file: one layer.
    held_back
        Of all; None decides for each by its name.
    """
    pictures, masks = _by_stem(images), _by_stem(references)
    entries = []
    for name in sorted({*pictures, *masks}):
        picture, mask = pictures.get(name, images / f"{name}.*"), masks.get(name, references / f"{name}.*")
        held = in_held_back(name) if held_back is None else held_back
        entries.append(Entry(name, picture, mask, partial(_one, read, mask), held))
    return entries


def _one(read: Callable[[Path], NDArray[np.integer]], file: Path) -> list[NDArray[np.integer]]:
    return [read(file)]


def _by_stem(folder: Path) -> dict[str, Path]:
    files = sorted(file for file in folder.iterdir() if ending(file) in IMAGE_ENDINGS and not file.name.startswith("."))
    return {file.name.split(".")[0]: file for file in reversed(files)}


def read_names(file: Path) -> list[str]:
    """Read a list of names, one a line; what follows a space in a line does not matter.

    Raises
    ------
    ImageError
        If the file cannot be read as text.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(f"{file} cannot be read as a list of names, one a line; fetch it again.") from error
    return [line.split()[0] for line in lines if line.strip()]


def first_channel(file: Path) -> NDArray[np.integer]:
    """Read a mask as OpenCV's channel 0: grey values, or blue where the file has colours.

    Raises
    ------
    ImageError
        If the file cannot be read or does not hold whole numbers.
    """
    loaded = read_image(file)
    values = whole_numbers(loaded)
    return (values[..., 2] if loaded.rgb else values).astype(np.int32)


def without_ignored(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return labels where 255, the borders of VOC and SBD that belong to nothing, is -1."""
    signed = np.asarray(labels).astype(np.int32)
    signed[signed == _IGNORED_BYTE] = IGNORE
    return signed
