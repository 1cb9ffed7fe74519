"""Alpha from hard labels for a whole batch at once; see ``training.soft_targets``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["coverage_batch", "hard_target_batch"]


def coverage_batch(inside: Tensor, ignored: Tensor, factor: int, pixel: Tensor) -> Tensor:
    """Return the share of each pixel that an object covers.

    Parameters
    ----------
    inside, ignored
        (B, factor * H, factor * W) bool: the object, and what is not known.
    factor
        Finer pixels along a pixel.
    pixel
        (B,) sides of a pixel of the source, in finer pixels.

    Returns
    -------
    torch.Tensor
        (B, H, W) float32 in [0, 1]; -1 where any of a pixel is ignored.
    """
    reach = (pixel / 2).long()
    share = _averaged(_averaged(inside.float(), reach).mT, reach).mT
    alpha = functional.avg_pool2d(share[:, None], factor)[:, 0].clamp(0, 1)
    unknown = functional.max_pool2d(ignored[:, None].float(), factor)[:, 0] > 0
    return torch.where(unknown, -1.0, alpha)


def hard_target_batch(alpha: Tensor) -> Tensor:
    """Return (B, H, W) int8: 1 above a half, -1 where ignored, else 0; of each the fullest pixel at the least."""
    target = torch.where(alpha < 0, -1, (alpha > 0.5).to(torch.int8)).to(torch.int8)
    fullest, place = alpha.flatten(1).max(1)
    alone = ~(target == 1).flatten(1).any(1) & (fullest > 0)
    flat = target.flatten(1)
    kept = flat.gather(1, place[:, None])
    return flat.scatter(1, place[:, None], torch.where(alone[:, None], 1, kept).to(torch.int8)).view_as(target)


def _averaged(values: Tensor, reach: Tensor) -> Tensor:
    """Average (B, R, C) along the columns over 2 * (B,) reach + 1 of them, the ends continued as they are.

    By sums up to each column: a window of any width costs the same.
    """
    length = values.shape[2]
    sums = functional.pad(values.double().cumsum(2), (1, 0))
    at = torch.arange(length, device=values.device)
    first, last = at - reach[:, None], at + reach[:, None]
    ends = [side.clamp(0, length)[:, None].expand(-1, values.shape[1], -1) for side in (first, last + 1)]
    total = sums.gather(2, ends[1]) - sums.gather(2, ends[0])
    total += (-first).clamp(min=0)[:, None] * values[:, :, :1] + (last - length + 1).clamp(min=0)[:, None] * values[
        ..., -1:
    ]
    return (total / (2 * reach + 1)[:, None, None]).float()
