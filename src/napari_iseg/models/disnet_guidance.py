"""What small configurations of DISNet tell the refinement about each click besides the paper: where it looks alike.

As published, a later click reaches the mask through one token and through gates that are the same for all pixels; that
these are enough has to be learnt from very many images. With ``guidance`` the map that the token is compared with is
also told, pixel by pixel, what is like and near the clicks: by the image's colours (:mod:`.guidance`) and by the
features of the first stage, which is Majumder and Yao's content-aware guidance (CVPR 2019) with learnt contents.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_iseg.models._blocks import click_disks
from napari_iseg.models.guidance import GUIDANCE_CHANNELS, click_guidance

__all__ = ["ClickedFeatures"]

# Channels in which features are compared.
_COMPARED = 32
# Colour guidance, disks of either sign, the proposal, likeness of features to either sign.
_MAPS = GUIDANCE_CHANNELS + 2 + 1 + 2
# What no click is like.
_UNLIKE = -1.0


class ClickedFeatures(nn.Module):
    """Features with what the clicks say about each cell added; nothing is added until it is learnt.

    Parameters
    ----------
    width
        Channels of the features.
    disk_radius
        Of a click's disk, in input pixels.
    """

    def __init__(self, width: int, disk_radius: float) -> None:
        super().__init__()
        self.disk_radius = disk_radius
        self.compared = nn.Conv2d(width, _COMPARED, 1)
        self.maps = nn.Conv2d(_MAPS, width, 3, padding=1)
        self.join = nn.Sequential(
            nn.GroupNorm(math.gcd(32, width // 4), width),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        nn.init.zeros_(self.join[-1].weight)
        nn.init.zeros_(self.join[-1].bias)

    def forward(self, features: Tensor, mask: Tensor, image: Tensor, points: Tensor) -> Tensor:
        """Return the features, (B, D, h, w).

        Parameters
        ----------
        features
            (B, D, h, w).
        mask
            (B, 1, h, w) probabilities of the chosen proposal.
        image
            (B, 3, H, W) RGB in [0, 1].
        points
            (B, 2n, 3) clicks in pixels of ``image``.
        """
        shape, size = features.shape[-2:], (image.shape[-2], image.shape[-1])
        drawn = torch.cat([click_guidance(image, points), click_disks(points, size, self.disk_radius)], dim=1)
        drawn = functional.interpolate(drawn.to(features), size=shape, mode="area")
        maps = torch.cat([drawn, mask.to(features), self.likeness(features, points, size)], dim=1)
        return features + self.join(features + self.maps(maps))

    def likeness(self, features: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
        """Return (B, 2, h, w): the cosine of each cell's features and the most similar click's, of either sign.

        Parameters
        ----------
        features
            (B, D, h, w).
        points
            (B, 2n, 3) clicks in an input of ``size`` (rows, columns); without any of a sign its map is -1.
        size
            Of the input.
        """
        compared = functional.normalize(self.compared(features), dim=1)
        grid = (2 * points[..., :2] + 1) / points.new_tensor(size) - 1
        under = functional.grid_sample(
            compared,
            grid.flip(-1)[:, :, None].to(compared),
            mode="bilinear",
            padding_mode="border",
            align_corners=False,
        )[..., 0]
        cosines = functional.normalize(under, dim=1).transpose(1, 2) @ compared.flatten(2)
        used = (torch.maximum(points[..., 0], points[..., 1]) >= 0)[..., None]
        cosines = torch.where(used, cosines, _UNLIKE).unflatten(1, (2, -1)).amax(2)
        return cosines.unflatten(-1, features.shape[-2:])
