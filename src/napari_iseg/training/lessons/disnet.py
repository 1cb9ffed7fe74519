"""DISNet's lesson: all that the first click could mean, then one of these by more clicks (DISNet, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from napari_iseg.errors import UnknownNameError
from napari_iseg.models.query_decoder import QueryAnswer
from napari_iseg.training.disnet_losses import proposal_loss
from napari_iseg.training.lessons.clicks import answer_loss
from napari_iseg.training.points import add_click, add_correcting_clicks, empty_points
from napari_iseg.training.relations import RelatedMasks, masks_of_labels, sample_hierarchy, sample_proximity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.models.disnet import DISNet, Proposals
    from napari_iseg.training.recipe import Recipe

__all__ = ["RELATIONS", "DISNetLesson", "related_masks"]

RELATIONS = ("hierarchy", "proximity", "either")
"""The names that the option ``relations`` can have."""

# Pixels that another object must show in the crop to be something that a click could mean.
_MIN_VISIBLE = 12
# Intersection over union from which two masks are one thing that two people have drawn.
_SAME = 0.85


class DISNetLesson(nn.Module):
    """Propose at the first click, and correct the proposal that fits best by more clicks.

    The first stage learns every related mask. The second learns one of them, drawn at random, after 0 to 3 correcting
    clicks (``sampled_passes`` of the recipe); without any the proposal itself is the answer, and only the first stage
    learns. Its loss reaches the features and the query that the first stage made, but not the proposal. Ignored pixels
    are background to the first stage.

    Parameters
    ----------
    network
        DISNet.
    recipe
        How to teach it; its ``loss`` is the second stage's, its ``schedule`` does not count.
    relations
        ``"hierarchy"``: the object and all that it is part of; ``"proximity"``: the object and its unions with its
        neighbours; ``"either"``: the hierarchy where the crop's object is part of something, else the proximity.

    every_answer
        Whether the second stage learns from its answer to each correcting click, not to the last alone; it costs little
        beside the first stage.

    Raises
    ------
    UnknownNameError
        If there are no such relations.
    """

    takes_levels = True

    def __init__(
        self, network: DISNet, recipe: Recipe, *, relations: str = "either", every_answer: bool = False
    ) -> None:
        super().__init__()
        if relations not in RELATIONS:
            raise UnknownNameError("relations", relations, RELATIONS)
        self.network = network
        self.recipe = recipe
        self.relations = relations
        self._every_answer = every_answer
        self._loss = answer_loss(recipe)

    def forward(
        self, rgb: Tensor, target: Tensor, rng: np.random.Generator, levels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of a step, see :func:`napari_iseg.training.lessons.make_lesson`.

        ``levels`` is (B, L, H, W), see ``DataRecipe.levels``; without it the target is all that a click could mean.
        """
        truths = target.cpu().numpy()
        maps = np.zeros((len(truths), 0, *truths.shape[1:]), int) if levels is None else levels.cpu().numpy()
        most = self.network.config.queries
        related = [
            related_masks(truth, one, self.relations, rng, most=most) for truth, one in zip(truths, maps, strict=True)
        ]
        points = empty_points(len(related), self.recipe.sampled_passes[1] + 1)
        for slots, each in zip(points, related, strict=True):
            add_click(slots, each.click)
        proposals = _in_float(self.network.propose(rgb, torch.from_numpy(points).to(rgb.device)))
        wanted = [torch.from_numpy(np.stack(each.masks)).to(rgb.device) for each in related]
        first = proposal_loss(proposals, wanted).total
        chosen = [
            np.where(truth == -1, -1, each.masks[each.target]) for truth, each in zip(truths, related, strict=True)
        ]
        second = self._refinement_loss(rgb, proposals, points, np.stack(chosen).astype(np.int8), rng)
        loss = first + second
        return loss, loss.detach()

    def _refinement_loss(
        self, rgb: Tensor, proposals: Proposals, points: np.ndarray, target: np.ndarray, rng: np.random.Generator
    ) -> Tensor:
        """Return the second stage's loss on (B, H, W) ``target``; correcting clicks are added to ``points``."""
        truth = torch.from_numpy(target).to(proposals.masks.device)
        masks, queries = proposals.pick(self._best(proposals.masks, truth))
        template = masks.detach().sigmoid()
        answer = self.network.enlarge(masks.detach()[:, None]).sigmoid()
        fewest, most = self.recipe.sampled_passes
        clicks, losses = int(rng.integers(fewest, most + 1)), []
        for number in range(clicks):
            add_correcting_clicks(points, answer[:, 0].float().cpu().numpy(), target, rng)
            # A sample that the first click got wholly right was never corrected: its answer is the proposal.
            corrected = torch.from_numpy((points[..., 2] > 0).sum(axis=1) > 1).to(truth.device)
            if not corrected.any():
                break
            learns = self._every_answer or number + 1 == clicks
            with torch.set_grad_enabled(learns):
                logits = self._refine(
                    proposals.features[corrected],
                    queries[corrected],
                    template[corrected],
                    points[corrected.cpu().numpy()],
                    rgb[corrected],
                )
            if learns:
                losses.append(self._loss(logits, truth[corrected][:, None]).mean())
            answer = answer.index_put((corrected,), logits.detach().sigmoid())
        if not losses:
            # Every parameter still takes part, as many devices in step need it.
            return torch.stack([parameter.sum() for parameter in self.network.refinement.parameters()]).sum() * 0
        return torch.stack(losses).mean()

    def _refine(self, features: Tensor, queries: Tensor, template: Tensor, points: np.ndarray, rgb: Tensor) -> Tensor:
        given = torch.from_numpy(points).to(features.device)
        return self.network.refine(features, queries, template, given, rgb).float()

    @torch.no_grad()
    def _best(self, masks: Tensor, truth: Tensor) -> Tensor:
        """Return (B,) which of (B, N, h, w) proposals overlaps the (B, H, W) truth most, off its ignored pixels."""
        inside = self.network.enlarge(masks) > 0
        wanted, valid = (truth == 1)[:, None], (truth != -1)[:, None]
        shared = (inside & wanted).sum(dim=(-2, -1))
        together = ((inside | wanted) & valid).sum(dim=(-2, -1))
        return (shared / together.clamp(min=1)).argmax(dim=1)


def related_masks(
    truth: np.ndarray, levels: np.ndarray, relations: str, rng: np.random.Generator, *, most: int = 7
) -> RelatedMasks:
    """Return a first click in a crop's object, and everything that it could mean.

    Parameters
    ----------
    truth
        (H, W): 1 the object, 0 background, -1 ignored.
    levels
        (L, H, W) label maps of the crop, of which the first has the object as label 1. L may be 0.
    relations
        One of :data:`RELATIONS`.
    rng
        Where the chance comes from.
    most
        Masks to return at most.

    Returns
    -------
    RelatedMasks
        The object first.
    """
    own = truth == 1
    others = [np.where(own, 0, plane) if number == 0 else plane for number, plane in enumerate(levels)]
    masks = [own, *(mask for mask in masks_of_labels(others) if np.count_nonzero(mask) >= _MIN_VISIBLE)]
    if relations != "proximity":
        related = sample_hierarchy(masks, rng, centre=0)
        distinct = _distinct(related.masks)
        if relations == "hierarchy" or len(distinct) > 1:
            return RelatedMasks(related.click, distinct[:most], int(rng.integers(min(len(distinct), most))))
    # Neighbours are those of the same map: a part or a whole is no neighbour.
    flat = [own, *(mask for mask in masks_of_labels(others[:1]) if np.count_nonzero(mask) >= _MIN_VISIBLE)]
    return sample_proximity(flat, rng, most=most, centre=0)


def _distinct(masks: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Return the masks without those that are about the same as one before."""
    kept: list[np.ndarray] = []
    for mask in masks:
        overlaps = [np.count_nonzero(mask & other) / np.count_nonzero(mask | other) for other in kept]
        if max(overlaps, default=0.0) < _SAME:
            kept.append(mask)
    return tuple(kept)


def _in_float(proposals: Proposals) -> Proposals:
    """Return the proposals with masks and classes in float32, which matching and sums over pixels want."""
    return proposals._replace(
        masks=proposals.masks.float(),
        classes=proposals.classes.float(),
        auxiliary=tuple(QueryAnswer(*(part.float() for part in level)) for level in proposals.auxiliary),
    )
