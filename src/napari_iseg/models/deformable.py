"""Multi-scale deformable attention and the pixel decoder that is made of it, in plain PyTorch.

Zhu et al., Deformable DETR: Deformable Transformers for End-to-End Object Detection, ICLR 2021.
Cheng et al., Masked-attention Mask Transformer for Universal Image Segmentation (Mask2Former), CVPR 2022: the pixel
decoder, which AdaptiveClick (PMMD, four layers) and DISNet (six layers) use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "DeformableAttention",
    "DeformableLayer",
    "PixelDecoder",
    "PixelFeatures",
    "sine_encoding",
    "sine_positions",
]

_TEMPERATURE = 10000.0
_NORM_GROUPS = 32


def sine_encoding(coordinates: Tensor, width: int) -> Tensor:
    """Return the sine encoding of places (Carion et al., DETR, normalised form).

    Parameters
    ----------
    coordinates
        (..., 2): row and column as fractions of the map's height and width; the middle of a map's cell (r, c) counts
        as ``((r + 1) / H, (c + 1) / W)``.
    width
        Of the encoding, a multiple of 4; the first half encodes the row, the second the column.

    Returns
    -------
    Tensor
        (..., width); within a half, sine and cosine alternate.
    """
    half = width // 2
    exponents = 2 * torch.arange(half // 2, device=coordinates.device, dtype=coordinates.dtype) / half
    angles = coordinates[..., None] * (2 * math.pi) / _TEMPERATURE**exponents
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-3)


def sine_positions(shape: tuple[int, int], width: int, *, like: Tensor) -> Tensor:
    """Return the sine encoding of every cell of a map.

    Parameters
    ----------
    shape
        (h, w) of the map.
    width
        Of the encoding, a multiple of 4.
    like
        A tensor on the wanted device, of the wanted dtype.

    Returns
    -------
    Tensor
        (h * w, width), row by row.
    """
    rows, columns = (
        torch.arange(1, side + 1, device=like.device, dtype=torch.float32) / (side + 1e-6) for side in shape
    )
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).flatten(0, 1)
    return sine_encoding(places, width).to(like.dtype)


def _cell_centres(shapes: Sequence[tuple[int, int]], like: Tensor) -> Tensor:
    """Return the middle of every cell of every level as fractions of its map: (sum of h * w, 2), column first."""
    centres = []
    for height, width in shapes:
        rows = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) / height
        columns = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) / width
        down, across = torch.meshgrid(rows, columns, indexing="ij")
        centres.append(torch.stack([across, down], dim=-1).flatten(0, 1))
    return torch.cat(centres)


class DeformableAttention(nn.Module):
    """Every query looks at a few learned places of every level (Deformable DETR, equation 3).

    Parameters
    ----------
    width
        Channels of queries and values; ``heads`` must divide it.
    heads, levels, points
        Attention heads, feature levels, and sampled places per head and level.
    """

    def __init__(self, width: int = 256, *, heads: int = 8, levels: int = 3, points: int = 4) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} does not divide into {heads} heads")
        self.heads, self.levels, self.points = heads, levels, points
        self.sampling_offsets = nn.Linear(width, heads * levels * points * 2)
        self.attention_weights = nn.Linear(width, heads * levels * points)
        self.value_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)
        self._initialise()

    def forward(self, queries: Tensor, centres: Tensor, values: Tensor, shapes: Sequence[tuple[int, int]]) -> Tensor:
        """Attend.

        Parameters
        ----------
        queries
            (B, Q, width).
        centres
            (Q, 2) or (B, Q, 2): where each query lies, as fractions (column, row) of any level's map.
        values
            (B, sum of h * w, width): the levels' cells, level after level, row by row.
        shapes
            (h, w) of each level.

        Returns
        -------
        Tensor
            (B, Q, width).
        """
        batch, count, width = queries.shape
        split = (batch, count, self.heads, self.levels, self.points)
        offsets = self.sampling_offsets(queries).view(*split, 2)
        weights = self.attention_weights(queries).view(batch, count, self.heads, -1).softmax(-1).view(split)
        # Offsets are in cells of the level that they reach into; grid_sample wants (column, row) in [-1, 1].
        sides = offsets.new_tensor([[width_, height] for height, width_ in shapes])
        grids = 2 * (centres[..., None, None, None, :] + offsets / sides[:, None]) - 1
        projected = self.value_proj(values).view(batch, -1, self.heads, width // self.heads)
        answer = queries.new_zeros(batch * self.heads, width // self.heads, count)
        start = 0
        for level, (height, width_) in enumerate(shapes):
            stop = start + height * width_
            value = projected[:, start:stop].permute(0, 2, 3, 1).reshape(batch * self.heads, -1, height, width_)
            grid = grids[:, :, :, level].transpose(1, 2).flatten(0, 1)
            sampled = functional.grid_sample(value, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
            weight = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)
            answer = answer + (sampled * weight[:, None]).sum(-1)
            start = stop
        return self.output_proj(answer.view(batch, width, count).transpose(1, 2))

    def _initialise(self) -> None:
        """Start with heads that look in different directions, and points at one to ``points`` cells' distance."""
        angles = 2 * math.pi * torch.arange(self.heads) / self.heads
        directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
        directions = directions / directions.abs().amax(dim=-1, keepdim=True)
        steps = torch.arange(1, self.points + 1).view(1, 1, -1, 1)
        bias = (directions[:, None, None] * steps).expand(-1, self.levels, -1, -1)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(bias.flatten())
        for weight in (self.sampling_offsets.weight, self.attention_weights.weight, self.attention_weights.bias):
            nn.init.zeros_(weight)
        for projection in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)


class DeformableLayer(nn.Module):
    """An encoder layer: deformable self-attention, norm, feed-forward with ReLU, norm (post-norm).

    Parameters
    ----------
    width, heads, levels, points
        As of :class:`DeformableAttention`.
    feedforward
        Hidden channels of the feed-forward part.
    """

    def __init__(
        self, width: int = 256, *, heads: int = 8, levels: int = 3, points: int = 4, feedforward: int = 1024
    ) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(width, heads=heads, levels=levels, points=points)
        self.norm1 = nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, feedforward)
        self.linear2 = nn.Linear(feedforward, width)
        self.norm2 = nn.LayerNorm(width)
        for linear in (self.linear1, self.linear2):
            nn.init.xavier_uniform_(linear.weight)

    def forward(self, tokens: Tensor, positions: Tensor, centres: Tensor, shapes: Sequence[tuple[int, int]]) -> Tensor:
        """Return (B, N, width) new tokens; ``positions`` (N, width) are added to the queries only."""
        tokens = self.norm1(tokens + self.self_attn(tokens + positions, centres, tokens, shapes))
        return self.norm2(tokens + self.linear2(torch.relu(self.linear1(tokens))))


@dataclass(frozen=True, slots=True, eq=False)
class PixelFeatures:
    """What a pixel decoder returns.

    Parameters
    ----------
    mask_features
        (B, mask_channels, h, w) at the finest level (1/4): a query's embedding times these is its mask.
    memories
        (B, width, h, w) of the other levels, coarsest first (1/32, 1/16, 1/8).
    """

    mask_features: Tensor
    memories: tuple[Tensor, ...]


class PixelDecoder(nn.Module):
    """Mask2Former's pixel decoder: deformable attention over all levels but the finest, which is merged in after.

    Parameters
    ----------
    channels
        Of the incoming levels, finest first (1/4, 1/8, 1/16, 1/32).
    width
        Channels of the tokens, a multiple of 32 and of ``heads``.
    layers, heads, points, feedforward
        Of the encoder; see :class:`DeformableLayer`.
    mask_channels
        Of the mask features; None means ``width``.
    lateral_relu
        Whether the finest level passes a ReLU before it is added (AdaptiveClick) or not (Mask2Former, DISNet).
    """

    def __init__(
        self,
        channels: Sequence[int] = (256, 256, 256, 256),
        *,
        width: int = 256,
        layers: int = 6,
        heads: int = 8,
        points: int = 4,
        feedforward: int = 1024,
        mask_channels: int | None = None,
        lateral_relu: bool = False,
    ) -> None:
        super().__init__()
        finest, *others = channels
        self.width = width
        self.input_proj = nn.ModuleList(_projection(c, width) for c in reversed(others))
        self.level_embed = nn.Parameter(torch.randn(len(others), width))
        self.layers = nn.ModuleList(
            DeformableLayer(width, heads=heads, levels=len(others), points=points, feedforward=feedforward)
            for _ in range(layers)
        )
        self.lateral = _projection(finest, width)
        if lateral_relu:
            self.lateral.append(nn.ReLU())
        self.output = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(_NORM_GROUPS, width), nn.ReLU())
        self.mask_features = nn.Conv2d(width, mask_channels or width, 1)
        self._initialise()

    def forward(self, pyramid: Sequence[Tensor]) -> PixelFeatures:
        """Decode (B, c_i, h_i, w_i) maps, finest first, any sizes."""
        finest, *others = pyramid
        maps = [project(level) for project, level in zip(self.input_proj, reversed(others), strict=True)]
        shapes = [(level.shape[-2], level.shape[-1]) for level in maps]
        tokens = torch.cat([level.flatten(2).transpose(1, 2) for level in maps], dim=1)
        positions = torch.cat(
            [
                sine_positions(shape, self.width, like=tokens) + embedding
                for shape, embedding in zip(shapes, self.level_embed, strict=True)
            ]
        )
        centres = _cell_centres(shapes, tokens)
        for layer in self.layers:
            tokens = layer(tokens, positions, centres, shapes)
        parts = tokens.transpose(1, 2).split([height * width for height, width in shapes], dim=-1)
        memories = tuple(part.unflatten(-1, shape) for part, shape in zip(parts, shapes, strict=True))
        lateral = self.lateral(finest)
        enlarged = functional.interpolate(memories[-1], size=lateral.shape[-2:], mode="bilinear", align_corners=False)
        return PixelFeatures(self.mask_features(self.output(lateral + enlarged)), memories)

    def _initialise(self) -> None:
        for module in self.input_proj.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for module in (*self.lateral, *self.output, self.mask_features):
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                nn.init.zeros_(module.bias)


def _projection(in_channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, width, 1), nn.GroupNorm(_NORM_GROUPS, width))
