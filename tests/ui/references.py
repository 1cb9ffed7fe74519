"""Pictures of the dock to compare with: small, grey, and alike when a person would call them alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from qtpy.QtGui import QImage
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

FOLDER = Path(__file__).with_name("references")
WRITE = "NAPARI_ISEG_WRITE_REFERENCES"
"""An environment variable; set to 1, the references are written anew in place of being compared with."""

# Letters drawn by another version of the font engine stay below, a line of text or a button that is gone does not.
_BLUR = 2.0
_BLOCK = 16
_LEAST = 0.55


def picture_of(widget: QWidget) -> NDArray[np.uint8]:
    """Return a widget as it is painted, (height / 2, width / 2) uint8 grey."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    bits = image.constBits()
    assert bits is not None
    # PyQt hands out an address with a size to be set, PySide a memoryview.
    if hasattr(bits, "setsize"):
        bits.setsize(image.sizeInBytes())
    whole = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())[:, : image.width()]
    half = Image.fromarray(whole.copy()).resize((image.width() // 2, image.height() // 2), Image.Resampling.BOX)
    return np.asarray(half)


def likeness(seen: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> float:
    """Return how alike two pictures are where they differ most, up to 1; 0 if their sizes are not nearly the same."""
    if any(abs(a - b) > 8 for a, b in zip(seen.shape, wanted.shape, strict=True)):
        return 0.0
    rows, columns = (min(a, b) for a, b in zip(seen.shape, wanted.shape, strict=True))
    one, other = (gaussian_filter(p[:rows, :columns].astype(float), _BLUR) for p in (seen, wanted))
    _, alike = structural_similarity(one, other, data_range=60.0, full=True)
    blocks = alike[: rows // _BLOCK * _BLOCK, : columns // _BLOCK * _BLOCK]
    return float(blocks.reshape(rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK).mean(axis=(1, 3)).min())


def fault(name: str, seen: NDArray[np.uint8], leave_in: Path) -> str:
    """Return what is wrong with a picture, and leave it in a folder; an empty text if it is like its reference."""
    path = FOLDER / f"{name}.png"
    if os.environ.get(WRITE) == "1":
        FOLDER.mkdir(exist_ok=True)
        Image.fromarray(seen).quantize(16).save(path, optimize=True)
        return ""
    if not path.exists():
        how_alike, what = 0.0, "has no reference"
    else:
        how_alike = likeness(seen, np.asarray(Image.open(path).convert("L")))
        what = f"is only {how_alike:.2f} like {path} (at least {_LEAST})"
    if how_alike >= _LEAST:
        return ""
    leave_in.mkdir(parents=True, exist_ok=True)
    actual = leave_in / f"{name}.png"
    Image.fromarray(seen).save(actual)
    return f"{name} {what}; what was seen is {actual}; if it is right, run again with {WRITE}=1"
