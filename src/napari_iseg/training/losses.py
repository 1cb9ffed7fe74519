"""Losses of click networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ICL_WEIGHTS", "iterative_click_loss", "normalized_focal_loss"]

# beta of CFR-ICL, equation 3: later answers weigh more.
ICL_WEIGHTS = (1.0, 2.0, 3.0)
_EPSILON = 1e-12


def normalized_focal_loss(logits: Tensor, target: Tensor, *, alpha: float = 0.5, gamma: float = 2.0) -> Tensor:
    """Return the normalised focal loss of each sample (Sofiiuk et al., AdaptIS, ICCV 2019, as RITM uses it).

    Parameters
    ----------
    logits
        (B, 1, H, W).
    target
        (B, 1, H, W): 1 object, 0 background, -1 ignored.
    alpha, gamma
        Weight of the object's pixels, and how strongly easy pixels are damped.

    Returns
    -------
    Tensor
        (B,) losses. The damping factor takes part in the gradient; its normaliser does not.
    """
    valid = target != -1
    wanted = (target > 0.5).to(logits.dtype)
    probability = torch.sigmoid(logits)
    certainty = torch.where(valid, 1 - (wanted - probability).abs(), 1.0)
    damping = (1 - certainty) ** gamma
    count = valid.sum(dim=(-2, -1), keepdim=True)
    with torch.no_grad():
        scale = count / (damping.sum(dim=(-2, -1), keepdim=True) + _EPSILON)
    weight = torch.where(wanted > 0.5, alpha, 1 - alpha) * valid
    loss = -weight * scale * damping * (certainty + _EPSILON).clamp(max=1.0).log()
    return (loss.sum(dim=(-2, -1)) / (count.sum(dim=(-2, -1)) + _EPSILON)).mean(dim=1)


def iterative_click_loss(
    answers: Sequence[Tensor], target: Tensor, *, weights: Sequence[float] = ICL_WEIGHTS, alpha: float = 0.5
) -> Tensor:
    """Return the iterative click loss (CFR-ICL, equation 3): answers to more clicks weigh more.

    Parameters
    ----------
    answers
        Logits (B, 1, H, W) after each added click, first to last; at most as many as ``weights``.
    target
        (B, 1, H, W): 1, 0, or -1 for ignored.

    Returns
    -------
    Tensor
        Scalar: the weighted sum of the answers' batch means.
    """
    if len(answers) > len(weights):
        raise ValueError(f"{len(answers)} answers were given but only {len(weights)} weights")
    terms = [
        weight * normalized_focal_loss(logits, target, alpha=alpha).mean()
        for weight, logits in zip(weights, answers, strict=False)
    ]
    return torch.stack(terms).sum()
