"""Convolutions around a plain vision transformer, for small networks that are trained briefly.

Xiao et al., Early Convolutions Help Transformers See Better, NeurIPS 2021: convolutions make the tokens. What they
saw on the way down is given back on the way up (Lin et al., Feature Pyramid Networks, CVPR 2017), since tokens of 16
pixels do not know where an edge runs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ConvStem", "SkipNeck", "prompt_convolution"]

# Channels that are normalised together.
_GROUP = 16


class ConvStem(nn.Module):
    """An image to tokens by convolutions, of which each stage halves the map.

    Parameters
    ----------
    channels
        Of the stages, from half the input's resolution on.
    embed_dim
        Channels of the tokens, which are half as fine as the last stage.
    sees_image
        Off: the image is among what :func:`prompt_convolution` prepares.
    """

    def __init__(self, channels: Sequence[int], embed_dim: int, *, sees_image: bool = True) -> None:
        super().__init__()
        self.first = prompt_convolution(3, channels) if sees_image else None
        self.norm = _group_norm(channels[0])
        self.stages = nn.ModuleList(
            nn.Sequential(_convolution(coarse, fine, stride=2), _Residual(fine)) for coarse, fine in pairwise(channels)
        )
        self.proj = nn.Conv2d(channels[-1], embed_dim, 3, stride=2, padding=1)

    def forward(self, rgb: Tensor, prompts: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return (B, D, gh, gw) tokens and the maps of all stages, finest first.

        Parameters
        ----------
        rgb
            (B, 3, H, W), normalised; not looked at without ``sees_image``.
        prompts
            (B, ``channels[0]``, H / 2, W / 2): what :func:`prompt_convolution` makes of clicks and masks. Added to the
            image's, it is as if one convolution had seen both.
        """
        maps = functional.relu(self.norm(prompts if self.first is None else self.first(rgb) + prompts))
        stages = [maps]
        for stage in self.stages:
            maps = stage(maps)
            stages.append(maps)
        return self.proj(maps), tuple(stages)


def prompt_convolution(in_channels: int, channels: Sequence[int]) -> nn.Conv2d:
    """Return what prepares maps of prompts for a :class:`ConvStem` of these channels."""
    return nn.Conv2d(in_channels, channels[0], 3, stride=2, padding=1, bias=False)


class SkipNeck(nn.Module):
    """A feature pyramid from tokens and the stages of the stem before them: 1/4, 1/8, 1/16 and 1/32.

    Parameters
    ----------
    width
        Of the tokens, at 1/16.
    stages
        Channels of the stem's stages, at 1/2, 1/4 and 1/8.
    channels
        Of the levels, finest first.
    """

    def __init__(self, width: int, stages: Sequence[int], channels: Sequence[int]) -> None:
        super().__init__()
        _, s4, s8 = stages
        c4, c8, c16, c32 = channels
        self.level_32 = nn.Sequential(nn.Conv2d(width, c32, 2, stride=2, bias=False), _group_norm(c32), nn.GELU())
        self.level_16 = nn.Sequential(nn.Conv2d(width, c16, 1, bias=False), _group_norm(c16), nn.GELU())
        self.level_8 = _Joined(c16, s8, c8)
        self.level_4 = _Joined(c8, s4, c4)

    def forward(self, tokens: Tensor, stages: tuple[Tensor, ...]) -> list[Tensor]:
        """Return the four levels, finest first, of (B, D, gh, gw) tokens and the stem's stages."""
        _, s4, s8 = stages
        level_16 = self.level_16(tokens)
        level_8 = self.level_8(level_16, s8)
        return [self.level_4(level_8, s4), level_8, level_16, self.level_32(tokens)]


class _Joined(nn.Module):
    """A coarse map enlarged onto a fine one; both then mixed by a 3 x 3 convolution."""

    def __init__(self, coarse: int, fine: int, channels: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(coarse, channels, 1, bias=False)
        self.fine = nn.Conv2d(fine, channels, 1, bias=False)
        self.norm = _group_norm(channels)
        self.mix = _convolution(channels, channels)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        enlarged = functional.interpolate(
            self.coarse(coarse), size=fine.shape[-2:], mode="bilinear", align_corners=False
        )
        return self.mix(functional.relu(self.norm(enlarged + self.fine(fine))))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = _convolution(channels, channels)
        self.outer = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = _group_norm(channels)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(maps + self.norm(self.outer(self.inner(maps))))


def _convolution(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
        _group_norm(out_channels),
        nn.ReLU(inplace=True),
    )


def _group_norm(channels: int) -> nn.GroupNorm:
    # Groups of the same size; what does not divide is one group.
    return nn.GroupNorm(channels // _GROUP if channels % _GROUP == 0 else 1, channels)
