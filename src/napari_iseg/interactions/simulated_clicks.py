"""A further rule of training clicks: along the boundary, where answers err most (FocalClick-XL, section 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_iseg.interactions.prompts import Click

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["sample_boundary_click"]

_THRESHOLD = 0.49


def sample_boundary_click(
    probability: NDArray[np.floating], truth: NDArray[np.integer], rng: np.random.Generator, *, reach: float = 10.0
) -> Click | None:
    """Draw a click from the errors near the object's boundary, each pixel equally likely.

    Parameters
    ----------
    probability
        (H, W) in [0, 1], the present answer.
    truth
        (H, W): 1 object, 0 background, -1 ignored.
    rng
        Where the chance comes from.
    reach
        The furthest in pixels from the boundary: from the nearest pixel of the other side.

    Returns
    -------
    Click or None
        At whole pixels, positive on the object; None where nothing is wrong near the boundary.
    """
    inside = truth == 1
    wrong = (inside & (probability < _THRESHOLD)) | ((truth == 0) & (probability > _THRESHOLD))
    if inside.any() and not inside.all():
        # One of the two is 0 everywhere: the distance to the other side.
        wrong &= distance_transform_edt(inside) + distance_transform_edt(~inside) <= reach
    else:
        return None
    places = np.flatnonzero(wrong)
    if not places.size:
        return None
    row, column = divmod(int(rng.choice(places)), truth.shape[1])
    return Click(row, column, positive=bool(inside[row, column]))
