"""DISNet: several masks for the first click, and a small second network that corrects the chosen one.

Interactive Segmentation by Considering First-Click Intentional Ambiguity (DISNet), draft for ACM Multimedia 2024. No
code or weights were released. Where the paper points to PiClick (Yan et al., arXiv 2304.11609) and Mask2Former (Cheng
et al., CVPR 2022) this follows them; what neither says is our choice and said to be. The second network is in
:mod:`napari_iseg.models.disnet_refinement`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_iseg.models._blocks import click_disks, normalise_rgb
from napari_iseg.models.deformable import PixelDecoder, PixelFeatures, sine_encoding, sine_positions
from napari_iseg.models.disnet_refinement import (
    ClickSet,
    Refinement,
    first_positive,
)
from napari_iseg.models.families import Family
from napari_iseg.models.guidance import GUIDANCE_CHANNELS, click_guidance
from napari_iseg.models.query_decoder import (
    QueryAnswer,
    QueryHead,
    QueryLayer,
    blocked_by_masks,
    open_blocked_rows,
)
from napari_iseg.models.simpleclick import Backbone, SimpleClickConfig, coordinate_embed, feature_pyramid

__all__ = ["FAMILY", "FOREGROUND", "DISNet", "DISNetConfig", "Proposals"]

# Of a guide's maps those of positive clicks: every other one.
_GUIDES = GUIDANCE_CHANNELS // 2

FOREGROUND = 0
"""Index of the class "a mask that somebody could mean"; 1 is "no object"."""


@dataclass(frozen=True, slots=True)
class DISNetConfig:
    """Sizes, and the paper's ablations.

    Parameters
    ----------
    image_size
        (rows, columns) that the position embedding was made for; other sizes interpolate it.
    patch_size, embed_dim, depth, heads, mlp_ratio
        Of the vision transformer: (rows, columns) of a patch, width, blocks (a multiple of 4), attention heads and MLP
        expansion.
    width
        Of everything after the transformer: feature pyramid, queries, refinement. A multiple of 32.
    attention_heads
        Of every attention after the transformer.
    pixel_layers, pixel_points, pixel_ffn
        The pixel decoder's deformable layers, their points per level and head, and their hidden width.
    decoder_layers, decoder_ffn
        Of the Mask2Former decoder (PiClick has 9 layers, DISNet 3).
    queries
        N, proposals to a first click. The paper does not say how many; PiClick has 7.
    refine_blocks, refine_ffn, excite_reduction, mix_width
        Of the refinement: blocks, hidden width after attention, reduction of the gates, hidden width of the ConvFFN.
        All but the blocks are our choice.
    disk_radius
        Of the first click's disk, in input pixels.
    first_radius, other_radius
        r0 of equation 5, in input pixels, of the first click and of all others (Table 3).
    first_click
        Ablation "FC". Off: the disks of all positive clicks enter the proposals, which are made anew at every click.
    multi_output
        Ablation "MO". Off: a single query.
    use_mca
        Off: SAM's plain attention stands in place of masked click attention.
    use_fcg
        Off: no first-click guidance and no ConvFFN; the features stay as they are.
    use_click_feature
        Ablation "AC". Off: the guidance sees the image's mean feature instead of the one under the click.
    use_convffn
        Off: no ConvFFN behind the guidance.
    stem
        Of the transformer; see :class:`napari_iseg.models.simpleclick.SimpleClickConfig`.
    guidance
        Whether transformer and refinement see what is like and near the clicks
        (:mod:`napari_iseg.models.guidance`, :mod:`napari_iseg.models.disnet_guidance`).
    """

    image_size: tuple[int, int] = (448, 448)
    patch_size: tuple[int, int] = (16, 16)
    embed_dim: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    width: int = 256
    attention_heads: int = 8
    pixel_layers: int = 6
    pixel_points: int = 4
    pixel_ffn: int = 1024
    decoder_layers: int = 3
    decoder_ffn: int = 2048
    queries: int = 7
    refine_blocks: int = 2
    refine_ffn: int = 1024
    excite_reduction: int = 4
    mix_width: int = 512
    disk_radius: float = 5.0
    first_radius: float = 15.0
    other_radius: float = 5.0
    first_click: bool = True
    multi_output: bool = True
    use_mca: bool = True
    use_fcg: bool = True
    use_click_feature: bool = True
    use_convffn: bool = True
    stem: tuple[int, ...] = ()
    guidance: bool = False

    @property
    def transformer(self) -> SimpleClickConfig:
        """The vision transformer and the feature pyramid, which are SimpleClick's."""
        return SimpleClickConfig(
            image_size=self.image_size,
            patch_size=self.patch_size,
            embed_dim=self.embed_dim,
            depth=self.depth,
            heads=self.heads,
            mlp_ratio=self.mlp_ratio,
            neck_channels=(self.width,) * 4,
            stem=self.stem,
            guidance=self.guidance,
        )

    def accepts(self, size: tuple[int, int]) -> bool:
        """Whether inputs of ``size`` (rows, columns) divide into whole patches and windows."""
        return self.transformer.accepts(size)

    def input_size(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Return (rows, columns) of the input whose features F have ``shape``: four cells to a patch."""
        return shape[0] * self.patch_size[0] // 4, shape[1] * self.patch_size[1] // 4


class Proposals(NamedTuple):
    """What the first stage makes of a first click.

    Parameters
    ----------
    masks
        (B, N, h, w) logits at a quarter of a patch (112 x 112 for 448 x 448).
    classes
        (B, N, 2) logits: index ``FOREGROUND``, then "no object".
    queries
        (B, N, D) normalised; the chosen one starts the refinement.
    features
        (B, D, h, w) F, which masks and refinement read.
    auxiliary
        Masks and classes of the initial queries and of every layer but the last, for training.
    """

    masks: Tensor
    classes: Tensor
    queries: Tensor
    features: Tensor
    auxiliary: tuple[QueryAnswer, ...]

    def foreground(self) -> Tensor:
        """Return (B, N): how probable it is that somebody means each mask."""
        return self.classes.softmax(dim=-1)[..., FOREGROUND]

    def pick(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, h, w) logits and (B, D) queries of one proposal each; ``index`` is (B,) whole numbers."""
        rows = torch.arange(len(index), device=index.device)
        return self.masks[rows, index], self.queries[rows, index]


class _Decoder(nn.Module):
    """Queries to masks (Mask2Former), with the click among the keys (PiClick)."""

    def __init__(self, config: DISNetConfig) -> None:
        super().__init__()
        width = config.width
        count = config.queries if config.multi_output else 1
        self.query_feat = nn.Embedding(count, width)
        self.query_embed = nn.Embedding(count, width)
        self.level_embed = nn.Embedding(3, width)
        self.positive = nn.Parameter(torch.randn(width) * 0.02)
        self.layers = nn.ModuleList(
            QueryLayer(width, heads=config.attention_heads, feedforward=config.decoder_ffn)
            for _ in range(config.decoder_layers)
        )
        self.head = QueryHead(width)

    def forward(self, pixels: PixelFeatures, clicks: ClickSet, size: tuple[int, int]) -> Proposals:
        """Return the proposals.

        Parameters
        ----------
        pixels
            What the pixel decoder returned.
        clicks
            Of which the positive ones are looked at.
        size
            (rows, columns) of the input that the clicks lie in.
        """
        features = pixels.mask_features
        batch, width = features.shape[:2]
        queries = self.query_feat.weight.expand(batch, -1, -1)
        vectors = sine_encoding((clicks.places + 1) / clicks.places.new_tensor(size), width) + self.positive
        unused = ~(clicks.first | clicks.positive)
        answers = [self.head(queries, features)]
        for number, layer in enumerate(self.layers):
            index = number % len(pixels.memories)
            level = pixels.memories[index]
            shape = (level.shape[-2], level.shape[-1])
            values = level.flatten(2).transpose(1, 2) + self.level_embed.weight[index]
            keys = values + sine_positions(shape, width, like=level)
            blocked = open_blocked_rows(blocked_by_masks(answers[-1].mask_logits, shape).flatten(2))
            # The click itself is never blocked (our choice); that it is among the keys is PiClick's.
            blocked = torch.cat([blocked, unused[:, None].expand(-1, blocked.shape[1], -1)], dim=-1)
            queries = layer(
                queries,
                self.query_embed.weight,
                torch.cat([keys, vectors], dim=1),
                torch.cat([values, vectors], dim=1),
                blocked,
            )
            answers.append(self.head(queries, features))
        last = answers[-1]
        return Proposals(last.mask_logits, last.class_logits, self.head.norm(queries), features, tuple(answers[:-1]))


class _ProposalNetwork(nn.Module):
    """The proposal network P (equation 2)."""

    def __init__(self, config: DISNetConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed_coords = coordinate_embed(config.transformer, 1 + _GUIDES * config.guidance)
        self.backbone = Backbone(config.transformer)
        self.neck = feature_pyramid(config.transformer)
        self.pixel_decoder = PixelDecoder(
            (config.width,) * 4,
            width=config.width,
            layers=config.pixel_layers,
            heads=config.attention_heads,
            points=config.pixel_points,
            feedforward=config.pixel_ffn,
        )
        self.decoder = _Decoder(config)

    def forward(self, rgb: Tensor, points: Tensor) -> Proposals:
        size = (rgb.shape[-2], rgb.shape[-1])
        maps = [click_disks(points, size, self.config.disk_radius)[:, :1]]
        if self.config.guidance:
            maps.append(click_guidance(rgb, points)[:, ::2])
        encoded = self.backbone(normalise_rgb(rgb), self.patch_embed_coords(torch.cat(maps, dim=1)))
        return self.decoder(self.pixel_decoder(self.neck(*encoded)), first_positive(points), size)


class DISNet(nn.Module):
    """The network.

    Parameters
    ----------
    config
        Its sizes and ablations.
    """

    def __init__(self, config: DISNetConfig) -> None:
        super().__init__()
        self.config = config
        self.proposals = _ProposalNetwork(config)
        self.refinement = Refinement(config)
        self._initialise()

    def propose(self, image: Tensor, points: Tensor) -> Proposals:
        """Run the first stage.

        Parameters
        ----------
        image
            (B, 3, H, W) float32 RGB in [0, 1].
        points
            (B, 2n, 3) float32: n positive clicks, then n negative, each (row, column, order). Of these only the first
            positive click is looked at, or with ``first_click`` off every positive one; a sample without one is
            answered for an empty click map.
        """
        return self.proposals(image, self.proposing(points))

    def proposing(self, points: Tensor) -> Tensor:
        """Return the clicks that the proposals depend on: ``points`` with every other row unused (-1, -1, -1)."""
        clicks = first_positive(points)
        kept = clicks.first if self.config.first_click else clicks.first | clicks.positive
        return torch.where(kept[..., None], points, -1.0)

    def refine(
        self, features: Tensor, query: Tensor, mask: Tensor, points: Tensor, image: Tensor | None = None
    ) -> Tensor:
        """Run the second stage.

        Parameters
        ----------
        features, query
            (B, D, h, w) and (B, D) of :class:`Proposals`.
        mask
            (B, h, w) probabilities of the chosen proposal, the same for all clicks of an object.
        points
            (B, 2n, 3) every click so far, the first included.
        image
            (B, 3, H, W) RGB in [0, 1], as it was proposed for; networks without ``guidance`` do without.

        Returns
        -------
        Tensor
            (B, 1, H, W) logits at the input's size.
        """
        return self.enlarge(self.refinement(features, query, mask, points, image))

    def enlarge(self, logits: Tensor) -> Tensor:
        """Return (B, N, h, w) logits at the size of the input: (B, N, H, W)."""
        size = self.config.input_size((logits.shape[-2], logits.shape[-1]))
        return functional.interpolate(logits, size=size, mode="bilinear", align_corners=True)

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        """Answer a batch of images and clicks in one go: propose, take the most probable mask, refine it.

        Parameters
        ----------
        image
            (B, 4, H, W) float32: RGB in [0, 1], and a previous mask that DISNet does not use.
        points
            (B, 2n, 3) float32: n positive clicks, then n negative, each (row, column, order); (-1, -1, -1) is unused.

        Returns
        -------
        Tensor
            (B, 1, H, W) logits. For a sample with one click they are the proposal itself.
        """
        proposals = self.propose(image[:, :3], points)
        masks, queries = proposals.pick(proposals.foreground().argmax(dim=1))
        refined = (torch.maximum(points[..., 0], points[..., 1]) >= 0).sum(dim=1) > 1
        answer = self.enlarge(masks[:, None])
        if not refined.any():
            return answer
        corrected = self.refine(
            proposals.features[refined],
            queries[refined],
            masks[refined].sigmoid(),
            points[refined],
            image[refined, :3],
        )
        return answer.index_put((refined,), corrected)

    def _initialise(self) -> None:
        """Initialise as SimpleClick and Mask2Former do; the refinement's mask layers begin as the proposals'."""
        self.proposals.backbone.initialise()
        for module in [*self.proposals.decoder.head.modules(), *self.refinement.modules()]:
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        self.refinement.mask.load_state_dict(self.proposals.decoder.head.mask_embed.state_dict())


FAMILY = Family(
    name="DISNet",
    config_class=DISNetConfig,
    build=DISNet,
    configs={
        "vit-base": DISNetConfig(),
        "tiny": DISNetConfig(
            image_size=(64, 64),
            patch_size=(8, 8),
            embed_dim=24,
            depth=4,
            heads=2,
            width=32,
            attention_heads=4,
            pixel_layers=1,
            pixel_points=2,
            pixel_ffn=32,
            decoder_ffn=32,
            queries=5,
            refine_ffn=32,
            mix_width=32,
        ),
    },
    first_click_counts=True,
    # Which proposal is the likeliest is a choice, through which nothing is learned; the matching loss reaches these.
    at_rest=("proposals.decoder.head.class_embed",),
    prompt_layers=("proposals.patch_embed_coords.", "refinement.clicks."),
    head=("proposals.neck.", "proposals.pixel_decoder.", "proposals.decoder.", "refinement."),
)
