"""Data sets in memory: folders read once, packs mapped, files that cannot be used left out and named."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.bad_input import BadInput
from napari_iseg.io.datasets import PACK, kinds_of_labels, layout_of, open_dataset
from napari_iseg.io.pack_file import read_pack
from napari_iseg.training.cutting import object_boxes, planes_of, reduced, reduced_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_iseg.io.labelled_images import LabelledImages, Sample
    from napari_iseg.training.cutting import ObjectBox
    from napari_iseg.training.recipe import DataRecipe

__all__ = ["Picture", "load_pictures", "readable_samples"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One plane in memory.

    Parameters
    ----------
    rgb
        (H, W, 3) uint8; may be a view of a file, and read-only.
    labels
        (H, W), a signed integer type in which one more than the largest label fits: 0 background, 1..N objects, -1
        ignored.
    boxes
        Label to (row start, row stop, column start, column stop).
    others
        Further label maps of the same plane, of coarser or finer things, like ``labels``; each is also the ``labels``
        of another picture if it has objects that are large enough.
    """

    rgb: np.ndarray
    labels: np.ndarray
    boxes: dict[int, tuple[int, int, int, int]]
    others: tuple[np.ndarray, ...] = ()


def load_pictures(
    folders: Sequence[Path],
    recipe: DataRecipe,
    *,
    layout: str | None = None,
    bad_input: BadInput | None = None,
) -> dict[str, list[Picture]]:
    """Load the training share of data sets.

    Held-back images (``napari_iseg.io.dataset.in_held_back``, or what a published set or a pack says) are left out.
    Volumes are cut into planes along every axis. All kinds of references of a data set are taken.

    Parameters
    ----------
    folders
        Folders in any layout of :func:`napari_iseg.io.datasets.layout_names`, and packs.
    recipe
        How large pictures and objects must be.
    layout
        Forces a layout on all folders that are no packs; None recognises each.
    bad_input
        Takes files that cannot be used; None makes one that skips them.

    Returns
    -------
    dict
        Pictures by the name of their folder; those of a pack by the folders that it was packed from.

    Raises
    ------
    ImageError
        If a folder is missing or of no known layout, or nothing can be trained on; with ``bad_input`` that stops, at
        the first file that cannot be used.
    """
    bad_input = bad_input or BadInput()
    pictures: dict[str, list[Picture]] = {}
    for path in map(Path, folders):
        kind = layout_of(path, None if path.is_file() else layout)
        found = _mapped(path, recipe) if kind == PACK else {path.name: _read(path, kind, recipe, bad_input)}
        if not any(found.values()):
            bad_input.add(path, f"{path} has no object to train on; it needs images and label files with objects.")
        for name, planes in found.items():
            pictures.setdefault(name, []).extend(planes)
            log.info("%s: %d planes, %d objects", name, len(planes), sum(len(p.boxes) for p in planes))
    if not any(pictures.values()):
        given = ", ".join(map(str, folders))
        reason = f" ({bad_input.found[0].sentence})" if bad_input.found else ""
        raise ImageError(f"There is no object to train on in {given}{reason}")
    return {name: planes for name, planes in pictures.items() if planes}


def readable_samples(
    folders: Sequence[LabelledImages], name: str, bad_input: BadInput
) -> list[tuple[LabelledImages, Sample]]:
    """Read an image with its references, whatever of it can be used.

    Parameters
    ----------
    folders
        The same data set, opened for each kind of its references.
    name
        Of the image; a data set that does not have it is passed over.
    bad_input
        Takes what cannot be read and references without an object.

    Returns
    -------
    list
        The data set and the sample for every layer of every kind.
    """
    found = []
    for folder in folders:
        if name not in folder.names:
            continue
        try:
            samples = folder.samples(name)
        except (ImageError, OSError) as error:
            bad_input.add(folder.source(name), str(error))
            continue
        if not any((sample.labels > 0).any() for sample in samples):
            bad_input.add(folder.source(name), f"The reference {folder.labels!r} of {folder.source(name)} is empty.")
            continue
        found += [(folder, sample) for sample in samples]
    return found


def _read(path: Path, layout: str, recipe: DataRecipe, bad_input: BadInput) -> list[Picture]:
    folders: list[LabelledImages] = []
    for kind in kinds_of_labels(path, layout=layout):
        try:
            folders.append(open_dataset(path, layout=layout, labels=kind, split="train", bad_input=bad_input))
        except ImageError as error:
            bad_input.add(path, str(error))
    found: list[Picture] = []
    for name in sorted({name for folder in folders for name in folder.names}):
        samples = readable_samples(folders, name, bad_input)
        if not samples:
            continue
        try:
            for _, rgb, labels in planes_of([sample for _, sample in samples]):
                found += _pictures(rgb, labels, recipe)
        except ImageError as error:
            bad_input.add(samples[0][0].source(name), str(error))
    return found


def _pictures(rgb: np.ndarray, maps: Sequence[np.ndarray], recipe: DataRecipe) -> Iterator[Picture]:
    """Yield a picture, reduced to ``max_side``, for each map that holds an object large enough; all share the image."""
    shape = maps[0].shape
    scale = recipe.max_side / max(shape)
    if scale < 1:
        size = (max(round(shape[0] * scale), 2), max(round(shape[1] * scale), 2))
        rgb, maps = reduced(rgb, size), [reduced_labels(labels, size) for labels in maps]
    rgb = np.ascontiguousarray(rgb)
    for number, labels in enumerate(maps):
        if boxes := _large(object_boxes(labels), recipe):
            yield Picture(rgb, labels, boxes, (*maps[:number], *maps[number + 1 :]))


def _mapped(path: Path, recipe: DataRecipe) -> dict[str, list[Picture]]:
    """Return the pictures of a pack: views of its file where they are small enough."""
    pictures: dict[str, list[Picture]] = {}
    for plane in read_pack(path).planes:
        found = pictures.setdefault(plane.source, [])
        if plane.held_back:
            continue
        maps = [reference.labels for reference in plane.references]
        if max(maps[0].shape) > recipe.max_side:
            found += _pictures(plane.rgb, [labels.astype(np.int32) for labels in maps], recipe)
            continue
        for number, reference in enumerate(plane.references):
            if boxes := _large(reference.objects, recipe):
                others = (*maps[:number], *maps[number + 1 :])
                found.append(Picture(plane.rgb, reference.labels, boxes, others))
    return pictures


def _large(objects: dict[int, ObjectBox], recipe: DataRecipe) -> dict[int, tuple[int, int, int, int]]:
    return {label: box[:4] for label, box in objects.items() if box[4] >= recipe.min_pixels}
