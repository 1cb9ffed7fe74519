"""Batches of crops made on the device where the images are; the host only chooses which, a batch ahead."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_iseg.training.data import MIN_VISIBLE, SMOOTHED
from napari_iseg.training.device_augmentation import augment_batch
from napari_iseg.training.device_clicks import pick_places
from napari_iseg.training.device_images import DeviceImages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

    from napari_iseg.training.data import Crops, Picture
    from napari_iseg.training.recipe import Recipe

__all__ = ["DeviceCrops", "fits_device"]

# Apart from the samples, whose seeds have two numbers, and from generated images.
_BATCH = 3
# Places for generated images on the device, at the least: those of now and of the next batches.
_GENERATED = 96

_log = logging.getLogger(__name__)


def fits_device(recipe: Recipe, device: torch.device, wanted: bool | None) -> bool:
    """Return whether crops are made on the device: where that is wanted, or on CUDA if None, and the recipe allows."""
    if not (device.type == "cuda" if wanted is None else wanted):
        return False
    data = recipe.data
    reasons = {
        "pastes objects into images": bool(data.copy_paste or data.image_mix),
        "wants label maps beside the target": bool(data.levels),
        "wants soft targets": bool(data.soft_factor),
        "has crops that are not square": any(stage.shape[0] != stage.shape[1] for stage in recipe.stages),
    }
    for reason, found in reasons.items():
        if found:
            _log.info("The recipe %s, which is done on the host; so are its crops.", reason)
            return False
    return True


class DeviceCrops:
    """Batches without end, like those of a data loader over :class:`napari_iseg.training.data.Crops`.

    Objects, windows and scales are drawn alike, but the changes are those of
    :func:`napari_iseg.training.device_augmentation.augment_batch`, which are fewer: the recipe's ``augmentation`` does
    not count. Crops are square, and come without further label maps or alpha; see :func:`fits_device`.

    Parameters
    ----------
    crops
        What chooses pictures, objects and windows, and makes generated pictures; of square crops.
    numbers
        The numbers of each batch's samples; a batch is a function of them.
    device
        Where images, crops and their changes are.

    Yields
    ------
    tuple
        (B, 3, size, size) float32 RGB in [0, 1] and (B, size, size) int8 target, on the device.
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

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        numbers = iter(self._numbers)
        # While the device learns from one batch, the host chooses the next.
        with ThreadPoolExecutor(1) as host:
            coming = host.submit(self.draw, next(numbers))
            for following in numbers:
                batch = coming.result()
                coming = host.submit(self.draw, following)
                yield batch

    def draw(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the batch of these samples."""
        crops, size = self._crops, self._crops.shape[0]
        chances = [np.random.default_rng([crops.seed, number]) for number in numbers]
        chosen = [crops.choose(number, rng) for number, rng in zip(numbers, chances, strict=True)]
        smooth = self._tensor([rng.random() < SMOOTHED for rng in chances])
        merged = self._tensor([rng.random() < crops.recipe.merged_share for rng in chances])
        images = self._with([picture for picture, _, _ in chosen])
        places = self._tensor([self._places[id(picture)] for picture, _, _ in chosen])
        wanted = self._tensor([label for _, label, _ in chosen])[:, None, None]
        windows = self._tensor([window for _, _, window in chosen])
        boxes = self._tensor([picture.boxes[label] for picture, label, _ in chosen])
        # Cut too wide, a thin object may be missed; it is then shown from near.
        _, seen = images.cut(places, windows, size)
        enough = (seen == wanted).sum((1, 2)) >= MIN_VISIBLE
        rgb, labels = images.cut(places, torch.where(enough[:, None], windows, boxes), size, smooth=smooth)
        chance = torch.Generator(self._device)
        chance.manual_seed(int(np.random.default_rng([crops.seed, numbers[0], _BATCH]).integers(2**62)))
        rgb, labels = augment_batch(rgb, labels, chance)
        inside = (labels == wanted) | (self._other(labels, wanted, chance) & merged[:, None, None])
        return rgb, torch.where(labels == -1, -1, inside.to(torch.int8)).to(torch.int8)

    def _other(self, labels: Tensor, wanted: Tensor, chance: torch.Generator) -> Tensor:
        """Return (B, S, S) bool: another object of each crop that is large enough to be seen; nothing where none is."""
        others = (labels > 0) & (labels != wanted)
        place = pick_places(others, 1, chance)
        label = labels.flatten(1).gather(1, place.clamp(min=0))[:, :, None]
        other = others & (labels == label)
        return other & (other.sum((1, 2), keepdim=True) >= MIN_VISIBLE)

    def _with(self, pictures: Sequence[Picture]) -> DeviceImages:
        """Return the images, with the generated ones among ``pictures`` in the place of the oldest of their kind."""
        if self._images is None:
            # Empty places are of the size of generated images, which all have the same. A batch must fit into them.
            generated, self._room = self._crops.generated(0)[0], max(_GENERATED, len(pictures))
            self._images = DeviceImages([*self._pictures, *[generated] * self._room], self._device)
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
