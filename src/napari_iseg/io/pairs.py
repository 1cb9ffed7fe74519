"""Labelled images of a user's own: a file or a folder of images, and one of labels with the same names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.bad_input import BadInput
from napari_iseg.io.dataset import whole_numbers
from napari_iseg.io.files import ending
from napari_iseg.io.images import IMAGE_ENDINGS, read_image
from napari_iseg.planes import to_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["labelled_planes", "read_labelled_planes"]

# What people put behind a name to say that a file holds labels.
_MARKS = ("_labels", "_label", "_mask", "_masks", "_seg", "-labels", "-label", "-mask")
_IGNORE_IN_FILES = 65535


def read_labelled_planes(
    images: str | Path, labels: str | Path, *, bad_input: BadInput | None = None
) -> list[tuple[str, NDArray[np.uint8], NDArray[np.int32]]]:
    """Read labelled images.

    Parameters
    ----------
    images
        An image file, or a folder of them.
    labels
        The label file, or the folder of label files, named as their images (``_labels``, ``_mask`` and the like may
        follow). 0 is background, 1..N are objects, 65535 is ignored.
    bad_input
        Takes files that cannot be used: an image without labels, labels without an image, damaged or empty ones, and
        those of another shape; None makes one that skips them.

    Returns
    -------
    list
        The planes, see :func:`labelled_planes`.

    Raises
    ------
    ImageError
        If there is not one usable pair; with ``bad_input`` that stops, at the first file that cannot be used.
    """
    bad_input = bad_input or BadInput()
    planes: list[tuple[str, NDArray[np.uint8], NDArray[np.int32]]] = []
    for image, reference in _pairs(Path(images), Path(labels), bad_input):
        try:
            loaded = read_image(image)
            numbers = whole_numbers(read_image(reference))
            # Whole, so that of a volume with one bad plane nothing is taken by chance.
            planes += list(labelled_planes(image.name, loaded.data, numbers, rgb=loaded.rgb))
        except (ImageError, OSError) as error:
            bad_input.add(reference if str(reference) in str(error) else image, str(error))
    if not planes:
        reason = f" {bad_input.found[0].sentence}" if bad_input.found else ""
        raise ImageError(f"There is no labelled image in {images} with {labels}.{reason}")
    return planes


def labelled_planes(
    name: str, image: NDArray[np.generic], labels: NDArray[np.generic], *, rgb: bool = False
) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.int32]]]:
    """Cut an image and its labels into the planes that show an object.

    Parameters
    ----------
    name
        What messages call it.
    image
        (H, W), (K, H, W), or with colours last if ``rgb``.
    labels
        (H, W) or (K, H, W) whole numbers; 65535 and -1 are ignored.
    rgb
        Whether the last axis is colour.

    Yields
    ------
    tuple
        Name (with the plane's number in a stack), (H, W, 3) uint8 RGB, and (H, W) int32 labels: 0 background, 1..N
        objects, -1 ignored.

    Raises
    ------
    ImageError
        If the shapes differ, the labels are no whole numbers, or there is no object.
    """
    grid = image.shape[:-1] if rgb else image.shape
    if grid != labels.shape or labels.ndim not in (2, 3):
        raise ImageError(f"The labels of {name!r} have the shape {labels.shape} but the image {grid}; they must agree.")
    if not np.issubdtype(labels.dtype, np.integer) and labels.dtype != bool:
        raise ImageError(f"The labels of {name!r} are {labels.dtype}; they must be whole numbers.")
    numbers = labels.astype(np.int32)
    numbers[numbers == _IGNORE_IN_FILES] = -1
    if not (numbers > 0).any():
        raise ImageError(f"The labels of {name!r} hold no object; draw at least one.")
    if numbers.ndim == 2:
        yield name, to_rgb(image), numbers
        return
    limits = None if rgb else _limits(image)
    for index in np.flatnonzero((numbers > 0).any(axis=(1, 2))):
        yield f"{name}[{index}]", to_rgb(image[index], limits), numbers[index]


def _limits(volume: NDArray[np.generic]) -> tuple[float, float]:
    low, high = np.percentile(volume.astype(np.float32), (0.1, 99.9))
    return float(low), float(high)


def _pairs(images: Path, labels: Path, bad_input: BadInput) -> list[tuple[Path, Path]]:
    for path in (images, labels):
        if not path.exists():
            raise ImageError(f"There is no file or folder {path}.")
    if images.is_dir() != labels.is_dir():
        raise ImageError(f"Give two files or two folders; {images} and {labels} are one of each.")
    if images.is_file():
        return [(images, labels)]
    # In one folder for both the names alone tell labels from images.
    mixed = images.resolve() == labels.resolve()
    references = _by_stem([path for path in _files(labels) if not mixed or _is_marked(path)], _MARKS, bad_input)
    found = _by_stem([path for path in _files(images) if not mixed or not _is_marked(path)], (), bad_input)
    for stem in sorted({*references, *found}):
        if stem not in references:
            bad_input.add(found[stem], f"{found[stem]} has no labels of its name in {labels}.")
        elif stem not in found:
            bad_input.add(references[stem], f"{references[stem]} is a label file without its image in {images}.")
    return [(path, references[stem]) for stem, path in found.items() if stem in references]


def _files(folder: Path) -> list[Path]:
    return [
        path for path in sorted(folder.iterdir()) if not path.name.startswith(".") and ending(path) in IMAGE_ENDINGS
    ]


def _is_marked(path: Path) -> bool:
    return _stem(path, _MARKS) != _stem(path, ())


def _by_stem(paths: list[Path], marks: tuple[str, ...], bad_input: BadInput) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in paths:
        first = files.setdefault(_stem(path, marks), path)
        if first != path:
            bad_input.add(path, f"{path} and {first.name} are for one image; remove or rename one of them.")
    return files


def _stem(path: Path, marks: tuple[str, ...]) -> str:
    stem = path.name.removesuffix(ending(path))
    for mark in marks:
        stem = stem.removesuffix(mark)
    return stem
