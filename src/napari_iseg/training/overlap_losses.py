"""Losses that judge a mask as a whole, by how it overlaps the target."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["dice_loss", "soft_iou_loss"]


def soft_iou_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return one minus the soft intersection over union of each sample, as RITM's code base defines it.

    The union of probability and target is their pixelwise maximum.

    Parameters
    ----------
    logits
        (B, 1, H, W).
    target
        (B, 1, H, W): 1 object, 0 background, -1 ignored.

    Returns
    -------
    Tensor
        (B,) in [0, 1]; 1 for a sample without object, with no gradient.
    """
    valid = target != -1
    wanted = (target > 0.5).to(logits.dtype)
    probability = torch.sigmoid(logits)
    intersection = (probability * wanted * valid).sum(dim=(1, 2, 3))
    together = (torch.maximum(probability, wanted) * valid).sum(dim=(1, 2, 3))
    return 1 - intersection / (together + 1e-8)


def dice_loss(logits: Tensor, target: Tensor, *, smoothing: float = 1.0) -> Tensor:
    """Return one minus the soft dice coefficient of each mask (AdaptiveClick, DISNet).

    Parameters
    ----------
    logits
        (N, ...): N masks of any shape.
    target
        The same shape, in [0, 1].
    smoothing
        Added above and below the fraction, so that an empty answer to an empty target costs nothing.

    Returns
    -------
    Tensor
        (N,) in [0, 1].
    """
    probability, wanted = torch.sigmoid(logits).flatten(1), target.to(logits.dtype).flatten(1)
    overlap = 2 * (probability * wanted).sum(dim=1) + smoothing
    return 1 - overlap / (probability.sum(dim=1) + wanted.sum(dim=1) + smoothing)
