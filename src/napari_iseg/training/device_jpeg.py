"""What JPEG loses, for a whole batch at once: its transform and its tables, without writing a file.

ITU-T T.81 (1992): 8 x 8 cosine transforms, rounded by the tables of annex K scaled as libjpeg scales them; colours in
YCbCr at half the resolution.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["compressed"]

_BLOCK = 8
_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47),
    (18, 21, 26, 66),
    (24, 26, 56, 99),
    (47, 66, 99, 99),
)
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def compressed(rgb: Tensor, quality: Tensor) -> Tensor:
    """Return images as they come back from a JPEG file.

    Parameters
    ----------
    rgb
        (B, 3, H, W) float32; clipped to [0, 1].
    quality
        (B,) numbers from 1 to 100.

    Returns
    -------
    torch.Tensor
        (B, 3, H, W) float32 in [0, 1].
    """
    rows, columns = rgb.shape[2:]
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None]
    luma = torch.tensor(_LUMA, device=rgb.device, dtype=torch.float32)
    chroma = torch.full_like(luma, 99)
    chroma[:4, :4] = torch.tensor(_CHROMA, device=rgb.device, dtype=torch.float32)
    to_ycc = torch.tensor(_TO_YCC, device=rgb.device)
    # Whole blocks of the halved colours, by repeating the last row and column.
    wide = functional.pad(rgb.clamp(0, 1), (0, -columns % (2 * _BLOCK), 0, -rows % (2 * _BLOCK)), mode="replicate")
    ycc = torch.einsum("ij,bjrc->birc", to_ycc, (255 * wide).round())
    light = _rounded(ycc[:, :1] - 128, (luma * scale / 100 + 0.5).floor().clamp(1, 255)) + 128
    tint = _rounded(functional.avg_pool2d(ycc[:, 1:], 2), (chroma * scale / 100 + 0.5).floor().clamp(1, 255))
    tint = functional.interpolate(tint, light.shape[2:], mode="bilinear")
    back = torch.einsum("ij,bjrc->birc", torch.linalg.inv(to_ycc), torch.cat([light, tint], 1))
    return (back[..., :rows, :columns].round() / 255).clamp(0, 1)


def _rounded(planes: Tensor, table: Tensor) -> Tensor:
    """Round the cosine transforms of (B, C, H, W) planes to multiples of (B, 8, 8) tables."""
    batch, count, rows, columns = planes.shape
    order = torch.arange(_BLOCK, device=planes.device, dtype=torch.float32)
    cosine = 0.5 * torch.cos(torch.pi / _BLOCK * order[:, None] * (order + 0.5))
    cosine[0] *= 0.5**0.5
    blocks = planes.view(batch, count, rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK).transpose(3, 4)
    steps = table[:, None, None, None]
    found = (cosine @ blocks @ cosine.T / steps).round() * steps
    return (cosine.T @ found @ cosine).transpose(3, 4).reshape(planes.shape)
