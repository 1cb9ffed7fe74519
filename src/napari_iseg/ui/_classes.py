"""The kinds of objects that a user tells apart, each with a name and a colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps import label_colormap
from psygnal import Signal

from napari_iseg.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Classes", "ObjectClass"]

_COLOURS = 49


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """A kind of object: its name, and its colour as "#rrggbb"."""

    name: str
    colour: str


class Classes:
    """The classes there are, and the one that new objects get.

    Attributes
    ----------
    changed
        There are others, or another one is chosen.
    current
        The name of the class of new objects; empty for none.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.current = ""
        self._classes: dict[str, ObjectClass] = {}

    @property
    def names(self) -> list[str]:
        """In the order in which they were added."""
        return list(self._classes)

    def colour(self, name: str) -> str | None:
        """Return the colour of a class as "#rrggbb", or None if there is no such class."""
        found = self._classes.get(name)
        return found.colour if found is not None else None

    def add(self, name: str, colour: str | None = None) -> ObjectClass:
        """Add a class, or give one another colour.

        Parameters
        ----------
        name
            Its name; spaces around it are left out.
        colour
            "#rrggbb"; None keeps the one it has, or takes the next one of napari's label colours.

        Raises
        ------
        PromptError
            If the name is empty.
        """
        name = name.strip()
        if not name:
            raise PromptError("A class needs a name; type one, for example 'nucleus'.")
        known = self.colour(name)
        self._classes[name] = ObjectClass(name, colour or known or _label_colour(len(self._classes) + 1))
        self.changed.emit()
        return self._classes[name]

    def meet(self, names: Iterable[str]) -> None:
        """Add those of the names that are not there yet: objects from a file or another program have them."""
        for name in dict.fromkeys(names):
            if name and name not in self._classes:
                self.add(name)

    def choose(self, name: str) -> None:
        """Give new objects a class; an empty name gives them none."""
        self.meet([name])
        self.current = name
        self.changed.emit()


def _label_colour(number: int) -> str:
    red, green, blue = (round(value * 255) for value in np.asarray(label_colormap(_COLOURS).map(number))[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"
