"""The errors that a user reads: one clear sentence each, saying what to do next.

Every error that a user's own input can cause is an :class:`IsegError`. The command line prints it and ends with
exit code 2; the window shows it as a notification. Anything else is a defect of this package and keeps its traceback.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ExportError",
    "ImageError",
    "IsegError",
    "OptionError",
    "PromptError",
    "UnknownNameError",
    "WeightsError",
]


class IsegError(ValueError):
    """Something the user gave cannot be used; the message is a sentence that says what was given and what to do."""


class ImageError(IsegError):
    """An image, label or dataset file is missing, unreadable, empty or of an unusable shape."""


class PromptError(IsegError):
    """A click, box, scribble or mask does not fit the image, or a prompts file does not say what it should."""


class OptionError(IsegError):
    """An option is unknown to the method or its value is out of range."""


class WeightsError(IsegError):
    """A weights file is missing, damaged, of another network, or would have to execute code to load."""


class ExportError(IsegError):
    """Labels, probabilities or a session cannot be written as asked."""


class UnknownNameError(IsegError):
    """A name is not in a table.

    Parameters
    ----------
    kind
        What the name should have named, for the sentence: ``"method"``, ``"weights"``, ``"recipe"``.
    name
        The name as given.
    known
        Every name that would have been right.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(repr(c) for c in close)}?" if close else f"Known: {', '.join(names)}."
        super().__init__(f"There is no {kind} named {name!r}. {hint}")
        self.name = name
        self.close = close
        self._made_of = kind, name, names

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, list[str]]]:
        # Errors cross from one process to another; by default this one could not be made anew there.
        return type(self), self._made_of
