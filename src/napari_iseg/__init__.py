"""Interactive segmentation for biologists: click an object in napari, get its mask, export it.

In a notebook::

    import napari_iseg

    session = napari_iseg.open_session(image, method="focalclick-xl")  # (H, W) or (H, W, 3) array
    session.add(napari_iseg.Click(row=120, column=88, positive=True))
    session.mask, session.probability, session.undo(), session.redo()

Importing this package loads neither torch nor napari; the first session does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.errors import IsegError
from napari_iseg.interactions import Box, Choice, Click, MaskPrompt, Scribble
from napari_iseg.zoo import METHODS

if TYPE_CHECKING:
    from napari_iseg.inference.opening import make_predictor, open_session
    from napari_iseg.inference.session import Session

__all__ = [
    "METHODS",
    "Box",
    "Choice",
    "Click",
    "IsegError",
    "MaskPrompt",
    "Scribble",
    "Session",
    "__version__",
    "make_predictor",
    "open_session",
]

__version__ = "0.1.0"

_LATE = {
    "Session": "napari_iseg.inference.session",
    "make_predictor": "napari_iseg.inference.opening",
    "open_session": "napari_iseg.inference.opening",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
