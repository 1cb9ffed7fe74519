"""Where FocalClick's refiner is told that the boundary lies (FocalClick, section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["boundary_target"]

# The mask is reduced by this and enlarged again; what that changes is boundary.
_REDUCTION = 8


def boundary_target(mask: Tensor) -> Tensor:
    """Return where a mask's fine structure and rim lie: what a small copy of it cannot tell.

    Parameters
    ----------
    mask
        (B, 1, H, W), above 0.5 for the object (ignored pixels, -1, count as background); H and W at least 8.

    Returns
    -------
    Tensor
        (B, 1, H, W) of the mask's dtype (float32 for whole numbers), 1 or 0.

    Raises
    ------
    ValueError
        If a side is shorter than 8 pixels.
    """
    rows, columns = mask.shape[-2:]
    if min(rows, columns) < _REDUCTION:
        raise ValueError(f"the boundary of a mask needs sides of {_REDUCTION} pixels or more; {rows} x {columns} given")
    wanted = mask > 0.5
    small = _resized(wanted, (rows // _REDUCTION, columns // _REDUCTION))
    changed = _resized(small, (rows, columns)) ^ wanted
    # Two dilations by 3 x 3 are one by 5 x 5.
    wide = functional.max_pool2d(changed.float(), kernel_size=5, stride=1, padding=2)
    return wide.to(mask.dtype if mask.is_floating_point() else torch.float32)


def _resized(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize as 8-bit images are: bilinear between pixel centres, rounded to grey levels, above the middle one."""
    grey = functional.interpolate(mask.float() * 255, size=size, mode="bilinear", align_corners=False)
    return grey.round() > 128
