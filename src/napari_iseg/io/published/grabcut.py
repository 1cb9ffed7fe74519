"""GrabCut (Rother et al. 2004) and Berkeley (McGuinness and O'Connor 2010): one object each, with an ignored band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.interactions import IGNORE
from napari_iseg.io.published.entries import Layout, first_channel, paired

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["BERKELEY", "GRABCUT"]

_BAND = 128


def _read(file: Path) -> NDArray[np.int32]:
    """128 is the band that no one scores, more is the object; 64, outside GrabCut's lasso, is background."""
    mask = first_channel(file)
    return np.where(mask == _BAND, IGNORE, mask > _BAND).astype(np.int32)


GRABCUT = Layout(
    name="grabcut",
    files="the folders data_GT and boundary_GT",
    recognise=lambda path: (path / "data_GT").is_dir() and (path / "boundary_GT").is_dir(),
    entries=lambda path, _: paired(path / "data_GT", path / "boundary_GT", _read),
)

BERKELEY = Layout(
    name="berkeley",
    files="the folders images and masks",
    recognise=lambda path: (path / "images").is_dir() and (path / "masks").is_dir(),
    entries=lambda path, _: paired(path / "images", path / "masks", _read),
)
