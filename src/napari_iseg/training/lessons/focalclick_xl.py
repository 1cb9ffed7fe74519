"""FocalClick-XL's lessons: objects by clicks, details, more prompts by their Prompting Layers alone; or all together.

Chen et al., FocalClick-XL, section 5.1: three stages, a run and a recipe each, the weights of one starting the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from napari_iseg.errors import IsegError, UnknownNameError
from napari_iseg.models.object_net import PROMPT_KINDS
from napari_iseg.training.lessons.clicks import answer_loss
from napari_iseg.training.losses import ICL_WEIGHTS, alpha_loss, iterative_click_loss
from napari_iseg.training.mattes import cut_patches, hard_alpha
from napari_iseg.training.prompting import answers_to, view_objects

if TYPE_CHECKING:
    import numpy as np

    from napari_iseg.models.focalclick_xl import FocalClickXL
    from napari_iseg.training.prompting import ObjectView
    from napari_iseg.training.recipe import Recipe

__all__ = ["STAGES", "FocalClickXLLesson"]

STAGES = ("objects", "details", "prompts", "joint")
"""What a run can teach: the paper's stages 1, 2 and 3, and all of it at once."""


class FocalClickXLLesson(nn.Module):
    """One stage; what the stage does not teach stays as it is, norms' statistics included.

    Parameters
    ----------
    network
        FocalClick-XL; what is trainable of it is set here.
    recipe
        How to teach it.
    stage
        ``"objects"``: the Object-Net and the context's adapters, by clicks. ``"details"``: the Detail-Net.
        ``"prompts"``: the Prompting Layers of ``prompts`` and nothing else. ``"joint"``: everything.
    prompts
        Kinds of prompt, of which each step draws one. Empty is clicks for ``"objects"``, the other three for
        ``"prompts"`` and all for ``"joint"``.
    click_share
        Share of steps with clicks, where there are other prompts besides; those share the rest evenly.
    encoder
        Also train the context's encoder, which the paper keeps as SAM's weights have it.
    whole_share
        Share of clicked and scribbled samples that are seen whole; the others are crops around the object.
    object_scale
        Side of what the Object-Net sees over the side of the image, the network's ``object_size`` at the most.
    patches
        Patches for the Detail-Net from every image.
    own_trimaps
        ``"joint"``: share of patches whose tri-map is the Object-Net's own answer's.
    detail_band
        ``"joint"``: how far from an answer's outline its tri-map leaves anything open, as the predictor's option of
        this name.
    layers_follow
        ``"objects"``: the Prompting Layers of the other prompts become copies of the learnt one, and start from it.

    Raises
    ------
    UnknownNameError
        If there is no such stage or kind of prompt.
    IsegError
        If ``"objects"`` is to learn several kinds of prompt.
    """

    takes_alpha = True
    # To a user's images it adapts by clicks alone: what other prompts have been taught must not be overwritten, and
    # hard labels say nothing about soft edges.
    adapting: ClassVar[dict[str, Any]] = {"stage": "objects", "layers_follow": False}

    def __init__(
        self,
        network: FocalClickXL,
        recipe: Recipe,
        *,
        stage: str = "objects",
        prompts: tuple[str, ...] = (),
        click_share: float = 0.5,
        encoder: bool = False,
        whole_share: float = 0.1,
        object_scale: float = 1.0,
        patches: int = 1,
        own_trimaps: float = 0.5,
        detail_band: float = 0.0,
        layers_follow: bool = True,
    ) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.stage = stage
        self.kinds = _kinds(stage, prompts)
        self._click_share = click_share
        self._whole_share = whole_share
        self._object_scale = object_scale
        self._patches = patches
        self._own_trimaps = own_trimaps
        self._detail_band = detail_band
        self._layers_follow = layers_follow
        self._loss = answer_loss(recipe)
        match stage:
            case "objects":
                network.train_objects(self.kinds[0], encoder=encoder)
            case "details":
                network.train_details()
            case "prompts":
                network.tune_prompt(*self.kinds)
            case _:
                network.train_together(*self.kinds, encoder=encoder)

    def forward(
        self, rgb: Tensor, target: Tensor, rng: np.random.Generator, alpha: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of a step, see :func:`napari_iseg.training.lessons.make_lesson`.

        ``alpha``, (B, H, W) in [0, 1] and negative where unknown, is the target's soft version; None is as hard as
        the target.
        """
        # In mixed precision Fabric hands halves over, in which neither alpha nor a place on a plane is exact.
        rgb, alpha = rgb.float(), hard_alpha(target) if alpha is None else alpha.float()
        if self.stage == "details":
            loss = self._detail_loss(rgb, alpha, None, None, rng)
            return loss, loss.detach()
        self._let_layers_follow()
        kind = self._draw_kind(rng)
        view = view_objects(self.network, rgb, target, self._object_side(rgb), self._share_seen_whole(kind), rng)
        answers = [logits.float() for logits in answers_to(kind, view, self.recipe, rng)]
        loss = iterative_click_loss(answers, view.target[:, None], loss=self._loss)
        shown = loss.detach() / sum(ICL_WEIGHTS[: len(answers)])
        if self.stage == "joint":
            details = self._detail_loss(rgb, alpha, view, answers[-1].detach(), rng)
            loss, shown = loss + details, shown + details.detach()
        return loss + self._nothing(), shown

    def _draw_kind(self, rng: np.random.Generator) -> str:
        kinds = self.kinds
        if "click" not in kinds or len(kinds) == 1:
            return str(rng.choice(kinds))
        rest = (1 - self._click_share) / (len(kinds) - 1)
        return str(rng.choice(kinds, p=[self._click_share if kind == "click" else rest for kind in kinds]))

    def _share_seen_whole(self, kind: str) -> float:
        # A box or a mask says where to look; clicks and scribbles begin with the whole image.
        return self._whole_share if kind in ("click", "scribble") else 0.0

    def _object_side(self, rgb: Tensor) -> int:
        wanted = 32 * round(self._object_scale * min(rgb.shape[-2:]) / 32)
        return int(min(max(wanted, 32), self.network.config.object_size))

    def _detail_loss(
        self, rgb: Tensor, alpha: Tensor, view: ObjectView | None, logits: Tensor | None, rng: np.random.Generator
    ) -> Tensor:
        """Return the Detail-Net's loss; with a view and its logits some tri-maps are those of this answer."""
        shape = (int(rgb.shape[-2]), int(rgb.shape[-1]))
        answers = None if view is None or logits is None else view.paste(logits, shape)
        side = min(self.network.config.detail_size, *shape)
        patches = cut_patches(
            rgb,
            alpha,
            side,
            rng,
            count=self._patches,
            answers=answers,
            own_share=self._own_trimaps,
            band=self._detail_band,
        )
        found = self.network.detail_net(patches.rgb, patches.trimap)
        return alpha_loss(found.float(), patches.alpha, patches.trimap[:, 2:])

    def _let_layers_follow(self) -> None:
        if self.stage == "objects" and self._layers_follow:
            learnt = self.kinds[0]
            for kind in PROMPT_KINDS:
                if kind != learnt:
                    self.network.object_net.copy_prompting(learnt, kind)

    def _nothing(self) -> Tensor | float:
        """Return a zero that hangs on every Prompting Layer: many devices wait for a gradient of each in every step."""
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return 0.0
        layers = [layer for layer in self.network.object_net.prompting.parameters() if layer.requires_grad]
        return torch.stack([0.0 * layer.sum() for layer in layers]).sum()


def _kinds(stage: str, prompts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the kinds of prompt that a stage draws."""
    if stage not in STAGES:
        raise UnknownNameError("stage of FocalClick-XL", stage, STAGES)
    for kind in prompts:
        if kind not in PROMPT_KINDS:
            raise UnknownNameError("kind of prompt", kind, PROMPT_KINDS)
    if stage == "objects" and len(prompts) > 1:
        raise IsegError(
            f"The stage 'objects' learns one kind of prompt; {', '.join(prompts)} were given. Use the stage 'joint'."
        )
    return prompts or {"objects": ("click",), "details": (), "prompts": PROMPT_KINDS[1:], "joint": PROMPT_KINDS}[stage]
