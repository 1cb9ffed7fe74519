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
        What to keep; an image of n pixels takes 7 n bytes, and 4 n for every further map.
    device
        Where to keep it.
    maps
        Label maps of each picture: its ``labels`` and as many of its ``others``; empty ones where it has fewer.
    """

    def __init__(self, pictures: Sequence[Picture], device: torch.device | str, *, maps: int = 1) -> None:
        sizes = np.array([picture.labels.shape for picture in pictures], np.int64).reshape(-1, 2)
        self.sizes = torch.from_numpy(sizes).to(device)
        starts = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))])
        self.starts = torch.from_numpy(starts[:-1]).to(device)
        self._rgb = torch.empty((int(starts[-1]), 3), dtype=torch.uint8, device=device)
        self._labels = torch.zeros((maps, int(starts[-1])), dtype=torch.int32, device=device)
        for picture, start in zip(pictures, starts.tolist(), strict=False):
            self._write(start, picture)

    def replace(self, number: int, picture: Picture) -> None:
        """Put another picture of the same size in the place of one."""
        self._write(int(self.starts[number]), picture)

    def cut_rgb(self, numbers: Tensor, windows: Tensor, size: tuple[int, int], *, samples: int = 1) -> Tensor:
        """Cut windows out and resize them, as ``training.cropping`` does one by one.

        Parameters
        ----------
        numbers
            (B,) int64, which pictures.
        windows
            (B, 4) int64: row start and stop, column start and stop, inside the picture.
        size
            Rows and columns of the crops.
        samples
            Points along a pixel that are averaged; more than one works against the patterns of coarse sampling.

        Returns
        -------
        torch.Tensor
            (B, 3, rows, columns) float32 RGB in [0, 1] (bilinear, corners on corners).
        """
        if samples == 1:
            return self._bilinear(numbers, windows, size)
        fine = (samples * size[0], samples * size[1])
        return functional.avg_pool2d(self._bilinear(numbers, windows, fine), samples)

    def cut_labels(self, numbers: Tensor, windows: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the label maps of windows, (B, maps, rows, columns) int32: each pixel keeps its centre's label."""
        rows, columns = (
            windows[:, 2 * axis, None] + (_centres(side, windows) * lengths).long()
            for axis, (side, lengths) in enumerate(zip(size, _lengths(windows), strict=True))
        )
        return self._labels[:, self._flat(numbers, rows, columns)].transpose(0, 1)

    def _write(self, start: int, picture: Picture) -> None:
        stop = start + picture.labels.size
        self._rgb[start:stop] = torch.from_numpy(np.array(picture.rgb)).view(-1, 3).to(self._rgb.device)
        self._labels[:, start:stop] = 0
        for kept, labels in zip(self._labels, (picture.labels, *picture.others), strict=False):
            kept[start:stop] = torch.from_numpy(labels.astype(np.int32)).view(-1).to(self._rgb.device)

    def _bilinear(self, numbers: Tensor, windows: Tensor, size: tuple[int, int]) -> Tensor:
        places, shares = [], []
        for axis, (side, lengths) in enumerate(zip(size, _lengths(windows), strict=True)):
            lasts = lengths - 1
            offsets = torch.linspace(0, 1, side, device=windows.device, dtype=torch.float64) * lasts
            low = offsets.floor().long().clamp(max=lasts)
            shares.append((offsets - low).float())
            places.append(torch.stack([low, torch.minimum(low + 1, lasts)]) + windows[:, 2 * axis, None])
        rows, columns = places
        down, across = shares[0][:, :, None, None], shares[1][:, None, :, None]
        upper, lower = (
            torch.lerp(self._at(numbers, row, columns[0]), self._at(numbers, row, columns[1]), across) for row in rows
        )
        return torch.lerp(upper, lower, down).permute(0, 3, 1, 2).contiguous() / 255

    def _at(self, numbers: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        return self._rgb[self._flat(numbers, rows, columns)].float()

    def _flat(self, numbers: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Return (B, R, C) places of rows (B, R) and columns (B, C) in the flat tensors."""
        width = self.sizes[numbers, 1]
        return (self.starts[numbers, None] + rows * width[:, None])[:, :, None] + columns[:, None, :]


def _lengths(windows: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows and columns of windows, (B, 1) each."""
    rows, columns = (windows[:, 1::2] - windows[:, ::2]).split(1, 1)
    return rows, columns


def _centres(side: int, windows: Tensor) -> Tensor:
    return (torch.arange(side, device=windows.device, dtype=torch.float64) + 0.5) / side
