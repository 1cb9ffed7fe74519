"""Training samples: crops of real and generated images around one object, drawn without end."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import Dataset

from napari_iseg.errors import ImageError
from napari_iseg.io.dataset import DatasetFolder
from napari_iseg.planes import to_rgb
from napari_iseg.training.augmentation import augment
from napari_iseg.training.copy_paste import CopyPaste, LabelledImage, copy_paste
from napari_iseg.training.procedural import procedural_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_iseg.training.recipe import DataRecipe

__all__ = ["MIN_VISIBLE", "SMOOTHED", "Crops", "Picture", "load_pictures"]

log = logging.getLogger(__name__)

# Planes of one volume that hold about the same: every so many is enough.
_PLANES_PER_AXIS = 12
# Generated images to draw from at a time, and how often a new one takes the place of the oldest.
_POOL = 24
_RENEWED = 0.25
# Apart from the samples, whose seeds have two numbers.
_GENERATED = 2
MIN_VISIBLE = 12
"""Pixels of an object that a crop must show."""

SMOOTHED = 0.3
"""Share of crops that are filtered before they are sampled; the predictor's are not."""


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
    boxes: dict[int, tuple[int, int, int, int]]


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
        size = tuple(max(round(side * scale), 2) for side in labels.shape)
        rgb = (
            (_resized(rgb, (0, labels.shape[0], 0, labels.shape[1]), size, antialias=True) * 255)
            .round()
            .astype(np.uint8)
        )
        labels = _nearest(labels, (0, labels.shape[0], 0, labels.shape[1]), size)
    boxes = _boxes(labels, recipe.min_pixels)
    if boxes:
        yield Picture(np.ascontiguousarray(rgb), labels, boxes)


def _boxes(labels: np.ndarray, min_pixels: int) -> dict[int, tuple[int, int, int, int]]:
    boxes = {}
    for label in np.unique(labels[labels > 0]):
        rows, columns = np.nonzero(labels == label)
        if rows.size >= min_pixels:
            boxes[int(label)] = (int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1)
    return boxes


class Crops(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Crops without end, each a function of its number: it is the same one in whatever order and process it is drawn.

    ``crops[number]`` is a crop; iterating goes through all numbers from 0 on.

    Parameters
    ----------
    pictures
        What :func:`load_pictures` returned.
    recipe
        How to draw.
    size
        Rows and columns of the crops.
    seed
        Of all that is random.

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
        self._names = [*self.pictures, "procedural"]
        weights = np.array([recipe.weights.get(name, 1.0) for name in self._names], float)
        self._weights = weights / weights.sum()
        self._pool: dict[int, Picture] = {}

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return (self[number] for number in count())

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng([self.seed, number])
        options = CopyPaste(paste=self.recipe.copy_paste, mix=self.recipe.image_mix)
        sample = self._sample(number, rng)
        if options.paste or options.mix:
            sample = copy_paste(
                sample,
                options,
                rng,
                draw=lambda: self._sample(number, rng),
                pick=lambda drawn: self._object(drawn, rng),
            )
        target = np.where(sample.labels == -1, -1, self._object(sample, rng)).astype(np.int8)
        return torch.from_numpy(sample.image.transpose(2, 0, 1).copy()), torch.from_numpy(target)

    def _sample(self, number: int, rng: np.random.Generator) -> LabelledImage:
        """Return an augmented crop around an object, which has label 1; what else it shows has others."""
        while True:
            rgb, labels = self._crop(*self.choose(number, rng), rng)
            if (labels == 1).sum() >= MIN_VISIBLE:
                return LabelledImage(*augment(rgb, labels, rng))

    def choose(self, number: int, rng: np.random.Generator) -> tuple[Picture, int, tuple[int, int, int, int]]:
        """Return a picture, the label of an object on it, and a window of random scale and place around that."""
        while True:
            name = self._names[rng.choice(len(self._names), p=self._weights)]
            picture = self._generated(number, rng) if name == "procedural" else _pick(self.pictures[name], rng)
            if picture.boxes:
                return (picture, *self._window(picture, rng))

    def _object(self, sample: LabelledImage, rng: np.random.Generator) -> np.ndarray:
        """Return (H, W) bool: the sample's object, sometimes with another one that it shows."""
        inside = sample.labels == 1
        if self.recipe.merged_share and rng.random() < self.recipe.merged_share:
            labels, counts = np.unique(sample.labels[sample.labels > 1], return_counts=True)
            others = labels[counts >= MIN_VISIBLE]
            if others.size:
                inside |= sample.labels == rng.choice(others)
        return inside

    def _generated(self, number: int, rng: np.random.Generator) -> Picture:
        # Making an image takes longer than cutting one, so each serves a few crops. Which ones there are to choose from
        # follows from the sample's number, not from what was drawn before it.
        oldest = int(number * self._weights[-1] * _RENEWED)
        for old in [kept for kept in self._pool if not oldest <= kept < oldest + 2 * _POOL]:
            del self._pool[old]
        return self.generated(oldest + int(rng.integers(_POOL)))

    def generated(self, index: int) -> Picture:
        """Return the generated picture of this number, from 0 on, which may have to be made."""
        if index not in self._pool:
            rng = np.random.default_rng([self.seed, index, _GENERATED])
            rgb, labels = procedural_sample(rng, self.size + self.size // 2)
            self._pool[index] = Picture(rgb, labels, _boxes(labels, self.recipe.min_pixels))
        return self._pool[index]

    def _window(self, picture: Picture, rng: np.random.Generator) -> tuple[int, tuple[int, int, int, int]]:
        label = int(rng.choice(list(picture.boxes)))
        box = picture.boxes[label]
        longest = max(box[1] - box[0], box[3] - box[2])
        if rng.random() < self.recipe.close_share:
            ratio = rng.uniform(0.5, 0.9)
        else:
            ratio = np.exp(rng.uniform(np.log(0.06), np.log(0.6)))
        stretch = np.exp(rng.uniform(-0.15, 0.15))
        rows = _span(box[0], box[1], longest / ratio * stretch, picture.labels.shape[0], rng)
        columns = _span(box[2], box[3], longest / ratio / stretch, picture.labels.shape[1], rng)
        return label, (*rows, *columns)

    def _crop(
        self, picture: Picture, label: int, window: tuple[int, int, int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cut a window out, and give the object label 1."""
        labels = _nearest(picture.labels, window, (self.size, self.size))
        labels = np.where(labels == label, 1, np.where(labels > 0, labels + 1, labels))
        return _resized(picture.rgb, window, (self.size, self.size), antialias=rng.random() < SMOOTHED), labels


def _pick(pictures: list[Picture], rng: np.random.Generator) -> Picture:
    return pictures[rng.integers(len(pictures))]


def _span(start: int, stop: int, side: float, limit: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return a (start, stop) of about ``side`` within 0..limit that holds start..stop at a random place."""
    length = int(np.clip(round(side), min(max(stop - start, 8), limit), limit))
    low = max(stop - length, 0)
    high = min(start, limit - length)
    first = int(rng.integers(low, high + 1)) if high > low else int(np.clip(low, 0, limit - length))
    return first, first + length


def _resized(
    rgb: np.ndarray, window: tuple[int, int, int, int], size: tuple[int, ...], *, antialias: bool
) -> np.ndarray:
    """Cut and resize: uint8 to (rows, columns, 3) float32 in [0, 1]. Without ``antialias`` as the predictor does it."""
    cut = torch.from_numpy(rgb[window[0] : window[1], window[2] : window[3]]).permute(2, 0, 1)[None].float() / 255
    resized = functional.interpolate(
        cut, size=list(size), mode="bilinear", align_corners=not antialias, antialias=antialias
    )
    return np.asarray(resized[0].permute(1, 2, 0).clamp(0, 1))


def _nearest(labels: np.ndarray, window: tuple[int, int, int, int], size: tuple[int, ...]) -> np.ndarray:
    rows = window[0] + ((np.arange(size[0]) + 0.5) * (window[1] - window[0]) / size[0]).astype(int)
    columns = window[2] + ((np.arange(size[1]) + 0.5) * (window[3] - window[2]) / size[1]).astype(int)
    return labels[np.ix_(rows, columns)]
