"""How queries that propose masks are trained: targets, matching and losses (AdaptiveClick).

Carion et al., End-to-End Object Detection with Transformers (DETR), ECCV 2020: every target is matched to one query,
and only that query learns its mask. Lin et al., AdaptiveClick, IEEE TNNLS 2024, equations 21 and 22, with the factors
of the released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

from napari_iseg.models.query_decoder import QueryAnswer
from napari_iseg.training.adaptive_focal import AdaptiveFocal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_iseg.models.adaptiveclick import AdaptiveClickAnswer

__all__ = ["SetCriterion", "SetLoss", "Targets", "make_targets", "mask_cost", "match"]

_EPSILON = 1e-12
_AFL = AdaptiveFocal()


class Targets(NamedTuple):
    """What one image's queries should find.

    Attributes
    ----------
    labels
        (K,) int64: the class of each target, 1 for the clicked object.
    masks
        (K, h, w) float32, 0 or 1, at the mask logits' resolution.
    """

    labels: Tensor
    masks: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class SetLoss:
    """A loss and its parts.

    Parameters
    ----------
    total
        Scalar, all parts weighted.
    classes, masks, dice
        (levels,) before any weight, in the order of the answers: cross-entropy, adaptive focal loss, dice loss.
    """

    total: Tensor
    classes: Tensor
    masks: Tensor
    dice: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCriterion:
    """The loss of AdaptiveClick, with deep supervision.

    Parameters
    ----------
    class_weights
        Of "no click" and "click" in the cross-entropy. The released code's (1, 0.1) damps the clicked object; the
        paper's words, which damp the queries without one, would be (0.1, 1).
    class_weight, mask_weight, dice_weight
        Of the parts within a level, in matching as in the loss.
    shares
        Of cross-entropy, dice and adaptive focal loss in the total, which only the released code has.
    upstream_targets
        Make targets as the released code does; see :func:`make_targets`.
    mask_loss
        Logits and targets of M masks, (M, N) each, to (M,) losses; None is the adaptive focal loss.
    """

    class_weights: tuple[float, float] = (1.0, 0.1)
    class_weight: float = 2.0
    mask_weight: float = 5.0
    dice_weight: float = 5.0
    shares: tuple[float, float, float] = (0.3, 0.3, 0.4)
    upstream_targets: bool = False
    mask_loss: Callable[[Tensor, Tensor], Tensor] | None = None

    def __call__(self, answer: AdaptiveClickAnswer, target: Tensor) -> SetLoss:
        """Return the loss of an answer.

        Parameters
        ----------
        answer
            Of the network.
        target
            (B, 1, H, W): 1 object, 0 background; -1 counts as background.
        """
        size = (answer.mask_logits.shape[-2], answer.mask_logits.shape[-1])
        last = QueryAnswer(answer.class_logits, answer.mask_logits)
        return self.of_levels([*answer.auxiliary, last], make_targets(target, size, upstream=self.upstream_targets))

    def of_levels(self, levels: Sequence[QueryAnswer], targets: Sequence[Targets]) -> SetLoss:
        """Return the loss of several levels' answers, each matched anew, to one image's targets per batch item."""
        parts = [self._level(level, targets) for level in levels]
        classes, masks, dice = (torch.stack(part) for part in zip(*parts, strict=True))
        total = (
            self.shares[0] * self.class_weight * classes.sum()
            + self.shares[1] * self.dice_weight * dice.sum()
            + self.shares[2] * self.mask_weight * masks.sum()
        )
        return SetLoss(total, classes, masks, dice)

    def _level(self, answer: QueryAnswer, targets: Sequence[Targets]) -> tuple[Tensor, Tensor, Tensor]:
        labels = torch.zeros(answer.class_logits.shape[:2], dtype=torch.long, device=answer.class_logits.device)
        found, wanted = [], []
        for number, target in enumerate(targets):
            queries, chosen = match(
                answer.class_logits[number],
                answer.mask_logits[number],
                target,
                weights=(self.class_weight, self.mask_weight, self.dice_weight),
            )
            labels[number, queries] = target.labels[chosen]
            found.append(answer.mask_logits[number, queries].flatten(1))
            wanted.append(target.masks[chosen].flatten(1))
        logits, masks = torch.cat(found), torch.cat(wanted)
        count = max(sum(len(target.labels) for target in targets), 1)
        weight = answer.class_logits.new_tensor(self.class_weights)
        classes = functional.cross_entropy(answer.class_logits.flatten(0, 1), labels.flatten(), weight=weight)
        of_masks = self.mask_loss or _AFL.of_masks
        return classes, of_masks(logits, masks).sum() / count, _dice(logits, masks).sum() / count


def make_targets(target: Tensor, size: tuple[int, int], *, upstream: bool = False) -> list[Targets]:
    """Return each image's targets.

    Parameters
    ----------
    target
        (B, 1, H, W): 1 object, 0 background; -1 counts as background.
    size
        (h, w) of the mask logits; the target is resized to it bilinearly.
    upstream
        As the released code has it: one target for every value above the smallest that occurs after resizing, its
        class the value's whole part, its mask the pixels with that whole part. So the pixels of a boundary add
        several targets of class 0, each the whole background, and the object (class 1) is what is wholly inside.
        Otherwise one target of class 1: the pixels that are at least half inside.

    Returns
    -------
    list of Targets
        Without any for an image without an object.
    """
    resized = functional.interpolate(
        target.float().clamp(min=0), size=list(size), mode="bilinear", align_corners=False
    )[:, 0]
    if upstream:
        return [_upstream_targets(mask) for mask in resized]
    masks = (resized >= 0.5).float()
    return [_targets([1] if mask.any() else [], mask) for mask in masks]


def _upstream_targets(mask: Tensor) -> Targets:
    labels = mask.unique()[1:].trunc().long().tolist()
    whole = mask.trunc().long()
    return Targets(
        torch.tensor(labels, dtype=torch.long, device=mask.device),
        torch.stack([whole == label for label in labels]).float() if labels else mask.new_zeros(0, *mask.shape),
    )


def _targets(labels: list[int], mask: Tensor) -> Targets:
    return Targets(torch.tensor(labels, dtype=torch.long, device=mask.device), mask[None][: len(labels)])


@torch.no_grad()
def match(
    class_logits: Tensor, mask_logits: Tensor, target: Targets, *, weights: tuple[float, float, float] = (2, 5, 5)
) -> tuple[Tensor, Tensor]:
    """Match one image's queries to its targets at the least cost (Hungarian).

    Parameters
    ----------
    class_logits, mask_logits
        (Q, classes) and (Q, h, w).
    target
        K targets, at most Q of which are matched.
    weights
        Of the costs of class, mask and dice.

    Returns
    -------
    tuple
        (min(Q, K),) indices of the queries, rising, and of their targets.
    """
    logits, masks = mask_logits.flatten(1), target.masks.flatten(1)
    cost = (
        -weights[0] * class_logits.softmax(-1)[:, target.labels]
        + weights[1] * mask_cost(logits, masks)
        + weights[2] * _dice(logits[:, None], masks[None])
    )
    queries, chosen = linear_sum_assignment(cost.cpu().numpy())
    device = class_logits.device
    return torch.as_tensor(queries, device=device), torch.as_tensor(chosen, device=device)


def mask_cost(logits: Tensor, masks: Tensor, *, gamma: float = 2.0, delta: float = 0.4, alpha: float = 1.0) -> Tensor:
    """Return the cost of every pair by the adaptive focal loss of whole masks, as the released code has it.

    Parameters
    ----------
    logits, masks
        (Q, N) and (K, N).
    gamma, delta, alpha
        As of :class:`napari_iseg.training.adaptive_focal.AdaptiveFocal`.

    Returns
    -------
    Tensor
        (Q, K). The certainty is one number per pair, its mean over pixels, and the last term is (1 - p)^g + 1, where
        the loss has (1 - p)^(g + 1).
    """
    probability = torch.sigmoid(logits)
    pixels = logits.shape[1]
    inside = probability @ masks.T
    certainty = (inside + (1 - probability) @ (1 - masks).T) / pixels
    focus = gamma + 1 - inside / ((masks > 0.5).sum(dim=1) + _EPSILON)
    damping = (1 - certainty) ** focus
    scale = len(masks) / ((1 + delta * focus) * damping.sum(dim=1, keepdim=True) + _EPSILON)
    entropy = (functional.softplus(logits).sum(dim=1, keepdim=True) - logits @ masks.T) / pixels
    return 0.5 * scale * damping * entropy + 0.5 * alpha * (damping + 1)


def _dice(logits: Tensor, masks: Tensor) -> Tensor:
    """Return 1 - (2 |p t| + 1) / (|p| + |t| + 1) over the last axis."""
    probability = torch.sigmoid(logits)
    return 1 - (2 * (probability * masks).sum(-1) + 1) / (probability.sum(-1) + masks.sum(-1) + 1)
