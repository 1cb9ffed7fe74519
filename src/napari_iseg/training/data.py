"""Training samples: crops of real and generated images around one object, drawn without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import IterableDataset

from napari_iseg.training.augmentation import augment
from napari_iseg.training.copy_paste import CopyPaste, LabelledImage, copy_paste
from napari_iseg.training.cropping import MIN_VISIBLE, Window, choose_crop, cut_labels, cut_rgb
from napari_iseg.training.cutting import object_windows
from napari_iseg.training.pictures import Picture, load_pictures
from napari_iseg.training.procedural import procedural_sample
from napari_iseg.training.soft_targets import coverage, hard_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_iseg.training.recipe import DataRecipe

__all__ = ["Crops", "Picture", "load_pictures"]

# Generated images kept at a time, and how often a new one takes the place of the oldest.
_POOL = 24
_RENEWED = 0.25


class Crops(IterableDataset[tuple[torch.Tensor, ...]]):
    """Crops without end.

    Parameters
    ----------
    pictures
        What :func:`load_pictures` returned.
    recipe
        How to draw.
    size
        Rows and columns of the crops; one number for both.
    seed
        Workers draw different streams from it.

    Yields
    ------
    tuple
        (3, rows, columns) float32 RGB in [0, 1], and (rows, columns) int8 target: 1 object, 0 background, -1 ignored.
        Where the recipe wants L ``levels``, (L, rows, columns) int32 label maps too: 0 background, -1 ignored, and 1
        in the first of them the object. With ``soft_factor`` (rows, columns) float32 alpha in [0, 1] instead, -1 where
        ignored.
    """

    def __init__(
        self, pictures: dict[str, list[Picture]], recipe: DataRecipe, *, size: int | tuple[int, int], seed: int
    ) -> None:
        self.pictures = pictures
        self.recipe = recipe
        self.shape = (size, size) if isinstance(size, int) else size
        self.seed = seed
        self._pool: list[Picture] = []
        self._fineness = max(recipe.soft_factor, 1)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, *self.shape, worker.id if worker else 0])
        names = [*self.pictures, "procedural"]
        weights = np.array([self.recipe.weights.get(name, 1.0) for name in names], float)
        weights /= weights.sum()
        options = CopyPaste(paste=self.recipe.copy_paste, mix=self.recipe.image_mix)
        while True:
            sample = self._sample(names, weights, rng)
            if self.recipe.soft_factor:
                yield self._soft(sample, rng)
                continue
            if options.paste or options.mix:
                sample = copy_paste(
                    sample,
                    options,
                    rng,
                    draw=lambda: self._sample(names, weights, rng),
                    pick=lambda drawn: self._object(drawn, rng),
                )
            target = np.where(sample.labels == -1, -1, self._object(sample, rng)).astype(np.int8)
            crop = torch.from_numpy(sample.image.transpose(2, 0, 1).copy()), torch.from_numpy(target)
            yield (*crop, self._levels(sample)) if self.recipe.levels else crop

    def _soft(self, sample: LabelledImage, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        """Return RGB, target and alpha of a crop whose labels are ``soft_factor`` times as fine as its image."""
        inside, ignored = self._object(sample, rng), sample.labels == -1
        alpha = coverage(inside, ignored, self.recipe.soft_factor, pixel=sample.source_pixel)
        rgb = torch.from_numpy(sample.image.transpose(2, 0, 1).copy())
        return rgb, torch.from_numpy(hard_target(alpha)), torch.from_numpy(alpha)

    def _levels(self, sample: LabelledImage) -> torch.Tensor:
        """Return (L, rows, columns) int32; empty maps stand for those that the image does not have."""
        levels = np.zeros((self.recipe.levels, *self.shape), np.int32)
        for level, labels in zip(levels, [sample.labels, *sample.others], strict=False):
            level[:] = labels
        return torch.from_numpy(levels)

    def _sample(self, names: Sequence[str], weights: np.ndarray, rng: np.random.Generator) -> LabelledImage:
        """Return an augmented crop around an object, which has label 1; what else it shows has others."""
        side = round((self.shape[0] * self.shape[1]) ** 0.5)
        while True:
            name = names[rng.choice(len(names), p=weights)]
            pictures = self._generated(rng) if name == "procedural" else self.pictures[name]
            chosen = choose_crop(lambda: pictures[int(rng.integers(len(pictures)))], self.recipe, side, rng)  # noqa: B023
            if chosen is None:
                continue
            rgb, maps, pixel = self._crop(*chosen, rng)
            if (maps[..., 0] == 1).sum() >= MIN_VISIBLE * self._fineness**2:
                rgb, maps = augment(rgb, maps, rng, self.recipe.augmentation)
                return LabelledImage(rgb, maps[..., 0], tuple(np.moveaxis(maps[..., 1:], -1, 0)), pixel)

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
            self._pool += _drawn(rng, round(self.recipe.generated_scale * max(self.shape)), self.recipe)
            del self._pool[:-_POOL]
        return self._pool

    def _crop(
        self, picture: Picture, label: int, window: Window, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Cut a window out; return RGB and (rows, columns, maps), the object as 1.

        The maps are ``soft_factor`` times as fine, and the number is the side of the picture's own pixels in them.
        """
        fine = (self.shape[0] * self._fineness, self.shape[1] * self._fineness)
        others = picture.others if self.recipe.levels else ()
        maps = np.stack([cut_labels(labels, window, fine) for labels in (picture.labels, *others)], -1)
        first = maps[..., 0]
        # Numbers above 0 move up by one, so that 1 is free.
        maps[..., 0] = np.where(first == label, 1, first + (first > 0))
        # Alpha is an average over each pixel; so must the image be.
        antialias = rng.random() < 0.3 or self.recipe.soft_factor > 0
        pixel = max(fine[0] / (window[1] - window[0]), fine[1] / (window[3] - window[2]))
        return cut_rgb(picture.rgb, window, self.shape, antialias=antialias), maps, pixel


def _drawn(rng: np.random.Generator, side: int, recipe: DataRecipe) -> Iterator[Picture]:
    """Yield a generated image, and as another picture its wholes where it has some."""
    sample = procedural_sample(rng, side)
    boxes = object_windows(sample.labels, recipe.min_pixels)
    if sample.wholes is None:
        yield Picture(sample.rgb, sample.labels, boxes)
        return
    wholes = object_windows(sample.wholes, recipe.min_pixels)
    yield Picture(sample.rgb, sample.labels, boxes, (sample.wholes,))
    # Without the objects that both have.
    wholes = {label: box for label, box in wholes.items() if label not in boxes}
    yield Picture(sample.rgb, sample.wholes, wholes, (sample.labels,))
