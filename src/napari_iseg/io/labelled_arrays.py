"""Objects of an image and a reference that are open already, such as two layers of a window; no file is read."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.interactions import IGNORE
from napari_iseg.io.labelled_images import DatasetObject
from napari_iseg.io.sampling import spread
from napari_iseg.planes import AS_IT_IS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_iseg.planes import PlaneAddress, PlaneLook

__all__ = ["LabelledArray", "PlacedObject", "check_reference"]

# As in files of references.
_IGNORED = 65535


@dataclass(frozen=True, slots=True)
class PlacedObject:
    """Where an object is looked at.

    Parameters
    ----------
    plane
        The number of the plane, None where there is only one.
    object_id
        Its value in the reference.
    pixels
        How many it has on that plane.
    """

    plane: int | None
    object_id: int
    pixels: int


def check_reference(image: str, grid: Sequence[int], reference: str, labels: Any) -> None:
    """Check that a reference belongs to an image.

    Parameters
    ----------
    image, reference
        What messages call them.
    grid
        Shape of the image without its colours.
    labels
        Anything with ``shape`` and ``dtype``.

    Raises
    ------
    ImageError
        If the shapes differ or the reference does not hold whole numbers.
    """
    if tuple(labels.shape) != tuple(grid):
        raise ImageError(
            f"The reference {reference!r} has the shape {tuple(labels.shape)}, but the image {image!r} has "
            f"{tuple(grid)}; choose a reference of the image's own size."
        )
    if np.dtype(labels.dtype).kind not in "bui":
        raise ImageError(f"The reference {reference!r} holds {labels.dtype}; its values must be whole numbers.")


class LabelledArray:
    """An image with its reference, looked at on some parallel planes.

    Each object is taken on the one of these planes where it is largest. Planes are read one at a time, so that lazy
    arrays stay on the disk.

    Parameters
    ----------
    name
        What results call the image.
    image
        n-D, colours last where the planes say so; anything that :meth:`napari_iseg.planes.PlaneAddress.take` reads.
    labels
        The reference on the image's grid: 0 background, 1..N objects, 65535 and -1 ignored. An array in memory is
        copied, so that somebody may go on painting in it.
    planes
        The planes to look at, by the number that results give them; the key is None where there is only one.
    reference
        What messages call the reference.
    look
        What of each plane the methods see.
    pixel_size
        Height and width of a pixel of these planes, in one unit; None where nobody knows.

    Raises
    ------
    ImageError
        If the shapes differ, or the reference does not hold whole numbers.
    """

    def __init__(
        self,
        name: str,
        image: Any,
        labels: Any,
        planes: Mapping[int | None, PlaneAddress],
        *,
        reference: str = "reference",
        look: PlaneLook = AS_IT_IS,
        pixel_size: tuple[float, float] | None = None,
    ) -> None:
        self.name, self.reference, self.look, self.pixel_size = name, reference, look, pixel_size
        self.planes = dict(planes)
        rgb = next(iter(self.planes.values())).rgb
        check_reference(name, image.shape[:-1] if rgb else image.shape, reference, labels)
        self._image = image
        self._known: dict[int, PlacedObject] | None = None
        self._labels = np.array(labels) if isinstance(labels, np.ndarray) else labels

    def places(
        self,
        *,
        limit: int | None = None,
        min_pixels: int = 1,
        before_plane: Callable[[int, int], None] | None = None,
    ) -> list[PlacedObject]:
        """Find the objects, plane by plane; always the same ones in the same order.

        Parameters
        ----------
        limit
            At most this many, spread over the planes; those of a plane are chosen by a hash, so that more contain
            fewer. None for all.
        min_pixels
            Leave out objects that have fewer pixels on their plane.
        before_plane
            Called before each plane with the number read so far and the number of all; may raise to stop.

        Raises
        ------
        ImageError
            If there is no object.
        """
        largest: dict[int, tuple[int, int | None]] = {}
        for done, number in enumerate(self.planes):
            if before_plane is not None:
                before_plane(done, len(self.planes))
            labels = self._numbers(number)
            values, counts = np.unique(labels[labels > 0], return_counts=True)
            for value, pixels in zip(values.tolist(), counts.tolist(), strict=True):
                if pixels > largest.get(value, (0, None))[0]:
                    largest[value] = pixels, number
        found = [
            PlacedObject(number, value, pixels) for value, (pixels, number) in largest.items() if pixels >= min_pixels
        ]
        if not found:
            where = "on this plane" if len(self.planes) == 1 else f"on any of its {len(self.planes)} planes"
            raise ImageError(
                f"The reference {self.reference!r} holds no object of at least {min_pixels} pixels {where}; draw "
                "some, or choose another Labels layer."
            )
        by_plane = [
            sorted((place for place in found if place.plane == number), key=self._lot) for number in self.planes
        ]
        keep = spread([len(places) for places in by_plane], limit)
        return [place for places, kept in zip(by_plane, keep, strict=True) for place in places[:kept]]

    def objects(self, places: Iterable[PlacedObject]) -> Iterator[DatasetObject]:
        """Go through objects as an evaluation takes them; those of a plane share the very same image.

        Raises
        ------
        ImageError
            If a plane cannot be read.
        """
        for number, group in groupby(places, key=lambda place: place.plane):
            rgb = self.look.rgb(self.planes[number].take(self._image))
            labels = self._numbers(number)
            for place in group:
                truth = (labels == place.object_id).astype(np.int8)
                truth[labels == IGNORE] = IGNORE
                yield DatasetObject(self.name, number, place.object_id, rgb, truth, self.pixel_size)

    def find_object(self, name: str, object_id: int) -> DatasetObject:
        """Return one object, as :meth:`objects` takes it.

        Raises
        ------
        UnknownNameError
            If the image has another name, or there is no such object in it.
        """
        if name != self.name:
            raise UnknownNameError("image", name, [self.name])
        if self._known is None:
            # Kept: galleries ask for many objects, and a volume is long to go through.
            self._known = {place.object_id: place for place in self.places()}
        if object_id not in self._known:
            raise UnknownNameError(f"object of {name!r}", str(object_id), map(str, self._known))
        return next(self.objects([self._known[object_id]]))

    def _lot(self, place: PlacedObject) -> bytes:
        return sha1(f"{self.name}:{place.object_id}".encode()).digest()

    def _numbers(self, number: int | None) -> NDArray[np.int64]:
        values: NDArray[np.int64] = self.planes[number].take_labels(self._labels).astype(np.int64)
        values[values == _IGNORED] = IGNORE
        return values
