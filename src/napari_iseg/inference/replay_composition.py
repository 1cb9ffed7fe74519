"""The labels of a session while they are made anew, beside those that were stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.session_labels import mask_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.inference.replay_steps import Step
    from napari_iseg.io.session_file import SavedObject
    from napari_iseg.planes import PlaneAddress

__all__ = ["Composition"]


class Composition:
    """Labels that are written step by step.

    Parameters
    ----------
    labels
        (grid of the image) unsigned labels, empty at first.
    stored
        (grid of the image) those of the label file, or None.
    """

    def __init__(self, labels: NDArray[Any], stored: NDArray[Any] | None) -> None:
        self.labels = labels
        self._stored = stored

    def write(self, item: SavedObject, plane: PlaneAddress, mask: NDArray[np.bool_]) -> None:
        """Write an object on one plane in the place of what it had there; other objects keep their pixels.

        Parameters
        ----------
        item
            Whose pixels; on its own plane it may be one that takes those of others.
        plane
            Where.
        mask
            (H, W) bool.
        """
        there = plane.take_labels(self.labels)
        overwrites = item.overwrite and plane == item.plane and not (there == item.label).any()
        free = mask if overwrites else mask & np.isin(there, (0, item.label))
        self.labels[plane.mask_index((there == item.label) & ~free)] = 0
        self.labels[plane.mask_index(free)] = item.label

    @property
    def has_stored(self) -> bool:
        """Whether there is a label file."""
        return self._stored is not None

    def keep(self, item: SavedObject, plane: PlaneAddress) -> None:
        """Take an object on one plane as the label file has it; nothing changes where there is none."""
        if self._stored is not None:
            self.write(item, plane, plane.take_labels(self._stored) == item.label)

    def starts(self, step: Step) -> dict[int, NDArray[np.bool_]] | None:
        """Return the masks that planes were filled from, by position; None if one is not what it was then."""
        found = {}
        for position, digest in step.making.start.items() if step.making is not None else ():
            mask = self._mask(step.owner.label, step.plane(position), digest)
            if mask is None:
                return None
            found[position] = mask
        return found

    def _mask(self, label: int, plane: PlaneAddress, digest: str) -> NDArray[np.bool_] | None:
        # What was painted by hand before the object was carried on is in the label file only.
        for labels in (self.labels, self._stored):
            if labels is not None:
                mask: NDArray[np.bool_] = plane.take_labels(labels) == label
                if mask_digest(mask) == digest:
                    return mask
        return None
