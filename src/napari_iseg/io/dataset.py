"""A folder of images with references: ``images/<name>.<ending>`` beside ``labels/<name>.<ending>``.

In a reference 0 is background, 1..N are objects and 65535 is ignored; in the folder ``alpha`` grey values say how much
of each pixel is the one object. Images may be planes or NIfTI volumes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.interactions import IGNORE
from napari_iseg.io.alpha_references import ALPHA, alpha_object, read_alpha
from napari_iseg.io.files import ending
from napari_iseg.io.images import IMAGE_ENDINGS, read_image
from napari_iseg.io.labelled_images import (
    DatasetObject,
    LabelledImages,
    Sample,
    Split,
    held_back_names,
    in_held_back,
    in_split,
)
from napari_iseg.io.pixel_size import pixel_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.io.loaded import LoadedImage

__all__ = [
    "IGNORE",
    "DatasetFolder",
    "DatasetObject",
    "Sample",
    "Split",
    "held_back_names",
    "image_files",
    "in_held_back",
    "make_sample",
    "whole_numbers",
]

_IGNORE_IN_FILES = 65535


class DatasetFolder(LabelledImages):
    """A folder of images with references.

    Parameters
    ----------
    path
        The folder that holds ``images`` and ``labels``.
    labels
        Name of the folder of references, where there are several. In ``"alpha"`` they are soft.
    split
        ``"all"``, ``"train"`` or ``"held-back"``, decided by :func:`held_back_names`.
    bad_input
        Takes what cannot be used: an image without its reference, a reference without its image, two images of one
        name, and later what :meth:`objects` cannot read. None is strict with images and does not look at references
        that no image needs.

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

    def __init__(
        self,
        path: str | Path,
        *,
        labels: str = "labels",
        split: Split = "all",
        bad_input: BadInput | None = None,
    ) -> None:
        super().__init__(Path(path), labels=labels, split=split, bad_input=bad_input)
        images = image_files(self.path / "images", bad_input)
        references = image_files(self.path / labels, bad_input)
        if not images:
            raise ImageError(f"{self.path / 'images'} holds no images; put files ending in {_endings()} there.")
        missing = [name for name in images if name not in references]
        if missing and bad_input is None:
            raise ImageError(
                f"{len(missing)} of {len(images)} images in {self.path} have no reference, first {missing[0]!r}; "
                f"put label files of the same names into {self.path / labels}."
            )
        if bad_input is not None:
            self._report(images, references, bad_input)
        self._held_back = held_back_names(name for name in images if name in references)
        self.names = tuple(
            name for name in sorted(images) if name in references and in_split(name in self._held_back, split)
        )
        if not self.names:
            raise ImageError(f"None of the {len(images)} images in {self.path} is in the split {split!r}; use 'all'.")
        self._images, self._references = images, references

    def is_held_back(self, name: str) -> bool:
        """Return whether an image is held back from training: see :func:`held_back_names`."""
        return name in self._held_back

    def _report(self, images: dict[str, Path], references: dict[str, Path], bad_input: BadInput) -> None:
        for name in sorted({*images, *references}):
            if not in_split(in_held_back(name), self.split):
                continue
            if name not in references:
                bad_input.add(
                    images[name],
                    f"{images[name]} has no reference; put a label file of the same name into "
                    f"{self.path / self.labels}.",
                )
            elif name not in images:
                bad_input.add(
                    references[name],
                    f"{references[name]} is a label file without its image; put the image into {self.path / 'images'}.",
                )

    def source(self, name: str) -> Path:
        """Return the file of an image; raises as the base class says."""
        if name not in self._images:
            raise UnknownNameError("image", name, self._images)
        return self._images[name]

    def samples(self, name: str) -> list[Sample]:
        """Read one image with its reference, which has one layer; raises as the base class says."""
        loaded, file = read_image(self.source(name)), self._references[name]
        if self.labels == ALPHA:
            alpha = read_alpha(file)
            return [replace(make_sample(name, loaded, alpha_object(alpha), file), alpha=alpha)]
        return [make_sample(name, loaded, self.layers(name)[0], file)]

    def layers(self, name: str) -> list[NDArray[np.int32]]:
        """Read the one layer of a reference; raises as the base class says."""
        self.source(name)
        file = self._references[name]
        if self.labels == ALPHA:
            return [alpha_object(read_alpha(file))]
        labels = whole_numbers(read_image(file))
        labels[labels == _IGNORE_IN_FILES] = IGNORE
        return [labels.astype(np.int32)]


def whole_numbers(loaded: LoadedImage) -> NDArray[np.int64]:
    """Return the values of a reference, whatever type its file has.

    Raises
    ------
    ImageError
        If some are no whole numbers.
    """
    data = loaded.data
    if data.dtype.kind == "f" and not (np.isfinite(data).all() and (data == np.rint(data)).all()):
        raise ImageError(f"{loaded.source} holds values that are not whole numbers; it is no reference.")
    return np.asarray(data).astype(np.int64)


def make_sample(name: str, loaded: LoadedImage, labels: NDArray[np.int32], reference: Path) -> Sample:
    """Put an image and its labels together.

    Parameters
    ----------
    name
        Of the image.
    loaded
        The image as it came from its file.
    labels
        Its labels.
    reference
        The file that they came from, for the sentence.

    Raises
    ------
    ImageError
        If the image is neither a plane nor a volume of one channel, or the labels have another shape.
    """
    if len(loaded.grid_shape) != (2 if loaded.rgb else labels.ndim) or labels.ndim not in (2, 3):
        raise ImageError(
            f"{loaded.source} has the shape {loaded.data.shape}; a dataset takes single planes and volumes of one "
            "channel."
        )
    if loaded.grid_shape != labels.shape:
        raise ImageError(
            f"The reference of {name!r} has the shape {labels.shape} but the image {loaded.grid_shape}; "
            f"correct {reference}."
        )
    return Sample(name, loaded.data, labels, pixel_size(loaded, labels.ndim - 2, labels.ndim - 1))


def image_files(folder: Path, bad_input: BadInput | None = None) -> dict[str, Path]:
    """Return the image files of a folder by name, the file name without the ending.

    Parameters
    ----------
    folder
        Files of other kinds in it, and hidden ones, do not matter.
    bad_input
        Takes the second of two files of one name.

    Raises
    ------
    ImageError
        If there is no such folder, or two files share a name and ``bad_input`` is None.
    """
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
            sentence = f"{files[name]} and {file.name} share the name {name!r}; rename or remove one of them."
            if bad_input is None:
                raise ImageError(sentence)
            bad_input.add(file, sentence)
            continue
        files[name] = file
    return files


def _endings() -> str:
    return ", ".join(IMAGE_ENDINGS)
