"""Training samples: crops of real and generated images around one object, drawn without end."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage
from torch.utils.data import IterableDataset

from napari_iseg.errors import ImageError
from napari_iseg.io.dataset import DatasetFolder
from napari_iseg.planes import to_rgb
from napari_iseg.training.augmentation import augment
from napari_iseg.training.copy_paste import CopyPaste, LabelledImage, copy_paste
from napari_iseg.training.cropping import MIN_VISIBLE, Window, choose_crop, cut_labels, cut_rgb
from napari_iseg.training.procedural import procedural_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_iseg.training.recipe import DataRecipe

__all__ = ["Crops", "Picture", "load_pictures"]

log = logging.getLogger(__name__)

# Planes of one volume that hold about the same: every so many is enough.
_PLANES_PER_AXIS = 12
# Generated images kept at a time, and how often a new one takes the place of the oldest.
_POOL = 32
_RENEWED = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One plane in memory.

    Parameters
    ----------
    rgb
        (H, W, 3) uint8.
    labels
        (H, W) int32: 0 background, 1..N objects, -1 ignored.
    boxes
        Label to (row start, row stop, column start, column stop).
    """

    rgb: np.ndarray
    labels: np.ndarray
    boxes: dict[int, Window]


def load_pictures(folders: Sequence[Path], recipe: DataRecipe) -> dict[str, list[Picture]]:
    """Load the training share of dataset folders into memory.

    Held-back images (``napari_iseg.io.dataset.in_held_back``) are left out. Volumes are cut into planes along
    every axis.

    Raises
    ------
    ImageError
        If a folder is no dataset folder or nothing of it can be trained on.
    """
    pictures: dict[str, list[Picture]] = {}
    for path in folders:
        found = []
        for labels in sorted(p.name for p in path.glob("labels*") if p.name not in _MEANINGS):
            found += list(_pictures_of(DatasetFolder(path, labels=labels, split="train"), recipe))
        if not found:
            raise ImageError(f"The folder {path} has no object to train on; it needs images/ and labels/.")
        pictures[path.name] = found
        log.info("%s: %d planes, %d objects", path.name, len(found), sum(len(p.boxes) for p in found))
    return pictures


# Label folders that name classes of tissue instead of objects.
_MEANINGS = ("labels_semantic",)


def _pictures_of(folder: DatasetFolder, recipe: DataRecipe) -> Iterator[Picture]:
    for name in folder.names:
        sample = folder.sample(name)
        if sample.is_volume:
            low, high = np.percentile(sample.image.astype(np.float32), (0.5, 99.5))
            yield from _planes(sample.image, sample.labels, (float(low), float(high)), recipe)
        else:
            yield from _picture(to_rgb(sample.image), sample.labels, recipe)


def _planes(
    image: np.ndarray, labels: np.ndarray, limits: tuple[float, float], recipe: DataRecipe
) -> Iterator[Picture]:
    for axis in range(3):
        useful = np.flatnonzero((labels != 0).any(axis=tuple(a for a in range(3) if a != axis)))
        step = max(len(useful) // _PLANES_PER_AXIS, 1)
        for index in useful[::step]:
            yield from _picture(to_rgb(image.take(index, axis), limits), labels.take(index, axis), recipe)


def _picture(rgb: np.ndarray, labels: np.ndarray, recipe: DataRecipe) -> Iterator[Picture]:
    """Yield the picture, reduced to ``max_side``, or nothing if it holds no object large enough."""
    scale = recipe.max_side / max(labels.shape)
    if scale < 1:
        size = (max(round(labels.shape[0] * scale), 2), max(round(labels.shape[1] * scale), 2))
        all_of_it = (0, labels.shape[0], 0, labels.shape[1])
        rgb = (cut_rgb(rgb, all_of_it, size, antialias=True) * 255).round().astype(np.uint8)
        labels = cut_labels(labels, all_of_it, size)
    boxes = _boxes(labels, recipe.min_pixels)
    if boxes:
        yield Picture(np.ascontiguousarray(rgb), labels, boxes)


def _boxes(labels: np.ndarray, min_pixels: int) -> dict[int, Window]:
    present, dense = np.unique(labels, return_inverse=True)
    counts = np.bincount(dense.ravel())
    found = ndimage.find_objects(dense.reshape(labels.shape) + 1)
    return {
        int(label): (rows.start, rows.stop, columns.start, columns.stop)
        for label, count, (rows, columns) in zip(present, counts, found, strict=True)
        if label > 0 and count >= min_pixels
    }


class Crops(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """Crops without end.

    Parameters
    ----------
    pictures
        What :func:`load_pictures` returned.
    recipe
        How to draw.
    size
        Rows and columns of the crops.
    seed
        Workers draw different streams from it.

    Yields
    ------
    tuple
        (3, size, size) float32 RGB in [0, 1], and (size, size) int8 target: 1 object, 0 background, -1 ignored.
    """

    def __init__(self, pictures: dict[str, list[Picture]], recipe: DataRecipe, *, size: int, seed: int) -> None:
        self.pictures = pictures
        self.recipe = recipe
        self.size = size
        self.seed = seed
        self._pool: list[Picture] = []

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, self.size, worker.id if worker else 0])
        names = [*self.pictures, "procedural"]
        weights = np.array([self.recipe.weights.get(name, 1.0) for name in names], float)
        weights /= weights.sum()
        options = CopyPaste(paste=self.recipe.copy_paste, mix=self.recipe.image_mix)
        while True:
            sample = self._sample(names, weights, rng)
            if options.paste or options.mix:
                sample = copy_paste(
                    sample,
                    options,
                    rng,
                    draw=lambda: self._sample(names, weights, rng),
                    pick=lambda drawn: self._object(drawn, rng),
                )
            target = np.where(sample.labels == -1, -1, self._object(sample, rng)).astype(np.int8)
            yield torch.from_numpy(sample.image.transpose(2, 0, 1).copy()), torch.from_numpy(target)

    def _sample(self, names: Sequence[str], weights: np.ndarray, rng: np.random.Generator) -> LabelledImage:
        """Return an augmented crop around an object, which has label 1; what else it shows has others."""
        while True:
            name = names[rng.choice(len(names), p=weights)]
            pictures = self._generated(rng) if name == "procedural" else self.pictures[name]
            chosen = choose_crop(lambda: pictures[int(rng.integers(len(pictures)))], self.recipe, self.size, rng)  # noqa: B023
            if chosen is None:
                continue
            rgb, labels = self._crop(*chosen, rng)
            if (labels == 1).sum() >= MIN_VISIBLE:
                return LabelledImage(*augment(rgb, labels, rng, self.recipe.augmentation))

    def _object(self, sample: LabelledImage, rng: np.random.Generator) -> np.ndarray:
        """Return (H, W) bool: the sample's object, sometimes with another one that it shows."""
        inside = sample.labels == 1
        if self.recipe.merged_share and rng.random() < self.recipe.merged_share:
            labels, counts = np.unique(sample.labels[sample.labels > 1], return_counts=True)
            others = labels[counts >= MIN_VISIBLE]
            if others.size:
                inside |= sample.labels == rng.choice(others)
        return inside

    def _generated(self, rng: np.random.Generator) -> Sequence[Picture]:
        # Making an image takes longer than cutting one: each serves a few crops before the pool has turned over.
        if len(self._pool) < _POOL or rng.random() < _RENEWED:
            drawn = procedural_sample(rng, self.size + self.size // 2)
            boxes = _boxes(drawn.labels, self.recipe.min_pixels)
            self._pool.append(Picture(drawn.rgb, drawn.labels, boxes))
            if drawn.wholes is not None:
                # Without the objects that both have.
                wholes = _boxes(drawn.wholes, self.recipe.min_pixels)
                wholes = {label: box for label, box in wholes.items() if label not in boxes}
                self._pool.append(Picture(drawn.rgb, drawn.wholes, wholes))
            del self._pool[:-_POOL]
        return self._pool

    def _crop(
        self, picture: Picture, label: int, window: Window, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cut a window out, and give the object label 1."""
        size = (self.size, self.size)
        labels = cut_labels(picture.labels, window, size)
        # Numbers above 0 move up by one, so that 1 is free.
        labels = np.where(labels == label, 1, labels + (labels > 0))
        return cut_rgb(picture.rgb, window, size, antialias=rng.random() < 0.3), labels
