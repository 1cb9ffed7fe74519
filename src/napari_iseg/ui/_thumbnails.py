"""Small pictures of masks: the object in its surroundings, with its contour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon, QImage, QPixmap

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SIDE", "thumbnail"]

SIDE = 72
"""In pixels of the screen."""

# A thumbnail shows the object with this much of its surroundings.
_MARGIN = 0.3
_OUTSIDE = 0.55
_CONTOUR = (46, 230, 107)


def thumbnail(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> QIcon:
    """Return the object in its surroundings.

    Parameters
    ----------
    image
        (H, W, 3) uint8.
    mask
        (H, W) bool; what lies outside it is darkened, its inner edge drawn.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        rows, columns = np.array([0, mask.shape[0] - 1]), np.array([0, mask.shape[1] - 1])
    margin = int(_MARGIN * max(np.ptp(rows), np.ptp(columns))) + 2
    cut = (
        slice(max(rows[0] - margin, 0), rows[-1] + margin + 1),
        slice(max(columns[0] - margin, 0), columns[-1] + margin + 1),
    )
    # Large objects are thinned out and small ones repeated before the contour is drawn: it is one pixel wide then.
    longer = max(image[cut].shape[:2])
    step, times = max(1, longer // SIDE), max(1, SIDE // longer)
    pixels = image[cut][::step, ::step].repeat(times, axis=0).repeat(times, axis=1)
    inside = mask[cut][::step, ::step].repeat(times, axis=0).repeat(times, axis=1)
    pixels[~inside] = (pixels[~inside] * _OUTSIDE).astype(np.uint8)
    pixels[_edge(inside)] = _CONTOUR
    height, width = pixels.shape[:2]
    drawn = QImage(np.ascontiguousarray(pixels).tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QIcon(
        QPixmap.fromImage(drawn).scaled(
            SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
    )


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner = np.pad(mask, 1)
    inner = inner[1:-1, 1:-1] & inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    return mask & ~inner
