"""An image whose context is computed once, at the first need, and kept (FocalClick-XL, section 4.2)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from napari_iseg.inference.prediction import Window
    from napari_iseg.models.context_net import Context, ContextNet

__all__ = ["ImageWithContext"]


class ImageWithContext:
    """An image on the network's device, and what the Context-Net knows of it.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    network
        The Context-Net.
    """

    def __init__(self, image: np.ndarray, network: ContextNet) -> None:
        device = next(network.parameters()).device
        # Bytes: a large plane takes four times as much as floats, and only crops of it are ever needed as such.
        self._pixels = torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1)[None]
        self._network = network
        self._context: Context | None = None
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the image."""
        return self._pixels.shape[-2], self._pixels.shape[-1]

    @property
    def device(self) -> torch.device:
        """Where it lies."""
        return self._pixels.device

    def context(self) -> Context:
        """Return the context; the first call computes it."""
        with self._lock:
            if self._context is None:
                with torch.inference_mode():
                    self._context = self._network(self._pixels.float() / 255)
            return self._context

    def crop(self, window: Window, side: int) -> Tensor:
        """Return (1, 3, side, side) RGB in [0, 1] of a window (bilinear, corners aligned)."""
        rows, columns = window.slices
        pixels = self._pixels[..., rows, columns].float() / 255
        return functional.interpolate(pixels, size=(side, side), mode="bilinear", align_corners=True)
