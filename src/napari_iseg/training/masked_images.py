"""Masked-image pretraining: fill in what is hidden of an image, so that a network knows images before it sees a label.

Xie et al., SimMIM: A Simple Framework for Masked Image Modeling, CVPR 2022: the network sees the image with patches
hidden and is taught by the absolute error where they were. Here it fills in the image's brightness through its one
output, so that every weight of a click network is pretrained and none is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = ["filling_loss", "hide_patches"]

_EPSILON = 1e-4


def hide_patches(rgb: Tensor, share: float, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Hide a share of an image's patches.

    Parameters
    ----------
    rgb
        (B, 3, H, W) float.
    share
        How many of the patches, in (0, 1); each image loses that many, rounded.
    side
        Of a patch, in pixels; those at the lower and right edge may be smaller.
    rng
        Where the chance comes from.

    Returns
    -------
    tuple
        (B, 3, H, W): the image, in its mean colour where it is hidden; and (B, 1, H, W) bool, where that is.
    """
    batch, _, height, width = rgb.shape
    rows, columns = -(-height // side), -(-width // side)
    order = torch.from_numpy(rng.random((batch, rows * columns)).argsort(axis=1)).to(rgb.device)
    cells = (order < round(share * rows * columns)).reshape(batch, 1, rows, columns)
    hidden = cells.repeat_interleave(side, 2).repeat_interleave(side, 3)[..., :height, :width]
    return torch.where(hidden, rgb.mean((2, 3), keepdim=True), rgb), hidden


def filling_loss(logits: Tensor, rgb: Tensor, hidden: Tensor) -> Tensor:
    """Return how wrong the brightness of hidden pixels is, in standard deviations of their image.

    Parameters
    ----------
    logits
        (B, 1, H, W): the brightness, standardised for each image.
    rgb
        (B, 3, H, W): the whole image.
    hidden
        (B, 1, H, W) bool.

    Returns
    -------
    Tensor
        Scalar: the mean absolute error over hidden pixels (SimMIM, section 3.4).
    """
    grey = rgb.mean(1, keepdim=True)
    mean, deviation = grey.mean((2, 3), keepdim=True), grey.std((2, 3), keepdim=True)
    wanted = (grey - mean) / (deviation + _EPSILON)
    return functional.l1_loss(logits[hidden], wanted[hidden])
