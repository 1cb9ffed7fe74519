"""The planes of a pack as a data set, which training and evaluation take like a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.io.labelled_images import LabelledImages, Sample, Split, in_split

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iseg.io.pack_file import Pack, PackedPlane

__all__ = ["PackedImages"]


class PackedImages(LabelledImages):
    """The planes of a pack as a data set; their names are ``source/name``.

    Parameters
    ----------
    pack
        The pack.
    labels
        One of its kinds of references; planes without it are left out.
    split
        Which planes: the pack says which are held back.

    Raises
    ------
    ImageError
        If the split is empty.
    UnknownNameError
        If there is no such split or kind of references.
    """

    def __init__(self, pack: Pack, *, labels: str = "labels", split: Split = "all") -> None:
        super().__init__(pack.path, labels=labels, split=split)
        if labels not in pack.labels:
            raise UnknownNameError(f"kind of labels in {pack.path}", labels, pack.labels)
        self._planes = {
            f"{plane.source}/{plane.name}": plane
            for plane in pack.planes
            if in_split(plane.held_back, split) and any(reference.kind == labels for reference in plane.references)
        }
        self.names = tuple(sorted(self._planes))
        if not self.names:
            raise ImageError(f"No plane of the pack {pack.path} is in the split {split!r}; use 'all'.")

    def _find(self, name: str) -> PackedPlane:
        if name not in self._planes:
            raise UnknownNameError("plane", name, self._planes)
        return self._planes[name]

    def source(self, name: str) -> Path:
        """Return the file of the pack; raises as the base class says."""
        self._find(name)
        return self.path

    def is_held_back(self, name: str) -> bool:
        """Return what the pack says."""
        return self._find(name).held_back

    def samples(self, name: str) -> list[Sample]:
        """Return one plane with its reference, once for each layer; raises as the base class says."""
        rgb = self._find(name).rgb
        return [Sample(name, rgb, labels) for labels in self.layers(name)]

    def layers(self, name: str) -> list[NDArray[np.int32]]:
        """Return the layers of one reference; raises as the base class says."""
        references = self._find(name).references
        return [reference.labels.astype(np.int32) for reference in references if reference.kind == self.labels]
