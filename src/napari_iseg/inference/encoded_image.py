"""An image together with what a predictor makes of it once; sessions on one image share it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from napari_iseg.inference.predictor import Predictor

__all__ = ["EncodedImage"]


class EncodedImage:
    """An image that is encoded at the first need, and then kept for every object on it.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    predictor
        Whose encoding it is.
    """

    def __init__(self, image: np.ndarray, predictor: Predictor) -> None:
        self.image = image
        self.predictor = predictor
        self._encoding: Any = None
        self._lock = threading.Lock()

    def fits(self, image: np.ndarray, predictor: Predictor) -> bool:
        """Whether it is of this very image and this very predictor, or one that is the same on the same grid."""
        return self.image is image and self.predictor == predictor

    def encoding(self) -> Any:
        """Return what the predictor's ``encode`` returned; the first call computes it. For any thread."""
        with self._lock:
            if self._encoding is None:
                self._encoding = self.predictor.encode(self.image)
            return self._encoding
