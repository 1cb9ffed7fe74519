"""AdaptiveClick's lesson: queries are matched to the object at every level of the decoder (paper, section III-D)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_iseg.models.adaptiveclick import AdaptiveClickAnswer
from napari_iseg.models.query_decoder import QueryAnswer
from napari_iseg.training.iterative import corrected_question
from napari_iseg.training.lessons.clicks import answer_loss
from napari_iseg.training.losses import normalized_focal_loss
from napari_iseg.training.matching import SetCriterion

if TYPE_CHECKING:
    import numpy as np

    from napari_iseg.models.adaptiveclick import AdaptiveClick
    from napari_iseg.training.recipe import Recipe

__all__ = ["AdaptiveClickLesson"]


class AdaptiveClickLesson(nn.Module):
    """Learn from the last of a few answers: click cross-entropy, dice and focal loss of the matched queries.

    Parameters
    ----------
    network
        AdaptiveClick.
    recipe
        How to teach it; its ``loss`` judges the pixels of the matched masks (AFL in the paper), its ``schedule`` does
        not count.
    class_weights, upstream_targets
        See :class:`napari_iseg.training.matching.SetCriterion`; the defaults are the released code's weights, and
        one target to an object.
    answer_weight
        Of a loss beyond the paper, on what is answered in the end: the sum of all masks at the image's own pixels,
        judged by the recipe's ``loss`` and ``dice_weight``. The paper trains single masks on coarse cells, which a
        short run leaves with sloppy outlines.
    """

    def __init__(
        self,
        network: AdaptiveClick,
        recipe: Recipe,
        *,
        class_weights: tuple[float, float] = (1.0, 0.1),
        upstream_targets: bool = False,
        answer_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self._answer_weight = answer_weight
        self._answer_loss = answer_loss(recipe)
        self.criterion = SetCriterion(
            class_weights=class_weights,
            upstream_targets=upstream_targets,
            mask_loss=None if recipe.loss == "adaptive-focal" else self._normalized_focal,
        )

    def forward(self, rgb: Tensor, target: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return the loss of a step, see :func:`napari_iseg.training.lessons.make_lesson`."""
        image, points = corrected_question(self.network, rgb, target, self.recipe, rng)
        answer = self.network.answer(image, torch.from_numpy(points).to(rgb.device))
        answer = _in_float(answer)
        loss = self.criterion(answer, target[:, None]).total
        if self._answer_weight:
            loss = loss + self._answer_weight * self._answer_loss(answer.logits, target[:, None]).mean()
        return loss, loss.detach()

    def _normalized_focal(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Return (M,) losses of (M, N) masks."""
        alpha = self.recipe.focal_alpha
        return normalized_focal_loss(logits[:, None, None], masks[:, None, None], alpha=alpha)


def _in_float(answer: AdaptiveClickAnswer) -> AdaptiveClickAnswer:
    """Return the answer in float32: sums over pixels and matching want more digits than bfloat16 has."""
    return AdaptiveClickAnswer(
        answer.logits.float(),
        answer.mask_logits.float(),
        answer.class_logits.float(),
        tuple(QueryAnswer(*(part.float() for part in level)) for level in answer.auxiliary),
    )
