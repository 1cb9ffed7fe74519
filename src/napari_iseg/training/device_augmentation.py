"""Random changes of a batch of crops on the device where they are; each crop has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["augment_batch"]

_BLUR_REACH = 4


def augment_batch(rgb: Tensor, labels: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Flip, turn, blur, roughen and recolour square crops, a simpler set than that of ``training.augmentation``.

    Parameters
    ----------
    rgb
        (B, 3, S, S) float32 in [0, 1].
    labels
        (B, S, S) of any dtype, moved with the image.
    chance
        On the same device.

    Returns
    -------
    tuple
        New tensors of the same shapes and dtypes.
    """
    batch, device = len(rgb), rgb.device

    def hit(share: float) -> Tensor:
        return (torch.rand(batch, generator=chance, device=device) < share)[:, None, None, None]

    def between(low: float, high: float, *shape: int) -> Tensor:
        drawn = torch.rand((batch, *(shape or (1, 1, 1))), generator=chance, device=device)
        return low + (high - low) * drawn

    flipped, turns = hit(0.5), torch.randint(1, 4, (batch,), generator=chance, device=device)
    turns = torch.where(hit(0.3)[:, 0, 0, 0], turns, 0)
    rgb, labels = _moved(rgb, flipped, turns), _moved(labels[:, None], flipped, turns)[:, 0]
    rgb = torch.where(hit(0.15), _blurred(rgb, between(0.3, 1.2)), rgb)
    noise = torch.randn((batch, 1, *rgb.shape[2:]), generator=chance, device=device)
    rgb = torch.where(hit(0.2), rgb + between(0.01, 0.08) * noise, rgb)
    mean = rgb.mean((1, 2, 3), keepdim=True)
    rgb = torch.where(hit(0.7), (rgb - mean) * between(0.6, 1.4) + mean + between(-0.2, 0.2), rgb)
    rgb = torch.where(hit(0.3), rgb.clamp(0, 1) ** between(-0.6, 0.6).exp(), rgb)
    rgb = torch.where(hit(0.1), 1 - rgb, rgb)
    rgb = torch.where(hit(0.25), _mixed(rgb, hit(0.6), between(0, 1, 3), between(0, 1, 3)), rgb)
    shift = 0.05 * torch.randn((batch, 3, 1, 1), generator=chance, device=device)
    rgb = torch.where(hit(0.3), rgb + shift, rgb)
    return rgb.clamp(0, 1), labels


def _moved(values: Tensor, flipped: Tensor, turns: Tensor) -> Tensor:
    values = torch.where(flipped, values.flip(-1), values)
    for number in (1, 2, 3):
        values = torch.where((turns == number)[:, None, None, None], values.rot90(number, (2, 3)), values)
    return values


def _blurred(rgb: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image by its own Gaussian: one convolution in which every channel of the batch is a group."""
    batch, channels, rows, columns = rgb.shape
    offsets = torch.arange(-_BLUR_REACH, _BLUR_REACH + 1, device=rgb.device)
    kernel = torch.exp(-0.5 * (offsets / sigma.view(batch, 1)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = functional.pad(rgb.reshape(1, -1, rows, columns), (_BLUR_REACH,) * 4, mode="reflect")
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=batch * channels)
    return functional.conv2d(flat, kernel[:, None, None, :], groups=batch * channels).view_as(rgb)


def _mixed(rgb: Tensor, to_grey: Tensor, shares: Tensor, keys: Tensor) -> Tensor:
    """Make an image grey by a mixture of its channels, or exchange them."""
    shares = shares / shares.sum(1, keepdim=True).clamp(min=1e-6)
    grey = (rgb * shares[:, :, None, None]).sum(1, keepdim=True).expand_as(rgb)
    order = keys.argsort(1)[:, :, None, None].expand_as(rgb)
    return torch.where(to_grey, grey, rgb.gather(1, order))
