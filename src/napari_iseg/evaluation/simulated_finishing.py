"""What a simulated user has finished already: objects of an image are made one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SimulatedFinishing"]


class SimulatedFinishing:
    """The pixels of finished objects, plane by plane.

    Parameters
    ----------
    applies
        Whether the method asks for them; where it does not, nothing is kept.
    """

    def __init__(self, *, applies: bool) -> None:
        self._applies = applies
        self._name = ""
        self._pixels: dict[int | None, NDArray[np.bool_]] = {}

    def before(self, name: str, plane: int | None) -> NDArray[np.bool_] | None:
        """Return the pixels of the objects finished so far on a plane of an image, (H, W) bool; None for none."""
        return self._pixels.get(plane) if name == self._name else None

    def finish(self, name: str, plane: int | None, mask: NDArray[np.bool_]) -> None:
        """Take note of the mask, (H, W) bool, with which an object was finished.

        Of an object that was worked on elsewhere, in an earlier run, that is its reference. Objects of an image come
        one after the other: what was finished on the image before is forgotten.
        """
        if not self._applies:
            return
        before = self.before(name, plane)
        if name != self._name:
            self._name, self._pixels = name, {}
        self._pixels[plane] = mask.copy() if before is None else before | mask
