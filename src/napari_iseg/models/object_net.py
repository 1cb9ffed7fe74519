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
from napari_iseg.models.conv_stem import prompt_convolution
from napari_iseg.models.guidance import GUIDANCE_CHANNELS, box_guidance, mark_guidance, mask_guidance
from napari_iseg.models.segformer import MixTransformer, MLPHead, initialise_classifier, initialise_segformer
from napari_iseg.models.simpleclick import Backbone, Head, SimpleClickConfig, feature_pyramid

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PROMPT_KINDS", "ConvEncoder", "ObjectNet"]

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
    guidance
        Whether the Prompting Layers also see what is like and near the prompts by the image's own colours
        (:mod:`napari_iseg.models.guidance`).
    encoder
        What takes the place of the mix transformer and the first half of its head; None for these.
    """

    def __init__(
        self,
        *,
        dims: Sequence[int],
        depths: Sequence[int],
        heads: Sequence[int],
        width: int,
        context_channels: int,
        guidance: bool = False,
        encoder: ConvEncoder | None = None,
    ) -> None:
        super().__init__()
        self.guidance = guidance
        channels = _INPUT_CHANNELS + (GUIDANCE_CHANNELS if guidance else 0)
        if encoder is None:
            click = nn.Conv2d(channels, dims[0], 7, stride=4, padding=3)
            initialise_segformer(click)
        else:
            click = encoder.first_convolution(channels)
        # Clicks are learnt first; every other kind of prompt starts from what they have learnt.
        self.prompting = nn.ModuleDict({kind: copy.deepcopy(click) for kind in PROMPT_KINDS})
        if encoder is None:
            self.encoder: nn.Module = MixTransformer(dims, depths, heads, stem=nn.Identity())
            self.head: nn.Module = MLPHead(dims, width)
            # The MLP below takes the place of the head's own classifier.
            self.head.add_module("linear_pred", nn.Identity())
        else:
            self.encoder, self.head = encoder, encoder.new_head()
        self.context = nn.Sequential(nn.Conv2d(context_channels, width, 1), nn.BatchNorm2d(width))
        self.mlp = nn.Sequential(nn.Conv2d(width, width // 2, 1), nn.GELU(), nn.Conv2d(width // 2, 1, 1))
        initialise_segformer(self.context)
        initialise_segformer(self.mlp)
        initialise_classifier(self.mlp[-1])
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
        maps = [normalise_rgb(rgb), coordinates]
        if self.guidance:
            maps.append(_guidance(rgb, coordinates[:, 1:], kind))
        feature = self.head.feature(self.encoder(self.prompting[kind](torch.cat(maps, dim=1))))
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


def _guidance(rgb: Tensor, bimap: Tensor, kind: str) -> Tensor:
    """Return what the image says about prompts of a kind, (B, 8, S, S), drawn as (B, 2, S, S)."""
    match kind:
        case "box":
            return box_guidance(rgb, bimap[:, :1])
        case "mask":
            return mask_guidance(rgb, bimap[:, :1])
        case _:
            return mark_guidance(rgb, bimap)


class ConvEncoder(nn.Module):
    """SimpleClick's small encoder with convolutions around its transformer, behind a Prompting Layer.

    Nothing of it is the paper's; its weights can begin as those of a click network of the same sizes, which need not
    learn to look at images again.

    Parameters
    ----------
    config
        Of such a network, with a stem.
    """

    def __init__(self, config: SimpleClickConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config, sees_image=False)
        self.neck = feature_pyramid(config)
        self.backbone.initialise()

    def forward(self, maps: Tensor) -> list[Tensor]:
        """Return four levels, finest first, of what the Prompting Layer made of image and prompts."""
        return self.neck(*self.backbone(maps, maps))

    def first_convolution(self, channels: int) -> nn.Conv2d:
        """Return a Prompting Layer for so many maps."""
        return prompt_convolution(channels, self.config.stem)

    def new_head(self) -> Head:
        """Return what joins the levels, with a classifier that is not used."""
        head = Head(self.config)
        head.initialise()
        head.add_module("conv_seg", nn.Identity())
        return head
