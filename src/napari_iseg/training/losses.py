"""Losses of click networks that judge pixel by pixel.

Every loss takes logits (B, 1, H, W) and a target of the same shape: 1 object, 0 background, -1 ignored, unless it says
something else. Ignored pixels have no gradient.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "ICL_WEIGHTS",
    "alpha_loss",
    "boundary_weighted_focal_loss",
    "focal_loss",
    "iterative_click_loss",
    "normalized_focal_loss",
    "sigmoid_cross_entropy",
]

# beta of CFR-ICL, equation 3: later answers weigh more.
ICL_WEIGHTS = (1.0, 2.0, 3.0)
_EPSILON = 1e-12


def normalized_focal_loss(
    logits: Tensor, target: Tensor, *, alpha: float = 0.5, gamma: float = 2.0, detach_scale: bool = True
) -> Tensor:
    """Return the normalised focal loss of each sample (Sofiiuk et al., AdaptIS, ICCV 2019, as RITM uses it).

    Parameters
    ----------
    logits
        (B, 1, H, W).
    target
        (B, 1, H, W): 1 object, 0 background, -1 ignored.
    alpha, gamma
        Weight of the object's pixels, and how strongly easy pixels are damped.
    detach_scale
        Whether the damping's normaliser is left out of the gradient, as everywhere in the released trainings. The
        damping itself always takes part.

    Returns
    -------
    Tensor
        (B,) losses.
    """
    count = (target != -1).sum(dim=(-2, -1))
    pixels = _normalized_focal_pixels(logits, target, alpha, gamma, detach_scale=detach_scale)
    return (pixels.sum(dim=(-2, -1)) / (count + _EPSILON)).mean(dim=1)


def boundary_weighted_focal_loss(
    logits: Tensor, target: Tensor, boundary: Tensor, *, alpha: float = 0.5, gamma: float = 2.0
) -> Tensor:
    """Return FocalClick's loss of the refined mask: normalised focal, twice as heavy along the boundary.

    Parameters
    ----------
    boundary
        (B, 1, H, W), 1 near the target's boundary and 0 elsewhere, as
        :func:`napari_iseg.training.boundary.boundary_target` makes it.

    Returns
    -------
    Tensor
        Scalar: the weighted mean over the whole batch. (The paper says 1.5 along the boundary; the released code
        weighs 1 there and 0.5 elsewhere.)
    """
    weight = 0.5 * boundary + 0.5
    pixels = _normalized_focal_pixels(logits, target, alpha, gamma, detach_scale=True)
    return (pixels * weight).sum() / (weight.sum() + _EPSILON)


def focal_loss(logits: Tensor, target: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Return the focal loss of each sample, (B,), a mean over the pixels that count (Lin et al., ICCV 2017)."""
    certainty, weight = _certainty(logits, target, alpha)
    pixels = -weight * (1 - certainty) ** gamma * _log(certainty)
    count = (target != -1).sum(dim=(-2, -1))
    return (pixels.sum(dim=(-2, -1)) / (count + _EPSILON)).mean(dim=1)


def sigmoid_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the binary cross entropy of each sample, (B,), as RITM's auxiliary head is trained with it.

    Ignored pixels add nothing, yet the mean divides by all pixels.
    """
    wanted = (target > 0.5).to(logits.dtype)
    pixels = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (pixels * (target != -1)).mean(dim=(1, 2, 3))


def alpha_loss(alpha: Tensor, target: Tensor, unknown: Tensor, *, unknown_weight: float = 5.0) -> Tensor:
    """Return the weighted squared error of an alpha matte (FocalClick-XL's Detail-Net).

    Parameters
    ----------
    alpha, target
        (B, 1, H, W) in [0, 1]; a negative target is ignored.
    unknown
        (B, 1, H, W), 1 where the trimap leaves the matter open, 0 elsewhere.
    unknown_weight
        Of the unknown pixels; the others weigh 1.

    Returns
    -------
    Tensor
        Scalar: the mean over all pixels that count of weight times squared error.
    """
    counted = target >= 0
    weight = (1 + (unknown_weight - 1) * unknown.to(alpha.dtype)) * counted
    return (weight * (alpha - target) ** 2).sum() / counted.sum().clamp(min=1)


def iterative_click_loss(
    answers: Sequence[Tensor],
    target: Tensor,
    *,
    weights: Sequence[float] = ICL_WEIGHTS,
    alpha: float = 0.5,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the iterative click loss (CFR-ICL, equation 3): answers to more clicks weigh more.

    Parameters
    ----------
    answers
        Logits (B, 1, H, W) after each added click, first to last; at most as many as ``weights``.
    target
        (B, 1, H, W): 1, 0, or -1 for ignored.
    weights
        Of the answers.
    alpha
        Of the normalised focal loss.
    loss
        Logits and target to the loss of each sample, (B,); None is the normalised focal loss.

    Returns
    -------
    Tensor
        Scalar: the weighted sum of the answers' batch means.
    """
    if len(answers) > len(weights):
        raise ValueError(f"{len(answers)} answers were given but only {len(weights)} weights")
    each = loss or partial(normalized_focal_loss, alpha=alpha)
    terms = [weight * each(logits, target).mean() for weight, logits in zip(weights, answers, strict=False)]
    return torch.stack(terms).sum()


def _normalized_focal_pixels(
    logits: Tensor, target: Tensor, alpha: float, gamma: float, *, detach_scale: bool
) -> Tensor:
    """Return the focal terms of every pixel, scaled so that the damping has mean 1 over each sample."""
    certainty, weight = _certainty(logits, target, alpha)
    damping = (1 - certainty) ** gamma
    count = (target != -1).sum(dim=(-2, -1), keepdim=True)
    scale = count / (damping.sum(dim=(-2, -1), keepdim=True) + _EPSILON)
    if detach_scale:
        scale = scale.detach()
    return -weight * scale * damping * _log(certainty)


def _certainty(logits: Tensor, target: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Return the probability of what is right (1 where ignored) and the class weight (0 where ignored)."""
    valid = target != -1
    wanted = (target > 0.5).to(logits.dtype)
    certainty = torch.where(valid, 1 - (wanted - torch.sigmoid(logits)).abs(), 1.0)
    return certainty, torch.where(wanted > 0.5, alpha, 1 - alpha) * valid


def _log(certainty: Tensor) -> Tensor:
    return (certainty + _EPSILON).clamp(max=1.0).log()
