"""RITM's lesson: the last of a few answers, and the coarse one that its context head is steered by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_iseg.training.iterative import corrected_question
from napari_iseg.training.lessons.clicks import answer_loss
from napari_iseg.training.losses import sigmoid_cross_entropy

if TYPE_CHECKING:
    import numpy as np

    from napari_iseg.models.ritm import RITM
    from napari_iseg.training.recipe import Recipe

__all__ = ["RITMLesson"]


class RITMLesson(nn.Module):
    """Learn from the last of a few answers and from the auxiliary head's.

    Parameters
    ----------
    network
        RITM.
    recipe
        How to teach it; its ``loss`` is that of the answer, its ``schedule`` does not count.
    auxiliary_weight
        Of the auxiliary head's cross-entropy.
    """

    def __init__(self, network: RITM, recipe: Recipe, *, auxiliary_weight: float = 0.4) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.auxiliary_weight = auxiliary_weight
        self._loss = answer_loss(recipe)

    def forward(self, rgb: Tensor, target: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return the loss of a step, see :func:`napari_iseg.training.lessons.make_lesson`."""
        image, points = corrected_question(self.network, rgb, target, self.recipe, rng)
        logits, auxiliary = self.network.with_auxiliary(image, torch.from_numpy(points).to(rgb.device))
        truth = target[:, None]
        loss = self._loss(logits.float(), truth).mean()
        loss = loss + self.auxiliary_weight * sigmoid_cross_entropy(auxiliary.float(), truth).mean()
        return loss, loss.detach()
