"""SimpleClick: a plain vision transformer for click segmentation, also the network of CFR-ICL.

Liu et al., SimpleClick: Interactive Image Segmentation with Simple Vision Transformers, ICCV 2023.
Sun et al., CFR-ICL: Cascade-Forward Refinement with Iterative Click Loss for Interactive Image Segmentation, AAAI 2024:
the same network to the last digit, trained with another loss and run several times per click.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional

from napari_iseg.models._blocks import ConvReLU, click_disks, normalise_rgb, one_group_norm
from napari_iseg.models.conv_stem import ConvStem, SkipNeck, prompt_convolution
from napari_iseg.models.families import Family
from napari_iseg.models.guidance import GUIDANCE_CHANNELS, click_guidance

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FAMILY",
    "Backbone",
    "Head",
    "Neck",
    "PatchEmbed",
    "SimpleClick",
    "SimpleClickConfig",
    "coordinate_embed",
    "feature_pyramid",
    "implied_config",
    "translate_upstream",
]

# Windows span this many pixels of the input; larger inputs get more windows, not larger ones.
_WINDOW_PIXELS = 224
# So many blocks at least attend globally, spread evenly over the depth; of the published base size only two do.
_GLOBAL_BLOCKS = 4
# Attention heads of the published sizes; a released file says them, a bare state dict does not.
_PUBLISHED_HEADS = {160: 4, 768: 12, 1024: 16, 1280: 16}


@dataclass(frozen=True, slots=True)
class SimpleClickConfig:
    """What the weights' shapes do not leave open.

    Parameters
    ----------
    image_size
        (rows, columns) that the position embedding was made for; other sizes interpolate it.
    patch_size
        (rows, columns) of a patch.
    embed_dim, depth, heads, mlp_ratio
        The transformer's width, blocks (4 at least), attention heads and MLP expansion.
    neck_channels
        Of the feature pyramid's four levels, 1/4 to 1/32.
    head_channels
        Channels that the last convolution sees.
    upsample
        1, 2 or 4: how much the head enlarges the 1/4 map before the last convolution.
    disk_radius
        Of click disks, in input pixels.
    previous_mask
        Whether the previous mask is an input.
    all_global
        No windows: every block attends globally (upstream's ``random_split``, which permutes tokens and so changes
        nothing but the windows).
    stem
        Channels of the convolutions that make the tokens instead of one projection of each patch, at 1/2, 1/4 and 1/8
        of the input; what they see goes into the feature pyramid too (:mod:`napari_iseg.models.conv_stem`). Empty for
        the published projection.
    guidance
        Whether the network is also shown what is like and near the clicks by the image's own colours
        (:mod:`napari_iseg.models.guidance`); no published one is.

    Raises
    ------
    ValueError
        If there is a stem of another length, or with patches other than 16 x 16, or there are fewer than 4 blocks.
    """

    image_size: tuple[int, int] = (448, 448)
    patch_size: tuple[int, int] = (16, 16)
    embed_dim: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    neck_channels: tuple[int, int, int, int] = (128, 256, 512, 1024)
    head_channels: int = 256
    upsample: int = 1
    disk_radius: float = 5.0
    previous_mask: bool = True
    all_global: bool = False
    stem: tuple[int, ...] = ()
    guidance: bool = False

    def __post_init__(self) -> None:
        if self.stem and (len(self.stem) != 3 or self.patch_size != (16, 16)):
            raise ValueError(
                f"a convolutional stem has 3 stages and makes patches of 16 x 16; {len(self.stem)} stages and patches "
                f"of {self.patch_size} were given"
            )
        if self.depth < _GLOBAL_BLOCKS:
            raise ValueError(f"the depth must be at least {_GLOBAL_BLOCKS} blocks; {self.depth} was given")

    def accepts(self, size: tuple[int, int]) -> bool:
        """Whether inputs of ``size`` (rows, columns) divide into whole patches and windows."""
        grid = _grid(size, self.patch_size)
        windows = _windows(grid, self.patch_size)
        whole_patches = all(side % patch == 0 for side, patch in zip(size, self.patch_size, strict=True))
        return whole_patches and min(grid) >= 2 and all(g % w == 0 for g, w in zip(grid, windows, strict=True))


class PatchEmbed(nn.Module):
    """Cut into patches and project each.

    Parameters
    ----------
    in_channels, embed_dim
        Channels of the maps and of the tokens.
    patch_size
        (rows, columns).
    """

    def __init__(self, in_channels: int, embed_dim: int, patch_size: tuple[int, int]) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, D, gh, gw) tokens of (B, C, H, W) maps."""
        return self.proj(maps)


class Backbone(nn.Module):
    """Plain ViT with windowed and global attention; no class token, no final norm.

    Parameters
    ----------
    config
        Its sizes; those of neck and head are not looked at.
    sees_image
        Off, with a stem: the image comes with the prompts.
    """

    def __init__(self, config: SimpleClickConfig, *, sees_image: bool = True) -> None:
        super().__init__()
        self.config = config
        self.grid = _grid(config.image_size, config.patch_size)
        self.patch_embed = (
            ConvStem(config.stem, config.embed_dim, sees_image=sees_image)
            if config.stem
            else PatchEmbed(3, config.embed_dim, config.patch_size)
        )
        self.pos_embed = nn.Parameter(torch.zeros(1, math.prod(self.grid), config.embed_dim))
        self.blocks = nn.ModuleList(
            Block(
                config.embed_dim,
                config.heads,
                mlp_ratio=config.mlp_ratio,
                qkv_bias=config.qkv_bias,
                norm_layer=partial(nn.LayerNorm, eps=1e-6),
            )
            for _ in range(config.depth)
        )

    def forward(self, rgb: Tensor, prompts: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return (B, D, gh, gw) tokens, and the maps of the stem's stages, finest first; without a stem none.

        Parameters
        ----------
        rgb
            (B, 3, H, W), normalised.
        prompts
            What :func:`coordinate_embed` makes of clicks and masks.
        """
        stages: tuple[Tensor, ...] = ()
        if isinstance(self.patch_embed, ConvStem):
            maps, stages = self.patch_embed(rgb, prompts)
        else:
            maps = self.patch_embed(rgb) + prompts
        grid = (maps.shape[-2], maps.shape[-1])
        tokens = maps.flatten(2).transpose(1, 2) + self._positions(grid)
        windows = _windows(grid, self.config.patch_size)
        group = 6 if self.config.depth == 12 else self.config.depth // _GLOBAL_BLOCKS
        split = False
        for number, block in enumerate(self.blocks, start=1):
            is_global = number % group == 0 or self.config.all_global
            # Splitting and merging only where the kind changes: a window's tokens stay together between blocks.
            if split and is_global:
                tokens = _merge_windows(tokens, grid, windows)
            elif not split and not is_global:
                tokens = _split_windows(tokens, grid, windows)
            split = not is_global
            tokens = block(tokens)
        if split:
            tokens = _merge_windows(tokens, grid, windows)
        return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, *grid), stages

    def initialise(self) -> None:
        """Give new weights their published starting values: Xavier for the blocks and the patches."""
        nn.init.normal_(self.pos_embed, std=0.02)
        projection = self.patch_embed.proj.weight
        nn.init.xavier_uniform_(projection.data.view(projection.shape[0], -1))
        for module in self.blocks.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _positions(self, grid: tuple[int, int]) -> Tensor:
        if grid == self.grid:
            return self.pos_embed
        positions = self.pos_embed.reshape(1, *self.grid, -1).permute(0, 3, 1, 2)
        positions = functional.interpolate(positions, size=grid, mode="bicubic", align_corners=False)
        return positions.permute(0, 2, 3, 1).flatten(1, 2)


class Neck(nn.Module):
    """The simple feature pyramid: one map of tokens to four levels at 1/4, 1/8, 1/16 and 1/32 (for patches of 16).

    Parameters
    ----------
    config
        ``embed_dim`` and ``neck_channels`` count.
    """

    def __init__(self, config: SimpleClickConfig) -> None:
        super().__init__()
        width = config.embed_dim
        c4, c8, c16, c32 = config.neck_channels
        m4, m8, m32 = max(2 * c4, width // 2), max(c8, width // 2), max(c32, 2 * width)
        self.down_4 = nn.Sequential(
            nn.ConvTranspose2d(width, m4, 2, stride=2),
            one_group_norm(m4),
            nn.GELU(),
            nn.ConvTranspose2d(m4, m4 // 2, 2, stride=2),
            one_group_norm(m4 // 2),
            nn.Conv2d(m4 // 2, c4, 1),
            one_group_norm(c4),
            nn.GELU(),
        )
        self.down_8 = nn.Sequential(
            nn.ConvTranspose2d(width, m8, 2, stride=2),
            one_group_norm(m8),
            nn.Conv2d(m8, c8, 1),
            one_group_norm(c8),
            nn.GELU(),
        )
        self.down_16 = nn.Sequential(nn.Conv2d(width, c16, 1), one_group_norm(c16), nn.GELU())
        self.down_32 = nn.Sequential(
            nn.Conv2d(width, m32, 2, stride=2),
            one_group_norm(m32),
            nn.Conv2d(m32, c32, 1),
            one_group_norm(c32),
            nn.GELU(),
        )

    def forward(self, tokens: Tensor, stages: tuple[Tensor, ...] = ()) -> list[Tensor]:
        """Return the four levels of (B, D, gh, gw) tokens, finest first; there are no stages."""
        return [self.down_4(tokens), self.down_8(tokens), self.down_16(tokens), self.down_32(tokens)]


class Head(nn.Module):
    """SegFormer's MLP head: every level to one width, enlarged, concatenated, fused, classified."""

    def __init__(self, config: SimpleClickConfig) -> None:
        super().__init__()
        width = config.head_channels * config.upsample
        self.convs = nn.ModuleList(ConvReLU(channels, width) for channels in config.neck_channels)
        self.fusion_conv = ConvReLU(width * len(config.neck_channels), width)
        if config.upsample >= 2:
            self.up_conv1 = _enlarge(width)
        if config.upsample == 4:
            self.up_conv2 = _enlarge(width // 2)
        self.upsample = config.upsample
        self.dropout = nn.Dropout2d(0.1)
        self.conv_seg = nn.Conv2d(config.head_channels, 1, 1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Return (B, 1, h, w) logits at the finest level's size times ``upsample``."""
        return self.conv_seg(self.dropout(self.feature(levels)))

    def feature(self, levels: list[Tensor]) -> Tensor:
        """Return (B, ``head_channels``, h, w), what the logits are made of."""
        size = levels[0].shape[-2:]
        maps = [
            functional.interpolate(conv(level), size=size, mode="bilinear", align_corners=False)
            for conv, level in zip(self.convs, levels, strict=True)
        ]
        fused = self.fusion_conv(torch.cat(maps, dim=1))
        if self.upsample >= 2:
            fused = self.up_conv1(fused)
        if self.upsample == 4:
            fused = self.up_conv2(fused)
        return fused

    def initialise(self) -> None:
        """Give new weights their published starting values: Kaiming, fan out."""
        for module in self.modules():
            if isinstance(module, ConvReLU):
                nn.init.kaiming_normal_(module[0].weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module[0].bias)


def coordinate_embed(config: SimpleClickConfig, channels: int) -> nn.Module:
    """Return what makes tokens of clicks and masks, or with a stem maps for its first stage."""
    if config.stem:
        return prompt_convolution(channels, config.stem)
    return PatchEmbed(channels, config.embed_dim, config.patch_size)


def feature_pyramid(config: SimpleClickConfig) -> Neck | SkipNeck:
    """Return what makes four levels, 1/4 to 1/32 (for patches of 16), of what :class:`Backbone` returns."""
    if config.stem:
        return SkipNeck(config.embed_dim, config.stem, config.neck_channels)
    return Neck(config)


class SimpleClick(nn.Module):
    """The network.

    Parameters
    ----------
    config
        Its sizes.
    """

    def __init__(self, config: SimpleClickConfig) -> None:
        super().__init__()
        self.config = config
        maps = (3 if config.previous_mask else 2) + (GUIDANCE_CHANNELS if config.guidance else 0)
        self.patch_embed_coords = coordinate_embed(config, maps)
        self.backbone = Backbone(config)
        self.neck = feature_pyramid(config)
        self.head = Head(config)
        self._initialise()

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
            (B, 1, H, W) logits.
        """
        return functional.interpolate(
            self.head_logits(image, points), size=image.shape[-2:], mode="bilinear", align_corners=True
        )

    def head_logits(self, image: Tensor, points: Tensor) -> Tensor:
        """Return the logits before the last enlargement: (B, 1, 4 gh, 4 gw) with ``upsample`` 1."""
        return self.head(self.neck(*self.encode(image, points)))

    def encode(self, image: Tensor, points: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the backbone's output: (B, D, gh, gw) tokens and the stem's stages."""
        disks = click_disks(points, (image.shape[-2], image.shape[-1]), self.config.disk_radius)
        maps = [image[:, 3:], disks, *([click_guidance(image[:, :3], points)] if self.config.guidance else [])]
        return self.backbone(normalise_rgb(image[:, :3]), self.patch_embed_coords(torch.cat(maps, dim=1)))

    def _initialise(self) -> None:
        """Initialise as upstream does: Xavier for the transformer and its patches, Kaiming (fan out) in the head."""
        self.backbone.initialise()
        self.head.initialise()


def implied_config(state: Mapping[str, Tensor], upstream: Mapping[str, Any] | None = None) -> SimpleClickConfig:
    """Return the configuration that a released state dict implies.

    Parameters
    ----------
    state
        Upstream's names to tensors.
    upstream
        The constructor parameters saved beside it, for what shapes cannot say: ``backbone_params`` (``img_size``,
        ``num_heads``), ``norm_radius``, ``random_split``. Empty for a bare state dict.
    """
    upstream = upstream or {}
    backbone = upstream.get("backbone_params", {})
    width = state["backbone.pos_embed"].shape[2]
    cells = state["backbone.pos_embed"].shape[1] - 1
    patch = tuple(state["backbone.patch_embed.proj.weight"].shape[2:])
    side = math.isqrt(cells)
    size = tuple(backbone.get("img_size", (side * patch[0], side * patch[1])))
    neck = tuple(state[f"head.convs.{i}.conv.weight"].shape[1] for i in range(4))
    channels = state["head.conv_seg.weight"].shape[1]
    return SimpleClickConfig(
        image_size=size,
        patch_size=patch,
        embed_dim=width,
        depth=1 + max(int(key.split(".")[2]) for key in state if key.startswith("backbone.blocks.")),
        heads=backbone.get("num_heads") or _PUBLISHED_HEADS.get(width) or max(width // 64, 1),
        mlp_ratio=state["backbone.blocks.0.mlp.fc1.weight"].shape[0] / width,
        qkv_bias="backbone.blocks.0.attn.qkv.bias" in state,
        neck_channels=neck,
        head_channels=channels,
        upsample=state["head.fusion_conv.conv.weight"].shape[0] // channels,
        disk_radius=float(upstream.get("norm_radius", 5)),
        previous_mask=state["patch_embed_coords.proj.weight"].shape[1] == 3,
        all_global=bool(upstream.get("random_split", False)),
    )


def translate_upstream(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a released state dict under our names, without the weights that upstream carries but never uses."""
    enlargement = state["head.fusion_conv.conv.weight"].shape[0] // state["head.conv_seg.weight"].shape[1]
    dead = ["backbone.cls_token", "backbone.fc_norm.", "backbone.head.", "backbone.norm."]
    if enlargement < 4:
        dead.append("head.up_conv2.")
    if enlargement < 2:
        dead.append("head.up_conv1.")
    ours = {}
    for key, tensor in state.items():
        if key.startswith(tuple(dead)):
            continue
        # Upstream's ConvModule names its convolution; ours is the first of a Sequential.
        name = key.replace(".conv.", ".0.") if key.startswith(("head.convs.", "head.fusion_conv.")) else key
        ours[name] = tensor[:, 1:] if key == "backbone.pos_embed" else tensor
    return ours


def _enlarge(channels: int) -> nn.Sequential:
    half = channels // 2
    return nn.Sequential(
        nn.ConvTranspose2d(channels, half, 2, stride=2),
        one_group_norm(half),
        nn.Conv2d(half, half, 1),
        one_group_norm(half),
        nn.GELU(),
    )


def _grid(size: tuple[int, ...] | torch.Size, patch: tuple[int, int]) -> tuple[int, int]:
    return size[0] // patch[0], size[1] // patch[1]


def _windows(grid: tuple[int, int], patch: tuple[int, int]) -> tuple[int, int]:
    """Return how many windows there are down and across; upstream divides by zero below one, here there is one."""
    return max(grid[0] // (_WINDOW_PIXELS // patch[0]), 1), max(grid[1] // (_WINDOW_PIXELS // patch[1]), 1)


def _split_windows(tokens: Tensor, grid: tuple[int, int], count: tuple[int, int]) -> Tensor:
    """Make windows batch items: (B, gh gw, D) to (B n, tokens of a window, D)."""
    batch, _, width = tokens.shape
    rows, columns = grid[0] // count[0], grid[1] // count[1]
    tokens = tokens.reshape(batch, count[0], rows, count[1], columns, width)
    return tokens.transpose(2, 3).reshape(-1, rows * columns, width)


def _merge_windows(tokens: Tensor, grid: tuple[int, int], count: tuple[int, int]) -> Tensor:
    """Undo :func:`_split_windows`."""
    width = tokens.shape[-1]
    rows, columns = grid[0] // count[0], grid[1] // count[1]
    tokens = tokens.reshape(-1, count[0], count[1], rows, columns, width)
    return tokens.transpose(2, 3).reshape(-1, grid[0] * grid[1], width)


def _from_upstream(
    state: Mapping[str, Tensor], parameters: Mapping[str, Any]
) -> tuple[SimpleClickConfig, dict[str, Tensor]]:
    return implied_config(state, parameters), translate_upstream(state)


FAMILY = Family(
    name="SimpleClick",
    config_class=SimpleClickConfig,
    build=SimpleClick,
    configs={
        "vit-base": SimpleClickConfig(),
        "vit-large": SimpleClickConfig(embed_dim=1024, depth=24, heads=16, neck_channels=(192, 384, 768, 1536)),
        "vit-huge": SimpleClickConfig(
            patch_size=(14, 14), embed_dim=1280, depth=32, heads=16, neck_channels=(240, 480, 960, 1920)
        ),
        "xtiny": SimpleClickConfig(
            embed_dim=160, depth=8, heads=4, neck_channels=(96, 192, 288, 384), head_channels=128
        ),
        "tiny": SimpleClickConfig(
            image_size=(64, 64),
            patch_size=(8, 8),
            embed_dim=24,
            depth=4,
            heads=2,
            neck_channels=(8, 12, 16, 20),
            head_channels=12,
        ),
    },
    marks=(
        "patch_embed_coords.proj.weight",
        "backbone.pos_embed",
        "backbone.blocks.0.attn.qkv.weight",
        "neck.down_4.0.weight",
        "head.conv_seg.weight",
        "head.fusion_conv.conv.weight",
    ),
    from_upstream=_from_upstream,
    prompt_layers=("patch_embed_coords.",),
    head=("neck.", "head."),
)
