"""The lesson of networks that answer clicks with one mask: SimpleClick, CFR-ICL."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_iseg.training.adaptive_focal import AdaptiveFocal
from napari_iseg.training.iterative import answers_to_learn_from
from napari_iseg.training.losses import ICL_WEIGHTS, iterative_click_loss, normalized_focal_loss
from napari_iseg.training.masked_images import filling_loss, hide_patches
from napari_iseg.training.overlap_losses import dice_loss
from napari_iseg.training.points import empty_points

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from napari_iseg.training.recipe import Recipe

__all__ = ["ClickLesson", "answer_loss"]

# What an answer's logit is set to where the target is ignored.
_SURELY_NOT = -20.0


def answer_loss(recipe: Recipe) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the recipe's loss of one answer: logits and target, (B, 1, H, W) each, to (B,) losses."""
    pixels: Callable[[Tensor, Tensor], Tensor]
    if recipe.loss == "adaptive-focal":
        pixels = AdaptiveFocal()
    else:
        pixels = partial(normalized_focal_loss, alpha=recipe.focal_alpha)
    if not recipe.dice_weight:
        return pixels

    def with_dice(logits: Tensor, target: Tensor) -> Tensor:
        # Dice knows no ignored pixels: there the answer is taken to be what the target says.
        known = logits.masked_fill(target == -1, _SURELY_NOT)
        return pixels(logits, target) + recipe.dice_weight * dice_loss(known, target == 1)

    return with_dice


class ClickLesson(nn.Module):
    """Answer, be corrected, answer again; learn from every answer or the last one, as the recipe's schedule says.

    Parameters
    ----------
    network
        Takes (B, 4, H, W) images and (B, 2n, 3) points, answers (B, 1, H, W) logits.
    recipe
        How to teach it.
    masked_share
        Instead of answering clicks, fill in images of which this share of the patches is hidden; 0 answers clicks. What
        it learns is where a run on clicks begins (``--weights``).
    mask_side
        Of a hidden patch, in pixels.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, *, masked_share: float = 0.0, mask_side: int = 16) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.masked_share, self.mask_side = masked_share, mask_side
        self._loss = answer_loss(recipe)

    def forward(self, rgb: Tensor, target: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return the loss of a step, see :func:`napari_iseg.training.lessons.make_lesson`."""
        if self.masked_share:
            loss = self._fill_in(rgb, rng)
            return loss, loss.detach()
        answers = [logits.float() for logits in answers_to_learn_from(self.network, rgb, target, self.recipe, rng)]
        loss = iterative_click_loss(answers, target[:, None], loss=self._loss)
        # Weights 1, 2, 3 sum to more for more terms; divided, losses of steps compare.
        return loss, loss.detach() / sum(ICL_WEIGHTS[: len(answers)])

    def _fill_in(self, rgb: Tensor, rng: np.random.Generator) -> Tensor:
        shown, hidden = hide_patches(rgb, self.masked_share, self.mask_side, rng)
        nothing = torch.from_numpy(empty_points(len(rgb), self.recipe.click_slots)).to(rgb.device)
        logits = self.network(torch.cat([shown, torch.zeros_like(rgb[:, :1])], dim=1), nothing)
        return filling_loss(logits.float(), rgb, hidden)
