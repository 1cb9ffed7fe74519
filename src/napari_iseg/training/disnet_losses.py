"""What DISNet's first stage is trained with (DISNet, sections 3.2 and 4.2; costs and weights as PiClick has them).

Every proposal that the Hungarian method gives a right mask is pulled towards it, all others to "no object". The second
stage has the normalised focal loss of the corrected mask; the total is their sum, which the paper does not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

from napari_iseg.models.disnet import FOREGROUND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.models.disnet import Proposals

__all__ = ["ProposalLoss", "match", "proposal_loss"]

_CLASS, _FOCAL, _DICE = 1.0, 20.0, 1.0
_ALPHA, _GAMMA = 0.25, 2.0
_NO_OBJECT = 0.1
_DICE_EPSILON = 1.0
_LOG_EPSILON = 1e-12


class ProposalLoss(NamedTuple):
    """Stage 1's loss and what it is made of, each a scalar summed over the decoder's outputs and weighted."""

    total: Tensor
    classes: Tensor
    focal: Tensor
    dice: Tensor


def proposal_loss(proposals: Proposals, truths: Sequence[Tensor]) -> ProposalLoss:
    """Return the matching loss of the first stage.

    Every output of the decoder (of the initial queries and of every layer) is matched by itself; all weigh the same.

    Parameters
    ----------
    proposals
        Of B images.
    truths
        B tensors (G, H, W), float or bool: every mask that the first click could mean. G may differ between images
        and may exceed the number of proposals, when only the best fitting are used.
    """
    outputs = [*proposals.auxiliary, (proposals.classes, proposals.masks)]
    terms = [_output_loss(classes, masks, truths) for classes, masks in outputs]
    classes, focal, dice = (torch.stack(parts).sum() for parts in zip(*terms, strict=True))
    return ProposalLoss(classes + focal + dice, classes, focal, dice)


def match(classes: Tensor, masks: Tensor, truths: Tensor) -> tuple[Tensor, Tensor]:
    """Assign proposals to right masks at the least total cost (Hungarian method).

    Parameters
    ----------
    classes
        (N, 2) logits.
    masks
        (N, H, W) logits at the right masks' size.
    truths
        (G, H, W).

    Returns
    -------
    tuple of Tensor
        The indices of min(N, G) proposals and of their right masks.
    """
    with torch.no_grad():
        logits, wanted = masks.flatten(1).float(), truths.flatten(1).float()
        probability = logits.sigmoid()
        near = -(1 - probability).pow(_GAMMA) * _ALPHA * (probability + _LOG_EPSILON).log()
        far = -probability.pow(_GAMMA) * (1 - _ALPHA) * (1 - probability + _LOG_EPSILON).log()
        focal = (near @ wanted.T + far @ (1 - wanted).T) / logits.shape[1]
        shared = 2 * probability @ wanted.T + _DICE_EPSILON
        dice = 1 - shared / (probability.sum(1)[:, None] + wanted.sum(1) + _DICE_EPSILON)
        meant = classes.float().softmax(-1)[:, FOREGROUND, None]
        cost = _FOCAL * focal + _DICE * dice - _CLASS * meant
        rows, columns = linear_sum_assignment(cost.cpu().numpy())
    return torch.as_tensor(rows, device=masks.device), torch.as_tensor(columns, device=masks.device)


def _output_loss(classes: Tensor, masks: Tensor, truths: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weighted class, focal and dice loss of one output of the decoder, for the whole batch."""
    labels = torch.full(classes.shape[:2], 1 - FOREGROUND, device=classes.device)
    chosen, wanted = [], []
    for sample, truth in enumerate(truths):
        if not len(truth):
            continue
        sized = functional.interpolate(
            masks[sample : sample + 1], size=truth.shape[-2:], mode="bilinear", align_corners=False
        )[0]
        rows, columns = match(classes[sample], sized, truth)
        labels[sample, rows] = FOREGROUND
        chosen.append(sized[rows].flatten(1))
        wanted.append(truth[columns].flatten(1).to(masks.dtype))
    weight = classes.new_full((2,), _NO_OBJECT)
    weight[FOREGROUND] = 1.0
    class_loss = _CLASS * functional.cross_entropy(classes.flatten(0, 1), labels.flatten(), weight)
    if not chosen:
        # Still a part of the graph, so that a batch without any mask is no special case for the caller.
        nothing = masks.sum() * 0
        return class_loss, nothing, nothing
    pairs = list(zip(chosen, wanted, strict=True))
    count = sum(len(mask) for mask in chosen)
    focal = torch.stack([_focal(logits, truth) for logits, truth in pairs]).sum() / count
    dice = torch.stack([_dice(logits, truth) for logits, truth in pairs]).sum() / count
    return class_loss, _FOCAL * focal, _DICE * dice


def _focal(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the sum over (K, P) masks of their mean binary focal loss."""
    probability = logits.sigmoid()
    certainty = probability * truth + (1 - probability) * (1 - truth)
    weight = _ALPHA * truth + (1 - _ALPHA) * (1 - truth)
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (weight * (1 - certainty).pow(_GAMMA) * entropy).mean(dim=1).sum()


def _dice(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the sum over (K, P) masks of their dice loss."""
    probability = logits.sigmoid()
    shared = 2 * (probability * truth).sum(1) + _DICE_EPSILON
    return (1 - shared / (probability.sum(1) + truth.sum(1) + _DICE_EPSILON)).sum()
