"""The adaptive focal loss: for any click network, and for the masks of queries.

Lin et al., AdaptiveClick: Click-aware Transformer with Adaptive Focal Loss for Interactive Image Segmentation, IEEE
TNNLS 2024, section III-C. With p the probability that a pixel gives to its true class, the loss of a pixel is::

    mu (1 - p)^g (-log p) + alpha (1 - p)^(g + 1)        (equation 20)
    g = gamma + eta                                       (ADA, equations 8 to 10)
    mu = N / ((1 + delta g) sum (1 - p)^g)                (AGR, equation 19)

eta is 1 minus the mean p of the object's pixels: harder pictures focus harder. mu gives the loss as much gradient in
all as cross-entropy has. Without ADA and AGR this is the Poly loss; with alpha 0 too, the focal loss; with gamma 0
too, cross-entropy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["AdaptiveFocal", "adaptive_focal_loss"]

_EPSILON = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveFocal:
    """The loss with its settings; an object of this class is called like a function.

    Parameters
    ----------
    gamma
        How strongly easy pixels are damped at least.
    delta
        In (0, 1): the share of the damping's own gradient that AGR counts (equation 16).
    alpha
        Weight of the Poly term; 0 leaves it out.
    detach
        Whether g and mu are constants to the gradient, as published.
    adaptive_difficulty
        ADA; without it g is gamma.
    gradient_representation
        AGR; without it mu is 1.
    """

    gamma: float = 2.0
    delta: float = 0.4
    alpha: float = 1.0
    detach: bool = True
    adaptive_difficulty: bool = True
    gradient_representation: bool = True

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample (the plug-in form, for networks that answer one mask).

        Parameters
        ----------
        logits
            (B, 1, H, W).
        target
            (B, 1, H, W): 1 object, 0 background, -1 ignored.

        Returns
        -------
        Tensor
            (B,) means over valid pixels.
        """
        valid = (target != -1).flatten(1)
        wanted = (target > 0.5).flatten(1).to(logits.dtype)
        distance = (wanted - torch.sigmoid(logits.flatten(1))).abs()
        certainty = torch.where(valid, 1 - distance, 1.0)
        entropy = -(certainty + _EPSILON).clamp(max=1.0).log()
        count = valid.sum(dim=1)
        terms = self._terms(certainty, entropy, wanted > 0.5, count)
        return terms.sum(dim=1) / (count + _EPSILON)

    def of_masks(self, logits: Tensor, target: Tensor, *, balance: float | None = 0.5) -> Tensor:
        """Return the loss of each mask (the criterion form, which trains AdaptiveClick).

        Parameters
        ----------
        logits, target
            (M, N): a mask's pixels; targets from 0 to 1.
        balance
            Weight of the object's pixels; the background's is 1 minus it. None weighs neither.

        Returns
        -------
        Tensor
            (M,) means over pixels.
        """
        probability = torch.sigmoid(logits)
        certainty = probability * target + (1 - probability) * (1 - target)
        entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        count = torch.full((len(logits),), logits.shape[1], device=logits.device)
        terms = self._terms(certainty, entropy, target > 0.5, count)
        if balance is not None:
            terms = terms * (balance * target + (1 - balance) * (1 - target))
        return terms.mean(dim=1)

    def _terms(self, certainty: Tensor, entropy: Tensor, wanted: Tensor, count: Tensor) -> Tensor:
        """Return each pixel's loss: all (M, N) but ``count`` (M,), the number of pixels that count."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.detach):
            focus = self._focus(certainty, wanted)
        damping = (1 - certainty) ** focus
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.detach):
            scale = self._scale(damping, focus, count)
        return scale * damping * entropy + self.alpha * (1 - certainty) ** (focus + 1)

    def _focus(self, certainty: Tensor, wanted: Tensor) -> Tensor:
        """Return g as (M, 1); an absent object counts as hardest."""
        if not self.adaptive_difficulty:
            return certainty.new_full((len(certainty), 1), self.gamma)
        mean = (certainty * wanted).sum(dim=1, keepdim=True) / (wanted.sum(dim=1, keepdim=True) + _EPSILON)
        return self.gamma + 1 - mean

    def _scale(self, damping: Tensor, focus: Tensor, count: Tensor) -> Tensor:
        """Return mu as (M, 1)."""
        if not self.gradient_representation:
            return torch.ones_like(focus)
        return count[:, None] / ((1 + self.delta * focus) * damping.sum(dim=1, keepdim=True) + _EPSILON)


adaptive_focal_loss = AdaptiveFocal()
"""The published settings: gamma 2, delta 0.4, alpha 1."""
