"""Maps at another size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["resized"]


def resized(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return a map, (h, w) float32, at another size, bilinearly, corners aligned as where patches are painted."""
    given = torch.from_numpy(np.array(values, np.float32))[None, None]
    return np.asarray(functional.interpolate(given, size=shape, mode="bilinear", align_corners=True)[0, 0])
