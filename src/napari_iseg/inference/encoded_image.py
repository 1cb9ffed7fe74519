"""An image together with what a predictor makes of it once; sessions on one image share it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from napari_iseg.planes.brightening import brightened, brightening

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
        self._seen: np.ndarray | None = None
        self._cut_levels: tuple[np.ndarray | None, ...] = ()
        self._encoding: Any = None
        self._lock = threading.Lock()

    def fits(self, image: np.ndarray, predictor: Predictor) -> bool:
        """Whether it is of this very image and this very predictor, or one that is the same on the same grid."""
        return self.image is image and self.predictor == predictor

    @property
    def seen(self) -> np.ndarray:
        """(H, W, 3) uint8, the image as the method looks at it: brighter where its options say so."""
        if self._seen is None:
            self._seen = brightened(self.image) if getattr(self.predictor.options, "brighten", False) else self.image
        return self._seen

    @property
    def cut_levels(self) -> np.ndarray | None:
        """(256,) uint8, what becomes of each value of ``seen`` for a graph cut; None where it stays."""
        options = self.predictor.options
        if getattr(options, "brighten", False) or not getattr(options, "brighten_cut", False):
            return None
        if not self._cut_levels:
            self._cut_levels = (brightening(self.image),)
        return self._cut_levels[0]

    def encoding(self) -> Any:
        """Return what the predictor's ``encode`` returned; the first call computes it. For any thread."""
        with self._lock:
            if self._encoding is None:
                self._encoding = self.predictor.encode(self.seen)
            return self._encoding
