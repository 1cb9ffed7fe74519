"""Detail-Net of FocalClick-XL: small magnified patches and what is certain in them to alpha.

Chen et al., FocalClick-XL: Towards Unified and High-quality Interactive Segmentation, section 4.1: a U-shaped network
on MobileNetV2 (Sandler et al., CVPR 2018, here timm's) that takes an image and a tri-map. It never sees a prompt.
"""

from __future__ import annotations

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_iseg.models._blocks import normalise_rgb

__all__ = ["DetailNet"]

# RGB and the three planes of the tri-map.
_INPUT_CHANNELS = 6


class DetailNet(nn.Module):
    """The network.

    Parameters
    ----------
    encoder
        timm's name of a MobileNetV2.
    widths
        Channels of the decoder at 1/16, 1/8, 1/4, 1/2 and the full resolution.
    """

    def __init__(self, *, encoder: str, widths: tuple[int, int, int, int, int]) -> None:
        super().__init__()
        self.encoder = timm.create_model(encoder, features_only=True, in_chans=_INPUT_CHANNELS)
        *skips, deepest = self.encoder.feature_info.channels()
        below = [deepest, *widths[:-1]]
        beside = [*reversed(skips), _INPUT_CHANNELS]
        self.decoder = nn.ModuleList(
            _Step(lower + skip, width) for lower, skip, width in zip(below, beside, widths, strict=True)
        )
        self.alpha = nn.Conv2d(widths[-1], 1, 3, padding=1)
        # The encoder starts as a network of images alone, as one trained on ImageNet is; the tri-map's filters grow.
        with torch.no_grad():
            self.encoder.conv_stem.weight[:, 3:] = 0

    def forward(self, rgb: Tensor, trimap: Tensor) -> Tensor:
        """Predict alpha.

        Parameters
        ----------
        rgb
            (B, 3, h, w) RGB in [0, 1]; any size of at least 32 pixels.
        trimap
            (B, 3, h, w) of 0 and 1: certain object, certain background, unknown.

        Returns
        -------
        Tensor
            (B, 1, h, w) alpha in [0, 1].
        """
        inputs = torch.cat([normalise_rgb(rgb), trimap], dim=1)
        *skips, maps = self.encoder(inputs)
        for step, skip in zip(self.decoder, [*reversed(skips), inputs], strict=True):
            maps = step(maps, skip)
        return torch.sigmoid(self.alpha(maps))


class _Step(nn.Module):
    """Enlarge to the finer level, put that beside it, two convolutions."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )

    def forward(self, maps: Tensor, skip: Tensor) -> Tensor:
        enlarged = functional.interpolate(maps, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        return self.convs(torch.cat([enlarged, skip], dim=1))
