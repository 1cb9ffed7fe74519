"""Training samples: crops of real and generated images around one object, each a function of its number."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

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

__all__ = ["MIN_VISIBLE", "SMOOTHED", "Crops", "Picture", "load_pictures"]

SMOOTHED = 0.3
"""Share of crops that are filtered before they are sampled; the predictor's are not."""

# Generated images to draw from at a time, and how often a new one takes the place of the oldest.
_POOL = 24
_RENEWED = 0.25
# Apart from the samples, whose seeds have two numbers.
_GENERATED = 2


class Crops(Dataset[tuple[torch.Tensor, ...]]):
    """Crops without end, each a function of its number: it is the same one in whatever order and process it is drawn.

    ``crops[number]`` is a crop; iterating goes through all numbers from 0 on.

    Parameters
    ----------
    pictures
        What :func:`load_pictures` returned.
    recipe
        How to draw.
    size
        Rows and columns of the crops; one number for both.
    seed
        Of all that is random.

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
        self._names = [*self.pictures, "procedural"]
        shares = recipe.shares(self.pictures)
        self._weights = np.array([shares[name] for name in self._names])
        self._pool: dict[int, list[Picture]] = {}
        self._fineness = max(recipe.soft_factor, 1)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        return (self[number] for number in count())

    def __getitem__(self, number: int) -> tuple[torch.Tensor, ...]:
        rng = np.random.default_rng([self.seed, number])
        sample = self._sample(number, rng)
        if self.recipe.soft_factor:
            return self._soft(sample, rng)
        options = CopyPaste(paste=self.recipe.copy_paste, mix=self.recipe.image_mix)
        if options.paste or options.mix:
            sample = copy_paste(
                sample,
                options,
                rng,
                draw=lambda: self._sample(number, rng),
                pick=lambda drawn: self._object(drawn, rng),
            )
        target = np.where(sample.labels == -1, -1, self._object(sample, rng)).astype(np.int8)
        crop = torch.from_numpy(sample.image.transpose(2, 0, 1).copy()), torch.from_numpy(target)
        return (*crop, self._levels(sample)) if self.recipe.levels else crop

    def choose(self, number: int, rng: np.random.Generator) -> tuple[Picture, int, Window]:
        """Return a picture for the sample of this number, the label of an object on it, and a window around that."""
        side = round((self.shape[0] * self.shape[1]) ** 0.5)
        while True:
            name = self._names[rng.choice(len(self._names), p=self._weights)]
            chosen = choose_crop(lambda: self._pick(name, number, rng), self.recipe, side, rng)  # noqa: B023
            if chosen is not None:
                return chosen

    def generated(self, index: int) -> Sequence[Picture]:
        """Return the pictures of the generated image of this number, from 0 on, which may have to be made.

        There are two where it has wholes as well as parts, otherwise one; all have one size.
        """
        if index not in self._pool:
            rng = np.random.default_rng([self.seed, index, _GENERATED])
            side = round(self.recipe.generated_scale * max(self.shape))
            self._pool[index] = list(_drawn(rng, side, self.recipe))
        return self._pool[index]

    def _pick(self, name: str, number: int, rng: np.random.Generator) -> Picture:
        pictures = self._generated(number, rng) if name == "procedural" else self.pictures[name]
        return pictures[int(rng.integers(len(pictures)))]

    def _generated(self, number: int, rng: np.random.Generator) -> Sequence[Picture]:
        # Making an image takes longer than cutting one, so each serves a few crops. Which ones there are to choose from
        # follows from the sample's number, not from what was drawn before it.
        oldest = int(number * self._weights[-1] * _RENEWED)
        for old in [kept for kept in self._pool if not oldest <= kept < oldest + 2 * _POOL]:
            del self._pool[old]
        return self.generated(oldest + int(rng.integers(_POOL)))

    def _sample(self, number: int, rng: np.random.Generator) -> LabelledImage:
        """Return an augmented crop around an object, which has label 1; what else it shows has others."""
        while True:
            rgb, maps, pixel = self._crop(*self.choose(number, rng), rng)
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
        antialias = rng.random() < SMOOTHED or self.recipe.soft_factor > 0
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
