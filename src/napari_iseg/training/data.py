"""Training samples: crops of real and generated images around one object, drawn without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import IterableDataset

from napari_iseg.training.augmentation import augment
from napari_iseg.training.copy_paste import CopyPaste, LabelledImage, copy_paste
from napari_iseg.training.cutting import object_boxes
from napari_iseg.training.pictures import Picture, load_pictures
from napari_iseg.training.procedural import procedural_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_iseg.training.recipe import DataRecipe

__all__ = ["Crops", "Picture", "load_pictures"]

# Generated images kept at a time, and how often a new one takes the place of the oldest.
_POOL = 24
_RENEWED = 0.25
# Pixels of an object that a crop must show.
_MIN_VISIBLE = 12


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
            picture = self._generated(rng) if name == "procedural" else _pick(self.pictures[name], rng)
            if not picture.boxes:
                continue
            rgb, labels = self._crop(picture, rng)
            if (labels == 1).sum() >= _MIN_VISIBLE:
                return LabelledImage(*augment(rgb, labels, rng))

    def _object(self, sample: LabelledImage, rng: np.random.Generator) -> np.ndarray:
        """Return (H, W) bool: the sample's object, sometimes with another one that it shows."""
        inside = sample.labels == 1
        if self.recipe.merged_share and rng.random() < self.recipe.merged_share:
            labels, counts = np.unique(sample.labels[sample.labels > 1], return_counts=True)
            others = labels[counts >= _MIN_VISIBLE]
            if others.size:
                inside |= sample.labels == rng.choice(others)
        return inside

    def _generated(self, rng: np.random.Generator) -> Picture:
        # Making an image takes longer than cutting one: each serves a few crops before the pool has turned over.
        if len(self._pool) < _POOL or rng.random() < _RENEWED:
            rgb, labels = procedural_sample(rng, self.size + self.size // 2)
            self._pool.append(Picture(rgb, labels, self._boxes(labels)))
            del self._pool[:-_POOL]
        return _pick(self._pool, rng)

    def _boxes(self, labels: np.ndarray) -> dict[int, tuple[int, int, int, int]]:
        found = object_boxes(labels)
        return {label: box[:4] for label, box in found.items() if box[4] >= self.recipe.min_pixels}

    def _crop(self, picture: Picture, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Cut one object out at a random scale and place, and give it label 1."""
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
        window = (*rows, *columns)
        labels = _nearest(picture.labels, window, (self.size, self.size))
        labels = np.where(labels == label, 1, np.where(labels > 0, labels + 1, labels))
        return _resized(picture.rgb, window, (self.size, self.size), antialias=rng.random() < 0.3), labels


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
    # A copy: a picture of a pack is a view that torch would not take.
    cut = (
        torch.from_numpy(np.array(rgb[window[0] : window[1], window[2] : window[3]])).permute(2, 0, 1)[None].float()
        / 255
    )
    resized = functional.interpolate(
        cut, size=list(size), mode="bilinear", align_corners=not antialias, antialias=antialias
    )
    return np.asarray(resized[0].permute(1, 2, 0).clamp(0, 1))


def _nearest(labels: np.ndarray, window: tuple[int, int, int, int], size: tuple[int, ...]) -> np.ndarray:
    rows = window[0] + ((np.arange(size[0]) + 0.5) * (window[1] - window[0]) / size[0]).astype(int)
    columns = window[2] + ((np.arange(size[1]) + 0.5) * (window[3] - window[2]) / size[1]).astype(int)
    return labels[np.ix_(rows, columns)]
