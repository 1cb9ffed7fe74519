"""A mask in as few bytes as a file of results can afford: run lengths, packed as COCO's tools pack them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.published.coco_masks import decode_mask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["MaskRuns"]


@dataclass(frozen=True, slots=True)
class MaskRuns:
    """A mask as COCO's compressed run lengths, some hundred bytes for an object.

    Parameters
    ----------
    shape
        Height and width.
    counts
        The packed lengths of the runs, column by column; ``pycocotools.mask`` reads them.
    """

    shape: tuple[int, int]
    counts: str

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> MaskRuns:
        """Pack a mask, (H, W) bool."""
        from pycocotools import mask as coco

        packed = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
        return cls((mask.shape[0], mask.shape[1]), packed["counts"].decode("ascii"))

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> MaskRuns:
        """Make one of what :meth:`values` gave and JSON kept.

        Raises
        ------
        ImageError
            If it is something else.
        """
        try:
            height, width = values["size"]
            return cls((int(height), int(width)), str(values["counts"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ImageError("A mask in a file of results is no run-length mask; take an unchanged file.") from error

    def values(self) -> dict[str, Any]:
        """Return it ready for JSON, in the form that COCO's own files have."""
        return {"size": list(self.shape), "counts": self.counts}

    def mask(self) -> NDArray[np.bool_]:
        """Return the mask, (H, W) bool."""
        return decode_mask(self.values(), self.shape)
