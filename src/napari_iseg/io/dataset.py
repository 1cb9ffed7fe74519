"""A folder of images with references: ``images/<name>.<ending>`` beside ``labels/<name>.<ending>``.

In a reference 0 is background, 1..N are objects and 65535 is ignored. Images may be planes or NIfTI volumes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.interactions import IGNORE
from napari_iseg.io.files import ending
from napari_iseg.io.images import IMAGE_ENDINGS, read_image
from napari_iseg.planes import to_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["IGNORE", "DatasetFolder", "DatasetObject", "Sample", "Split", "in_held_back"]

Split = Literal["all", "train", "held-back"]
"""Which images of a folder: all, those to train on (about 80 %) or those held back from training (about 20 %)."""

_IGNORE_IN_FILES = 65535
_SPLITS = ("all", "train", "held-back")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One image of a folder with its reference.

    Parameters
    ----------
    name
        Its file name without the ending.
    image
        (H, W), (H, W, 3 or 4), or a volume (K, H, W), of the type stored in the file.
    labels
        (H, W) or (K, H, W) int32: 0 background, 1..N objects, -1 ignored.
    """

    name: str
    image: NDArray[np.generic] = field(repr=False)
    labels: NDArray[np.int32] = field(repr=False)

    @property
    def is_volume(self) -> bool:
        """Whether axis 0 goes through planes."""
        return self.labels.ndim == 3

    def plane(self, index: int | None) -> tuple[NDArray[np.generic], NDArray[np.int32]]:
        """Return the image and the labels of one plane; ``index`` is None for an image that is no volume."""
        return (self.image, self.labels) if index is None else (self.image[index], self.labels[index])


@dataclass(frozen=True, slots=True, eq=False)
class DatasetObject:
    """One object on one plane: what an interactive method is asked to segment.

    Parameters
    ----------
    name
        Of the image.
    plane
        Index of the plane along axis 0 of a volume, else None.
    object_id
        The object's value in the reference.
    image
        (H, W, 3) uint8 RGB.
    truth
        (H, W) int8: 1 this object, 0 anything else, -1 ignored.
    """

    name: str
    plane: int | None
    object_id: int
    image: NDArray[np.uint8] = field(repr=False)
    truth: NDArray[np.int8] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where an object lies, before its image is read."""

    name: str
    plane: int | None
    object_id: int


class DatasetFolder:
    """A folder of images with references.

    Parameters
    ----------
    path
        The folder that holds ``images`` and ``labels``.
    labels
        Name of the folder of references, where there are several.
    split
        ``"all"``, ``"train"`` or ``"held-back"``, decided for each image by :func:`in_held_back`.

    Attributes
    ----------
    names
        The names of its images, sorted: file names without the ending.

    Raises
    ------
    ImageError
        If a folder is missing, there is no image in it or in the split, two images share a name, or an image has no
        reference.
    UnknownNameError
        If there is no such split.
    """

    def __init__(self, path: str | Path, *, labels: str = "labels", split: Split = "all") -> None:
        if split not in _SPLITS:
            raise UnknownNameError("split", split, _SPLITS)
        self.path = Path(path)
        self.labels = labels
        self.split = split
        images, references = _files(self.path / "images"), _files(self.path / labels)
        if not images:
            raise ImageError(f"{self.path / 'images'} holds no images; put files ending in {_endings()} there.")
        missing = [name for name in images if name not in references]
        if missing:
            raise ImageError(
                f"{len(missing)} of {len(images)} images in {self.path} have no reference, first {missing[0]!r}; "
                f"put label files of the same names into {self.path / labels}."
            )
        self.names = tuple(name for name in sorted(images) if _in_split(name, split))
        if not self.names:
            raise ImageError(f"None of the {len(images)} images in {self.path} is in the split {split!r}; use 'all'.")
        self._images, self._references = images, references

    def sample(self, name: str) -> Sample:
        """Read one image with its reference.

        Raises
        ------
        UnknownNameError
            If there is no image of that name.
        ImageError
            If a file cannot be read, the image is neither a plane nor a volume, or its reference has another shape.
        """
        if name not in self._images:
            raise UnknownNameError("image", name, self._images)
        loaded = read_image(self._images[name])
        labels = self.reference(name)
        if len(loaded.grid_shape) != (2 if loaded.rgb else labels.ndim) or labels.ndim not in (2, 3):
            raise ImageError(
                f"{loaded.source} has the shape {loaded.data.shape}; a dataset takes single planes and volumes of one "
                "channel."
            )
        if loaded.grid_shape != labels.shape:
            raise ImageError(
                f"The reference of {name!r} has the shape {labels.shape} but the image {loaded.grid_shape}; "
                f"correct {self._references[name]}."
            )
        return Sample(name, loaded.data, labels)

    def reference(self, name: str) -> NDArray[np.int32]:
        """Read the reference of one image alone: (H, W) or (K, H, W), 0 background, 1..N objects, -1 ignored.

        Raises
        ------
        UnknownNameError
            If there is no image of that name.
        ImageError
            If the file cannot be read or holds no whole numbers.
        """
        if name not in self._references:
            raise UnknownNameError("image", name, self._references)
        return self._read_labels(name)

    def objects(
        self, *, per_image: int | None = None, limit: int | None = None, min_pixels: int = 1
    ) -> Iterator[DatasetObject]:
        """Go through the objects, image by image; always the same ones in the same order.

        An object of a volume is taken on the plane along axis 0 where it is largest.

        Parameters
        ----------
        per_image
            At most this many objects of each image, chosen by a hash of the image's name and the object's value, so
            that more contain fewer; None for all.
        limit
            At most this many objects altogether, spread over the images: the first object of every image, then the
            second of every image and so on; where not all of a round are wanted, evenly spaced ones of it.
        min_pixels
            Leave out objects that have fewer pixels on their plane.

        Raises
        ------
        ImageError
            If there is no object at all, or a file cannot be read.
        """
        for name, entries in self._choose(per_image, limit, min_pixels):
            sample = self.sample(name)
            # One array for all objects of a plane, so that what a method computes once per image is computed once.
            shown, rgb = None, None
            for entry in entries:
                image, labels = sample.plane(entry.plane)
                if rgb is None or entry.plane != shown:
                    shown, rgb = entry.plane, to_rgb(image)
                yield DatasetObject(name, entry.plane, entry.object_id, rgb, _truth(labels, entry.object_id))

    def count(self, *, per_image: int | None = None, limit: int | None = None, min_pixels: int = 1) -> int:
        """Return how many objects :meth:`objects` would go through."""
        return sum(len(entries) for _, entries in self._choose(per_image, limit, min_pixels))

    def _choose(self, per_image: int | None, limit: int | None, min_pixels: int) -> list[tuple[str, list[_Entry]]]:
        entries = [self._entries(name, min_pixels)[:per_image] for name in self.names]
        if not any(entries):
            raise ImageError(
                f"The references in {self.path / self.labels} hold no object of at least {min_pixels} pixels; "
                "an object's pixels must have a value from 1 to 65534."
            )
        keep = _spread([len(found) for found in entries], limit)
        return [(name, found[:kept]) for name, found, kept in zip(self.names, entries, keep, strict=True) if kept]

    def _entries(self, name: str, min_pixels: int) -> list[_Entry]:
        labels = self._read_labels(name)
        largest: dict[int, tuple[int, int | None]] = {}
        for index, plane in enumerate(labels if labels.ndim == 3 else labels[np.newaxis]):
            values, counts = np.unique(plane[plane > 0], return_counts=True)
            for value, pixels in zip(values.tolist(), counts.tolist(), strict=True):
                if pixels > largest.get(value, (0, None))[0]:
                    largest[value] = pixels, (index if labels.ndim == 3 else None)
        if not largest:
            _log.warning("The reference of %r in %s holds no object; the image is left out.", name, self.path)
        found = [_Entry(name, plane, value) for value, (pixels, plane) in largest.items() if pixels >= min_pixels]
        return sorted(found, key=lambda entry: sha1(f"{name}:{entry.object_id}".encode()).digest())

    def _read_labels(self, name: str) -> NDArray[np.int32]:
        data = read_image(self._references[name]).data
        if data.dtype.kind == "f" and not (np.isfinite(data).all() and (data == np.rint(data)).all()):
            raise ImageError(f"{self._references[name]} holds values that are not whole numbers; it is no reference.")
        labels = np.asarray(data).astype(np.int64)
        labels[labels == _IGNORE_IN_FILES] = IGNORE
        return labels.astype(np.int32)


def in_held_back(name: str) -> bool:
    """Return whether an image is held back from training: one in five, decided by its name alone.

    Parameters
    ----------
    name
        File name without the ending (``.nii.gz`` counts as one ending).
    """
    return int(sha1(name.encode()).hexdigest(), 16) % 10 < 2


def _in_split(name: str, split: Split) -> bool:
    return split == "all" or in_held_back(name) == (split == "held-back")


def _files(folder: Path) -> dict[str, Path]:
    """Return the image files of a folder by name."""
    if not folder.is_dir():
        raise ImageError(
            f"There is no folder {folder}; a dataset has a folder 'images' and one of references beside it."
        )
    files: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        kind = ending(file)
        if file.name.startswith(".") or kind not in IMAGE_ENDINGS:
            continue
        name = file.name[: -len(kind)]
        if name in files:
            raise ImageError(f"{files[name]} and {file.name} share the name {name!r}; rename or remove one of them.")
        files[name] = file
    return files


def _endings() -> str:
    return ", ".join(IMAGE_ENDINGS)


def _truth(labels: NDArray[np.int32], object_id: int) -> NDArray[np.int8]:
    truth: NDArray[np.int8] = (labels == object_id).astype(np.int8)
    truth[labels == IGNORE] = IGNORE
    return truth


def _spread(counts: Sequence[int], limit: int | None) -> list[int]:
    """Return how many objects of each image to keep, so that at most ``limit`` remain, spread over the images."""
    if limit is None:
        return list(counts)
    kept = [0] * len(counts)
    left = limit
    while left > 0 and (turn := [i for i, count in enumerate(counts) if count > kept[i]]):
        wanted = min(left, len(turn))
        for n in range(wanted):
            kept[turn[(2 * n + 1) * len(turn) // (2 * wanted)]] += 1
        left -= wanted
    return kept
