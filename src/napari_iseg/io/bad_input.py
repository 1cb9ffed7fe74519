"""What a folder of images holds that cannot be used: named, and left out or the end, as the user chose."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_iseg.errors import ImageError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CHOICES", "BadFile", "BadInput"]

CHOICES = ("skip", "stop")
"""What can be done about a file that cannot be used: go on without it, or end with its name."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that was left out.

    Parameters
    ----------
    path
        The file.
    sentence
        What is wrong with it; names the file.
    """

    path: Path
    sentence: str


class BadInput:
    """Collects what cannot be used.

    Parameters
    ----------
    choice
        ``"skip"`` logs each and goes on; ``"stop"`` raises at the first.

    Attributes
    ----------
    found
        What was left out so far; a file is named once, however often it is met.

    Raises
    ------
    UnknownNameError
        If there is no such choice.
    """

    def __init__(self, choice: str = "skip") -> None:
        if choice not in CHOICES:
            raise UnknownNameError("choice for bad input", choice, CHOICES)
        self.choice = choice
        self.found: list[BadFile] = []
        self._seen: set[tuple[Path, str]] = set()

    def add(self, path: Path, sentence: str) -> None:
        """Note a file that cannot be used.

        Parameters
        ----------
        path
            The file.
        sentence
            What is wrong; the path is put before it where it does not name it.

        Raises
        ------
        ImageError
            With the sentence, if the choice is to stop.
        """
        named = sentence if str(path) in sentence else f"{path}: {sentence}"
        if self.choice == "stop":
            raise ImageError(named)
        if (path, named) not in self._seen:
            self._seen.add((path, named))
            self.found.append(BadFile(path, named))
            _log.warning("Left out: %s", named)

    @property
    def paths(self) -> frozenset[Path]:
        """The files that were left out."""
        return frozenset(bad.path for bad in self.found)

    def summary(self) -> str | None:
        """Return one sentence with the number of files left out, or None where there were none."""
        if not self.found:
            return None
        files = len(self.paths)
        were = "file was" if files == 1 else "files were"
        return f"{files} {were} left out as unusable, each named above; the first was {self.found[0].path}."
