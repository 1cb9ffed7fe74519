"""Images with references, wherever they come from: what training and evaluation ask of a data set."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from hashlib import sha1
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.interactions import IGNORE
from napari_iseg.io.reference_objects import DatasetObject, Sample
from napari_iseg.io.sampling import spread
from napari_iseg.io.splits import SPLITS, Split, held_back_names, in_held_back, in_split
from napari_iseg.planes import to_rgb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iseg.io.bad_input import BadInput

__all__ = [
    "DatasetObject",
    "LabelledImages",
    "ObjectPlace",
    "Sample",
    "Split",
    "held_back_names",
    "in_held_back",
    "in_split",
]

_log = logging.getLogger(__name__)

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """Where an object lies, before its image is read.

    Parameters
    ----------
    name, plane, object_id
        As in :class:`DatasetObject`.
    layer
        Which of its image's samples.
    """

    name: str
    plane: int | None
    object_id: int
    layer: int


class LabelledImages(ABC):
    """A data set: images with references, by name.

    Objects may lie over each other (a part and its whole): a reference then has several layers, and an image as many
    samples, with other objects each.

    Parameters
    ----------
    path
        Where it is.
    labels
        Name of the references, where there are several kinds.
    split
        Which images.
    bad_input
        Takes images and references that :meth:`objects` cannot use and goes on without, as it was told to; None raises
        at the first that cannot be read.

    Attributes
    ----------
    names
        The names of the images in the split, sorted.

    Raises
    ------
    UnknownNameError
        If there is no such split.
    """

    names: tuple[str, ...]

    def __init__(self, path: Path, *, labels: str, split: Split, bad_input: BadInput | None = None) -> None:
        if split not in SPLITS:
            raise UnknownNameError("split", split, SPLITS)
        self.path = path
        self.labels = labels
        self.split = split
        self.bad_input = bad_input

    @abstractmethod
    def source(self, name: str) -> Path:
        """Return the file that an image is read from.

        Raises
        ------
        UnknownNameError
            If there is no image of that name.
        """

    @abstractmethod
    def samples(self, name: str) -> list[Sample]:
        """Read one image with its reference, once for each layer of the reference.

        Raises
        ------
        UnknownNameError
            If there is no image of that name.
        ImageError
            If a file cannot be read, the image is neither a plane nor a volume, or its reference has another shape.
        """

    @abstractmethod
    def layers(self, name: str) -> list[NDArray[np.int32]]:
        """Read the layers of one reference, (H, W) or (K, H, W) each: the labels of :meth:`samples`.

        Raises
        ------
        UnknownNameError
            If there is no image of that name.
        ImageError
            If the file cannot be read or is no reference.
        """

    def sample(self, name: str) -> Sample:
        """Read one image with its reference, or with the first layer of it; raises what :meth:`samples` does."""
        return self.samples(name)[0]

    def is_held_back(self, name: str) -> bool:
        """Return whether an image is held back from training: see :func:`in_held_back`."""
        return in_held_back(name)

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
            If there is no object at all, or a file cannot be read and there is no ``bad_input`` that skips it.
        """
        for name, places in self.places(per_image=per_image, limit=limit, min_pixels=min_pixels):
            yield from self.objects_at(name, places)

    def places(
        self, *, per_image: int | None = None, limit: int | None = None, min_pixels: int = 1
    ) -> list[tuple[str, list[ObjectPlace]]]:
        """Return where the objects of :meth:`objects` lie, image by image; reads the references and no image.

        Raises
        ------
        ImageError
            As :meth:`objects` does.
        """
        return self._choose(per_image, limit, min_pixels)

    def objects_at(self, name: str, places: Iterable[ObjectPlace]) -> Iterator[DatasetObject]:
        """Read some objects of one image; none where the image cannot be read and ``bad_input`` skips it.

        Raises
        ------
        ImageError
            If a file cannot be read and there is no ``bad_input`` that skips it.
        """
        samples = self._tried(self.samples, name)
        if not samples:
            return
        # One array for all objects of a plane, so that what a method computes once per image is computed once.
        shown, rgb = None, None
        for place in places:
            sample = samples[place.layer]
            if rgb is None or place.plane != shown:
                shown, rgb = place.plane, self._rgb(name, sample.plane(place.plane)[0])
            if rgb is not None:
                yield _object(sample, place, rgb)

    def find_object(self, name: str, object_id: int) -> DatasetObject:
        """Return one object of an image, as :meth:`objects` takes it.

        Raises
        ------
        UnknownNameError
            If there is no image of that name, or no such object in it.
        ImageError
            If a file cannot be read.
        """
        entries = {entry.object_id: entry for entry in self._entries(name, 1)}
        if object_id not in entries:
            raise UnknownNameError(f"object of {name!r}", str(object_id), map(str, entries))
        entry = entries[object_id]
        sample = self.samples(name)[entry.layer]
        return _object(sample, entry, to_rgb(sample.plane(entry.plane)[0]))

    def count(self, *, per_image: int | None = None, limit: int | None = None, min_pixels: int = 1) -> int:
        """Return how many objects :meth:`objects` goes through, if the images of all of them can be read."""
        return sum(len(entries) for _, entries in self._choose(per_image, limit, min_pixels))

    def _choose(self, per_image: int | None, limit: int | None, min_pixels: int) -> list[tuple[str, list[ObjectPlace]]]:
        entries = [self._entries(name, min_pixels)[:per_image] for name in self.names]
        if not any(entries):
            raise ImageError(
                f"The references {self.labels!r} of {self.path} hold no object of at least {min_pixels} pixels; "
                f"an object's pixels must have a value from 1 to 65534.{self._first_bad()}"
            )
        keep = spread([len(found) for found in entries], limit)
        return [(name, found[:kept]) for name, found, kept in zip(self.names, entries, keep, strict=True) if kept]

    def _entries(self, name: str, min_pixels: int) -> list[ObjectPlace]:
        largest: dict[int, tuple[int, int | None, int]] = {}
        layers = self._tried(self.layers, name)
        for layer, labels in enumerate(layers):
            for index, plane in enumerate(labels if labels.ndim == 3 else labels[np.newaxis]):
                values, counts = np.unique(plane[plane > 0], return_counts=True)
                for value, pixels in zip(values.tolist(), counts.tolist(), strict=True):
                    if pixels > largest.get(value, (0, None, 0))[0]:
                        largest[value] = pixels, (index if labels.ndim == 3 else None), layer
        if layers and not largest:
            self._empty(name)
        found = [
            ObjectPlace(name, plane, value, layer)
            for value, (pixels, plane, layer) in largest.items()
            if pixels >= min_pixels
        ]
        return sorted(found, key=lambda entry: sha1(f"{name}:{entry.object_id}".encode()).digest())

    def _tried(self, read: Callable[[str], list[_Read]], name: str) -> list[_Read]:
        """Return what is read of an image, nothing where it cannot be and may be skipped."""
        try:
            return read(name)
        except (ImageError, OSError) as error:
            if self.bad_input is None:
                raise
            self.bad_input.add(self.source(name), str(error))
            return []

    def _rgb(self, name: str, image: NDArray[np.generic]) -> NDArray[np.uint8] | None:
        shown = self._tried(lambda _: [to_rgb(image)], name)
        return shown[0] if shown else None

    def _empty(self, name: str) -> None:
        if self.bad_input is None:
            _log.warning("The reference of %r in %s holds no object; the image is left out.", name, self.path)
        else:
            self.bad_input.add(self.source(name), f"The reference {self.labels!r} of {self.source(name)} is empty.")

    def _first_bad(self) -> str:
        return f" {self.bad_input.found[0].sentence}" if self.bad_input is not None and self.bad_input.found else ""


def _object(sample: Sample, entry: ObjectPlace, rgb: NDArray[np.uint8]) -> DatasetObject:
    place = slice(None) if entry.plane is None else entry.plane
    truth: NDArray[np.int8] = (sample.labels[place] == entry.object_id).astype(np.int8)
    truth[sample.labels[place] == IGNORE] = IGNORE
    alpha = None if sample.alpha is None else sample.alpha[place]
    start = None if sample.start is None else sample.start[place]
    return DatasetObject(entry.name, entry.plane, entry.object_id, rgb, truth, sample.pixel_size, alpha, start)
