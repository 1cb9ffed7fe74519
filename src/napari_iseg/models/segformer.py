"""SegFormer's parts: the mix transformer (MiT) and the all-MLP head, for the click networks built on them.

Xie et al., SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers, NeurIPS 2021.
FocalClick (CVPR 2022) adds the clicks between the first two stages; FocalClick-XL replaces the first convolution.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MLPHead", "MixTransformer", "PatchEmbed", "initialise_classifier", "initialise_segformer", "translate_mit"]

# Inside the blocks and after each stage; the norms of patch embeddings and of reduced keys have torch's own 1e-5.
_BLOCK_EPS = 1e-6


class PatchEmbed(nn.Module):
    """Overlapping patches: a strided convolution, then a layer norm over the channels of each pixel.

    Parameters
    ----------
    proj
        The convolution. Any module that makes a map of ``width`` channels may stand in for it.
    width
        Channels of its output.
    """

    def __init__(self, proj: nn.Module, width: int) -> None:
        super().__init__()
        self.proj = proj
        self.norm = nn.LayerNorm(width)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, D, h, w) for (B, C, H, W)."""
        return _as_map(self.norm(_as_pixels(self.proj(maps))))


class _Attention(nn.Module):
    """Attention whose keys and values are taken from a map reduced ``reduction`` times."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.sr: nn.Module | None = None
        if reduction > 1:
            self.sr = nn.Conv2d(width, width, reduction, stride=reduction)
            self.norm = nn.LayerNorm(width)

    def forward(self, pixels: Tensor) -> Tensor:
        batch, rows, columns, width = pixels.shape
        reduced = pixels if self.sr is None else self.norm(_as_pixels(self.sr(_as_map(pixels))))
        query = self.q(pixels).reshape(batch, rows * columns, self.heads, -1).transpose(1, 2)
        key, value = self.kv(reduced).reshape(batch, -1, 2, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(pixels.shape))


class _MixMLP(nn.Module):
    """Two linear layers with a depthwise 3 x 3 convolution between them, which tells pixels where they are."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, pixels: Tensor) -> Tensor:
        mixed = _as_pixels(self.dwconv(_as_map(self.fc1(pixels))))
        return self.fc2(functional.gelu(mixed))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, reduction: int, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_BLOCK_EPS)
        self.attn = _Attention(width, heads, reduction)
        self.norm2 = nn.LayerNorm(width, eps=_BLOCK_EPS)
        self.mlp = _MixMLP(width, int(width * mlp_ratio))
        self.drop_path = DropPath(drop_path)

    def forward(self, pixels: Tensor) -> Tensor:
        pixels = pixels + self.drop_path(self.attn(self.norm1(pixels)))
        return pixels + self.drop_path(self.mlp(self.norm2(pixels)))


class MixTransformer(nn.Module):
    """The MiT encoder: four stages at 1/4, 1/8, 1/16 and 1/32 of the input.

    Parameter names are those of the released ``mit_b*.pth``, but for ``mlp.dwconv`` (see :func:`translate_mit`).

    Parameters
    ----------
    dims, depths, heads, reductions
        Of each of the four stages: channels, blocks, attention heads, and how much its keys and values are reduced
        per axis.
    mlp_ratio
        Hidden over outer channels in the blocks' MLPs.
    drop_path
        Probability of skipping the last block while training; it grows linearly from 0 at the first.
    stem
        Takes the place of stage 1's convolution (7 x 7, stride 4, from 3 channels) where another input is wanted;
        it must give ``dims[0]`` channels. ``nn.Identity()`` where the caller projects by itself.
    """

    def __init__(
        self,
        dims: Sequence[int],
        depths: Sequence[int],
        heads: Sequence[int],
        reductions: Sequence[int] = (8, 4, 2, 1),
        *,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.1,
        stem: nn.Module | None = None,
    ) -> None:
        super().__init__()
        blocks_in_all = sum(depths)
        rates = (drop_path * number / max(blocks_in_all - 1, 1) for number in range(blocks_in_all))
        for index in range(4):
            if index == 0:
                proj = nn.Conv2d(3, dims[0], 7, stride=4, padding=3) if stem is None else stem
            else:
                proj = nn.Conv2d(dims[index - 1], dims[index], 3, stride=2, padding=1)
            blocks = [
                _Block(dims[index], heads[index], reductions[index], mlp_ratio, next(rates))
                for _ in range(depths[index])
            ]
            number = index + 1
            self.add_module(f"patch_embed{number}", PatchEmbed(proj, dims[index]))
            self.add_module(f"block{number}", nn.Sequential(*blocks))
            self.add_module(f"norm{number}", nn.LayerNorm(dims[index], eps=_BLOCK_EPS))
        initialise_segformer(self)

    def stage(self, number: int, maps: Tensor) -> Tensor:
        """Return stage ``number`` (1 to 4) of its input map: (B, C, H, W) to (B, dims, h, w)."""
        pixels = _as_pixels(getattr(self, f"patch_embed{number}")(maps))
        return _as_map(getattr(self, f"norm{number}")(getattr(self, f"block{number}")(pixels)))

    def forward(self, maps: Tensor) -> list[Tensor]:
        """Return the four stages' maps of (B, 3, H, W), finest first."""
        levels = []
        for number in range(1, 5):
            maps = self.stage(number, maps)
            levels.append(maps)
        return levels


class MLPHead(nn.Module):
    """The all-MLP head: every level to one width, enlarged to the finest, concatenated, fused, classified.

    Parameters
    ----------
    dims
        Channels of the four levels, finest first.
    width
        Channels of the fused feature.
    """

    def __init__(self, dims: Sequence[int], width: int) -> None:
        super().__init__()
        for number, channels in enumerate(dims, start=1):
            self.add_module(f"linear_c{number}", nn.ModuleDict({"proj": nn.Linear(channels, width)}))
        self.linear_fuse = nn.ModuleDict(
            {"conv": nn.Conv2d(4 * width, width, 1, bias=False), "bn": nn.BatchNorm2d(width)}
        )
        self.dropout = nn.Dropout2d(0.1)
        self.linear_pred = nn.Conv2d(width, 1, 1)
        initialise_segformer(self)
        initialise_classifier(self.linear_pred)

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the fused feature (B, width, h, w) and the logits (B, 1, h, w) at the finest level's size."""
        feature = self.feature(levels)
        return feature, self.linear_pred(feature)

    def feature(self, levels: Sequence[Tensor]) -> Tensor:
        """Return the fused feature of four levels (B, dims[i], h_i, w_i), finest first."""
        size = levels[0].shape[-2:]
        fused: Tensor | int = 0
        # Without a bias in between, concatenating and fusing is a sum of one linear map per level; enlarging commutes
        # with it. Done this way the widest maps of the network never exist, and the head costs a tenth.
        slices = self.linear_fuse["conv"].weight.flatten(1).chunk(4, dim=1)
        for number, level in enumerate(levels, start=1):
            projection = getattr(self, f"linear_c{number}")["proj"]
            fuse = slices[4 - number]  # upstream concatenates the coarsest level first
            weight, bias = fuse @ projection.weight, fuse @ projection.bias
            mapped = _as_map(functional.linear(_as_pixels(level), weight, bias))
            if number > 1:
                mapped = functional.interpolate(mapped, size=size, mode="bilinear", align_corners=False)
            fused = fused + mapped
        return self.dropout(functional.relu(self.linear_fuse["bn"](fused)))


def translate_mit(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return released MiT weights (``mit_b*.pth`` or a part of a network) under our names, without a classifier."""
    return {
        name.replace(".dwconv.dwconv.", ".dwconv."): tensor
        for name, tensor in state.items()
        if not name.startswith("head.")
    }


def initialise_segformer(network: nn.Module) -> None:
    """Initialise as SegFormer does: truncated normal linear layers, normal convolutions by fan-out, zero biases."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
        elif isinstance(module, nn.Conv2d):
            fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def initialise_classifier(layer: nn.Conv2d) -> None:
    """Have a new classifier begin undecided; by its fan-out, one channel, it would begin sure of anything."""
    nn.init.normal_(layer.weight, std=0.01)


def _as_pixels(maps: Tensor) -> Tensor:
    """Return (B, H, W, C) of (B, C, H, W); nothing moves in memory where the map is stored channels last."""
    return maps.permute(0, 2, 3, 1)


def _as_map(pixels: Tensor) -> Tensor:
    return pixels.permute(0, 3, 1, 2)
