"""HRNet with an object-contextual head, the backbone of RITM and of FocalClick's HRNet models.

Wang et al., Deep High-Resolution Representation Learning for Visual Recognition, IEEE TPAMI 2021.
Yuan et al., Object-Contextual Representations for Semantic Segmentation, ECCV 2020.
Sofiiuk et al., Reviving Iterative Training with Mask Guidance for Interactive Segmentation, ICIP 2022: the click stem.

The residual blocks are timm's. Its HRNet as a whole is another network: it fuses by nearest-neighbour enlargement by
whole factors, this one bilinearly to the very size, so that inputs of any size work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from timm.models.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ClickStem", "HRNetAnswer", "HRNetOCR", "fit", "implied_sizes", "without_dead_weights"]

# Attention over object classes with a single class: its softmax is 1 whatever query and key are, so that the two
# branches that make them never had an effect or a gradient. Released files carry them; we do not.
_DEAD = ("object_context_block.f_pixel.", "object_context_block.f_object.")


class HRNetAnswer(NamedTuple):
    """What the network says, all at a quarter of its input's size.

    Parameters
    ----------
    feature
        (B, 2 ``ocr_width``, h, w): what the last convolution sees.
    logits
        (B, 1, h, w).
    auxiliary
        (B, 1, h, w): logits of the coarse guess that the object's context is gathered by.
    """

    feature: Tensor
    logits: Tensor
    auxiliary: Tensor


class _Scale(nn.Module):
    """Multiply by one learned magnitude, small at first: clicks enter a trained backbone gently."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([start]))

    def forward(self, maps: Tensor) -> Tensor:
        return maps * self.scale.abs()


class ClickStem(nn.Sequential):
    """From click maps to what is added to the backbone's first features: (B, C, H, W) to (B, D, ~H/2, ~W/2).

    Parameters
    ----------
    in_channels
        2 click maps, and the previous mask before them if there is one.
    out_channels
        ``stem_width`` of the backbone.
    leaky
        LeakyReLU(0.2) instead of ReLU.
    """

    def __init__(self, in_channels: int = 3, out_channels: int = 64, *, leaky: bool = True) -> None:
        super().__init__(
            nn.Conv2d(in_channels, 16, 1),
            nn.LeakyReLU(0.2) if leaky else nn.ReLU(),
            nn.Conv2d(16, out_channels, 3, stride=2, padding=1),
            _Scale(0.05),
        )


class HRNetOCR(nn.Module):
    """Four resolutions side by side, then a head that gathers the object's context.

    Parameters
    ----------
    width
        Channels of the finest branch (18 or 32); each coarser one has twice as many.
    ocr_width
        Key channels of the head.
    small
        Half the blocks (HRNet-W18-small).
    stem_width
        Channels of the stem, 64 in every published network.
    """

    def __init__(self, width: int, ocr_width: int, *, small: bool = False, stem_width: int = 64) -> None:
        super().__init__()
        blocks = 2 if small else 4
        widths = [width * 2**branch for branch in range(4)]
        self.conv1 = nn.Conv2d(3, stem_width, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem_width)
        self.conv2 = nn.Conv2d(stem_width, stem_width, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem_width)
        self.layer1 = _bottlenecks(stem_width, blocks)
        deep = stem_width * Bottleneck.expansion
        self.transition1 = nn.ModuleList(
            [_conv_bn_relu(deep, widths[0]), nn.Sequential(_conv_bn_relu(deep, widths[1], stride=2))]
        )
        self.stage2 = _stage(widths[:2], blocks, modules=1)
        self.transition2 = _new_branch(widths[:3])
        self.stage3 = _stage(widths[:3], blocks, modules=3 if small else 4)
        self.transition3 = _new_branch(widths)
        self.stage4 = _stage(widths, blocks, modules=2 if small else 3)
        channels = sum(widths)
        self.conv3x3_ocr = nn.Sequential(
            nn.Conv2d(channels, 2 * ocr_width, 3, padding=1), nn.BatchNorm2d(2 * ocr_width), nn.ReLU()
        )
        self.ocr_distri_head = _ContextHead(ocr_width)
        self.cls_head = nn.Conv2d(2 * ocr_width, 1, 1)
        self.aux_head = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, 1, 1)
        )
        self._lay_out()

    def forward(self, rgb: Tensor, click_features: Tensor) -> HRNetAnswer:
        """Answer at a quarter of the input's size.

        Parameters
        ----------
        rgb
            (B, 3, H, W), normalised.
        click_features
            (B, ``stem_width``, ceil(H / 2), ceil(W / 2)), of :class:`ClickStem`.
        """
        maps = self.features(rgb, click_features)
        auxiliary = self.aux_head(maps)
        feature = self.ocr_distri_head(self.conv3x3_ocr(maps), auxiliary)
        return HRNetAnswer(feature, self.cls_head(feature), auxiliary)

    def features(self, rgb: Tensor, click_features: Tensor) -> Tensor:
        """Return the four branches on one grid: (B, 15 ``width``, ceil(H / 4), ceil(W / 4))."""
        maps = functional.relu(self.bn1(self.conv1(rgb))) + click_features
        maps = self.layer1(functional.relu(self.bn2(self.conv2(maps))))
        branches = self.stage2([transition(maps) for transition in self.transition1])
        for transition, stage in ((self.transition2, self.stage3), (self.transition3, self.stage4)):
            # The new branch comes from the coarsest one, the others pass unchanged.
            branches = stage([*branches, transition[-1](branches[-1])])
        size = branches[0].shape[-2:]
        return torch.cat([branches[0], *(fit(branch, size) for branch in branches[1:])], dim=1)

    def _apply(self, fn: Any, recurse: bool = True) -> HRNetOCR:
        """Move or cast, as ``to`` and its kin do through this very method, then lay the weights out anew."""
        super()._apply(fn, recurse)
        self._lay_out()
        return self

    def _lay_out(self) -> None:
        """Keep a weight's channels side by side on a CPU, which is a quarter faster; on MPS that gave wrong results."""
        for weight in self.parameters():
            if weight.ndim == 4:
                order = torch.channels_last if weight.device.type == "cpu" else torch.contiguous_format
                weight.data = weight.data.contiguous(memory_format=order)


class _ExchangeModule(nn.Module):
    """Residual blocks on every branch, then each branch gets the sum of all, brought to its own size."""

    def __init__(self, widths: list[int], blocks: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width, width) for _ in range(blocks))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(_Fuse(widths, target) for target in range(len(widths)))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        maps = [branch(own) for branch, own in zip(self.branches, maps, strict=True)]
        return [fuse(maps) for fuse in self.fuse_layers]


class _Fuse(nn.ModuleList):
    """The sum of all branches, brought to the channels and the size of one."""

    def __init__(self, widths: list[int], target: int) -> None:
        super().__init__(_path(widths, source, target) for source in range(len(widths)))
        self.target = target

    def forward(self, maps: list[Tensor]) -> Tensor:
        size = maps[self.target].shape[-2:]
        parts = [path(own) for path, own in zip(self, maps, strict=True)]
        # Strided convolutions end at the very size, since each halves and rounds up; coarser branches are enlarged.
        parts = [fit(part, size) if source > self.target else part for source, part in enumerate(parts)]
        return functional.relu(sum(parts[1:], start=parts[0]))


class _ContextHead(nn.Module):
    """Object context for one class: (B, 2K, h, w) pixels and (B, 1, h, w) coarse logits to (B, 2K, h, w)."""

    def __init__(self, key_channels: int) -> None:
        super().__init__()
        channels = 2 * key_channels
        self.object_context_block = nn.ModuleDict(
            {"f_down": _pointwise(channels, key_channels), "f_up": _pointwise(key_channels, channels)}
        )
        # Dropout of the published training; whole channels at a time.
        self.conv_bn_dropout = _pointwise(2 * channels, channels).append(nn.Dropout2d(0.05))

    def forward(self, pixels: Tensor, coarse: Tensor) -> Tensor:
        where = coarse.flatten(2).softmax(dim=-1)
        # Contiguous, because the sum over a strided axis is rounded far more coarsely.
        context = (pixels.flatten(2).contiguous() @ where.transpose(1, 2)).unsqueeze(-1)
        # Every pixel gets the one object's value (see _DEAD). It is spread before the last norm, not after, so that
        # the norm's running variance in training is that of the pixels, as in the published training.
        value = self.object_context_block["f_down"](context).expand(-1, -1, *pixels.shape[-2:])
        return self.conv_bn_dropout(torch.cat([self.object_context_block["f_up"](value), pixels], dim=1))


def fit(maps: Tensor, size: tuple[int, ...] | torch.Size) -> Tensor:
    """Return (B, C, H, W) maps of ``size`` (rows, columns): bilinear, corners aligned."""
    return functional.interpolate(maps, size=tuple(size), mode="bilinear", align_corners=True)


def implied_sizes(state: Mapping[str, Tensor]) -> dict[str, int | bool]:
    """Return ``width``, ``ocr_width``, ``small`` and ``stem_width`` that a released state dict's shapes imply."""
    return {
        "width": state["feature_extractor.transition1.0.0.weight"].shape[0],
        "ocr_width": state["feature_extractor.cls_head.weight"].shape[1] // 2,
        "small": "feature_extractor.layer1.2.conv1.weight" not in state,
        "stem_width": state["feature_extractor.conv1.weight"].shape[0],
    }


def without_dead_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a released state dict without the weights that never had an effect."""
    return {name: tensor for name, tensor in state.items() if not any(dead in name for dead in _DEAD)}


def _bottlenecks(channels: int, blocks: int) -> nn.Sequential:
    deep = channels * Bottleneck.expansion
    shortcut = nn.Sequential(nn.Conv2d(channels, deep, 1, bias=False), nn.BatchNorm2d(deep))
    first = Bottleneck(channels, channels, downsample=shortcut)
    return nn.Sequential(first, *(Bottleneck(deep, channels) for _ in range(blocks - 1)))


def _stage(widths: list[int], blocks: int, *, modules: int) -> nn.Sequential:
    return nn.Sequential(*(_ExchangeModule(widths, blocks) for _ in range(modules)))


def _new_branch(widths: list[int]) -> nn.ModuleList:
    """Return the transition to one branch more; identities keep the place, and so the names, of the old branches."""
    new = nn.Sequential(_conv_bn_relu(widths[-2], widths[-1], stride=2))
    return nn.ModuleList([*(nn.Identity() for _ in widths[:-1]), new])


def _path(widths: list[int], source: int, target: int) -> nn.Module:
    """Return how branch ``source`` gets to the channels of ``target``, and down to its size if that is coarser."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(nn.Conv2d(widths[source], widths[target], 1, bias=False), nn.BatchNorm2d(widths[target]))
    steps = [_conv_bn_relu(widths[source], widths[source], stride=2) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, _conv_bn_relu(widths[source], widths[target], stride=2)[:2])


def _conv_bn_relu(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


def _pointwise(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.Sequential(nn.BatchNorm2d(out_channels), nn.ReLU()),
    )
