"""ssTEM of the Drosophila nerve cord (Gerhard et al. 2013): every piece of the mitochondria mask is an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_iseg.io.published.entries import Layout, first_channel, paired

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SSTEM"]


def _read(file: Path) -> NDArray[np.int32]:
    """Pieces that touch at a corner only are two: 4-connected, none too small, as the published evaluation has it."""
    components, _ = ndimage.label(first_channel(file) != 0)
    return np.asarray(components, dtype=np.int32)


SSTEM = Layout(
    name="sstem",
    files="the folders raw (.tif) and mitochondria (.png)",
    recognise=lambda path: (path / "raw").is_dir() and (path / "mitochondria").is_dir(),
    entries=lambda path, _: paired(path / "raw", path / "mitochondria", _read),
)
