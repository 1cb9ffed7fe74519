"""DAVIS as interactive segmentation takes it (345 frames; Perazzi et al. 2016), and COCO_MVal and HARD, laid out alike.

COCO_MVal's masks are read by this rule in RITM's and SimpleClick's tables; ClickSEG's read their first channel above
128 instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.io.images import read_image
from napari_iseg.io.published.entries import Layout, paired

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["DAVIS"]


def _read(file: Path) -> NDArray[np.int32]:
    """All objects of a frame are one: whatever is not black in any colour, as the published evaluations have it."""
    loaded = read_image(file)
    mask = loaded.data[..., :3].max(axis=-1) if loaded.rgb else loaded.data
    return np.asarray(mask > 0).astype(np.int32)


DAVIS = Layout(
    name="davis",
    files="the folders img and gt",
    recognise=lambda path: (path / "img").is_dir() and (path / "gt").is_dir(),
    entries=lambda path, _: paired(path / "img", path / "gt", _read),
)
