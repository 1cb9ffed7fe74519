"""Blocks that several networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["ConvReLU", "click_disks", "normalise_rgb", "one_group_norm"]

# ImageNet statistics, which every released click network normalises its RGB input with.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class ConvReLU(nn.Sequential):
    """A 1 x 1 convolution with bias, then ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.Conv2d(in_channels, out_channels, 1), nn.ReLU())


def one_group_norm(channels: int) -> nn.GroupNorm:
    """Return a norm over channels, rows and columns together: a layer norm over the whole map."""
    return nn.GroupNorm(1, channels)


def normalise_rgb(rgb: Tensor) -> Tensor:
    """Return (B, 3, H, W) RGB in [0, 1] normalised by the ImageNet mean and standard deviation."""
    mean = rgb.new_tensor(_MEAN).view(1, 3, 1, 1)
    std = rgb.new_tensor(_STD).view(1, 3, 1, 1)
    return (rgb - mean) / std


def click_disks(points: Tensor, shape: tuple[int, int], radius: float = 5.0) -> Tensor:
    """Return the two disk maps of clicks (RITM, section 3.2).

    Parameters
    ----------
    points
        (B, 2n, 3): n positive rows, then n negative, each (row, column, order). Coordinates may be fractional and are
        not rounded; a row with both coordinates negative is unused.
    shape
        (H, W) of the maps.
    radius
        Of the disks, in pixels, the rim included.

    Returns
    -------
    Tensor
        (B, 2, H, W) float32: 1 within ``radius`` of a positive (channel 0) or negative (channel 1) click, else 0.
    """
    maps = points.new_zeros(len(points), 2, *shape)
    # A tensor on the meta device has no values to tell by.
    if points.is_meta:
        return maps
    row, column, _ = points.reshape(len(points), 2, -1, 3).unbind(-1)
    # Most slots are empty, above all in training, and a disk is small: only what lies near a click is looked at.
    sample, sign, slot = torch.nonzero(torch.maximum(row, column) >= 0, as_tuple=True)
    row, column = row[sample, sign, slot, None], column[sample, sign, slot, None]
    steps = torch.arange(-int(radius) - 1, int(radius) + 2, device=points.device)
    rows, columns = row.round().long() + steps, column.round().long() + steps
    inside = (rows - row).square()[:, :, None] + (columns - column).square()[:, None] <= radius**2
    inside &= ((rows >= 0) & (rows < shape[0]))[:, :, None] & ((columns >= 0) & (columns < shape[1]))[:, None]
    click, down, across = torch.nonzero(inside, as_tuple=True)
    maps[sample[click], sign[click], rows[click, down], columns[click, across]] = 1
    return maps
