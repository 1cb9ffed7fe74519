"""Batches of crops made on the device where the images are; the host only chooses which, a batch ahead."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_iseg.training.copy_paste import CopyPaste
from napari_iseg.training.data import MIN_VISIBLE, SMOOTHED
from napari_iseg.training.device_augmentation import augment_batch
from napari_iseg.training.device_chance import BatchChance
from napari_iseg.training.device_clicks import pick_places
from napari_iseg.training.device_images import DeviceImages
from napari_iseg.training.device_pasting import Pasted, paste_batch, plan_pasting
from napari_iseg.training.device_soft import coverage_batch, hard_target_batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

    from napari_iseg.training.cropping import Window
    from napari_iseg.training.data import Crops, Picture

__all__ = ["DeviceCrops", "fits_device"]

# Apart from the samples, whose seeds have two numbers, and from generated images.
_BATCH = 3
# Places for generated images on the device, at the least: those of now and of the next batches.
_GENERATED = 96


def fits_device(device: torch.device, wanted: bool | None) -> bool:
    """Return whether crops are made on the device: where that is wanted, or on CUDA if None."""
    return device.type == "cuda" if wanted is None else wanted


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """What the host decides about a crop."""

    picture: Picture
    label: int
    window: Window
    smooth: bool
    merged: bool


class DeviceCrops:
    """Batches without end, like those of a data loader over :class:`napari_iseg.training.data.Crops`.

    Everything of the recipe's data counts and is drawn from the same distributions; the same numbers do not give the
    same crops.

    Parameters
    ----------
    crops
        What chooses pictures, objects and windows, and makes generated pictures.
    numbers
        The numbers of each batch's samples; a batch is a function of them.
    device
        Where images, crops and their changes are.

    Yields
    ------
    tuple
        (B, 3, rows, columns) float32 RGB in [0, 1] and (B, rows, columns) int8 target, on the device; and as of
        :class:`napari_iseg.training.data.Crops` the label maps, (B, L, rows, columns), or alpha.
    """

    def __init__(self, crops: Crops, numbers: Iterable[list[int]], device: torch.device) -> None:
        self._crops = crops
        self._numbers = numbers
        self._device = device
        pictures = [picture for some in crops.pictures.values() for picture in some]
        self._places = {id(picture): place for place, picture in enumerate(pictures)}
        self._drawn: dict[int, Picture] = {}
        self._first_drawn = len(pictures)
        self._images: DeviceImages | None = None
        self._room = _GENERATED
        self._pictures = pictures

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        numbers = iter(self._numbers)
        # While the device learns from one batch, the host chooses the next.
        with ThreadPoolExecutor(1) as host:
            coming = host.submit(self.draw, next(numbers))
            for following in numbers:
                batch = coming.result()
                coming = host.submit(self.draw, following)
                yield batch

    def draw(self, numbers: Sequence[int]) -> tuple[Tensor, ...]:
        """Return the batch of these samples."""
        crops, recipe = self._crops, self._crops.recipe
        chances = [np.random.default_rng([crops.seed, number]) for number in numbers]
        chance = BatchChance(np.random.default_rng([crops.seed, numbers[0], _BATCH]), self._device)
        plan = plan_pasting(CopyPaste(paste=recipe.copy_paste, mix=recipe.image_mix), chances)
        # The samples' own crops first, then what is pasted into them.
        owners = [*range(len(numbers)), *plan.owners.tolist()]
        chosen = [self._choose(numbers[owner], chances[owner]) for owner in owners]
        rgb, maps, windows = self._cut(chosen)
        rgb, maps = augment_batch(rgb, maps, chance, recipe.augmentation)
        wanted = self._tensor([one.label for one in chosen])[:, None, None]
        labels = maps[:, 0]
        inside = labels == wanted
        if merged := [number for number, one in enumerate(chosen) if one.merged]:
            at = self._tensor(merged)
            inside = inside.index_copy(0, at, inside[at] | _another(labels[at], wanted[at], chance))
        samples = Pasted(rgb, inside, labels == -1)
        if len(plan.owners):
            own = slice(len(numbers))
            samples = paste_batch(samples[own], samples[len(numbers) :], plan)
        if recipe.soft_factor:
            return self._soft(samples, windows)
        target = torch.where(samples.ignored, -1, samples.inside.to(torch.int8)).to(torch.int8)
        if not recipe.levels:
            return samples.rgb, target
        # As the host has them: the object is 1, and numbers above 0 move up by one, so that 1 is free.
        first = torch.where(labels == wanted, 1, labels + (labels > 0).int())
        return samples.rgb, target, torch.cat([first[:, None], maps[:, 1:]], 1)

    def _choose(self, number: int, rng: np.random.Generator) -> _Chosen:
        recipe = self._crops.recipe
        chosen = self._crops.choose(number, rng)
        # Alpha is an average over each pixel; so must the image be.
        smooth = rng.random() < SMOOTHED or recipe.soft_factor > 0
        return _Chosen(*chosen, smooth, rng.random() < recipe.merged_share)

    def _cut(self, chosen: Sequence[_Chosen]) -> tuple[Tensor, Tensor, Tensor]:
        """Return (B, 3, rows, columns) RGB, (B, maps, rows, columns) label maps, and the (B, 4) windows of them.

        The maps are ``soft_factor`` times as fine.
        """
        size, fineness = self._crops.shape, max(self._crops.recipe.soft_factor, 1)
        fine = (size[0] * fineness, size[1] * fineness)
        images = self._with([one.picture for one in chosen])
        places = self._tensor([self._places[id(one.picture)] for one in chosen])
        wanted = self._tensor([one.label for one in chosen])[:, None, None]
        windows = self._tensor([one.window for one in chosen])
        # Cut too wide, a thin object may be missed; it is then shown from near.
        seen = images.cut_labels(places, windows, fine)[:, 0] == wanted
        enough = seen.sum((1, 2)) >= MIN_VISIBLE * fineness**2
        boxes = self._tensor([one.picture.boxes[one.label] for one in chosen])
        windows = torch.where(enough[:, None], windows, boxes)
        rgb = images.cut_rgb(places, windows, size)
        if smooth := [number for number, one in enumerate(chosen) if one.smooth]:
            at = self._tensor(smooth)
            finer = images.cut_rgb(places[at], windows[at], size, samples=max(fineness, 2))
            rgb = rgb.index_copy(0, at, finer)
        return rgb, images.cut_labels(places, windows, fine), windows

    def _soft(self, samples: Pasted, windows: Tensor) -> tuple[Tensor, ...]:
        """Return RGB, target and alpha of crops whose labels are ``soft_factor`` times as fine."""
        factor = self._crops.recipe.soft_factor
        lengths = windows[:, 1::2] - windows[:, ::2]
        fine = self._tensor([side * factor for side in self._crops.shape])
        alpha = coverage_batch(samples.inside, samples.ignored, factor, (fine / lengths).amax(1))
        return samples.rgb, hard_target_batch(alpha), alpha

    def _with(self, pictures: Sequence[Picture]) -> DeviceImages:
        """Return the images, with the generated ones among ``pictures`` in the place of the oldest of their kind."""
        if self._images is None:
            # Empty places are of the size of generated images, which all have the same. A batch must fit into them.
            recipe, generated = self._crops.recipe, self._crops.generated(0)[0]
            # Pasting takes up to three further crops for each.
            most = len(pictures) * (4 if recipe.copy_paste or recipe.image_mix else 1)
            self._room = max(_GENERATED, most)
            kept = [*self._pictures, *[generated] * self._room]
            self._images = DeviceImages(kept, self._device, maps=max(self._crops.recipe.levels, 1))
        wanted = {id(picture): picture for picture in pictures}
        for key, picture in wanted.items():
            if key in self._places:
                continue
            if len(self._drawn) < self._room:
                place = self._first_drawn + len(self._drawn)
            else:
                place = next(place for place, old in self._drawn.items() if id(old) not in wanted)
                del self._places[id(self._drawn.pop(place))]
            self._images.replace(place, picture)
            # Kept, so that no other picture can get its id.
            self._drawn[place] = picture
            self._places[key] = place
        return self._images

    def _tensor(self, values: Sequence[object]) -> Tensor:
        return torch.tensor(values).to(self._device, non_blocking=True)


def _another(labels: Tensor, wanted: Tensor, chance: BatchChance) -> Tensor:
    """Return (B, H, W) bool: another object of each crop that is large enough to be seen; nothing where none is."""
    others = (labels > 0) & (labels != wanted)
    place = pick_places(others, 1, chance.generator)
    label = labels.flatten(1).gather(1, place.clamp(min=0))[:, :, None]
    other = others & (labels == label)
    return other & (other.sum((1, 2), keepdim=True) >= MIN_VISIBLE)
