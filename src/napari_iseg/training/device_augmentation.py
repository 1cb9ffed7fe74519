"""Random changes of a batch of crops on the device where they are; each crop has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iseg.training.augmentation import Augmentation
from napari_iseg.training.device_intensity import (
    MOST_BLUR,
    biased,
    blurred,
    channels,
    lines,
    noise,
    shot,
    slices,
    speckle,
    window,
)
from napari_iseg.training.device_jpeg import compressed

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from torch import Tensor

    from napari_iseg.training.device_chance import BatchChance

__all__ = ["augment_batch"]


def augment_batch(
    rgb: Tensor, labels: Tensor, chance: BatchChance, options: Augmentation | None = None
) -> tuple[Tensor, Tensor]:
    """Flip, turn, blur, roughen and recolour crops, as ``training.augmentation.augment`` does one by one.

    Parameters
    ----------
    rgb
        (B, 3, H, W) float32 in [0, 1].
    labels
        (B, maps, H, W) of any dtype, moved with the image; may be finer than it by a whole factor.
    chance
        Of the batch, on the same device.
    options
        How likely what is; None for the defaults.

    Returns
    -------
    tuple
        New tensors of the same shapes and dtypes.
    """
    options, count = options or Augmentation(), len(rgb)
    flipped = chance.rng.random(count) < options.flip
    turned = chance.rng.random(count) < options.turn
    # A crop that is not square is only turned upside down.
    turns = chance.rng.integers(1, 4, count) if rgb.shape[2] == rgb.shape[3] else turned * 2
    turns = turns * turned
    rgb, labels = _moved(rgb, flipped, turns, chance), _moved(labels, flipped, turns, chance)
    for name, change in _CHANGES.items():
        hit = chance.hits(getattr(options, name), count)
        # Only what is hit is computed; most changes are rare.
        if hit is not None:
            rgb.index_copy_(0, hit, change(rgb[hit], chance))
    return rgb.clamp(0, 1), labels


def _moved(values: Tensor, flipped: np.ndarray, turns: np.ndarray, chance: BatchChance) -> Tensor:
    values = values.clone()
    for number in (0, 1, 2, 3):
        for mirrored in (False, True):
            group = ((turns == number) & (flipped == mirrored)).nonzero()[0]
            if len(group) and (number or mirrored):
                where = chance.tensor(group)
                chosen = values[where].flip(-1) if mirrored else values[where]
                values.index_copy_(0, where, chosen.rot90(number, (2, 3)))
    return values


def _blur(rgb: Tensor, chance: BatchChance) -> Tensor:
    return blurred(rgb, chance.between(0.3, MOST_BLUR, len(rgb)))


def _contrast(rgb: Tensor, chance: BatchChance) -> Tensor:
    mean = rgb.mean((1, 2, 3), keepdim=True)
    return (rgb - mean) * chance.between(0.6, 1.4, len(rgb)) + mean + chance.between(-0.2, 0.2, len(rgb))


def _gamma(rgb: Tensor, chance: BatchChance) -> Tensor:
    power: Tensor = rgb.clamp(0, 1) ** chance.between(-0.6, 0.6, len(rgb)).exp()
    return power


def _invert(rgb: Tensor, _chance: BatchChance) -> Tensor:
    return 1 - rgb


def _shift(rgb: Tensor, chance: BatchChance) -> Tensor:
    return rgb + chance.tensor(chance.rng.normal(0, 0.05, (len(rgb), 3, 1, 1)).astype("float32"))


def _jpeg(rgb: Tensor, chance: BatchChance) -> Tensor:
    return compressed(rgb, chance.tensor(chance.rng.integers(15, 81, len(rgb)).astype("float32")))


# In the order of the host's, in which they happen: optics, sampling, detector, display, file.
_CHANGES: dict[str, Callable[[Tensor, BatchChance], Tensor]] = {
    "blur": _blur,
    "slices": slices,
    "bias": biased,
    "noise": noise,
    "shot": shot,
    "speckle": speckle,
    "lines": lines,
    "contrast": _contrast,
    "window": window,
    "gamma": _gamma,
    "invert": _invert,
    "channels": channels,
    "shift": _shift,
    "jpeg": _jpeg,
}
