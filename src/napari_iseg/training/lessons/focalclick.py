"""FocalClick's lesson: the segmentor's answer, and the refiner's in a focus crop (paper, section 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from napari_iseg.training.focus import crop_image, focal_click_loss, focus_points, simulated_focus
from napari_iseg.training.iterative import corrected_question
from napari_iseg.training.lessons.clicks import answer_loss

if TYPE_CHECKING:
    from napari_iseg.models.focalclick import FocalClick
    from napari_iseg.training.recipe import Recipe

__all__ = ["FocalClickLesson"]


class FocalClickLesson(nn.Module):
    """Learn from the last of a few answers; the focus crops are simulated, not chosen by the answer.

    Parameters
    ----------
    network
        FocalClick.
    recipe
        How to teach it; its ``loss`` is the segmentor's, its ``schedule`` does not count.
    """

    def __init__(self, network: FocalClick, recipe: Recipe) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self._loss = answer_loss(recipe)

    def forward(self, rgb: Tensor, target: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return the loss of a step, see :func:`napari_iseg.training.lessons.make_lesson`."""
        image, points = corrected_question(self.network, rgb, target, self.recipe, rng)
        logits, feature, auxiliary = self.network.segment_with_auxiliary(image, torch.from_numpy(points).to(rgb.device))
        size = (int(rgb.shape[-2]), int(rgb.shape[-1]))
        boxes = [simulated_focus(truth == 1, rng) for truth in target.cpu().numpy()]
        crops = torch.stack([crop_image(one, box, size) for one, box in zip(rgb, boxes, strict=True)])
        moved = np.stack([focus_points(one, box, size) for one, box in zip(points, boxes, strict=True)])
        refined, boundary, _ = self.network.refine(
            crops,
            torch.from_numpy(moved).to(rgb.device),
            feature,
            logits,
            # Not in the images' type: bfloat16 has no 257.
            torch.tensor(boxes, dtype=torch.float32, device=rgb.device),
        )
        loss = focal_click_loss(
            logits.float(),
            refined.float(),
            boundary.float(),
            target[:, None],
            boxes,
            auxiliary=None if auxiliary is None else auxiliary.float(),
            coarse_loss=self._loss,
        )
        return loss, loss.detach()
