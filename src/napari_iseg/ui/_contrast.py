"""The contrast of a layer as a way to look at it, and a way to look as one of those to choose from."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_iseg.planes import PlaneLook
from napari_iseg.planes.contrasts import AUTOMATIC, CONTRASTS, LAYER, SAVED

__all__ = ["contrast_of", "layer_limits", "layer_look"]

_BYTES = (0.0, 255.0)


def layer_limits(image: Any) -> tuple[float, float] | None:
    """Return the contrast limits of an Image layer; None where they change nothing, or it has colours."""
    if image.rgb:
        return None
    low, high = (float(value) for value in image.contrast_limits)
    if not low < high or (image.dtype == np.uint8 and (low, high) == _BYTES):
        return None
    return low, high


def layer_look(image: Any) -> tuple[str, PlaneLook]:
    """Return the key of the layer's own contrast, and how an Image layer is looked at with it."""
    return LAYER.key, PlaneLook(limits=layer_limits(image))


def contrast_of(look: PlaneLook, image: Any) -> str:
    """Return the key of the contrast that a look of a session file comes from.

    Parameters
    ----------
    look
        How an object was looked at.
    image
        The Image layer it is on now.
    """
    if look.percentiles is None and look.limits == layer_limits(image):
        return LAYER.key
    wanted = (look.limits, look.percentiles, look.without_zero)
    if wanted == (None, None, False):
        return AUTOMATIC.key
    for contrast in CONTRASTS:
        if not contrast.of_volume and wanted == (contrast.limits, contrast.percentiles, contrast.without_zero):
            return contrast.key
    return SAVED.key
