"""AdaptiveClick: several masks per click, by queries that know where the clicks are.

Lin et al., AdaptiveClick: Click-aware Transformer with Adaptive Focal Loss for Interactive Image Segmentation, IEEE
TNNLS 2024. The backbone is SimpleClick's; the pixel decoder (PMMD) and the queries are Mask2Former's, with attention
masks that clicks open (CAMD). Where the paper and the released weights' code differ, the weights decide: clicks enter
by a boolean "and" (the paper's equation 5 has a linear layer), and the answer is the sum of all queries' masks,
each weighted by its click probability (the paper selects one).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_iseg.models._blocks import click_disks, normalise_rgb
from napari_iseg.models.deformable import PixelDecoder, PixelFeatures, sine_positions
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

__all__ = ["FAMILY", "AdaptiveClick", "AdaptiveClickAnswer", "AdaptiveClickConfig"]

# Levels that the queries look at: 1/32, 1/16, 1/8, in turn.
_LEVELS = 3
# Places that each head samples per level: no released model has another number, and the shapes do not say it.
_POINTS = 4
# Attention heads of the published backbones; a released file says them, a bare state dict does not.
_PUBLISHED_HEADS = {768: 12, 1024: 16, 1280: 16}


@dataclass(frozen=True, slots=True)
class AdaptiveClickConfig:
    """What the weights' shapes do not leave open.

    Parameters
    ----------
    image_size, patch_size, embed_dim, depth, heads, mlp_ratio, qkv_bias, all_global, stem, guidance
        Of the backbone; see :class:`napari_iseg.models.simpleclick.SimpleClickConfig`.
    neck_channels
        Of the feature pyramid's four levels, 1/4 to 1/32.
    width
        Channels of pixel decoder, queries and masks: a multiple of 32 and of ``attention_heads``.
    attention_heads
        Of the pixel decoder and of the queries.
    queries
        How many masks are proposed.
    pixel_layers, pixel_feedforward, points
        Deformable layers, their hidden channels, and the places that each head samples per level.
    decoder_layers, feedforward
        Query layers and their hidden channels.
    disk_radius
        Of click disks, in input pixels.
    previous_mask
        Whether the previous mask is an input.
    """

    image_size: tuple[int, int] = (448, 448)
    patch_size: tuple[int, int] = (16, 16)
    embed_dim: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    neck_channels: tuple[int, int, int, int] = (256, 512, 1024, 2048)
    width: int = 256
    attention_heads: int = 8
    queries: int = 10
    pixel_layers: int = 4
    pixel_feedforward: int = 1024
    points: int = _POINTS
    decoder_layers: int = 9
    feedforward: int = 2048
    disk_radius: float = 5.0
    previous_mask: bool = True
    all_global: bool = False
    stem: tuple[int, ...] = ()
    guidance: bool = False

    @property
    def vit(self) -> SimpleClickConfig:
        """The configuration of the backbone and its neck."""
        return SimpleClickConfig(
            image_size=self.image_size,
            patch_size=self.patch_size,
            embed_dim=self.embed_dim,
            depth=self.depth,
            heads=self.heads,
            mlp_ratio=self.mlp_ratio,
            qkv_bias=self.qkv_bias,
            neck_channels=self.neck_channels,
            all_global=self.all_global,
            stem=self.stem,
            guidance=self.guidance,
        )

    def accepts(self, size: tuple[int, int]) -> bool:
        """Whether inputs of ``size`` (rows, columns) divide into whole patches and windows."""
        return self.vit.accepts(size)


@dataclass(frozen=True, slots=True, eq=False)
class AdaptiveClickAnswer:
    """Everything that the network answers, for proposals and for training.

    Parameters
    ----------
    logits
        (B, 1, H, W): the queries' masks, each weighted by its click probability, summed.
    mask_logits
        (B, Q, h, w) of every query, at 1/4 of the input (patches of 16).
    class_logits
        (B, Q, 2): no click, click.
    auxiliary
        The same two of the queries before the first layer and after every layer but the last.
    """

    logits: Tensor
    mask_logits: Tensor
    class_logits: Tensor
    auxiliary: tuple[QueryAnswer, ...]


class ClickAwareDecoder(nn.Module):
    """CAMD: query layers whose attention masks are opened around positive clicks (section III-B2).

    Parameters
    ----------
    config
        Its sizes.
    """

    def __init__(self, config: AdaptiveClickConfig) -> None:
        super().__init__()
        self.width = config.width
        self.query_content = nn.Parameter(torch.randn(config.queries, config.width))
        self.query_positions = nn.Parameter(torch.randn(config.queries, config.width))
        self.level_embed = nn.Parameter(torch.randn(_LEVELS, config.width))
        self.layers = nn.ModuleList(
            QueryLayer(config.width, heads=config.attention_heads, feedforward=config.feedforward)
            for _ in range(config.decoder_layers)
        )
        self.head = QueryHead(config.width)

    def forward(self, features: PixelFeatures, positive: Tensor) -> tuple[QueryAnswer, ...]:
        """Return what the queries say before the first and after every layer, the last last.

        Parameters
        ----------
        features
            Of the pixel decoder.
        positive
            (B, 1, H, W): the disks of the positive clicks, 0 or 1, at the input's size.
        """
        sizes = [(memory.shape[-2], memory.shape[-1]) for memory in features.memories]
        values = [
            memory.flatten(2).transpose(1, 2) + embedding
            for memory, embedding in zip(features.memories, self.level_embed, strict=True)
        ]
        keys = [value + sine_positions(size, self.width, like=value) for value, size in zip(values, sizes, strict=True)]
        clicked = [_cells_with_clicks(positive, size) for size in sizes]
        queries = self.query_content.expand(positive.shape[0], -1, -1)
        answers = [self.head(queries, features.mask_features)]
        for number, layer in enumerate(self.layers):
            level = number % _LEVELS
            blocked = _blocked(answers[-1], clicked[level], sizes[level])
            queries = layer(queries, self.query_positions, keys[level], values[level], blocked)
            answers.append(self.head(queries, features.mask_features))
        return tuple(answers)


class AdaptiveClick(nn.Module):
    """The network.

    Parameters
    ----------
    config
        Its sizes.
    """

    def __init__(self, config: AdaptiveClickConfig) -> None:
        super().__init__()
        self.config = config
        maps = (3 if config.previous_mask else 2) + (GUIDANCE_CHANNELS if config.guidance else 0)
        self.patch_embed_coords = coordinate_embed(config.vit, maps)
        self.backbone = Backbone(config.vit)
        self.neck = feature_pyramid(config.vit)
        self.pixel_decoder = PixelDecoder(
            config.neck_channels,
            width=config.width,
            layers=config.pixel_layers,
            heads=config.attention_heads,
            points=config.points,
            feedforward=config.pixel_feedforward,
            lateral_relu=True,
        )
        self.decoder = ClickAwareDecoder(config)
        self.backbone.initialise()

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        """Answer a batch of images and clicks.

        Parameters
        ----------
        image
            (B, 4, H, W) float32: RGB in [0, 1], and the previous mask as probabilities (zeros at first). Without
            ``previous_mask`` (B, 3, H, W).
        points
            (B, 2n, 3) float32: n positive clicks, then n negative, each (row, column, order); (-1, -1, -1) is unused.

        Returns
        -------
        Tensor
            (B, 1, H, W) logits: the sum of the queries' masks, each weighted by its click probability.
        """
        return self.answer(image, points).logits

    def answer(self, image: Tensor, points: Tensor) -> AdaptiveClickAnswer:
        """Answer as :meth:`forward` does, with every query's mask and class."""
        size = (image.shape[-2], image.shape[-1])
        disks = click_disks(points, size, self.config.disk_radius)
        *auxiliary, last = self.decoder(self.pixel_decoder(self.neck(*self.encode(image, points, disks))), disks[:, :1])
        logits = weighted_sum(last, size)
        return AdaptiveClickAnswer(logits, last.mask_logits, last.class_logits, tuple(auxiliary))

    def encode(self, image: Tensor, points: Tensor, disks: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the backbone's output (tokens, and a stem's stages) of image, clicks and their (B, 2, H, W) disks."""
        maps = [image[:, 3:], disks, *([click_guidance(image[:, :3], points)] if self.config.guidance else [])]
        return self.backbone(normalise_rgb(image[:, :3]), self.patch_embed_coords(torch.cat(maps, dim=1)))


def weighted_sum(answer: QueryAnswer, size: tuple[int, int]) -> Tensor:
    """Return the one answer of all queries.

    Parameters
    ----------
    answer
        Of the last layer.
    size
        (H, W) of the input.

    Returns
    -------
    Tensor
        (B, 1, H, W): the sum over queries of sigmoid(click logit) times mask logits, enlarged (which, being linear,
        may as well come after the sum).
    """
    weights = torch.sigmoid(answer.class_logits[..., 1])
    summed = torch.einsum("bq,bqhw->bhw", weights, answer.mask_logits)[:, None]
    return functional.interpolate(summed, size=size, mode="bilinear", align_corners=True)


def _cells_with_clicks(positive: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (B, 1, h * w) bool: which cells of a level lie near a positive click."""
    near = positive
    for _ in range(max(math.floor(math.log2(positive.shape[-1] / size[1])), 0)):
        near = functional.max_pool2d(near, 3, stride=2, padding=1)
    near = functional.interpolate(near, size=size, mode="bilinear", align_corners=False)
    return (near >= 0.5).flatten(2)


def _blocked(answer: QueryAnswer, clicked: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (B, Q, N) bool: where queries must not look.

    A query looks inside its own mask; one that says "click" may look near every positive click as well.
    """
    outside = blocked_by_masks(answer.mask_logits, size).flatten(2)
    says_click = (answer.class_logits[..., 1] > answer.class_logits[..., 0])[..., None]
    return open_blocked_rows(outside & ~(says_click & clicked))


def _from_upstream(
    state: Mapping[str, Tensor], parameters: Mapping[str, Any]
) -> tuple[AdaptiveClickConfig, dict[str, Tensor]]:
    """Read a released state dict; ``parameters["cfg"]`` says what shapes do not, where it could be read."""
    return implied_config(state, parameters), translate_upstream(state)


def implied_config(state: Mapping[str, Tensor], parameters: Mapping[str, Any]) -> AdaptiveClickConfig:
    """Return the configuration that a released state dict implies.

    Parameters
    ----------
    state
        Upstream's names to tensors.
    parameters
        The constructor parameters saved beside it: ``cfg`` (``crop_size``, ``random_split`` and the tables
        ``MODEL.BACKBONE``, ``MODEL.MASK_FORMER``), ``norm_radius``. What is missing is told from shapes alone, taking
        four points per head and level and the published backbones' heads.
    """
    settings = _table(parameters, "cfg")
    backbone = _table(settings, "MODEL", "BACKBONE")
    width, vit_width = state["pixel_decoder.mask_features.weight"].shape[1], state["backbone.pos_embed"].shape[2]
    patch = tuple(state["backbone.patch_embed.proj.weight"].shape[2:])
    per_head = _LEVELS * _POINTS
    first = "pixel_decoder.transformer.encoder.layers.0"
    shared_heads = state[f"{first}.self_attn.attention_weights.weight"].shape[0] // per_head
    return AdaptiveClickConfig(
        image_size=_image_size(state["backbone.pos_embed"].shape[1] - 1, patch, settings.get("crop_size")),
        patch_size=patch,
        embed_dim=vit_width,
        depth=_count(state, "backbone.blocks."),
        heads=backbone.get("NUM_HEADS") or _PUBLISHED_HEADS.get(vit_width) or max(vit_width // 64, 1),
        mlp_ratio=state["backbone.blocks.0.mlp.fc1.weight"].shape[0] / vit_width,
        qkv_bias="backbone.blocks.0.attn.qkv.bias" in state,
        neck_channels=tuple(
            state[f"pixel_decoder.neck.{name}.weight"].shape[0]
            for name in ("down_4.5", "down_8.2", "down_16.0", "down_32.2")
        ),
        width=width,
        attention_heads=_table(settings, "MODEL", "MASK_FORMER").get("NHEADS") or shared_heads,
        queries=state["click_aware_decoder.query_feat.weight"].shape[0],
        pixel_layers=_count(state, "pixel_decoder.transformer.encoder.layers."),
        pixel_feedforward=state[f"{first}.linear1.weight"].shape[0],
        decoder_layers=_count(state, "click_aware_decoder.transformer_ffn_layers."),
        feedforward=state["click_aware_decoder.transformer_ffn_layers.0.linear1.weight"].shape[0],
        disk_radius=float(parameters.get("norm_radius", 5)),
        previous_mask=state["patch_embed_coords.proj.weight"].shape[1] == 3,
        all_global=bool(settings.get("random_split", False)),
    )


def translate_upstream(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a released state dict under our names, without the weights that upstream carries but never uses."""
    ours = {}
    for key, tensor in state.items():
        if key.startswith(_DEAD):
            continue
        name = key
        for theirs, own in _RENAMED:
            name = re.sub(theirs, own, name)
        # Upstream holds two convolutions under two names each; when it loads, the later name wins, and so here.
        ours[name] = tensor[:, 1:] if key == "backbone.pos_embed" else tensor
    return ours


_DEAD = ("backbone.cls_token", "backbone.fc_norm.", "backbone.head.", "backbone.norm.", "criterion.")
_RENAMED = (
    (r"^pixel_decoder\.neck\.", "neck."),
    (r"^pixel_decoder\.transformer\.encoder\.layers\.", "pixel_decoder.layers."),
    (r"^pixel_decoder\.transformer\.level_embed$", "pixel_decoder.level_embed"),
    (r"^pixel_decoder\.(adapter_1|lateral_convs\.0)\.", "pixel_decoder.lateral."),
    (r"^pixel_decoder\.(layer_1|output_convs\.0)\.", "pixel_decoder.output."),
    (r"^click_aware_decoder\.", "decoder."),
    (r"\.transformer_cross_attention_layers\.(\d+)\.multihead_attn\.", r".layers.\1.cross_attention."),
    (r"\.transformer_cross_attention_layers\.(\d+)\.norm\.", r".layers.\1.cross_norm."),
    (r"\.transformer_self_attention_layers\.(\d+)\.self_attn\.", r".layers.\1.self_attention."),
    (r"\.transformer_self_attention_layers\.(\d+)\.norm\.", r".layers.\1.self_norm."),
    (r"\.transformer_ffn_layers\.(\d+)\.norm\.", r".layers.\1.feedforward_norm."),
    (r"\.transformer_ffn_layers\.(\d+)\.", r".layers.\1."),
    (r"^decoder\.decoder_norm\.", "decoder.head.norm."),
    (r"^decoder\.class_embed\.", "decoder.head.class_embed."),
    (r"^decoder\.mask_embed\.layers\.0\.", "decoder.head.mask_embed.0."),
    (r"^decoder\.mask_embed\.layers\.1\.", "decoder.head.mask_embed.2."),
    (r"^decoder\.mask_embed\.layers\.2\.", "decoder.head.mask_embed.4."),
    (r"^decoder\.query_feat\.weight$", "decoder.query_content"),
    (r"^decoder\.query_embed\.weight$", "decoder.query_positions"),
    (r"^decoder\.level_embed\.weight$", "decoder.level_embed"),
)


def _table(settings: Any, *names: str) -> Mapping[str, Any]:
    """Return a table inside tables; empty where there is none, or something that could not be read."""
    for name in names:
        settings = settings.get(name) if isinstance(settings, Mapping) else None
    return settings if isinstance(settings, Mapping) else {}


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many numbered modules a state dict holds under a prefix."""
    return len({key[len(prefix) :].split(".")[0] for key in state if key.startswith(prefix)})


def _image_size(cells: int, patch: tuple[int, ...], crop: Any) -> tuple[int, int]:
    """Return the (rows, columns) of a grid of ``cells`` patches: the crop size if it fits, else a square."""
    if isinstance(crop, Sequence) and len(crop) == 2 and (crop[0] // patch[0]) * (crop[1] // patch[1]) == cells:
        return int(crop[0]), int(crop[1])
    side = math.isqrt(cells)
    return side * patch[0], side * patch[1]


FAMILY = Family(
    name="AdaptiveClick",
    config_class=AdaptiveClickConfig,
    build=AdaptiveClick,
    configs={
        "vit-base": AdaptiveClickConfig(),
        "vit-huge": AdaptiveClickConfig(
            patch_size=(14, 14), embed_dim=1280, depth=32, heads=16, neck_channels=(512, 1024, 2048, 4096)
        ),
        "tiny": AdaptiveClickConfig(
            image_size=(64, 64),
            patch_size=(8, 8),
            embed_dim=24,
            depth=4,
            heads=2,
            neck_channels=(8, 12, 16, 20),
            width=32,
            attention_heads=4,
            queries=4,
            pixel_layers=1,
            pixel_feedforward=32,
            decoder_layers=3,
            feedforward=48,
        ),
    },
    marks=(
        "patch_embed_coords.proj.weight",
        "backbone.pos_embed",
        "pixel_decoder.neck.down_4.0.weight",
        "pixel_decoder.mask_features.weight",
        "click_aware_decoder.query_feat.weight",
        "click_aware_decoder.transformer_ffn_layers.0.linear1.weight",
    ),
    from_upstream=_from_upstream,
    prompt_layers=("patch_embed_coords.",),
    head=("neck.", "pixel_decoder.", "decoder."),
)
