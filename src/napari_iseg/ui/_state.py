"""The states of the dock."""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["State"]


class State(Enum):
    """What the dock can do now."""

    NO_IMAGE = auto()
    """There is no image, or none is chosen."""
    NO_PLANE = auto()
    """The display is 3-D, or the chosen image does not lie on the plane that is shown."""
    PREPARING = auto()
    """The method is being loaded or the plane read; clicks are kept."""
    RESTORING = auto()
    """Saved objects are being read and put back; nothing has changed yet."""
    COMPUTING = auto()
    """A click is being answered."""
    FAILED = auto()
    """The last click or the last preparation failed; a sentence says why."""
    ACCEPTING = auto()
    """Accepted before the answer came: the object is finished when it comes."""
    READY = auto()
    """Waiting for a click."""
    EDITING = auto()
    """A click was answered; more clicks refine the mask."""
