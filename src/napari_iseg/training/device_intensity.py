"""What optics, scanners and cameras do to images, for a whole batch at once on the device where it is.

The same changes as in ``training.augmentation``, from the same distributions. Every function takes and returns
(B, 3, H, W) float32 RGB, about in [0, 1].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from napari_iseg.training.device_chance import BatchChance

__all__ = [
    "biased",
    "blurred",
    "channels",
    "grains",
    "lines",
    "noise",
    "shot",
    "sliced",
    "speckle",
    "window",
    "windowed",
]

# In standard deviations, as far as the host's blur reaches.
_TRUNCATE = 3


def blurred(rgb: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image by its own Gaussian, (B, 1, 1, 1) pixels: one convolution, each channel of the batch a group."""
    batch, channels_, rows, columns = rgb.shape
    radius = (_TRUNCATE * sigma.view(batch, 1) + 0.5).floor()
    # Wide enough for the largest that is ever drawn: asking the device for this batch's would mean to wait for it.
    reach = int(_TRUNCATE * MOST_BLUR + 0.5)
    offsets = torch.arange(-reach, reach + 1, device=rgb.device)
    kernel = torch.exp(-0.5 * (offsets / sigma.view(batch, 1)) ** 2) * (offsets.abs() <= radius)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels_, 0)
    padded = rgb[:, :, _mirrored(rows, reach, rgb.device)][..., _mirrored(columns, reach, rgb.device)]
    flat = padded.reshape(1, -1, rows + 2 * reach, columns + 2 * reach)
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=batch * channels_)
    return functional.conv2d(flat, kernel[:, None, None, :], groups=batch * channels_).view_as(rgb)


MOST_BLUR = 1.6
"""The largest standard deviation of a blur, in pixels."""


def _mirrored(length: int, reach: int, device: torch.device) -> Tensor:
    """Return which pixel lies where along an axis that is continued by its mirror image on both sides."""
    places = torch.arange(-reach, length + reach, device=device)
    places = torch.where(places < 0, -places - 1, places)
    return torch.where(places >= length, 2 * length - 1 - places, places).clamp(0, length - 1)


def sliced(rgb: Tensor, coarse: Tensor, stepped: Tensor) -> Tensor:
    """Sample each image's rows coarsely, and stretch them to what they were: thick slices.

    Parameters
    ----------
    rgb
        The images.
    coarse
        (B,) int64 rows to keep, half of them at the most.
    stepped
        (B,) bool: in steps instead of smoothly.
    """
    rows = rgb.shape[2]
    kept = coarse.view(-1, 1, 1)
    places = torch.arange(rows, device=rgb.device, dtype=torch.float64) + 0.5
    slices = torch.arange(rows // 2 + 1, device=rgb.device, dtype=torch.float64)[:, None] + 0.5
    thick = rows / kept.double()
    # The pixels whose middle lies in a slice, (B, slices, rows); of one on the border between two, the upper one's.
    down = (((places - 1e-6) / thick).floor() == slices.floor()).double()
    down = down / down.sum(2, keepdim=True).clamp(min=1)
    # Of what a row is made again, (B, rows, slices).
    at, middles = (places[:, None] / thick), slices.T
    near = (1 - (at.clamp(min=0.5).minimum(kept - 0.5) - middles).abs()).clamp(min=0)
    own = (at.floor() == middles.floor()).double()
    up = torch.where(stepped.view(-1, 1, 1), own, near) * (middles < kept)
    return torch.einsum("brs,bcsx->bcrx", (up @ down).float(), rgb)


def slices(rgb: Tensor, chance: BatchChance) -> Tensor:
    """Sample one axis of each image coarsely, two to five pixels thick."""
    along = chance.rng.random(len(rgb)) < 0.5
    for axis, group in ((2, along), (3, ~along)):
        if not group.any():
            continue
        side, count = rgb.shape[axis], int(group.sum())
        kept = np.maximum(np.rint(side / chance.rng.uniform(2, 5, count)), 2).astype(np.int64)
        stepped = chance.tensor(chance.rng.random(count) >= 0.7)
        where = chance.tensor(group.nonzero()[0])
        turned = rgb[where].transpose(2, axis)
        rgb = rgb.index_copy(0, where, sliced(turned, chance.tensor(kept), stepped).transpose(2, axis))
    return rgb


def biased(rgb: Tensor, chance: BatchChance) -> Tensor:
    """Brighten and darken by a smooth field: a coil's sensitivity, a lamp's vignette."""
    size = (int(rgb.shape[2]), int(rgb.shape[3]))
    fields = [
        functional.interpolate(chance.normal(len(rgb), 1, cells, cells), size, mode="bicubic") for cells in (2, 3, 4)
    ]
    kind = chance.tensor(chance.rng.integers(3, size=len(rgb)))
    field = torch.stack(fields)[kind, torch.arange(len(rgb), device=rgb.device)]
    return rgb * (chance.between(0.05, 0.35, len(rgb)) * field).exp()


def _contrast_of(rgb: Tensor) -> Tensor:
    """Return about 1 for a photograph and less for what is dim or flat, so that noise does not drown it."""
    return (4 * rgb[:, :, ::2, ::2].flatten(1).std(1, correction=0)).clamp(0.1, 1)[:, None, None, None]


def grains(rgb: Tensor, chance: BatchChance) -> Tensor:
    """Return (B, 3, H, W) normal noise, sometimes coarser than a pixel; mostly the same in all channels."""
    batch, _, rows, columns = rgb.shape
    fine = chance.normal(batch, 3, rows, columns)
    coarse = fine[:, :1, : rows // 2 + 1, : columns // 2 + 1]
    coarse = 1.3 * functional.interpolate(coarse, (rows, columns), mode="bilinear")
    coloured = chance.rng.random(batch) < 0.3
    clotted = ~coloured & (chance.rng.random(batch) < 0.3)
    grey = torch.where(chance.tensor(clotted)[:, None, None, None], coarse, fine[:, :1])
    return torch.where(chance.tensor(coloured)[:, None, None, None], fine, grey)


def noise(rgb: Tensor, chance: BatchChance) -> Tensor:
    """Add Gaussian noise."""
    return rgb + chance.between(0.01, 0.08, len(rgb)) * _contrast_of(rgb) * grains(rgb, chance)


def shot(rgb: Tensor, chance: BatchChance) -> Tensor:
    """Add noise that grows with the root of the signal, as counted photons have it."""
    level = chance.between(0.02, 0.12, len(rgb)) * _contrast_of(rgb).sqrt()
    return rgb + rgb.clamp(min=0).sqrt() * level * grains(rgb, chance)


def speckle(rgb: Tensor, chance: BatchChance) -> Tensor:
    """Multiply by noise, as ultrasound has it."""
    return rgb * (1 + chance.between(0.05, 0.25, len(rgb)) * grains(rgb, chance))


def lines(rgb: Tensor, chance: BatchChance) -> Tensor:
    """Lay stripes along the rows, or displace every other row by a pixel: scanning beams."""
    batch, _, rows, _ = rgb.shape
    striped = chance.between(0.01, 0.05, batch) * _contrast_of(rgb) * chance.normal(batch, 1, rows, 1)
    displaced = rgb.clone()
    displaced[:, :, ::2] = rgb[:, :, ::2].roll(1, 3)
    shifted = chance.tensor(chance.rng.random(batch) < 0.3)[:, None, None, None]
    return torch.where(shifted, displaced, rgb + striped)


def windowed(rgb: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Stretch the values between two percentiles of each image, (B,) in 0..100, over all of them."""
    values = rgb[:, :, ::4, ::4].flatten(1).sort(1).values
    ends = torch.stack([low, high], 1).float() / 100 * (values.shape[1] - 1)
    below = ends.floor().long()
    above = (below + 1).clamp(max=values.shape[1] - 1)
    cut = torch.lerp(values.gather(1, below), values.gather(1, above), ends - below)[..., None, None]
    return (rgb - cut[:, :1]) / (cut[:, 1:] - cut[:, :1]).clamp(min=0.05)


def window(rgb: Tensor, chance: BatchChance) -> Tensor:
    """Cut off values at both ends, as a display's window does."""
    low, high = chance.between(0, 8, len(rgb)), chance.between(92, 100, len(rgb))
    return windowed(rgb, low.flatten(), high.flatten())


def channels(rgb: Tensor, chance: BatchChance) -> Tensor:
    """Make an image grey by any mixture of its channels, exchange them, or mix all."""
    mixtures = np.stack([_mixture(chance.rng) for _ in range(len(rgb))]).astype(np.float32)
    return torch.einsum("bij,bjrc->birc", chance.tensor(mixtures), rgb)


def _mixture(rng: np.random.Generator) -> np.ndarray:
    """Return (3, 3): of what each channel is made."""
    kind = rng.random()
    if kind < 0.6:
        return np.repeat(rng.dirichlet((2, 2, 2))[None], 3, axis=0)
    return np.eye(3)[rng.permutation(3)] if kind < 0.85 else rng.dirichlet((1, 1, 1), 3)
