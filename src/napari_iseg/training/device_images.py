"""Images that live on the device as uint8, one behind the other, and crops of a whole batch cut from them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_iseg.training.data import Picture

__all__ = ["DeviceImages"]


class DeviceImages:
    """Planes of any sizes in two flat tensors, without padding.

    Parameters
    ----------
    pictures
        What to keep; an image of n pixels takes 7 n bytes.
    device
        Where to keep it.
    """

    def __init__(self, pictures: Sequence[Picture], device: torch.device | str) -> None:
        sizes = np.array([picture.labels.shape for picture in pictures], np.int64).reshape(-1, 2)
        self.sizes = torch.from_numpy(sizes).to(device)
        starts = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))])
        self.starts = torch.from_numpy(starts[:-1]).to(device)
        self._rgb = torch.empty((int(starts[-1]), 3), dtype=torch.uint8, device=device)
        self._labels = torch.empty(int(starts[-1]), dtype=torch.int32, device=device)
        for picture, start in zip(pictures, starts.tolist(), strict=False):
            self._write(start, picture)

    def replace(self, number: int, picture: Picture) -> None:
        """Put another picture of the same size in the place of one."""
        self._write(int(self.starts[number]), picture)

    def cut(
        self, numbers: Tensor, windows: Tensor, size: int, *, smooth: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cut windows and resize them, as ``training.data`` does one by one.

        Parameters
        ----------
        numbers
            (B,) int64, which pictures.
        windows
            (B, 4) int64: row start and stop, column start and stop, inside the picture.
        size
            Rows and columns of the crops.
        smooth
            (B,) bool: average four points for each pixel, against the patterns of coarse sampling; None for nowhere.

        Returns
        -------
        tuple
            (B, 3, size, size) float32 RGB in [0, 1] (bilinear, corners on corners), and (B, size, size) int32 labels
            (nearest).
        """
        rgb = self._bilinear(numbers, windows, size)
        if smooth is not None:
            finer = functional.avg_pool2d(self._bilinear(numbers, windows, 2 * size), 2)
            rgb = torch.where(smooth[:, None, None, None], finer, rgb)
        return rgb, self._nearest(numbers, windows, size)

    def _write(self, start: int, picture: Picture) -> None:
        stop = start + picture.labels.size
        self._rgb[start:stop] = torch.from_numpy(np.array(picture.rgb)).view(-1, 3).to(self._rgb.device)
        self._labels[start:stop] = torch.from_numpy(picture.labels.astype(np.int32)).view(-1).to(self._rgb.device)

    def _bilinear(self, numbers: Tensor, windows: Tensor, size: int) -> Tensor:
        steps = torch.linspace(0, 1, size, device=windows.device, dtype=torch.float64)
        lasts = (windows[:, 1::2] - windows[:, ::2] - 1)[:, :, None]
        offsets = steps * lasts
        low = offsets.floor().long().clamp(max=lasts)
        share = (offsets - low).float()
        high = torch.minimum(low + 1, lasts)
        first = windows[:, ::2, None]
        rows, columns = (torch.stack([low[:, axis], high[:, axis]]) + first[:, axis] for axis in (0, 1))
        down, across = share[:, 0, :, None, None], share[:, 1, None, :, None]
        upper, lower = (
            torch.lerp(self._at(numbers, row, columns[0]), self._at(numbers, row, columns[1]), across) for row in rows
        )
        return torch.lerp(upper, lower, down).permute(0, 3, 1, 2).contiguous() / 255

    def _nearest(self, numbers: Tensor, windows: Tensor, size: int) -> Tensor:
        centres = (torch.arange(size, device=windows.device, dtype=torch.float64) + 0.5) / size
        lengths = (windows[:, 1::2] - windows[:, ::2])[:, :, None]
        places = windows[:, ::2, None] + (centres * lengths).long()
        return self._labels[self._flat(numbers, places[:, 0], places[:, 1])]

    def _at(self, numbers: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        return self._rgb[self._flat(numbers, rows, columns)].float()

    def _flat(self, numbers: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Return (B, R, C) places of rows (B, R) and columns (B, C) in the flat tensors."""
        width = self.sizes[numbers, 1]
        return (self.starts[numbers, None] + rows * width[:, None])[:, :, None] + columns[:, None, :]
