"""What holds several images: their names to choose from, in the window or behind ``::`` of a path."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_iseg.errors import ImageError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_iseg.io.loaded import LoadedImage

__all__ = ["SEPARATOR", "Choice", "pick", "split_choice", "unique_names"]

SEPARATOR = "::"
"""Between the path of what holds several images and the name of one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the images of a file or folder.

    Parameters
    ----------
    name
        What it is called after ``::``; a name of its own among the choices.
    shape
        Of its array.
    dtype
        The type of its values.
    description
        What else helps to tell it from the others.
    open
        Reads it; the argument says whether a large one stays in its file.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    description: str = ""
    open: Callable[[bool], LoadedImage] = field(repr=False, compare=False)

    @property
    def size(self) -> int:
        """Number of values."""
        product = 1
        for length in self.shape:
            product *= length
        return product

    @property
    def words(self) -> str:
        """One line for a list: name, shape, type and description."""
        shape = " x ".join(map(str, self.shape))
        return f"{self.name}   " + ", ".join(part for part in (shape, self.dtype, self.description) if part)


def split_choice(path: str | Path) -> tuple[str, str | None]:
    """Split what is given into a path or address and the name behind ``::``, None where there is none."""
    given = str(path)
    before, mark, name = given.partition(SEPARATOR)
    return (before, name) if mark and before else (given, None)


def pick(choices: Sequence[Choice], name: str | None, source: str) -> tuple[Choice, tuple[str, ...]]:
    """Return the choice of a name, or the largest one and the sentence that says so.

    Raises
    ------
    ImageError
        If there is nothing to choose from.
    UnknownNameError
        If none has that name.
    """
    if not choices:
        raise ImageError(f"{source} holds no image; check that it is the right one.")
    if name is not None:
        found = next((choice for choice in choices if choice.name == name), None)
        if found is None:
            raise UnknownNameError(f"image of {source}", name, [choice.name for choice in choices])
        return found, ()
    largest = max(choices, key=lambda choice: choice.size)
    if len(choices) == 1:
        return largest, ()
    which = "the largest" if largest.shape else "the first"
    others = ", ".join(repr(choice.name) for choice in choices[:8] if choice is not largest)
    return largest, (
        f"{source} holds {len(choices)} images; {largest.name!r}, {which}, was opened; for another one put "
        f"{SEPARATOR} and its name behind the path: {others}.",
    )


def unique_names(choices: Sequence[Choice]) -> list[Choice]:
    """Give numbers to the choices that have the name of an earlier one."""
    seen: dict[str, int] = {}
    named = []
    for choice in choices:
        seen[choice.name] = seen.get(choice.name, 0) + 1
        number = seen[choice.name]
        named.append(choice if number == 1 else replace(choice, name=f"{choice.name} ({number})"))
    return named
