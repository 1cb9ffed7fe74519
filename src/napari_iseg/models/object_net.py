"""Object-Net of FocalClick-XL: the crop around the object, the prompts and the context's region to a first mask.

Chen et al., FocalClick-XL: Towards Unified and High-quality Interactive Segmentation, sections 4.1 and 5.1: a SegFormer
whose first convolution, the Prompting Layer, exists once per kind of prompt and is all that a new kind has to train.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_iseg.models._blocks import normalise_rgb
from napari_iseg.models.segformer import MixTransformer, MLPHead, initialise_segformer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PROMPT_KINDS", "ObjectNet"]

PROMPT_KINDS = ("click", "scribble", "box", "mask")
# RGB, the previous mask, what the prompts include and what they exclude.
_INPUT_CHANNELS = 6


class ObjectNet(nn.Module):
    """The network.

    Parameters
    ----------
    dims, depths, heads
        Of the four stages of the mix transformer.
    width
        Channels of the MLP head's feature, to which the context's are added.
    context_channels
        Of the context's features.
    """

    def __init__(
        self, *, dims: Sequence[int], depths: Sequence[int], heads: Sequence[int], width: int, context_channels: int
    ) -> None:
        super().__init__()
        click = nn.Conv2d(_INPUT_CHANNELS, dims[0], 7, stride=4, padding=3)
        initialise_segformer(click)
        # Clicks are learnt first; every other kind of prompt starts from what they have learnt.
        self.prompting = nn.ModuleDict({kind: copy.deepcopy(click) for kind in PROMPT_KINDS})
        self.encoder = MixTransformer(dims, depths, heads, stem=nn.Identity())
        self.head = MLPHead(dims, width)
        # The MLP below takes the place of the head's own classifier.
        self.head.add_module("linear_pred", nn.Identity())
        self.context = nn.Sequential(nn.Conv2d(context_channels, width, 1), nn.BatchNorm2d(width))
        self.mlp = nn.Sequential(nn.Conv2d(width, width // 2, 1), nn.GELU(), nn.Conv2d(width // 2, 1, 1))
        initialise_segformer(self.context)
        initialise_segformer(self.mlp)
        # The context adds nothing at first and comes in as its norm learns.
        nn.init.zeros_(self.context[1].weight)

    def forward(self, rgb: Tensor, coordinates: Tensor, kind: str, region: Tensor | None) -> Tensor:
        """Predict the primitive mask.

        Parameters
        ----------
        rgb
            (B, 3, S, S) RGB in [0, 1], the crop around the object; sides are multiples of 32.
        coordinates
            (B, 3, S, S): the previous mask as probabilities, and the two maps of 0 and 1 of what the prompts include
            and exclude.
        kind
            Which Prompting Layer to go through, one of ``PROMPT_KINDS``.
        region
            (B, C, r, r) features of the crop's region in the context; None leaves the context out.

        Returns
        -------
        Tensor
            (B, 1, S, S) logits.
        """
        maps = self.prompting[kind](torch.cat([normalise_rgb(rgb), coordinates], dim=1))
        feature = self.head.feature(self.encoder(maps))
        if region is not None:
            feature = feature + functional.interpolate(
                self.context(region), size=feature.shape[-2:], mode="bilinear", align_corners=False
            )
        logits = self.mlp(feature)
        # Corners aligned, as in FocalClick: a stride of 4 with padding 3 centres cell i on pixel 4 i.
        return functional.interpolate(logits, size=rgb.shape[-2:], mode="bilinear", align_corners=True)

    def copy_prompting(self, source: str, target: str) -> None:
        """Make the Prompting Layer of ``target`` a copy of that of ``source``, to tune it from there."""
        self.prompting[target].load_state_dict(self.prompting[source].state_dict())
