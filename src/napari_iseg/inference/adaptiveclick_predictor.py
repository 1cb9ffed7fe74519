"""The predictor of AdaptiveClick: one answer as of every click network, and the queries' own masks to choose from.

Lin et al., AdaptiveClick, IEEE TNNLS 2024, section III-B. The paper selects the best mask; the released code, whose
answer is given here, sums all of them. Where a click is ambiguous the single masks are the better half of the story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_iseg.inference.click_predictor import ClickPredictor
from napari_iseg.inference.prediction import Patch, Prediction, Proposal, Window

if TYPE_CHECKING:
    from torch import Tensor

    from napari_iseg.models.adaptiveclick import AdaptiveClick
    from napari_iseg.zoo import AdaptiveClickOptions

__all__ = ["AdaptiveClickPredictor"]

# A pixel belongs to a proposed mask above this probability, whatever the threshold of the answer.
_OBJECT = 0.5


class AdaptiveClickPredictor(ClickPredictor):
    """Clicks and a previous mask to a mask and to proposals.

    The answer is the weighted sum of all queries' masks, of the image and its mirror image. The proposals are the
    queries' masks of the image alone: which query of the mirror image means the same is not known. They are ordered by
    the probability that the query found what was clicked, times the mean probability of its mask's pixels; empty ones
    and near-duplicates of better ones are left out.

    Parameters
    ----------
    network
        On the device where it shall run.
    options
        See :class:`napari_iseg.zoo.AdaptiveClickOptions`.

    Raises
    ------
    OptionError
        If ``target_size`` does not fit the network.
    """

    network: AdaptiveClick
    _options: AdaptiveClickOptions

    def __init__(self, network: AdaptiveClick, *, options: AdaptiveClickOptions) -> None:
        super().__init__(network, options=options)

    @property
    def options(self) -> AdaptiveClickOptions:
        """The options it works with."""
        return self._options

    @torch.inference_mode()
    def _answer(self, image: Tensor, points: Tensor, **facts: Any) -> Prediction:
        answer = self.network.answer(image, points)
        proposals = self._proposals(answer.class_logits[0], answer.mask_logits[0], facts["window"])
        values = np.asarray(torch.sigmoid(self.unflip(answer.logits))[0, 0].cpu())
        return Prediction.single(values=values, proposals=proposals, **facts)

    def _proposals(self, class_logits: Tensor, mask_logits: Tensor, window: Window) -> tuple[Proposal, ...]:
        """Return the best first, of (Q, 2) classes and (Q, h, w) masks over a window."""
        scores = class_logits.softmax(-1)[:, 1] * _confidence(mask_logits)
        order = scores.argsort(descending=True, stable=True).tolist()
        kept = distinct((mask_logits > 0).flatten(1), order, self._options.duplicate_overlap)
        found = (_proposal(mask_logits[query], float(scores[query]), window) for query in kept)
        return tuple(proposal for proposal in found if proposal is not None)


def distinct(masks: Tensor, order: list[int], overlap: float) -> list[int]:
    """Return the masks that are not empty and no near-duplicates of earlier ones.

    Parameters
    ----------
    masks
        (Q, N) bool.
    order
        Indices of masks, the most wanted first.
    overlap
        Largest IoU with a kept mask.
    """
    pixels = masks.float()
    shared = pixels @ pixels.T
    areas = pixels.sum(dim=1)
    ious = (shared / (areas[:, None] + areas - shared).clamp(min=1)).cpu()
    kept: list[int] = []
    for index in order:
        if areas[index] > 0 and all(ious[index, other] <= overlap for other in kept):
            kept.append(index)
    return kept


def _confidence(mask_logits: Tensor) -> Tensor:
    """Return (Q,): the mean probability of each mask's pixels; 0 for an empty mask."""
    probability = torch.sigmoid(mask_logits)
    inside = probability > _OBJECT
    return (probability * inside).sum(dim=(1, 2)) / inside.sum(dim=(1, 2)).clamp(min=1)


def _proposal(mask_logits: Tensor, score: float, window: Window) -> Proposal | None:
    """Return the proposal of a (h, w) mask over a window, None if no pixel of the plane is left of it."""
    logits = mask_logits.float().cpu().numpy().copy()
    drawn = np.zeros(window.shape, np.float32)
    Patch(Window.whole(window.shape), logits, logits=True).paint(drawn)
    inside = drawn > _OBJECT
    if not inside.any():
        return None
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    box = Window(
        window.row_start + int(rows[0]),
        window.row_start + int(rows[-1]) + 1,
        window.column_start + int(columns[0]),
        window.column_start + int(columns[-1]) + 1,
    )
    return Proposal(Patch(window, logits, logits=True), score, box)
