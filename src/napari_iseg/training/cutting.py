"""From images and volumes of any size to the planes that training looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from scipy import ndimage

from napari_iseg.planes import to_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_iseg.io.dataset import Sample

__all__ = ["ObjectBox", "object_boxes", "object_windows", "planes_of", "reduced", "reduced_labels"]

ObjectBox = tuple[int, int, int, int, int]
"""(row start, row stop, column start, column stop, number of pixels) of an object."""

# Planes of one volume that hold about the same: every so many is enough.
_PLANES_PER_AXIS = 12
_PERCENTILES = (0.5, 99.5)
# Labels up to here are counted in a table.
_FEW = 2**16


def planes_of(
    samples: Sequence[Sample],
) -> Iterator[tuple[str, NDArray[np.uint8], list[NDArray[np.int32]]]]:
    """Go through the planes of an image with one or more references.

    An image is its own one plane; a volume is cut along all three axes where there are objects, at most about a dozen
    planes an axis. A volume has one window of grey values for all of its planes.

    Parameters
    ----------
    samples
        The same image with different references.

    Yields
    ------
    tuple
        What to put behind the image's name (``""`` for an image, ``".z12"``, ``".y3"``, ``".x40"`` for a volume),
        (H, W, 3) uint8 RGB, and (H, W) int32 labels of each sample.

    Raises
    ------
    ImageError
        If the values are no image.
    """
    first = samples[0]
    if not first.is_volume:
        yield "", to_rgb(first.image), [sample.labels for sample in samples]
        return
    low, high = np.percentile(first.image.astype(np.float32), _PERCENTILES)
    limits = (float(low), float(high)) if low < high else None
    marked = np.logical_or.reduce([sample.labels > 0 for sample in samples])
    for axis, letter in enumerate("zyx"):
        useful = np.flatnonzero(marked.any(axis=tuple(a for a in range(3) if a != axis)))
        for index in useful[:: max(len(useful) // _PLANES_PER_AXIS, 1)].tolist():
            rgb = to_rgb(first.image.take(index, axis), limits)
            yield f".{letter}{index}", rgb, [sample.labels.take(index, axis) for sample in samples]


def object_boxes(labels: NDArray[np.integer]) -> dict[int, ObjectBox]:
    """Return where each object of a plane lies and how large it is, by label."""
    places: NDArray[Any] = np.maximum(labels, 0)
    values: NDArray[Any] | None = None
    if places.max() >= _FEW:
        # Ids of neurons can be huge; a table of all values up to them would be, too.
        values, inverse = np.unique(places, return_inverse=True)
        places = inverse.reshape(labels.shape) + 1
    counts = np.bincount(places.ravel())
    found = {}
    for number, where in enumerate(ndimage.find_objects(places), start=1):
        label = number if values is None else int(values[number - 1])
        if where is not None and label > 0:
            found[label] = (*_ends(where), int(counts[number]))
    return found


def object_windows(labels: NDArray[np.integer], min_pixels: int) -> dict[int, tuple[int, int, int, int]]:
    """Return label to (row start, row stop, column start, column stop) of the objects that have that many pixels."""
    return {label: box[:4] for label, box in object_boxes(labels).items() if box[4] >= min_pixels}


def _ends(where: tuple[slice, ...]) -> tuple[int, int, int, int]:
    rows, columns = where
    return rows.start, rows.stop, columns.start, columns.stop


def reduced(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Make an image smaller, smoothed so that nothing flickers: (H, W, 3) to (rows, columns, 3) uint8."""
    if rgb.shape[:2] == size:
        return rgb
    image = Image.fromarray(np.ascontiguousarray(rgb))
    # Pillow counts columns first, and its bilinear filter widens with the reduction.
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def reduced_labels(labels: NDArray[np.int32], size: tuple[int, int]) -> NDArray[np.int32]:
    """Make labels smaller, (H, W) to (rows, columns): every pixel has the label below its centre, none is made up."""
    rows = ((np.arange(size[0]) + 0.5) * labels.shape[0] / size[0]).astype(int)
    columns = ((np.arange(size[1]) + 0.5) * labels.shape[1] / size[1]).astype(int)
    return labels[np.ix_(rows, columns)]
