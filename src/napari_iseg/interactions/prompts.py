"""The prompts a user can give, as frozen values in array order: (row, column), in pixels of the image plane."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_iseg.errors import PromptError

__all__ = [
    "Box",
    "Choice",
    "Click",
    "MaskPrompt",
    "Prompt",
    "Scribble",
    "check_inside",
    "with_choice",
    "with_replaced",
    "without",
]


@dataclass(frozen=True, slots=True)
class Click:
    """One click.

    Parameters
    ----------
    row, column
        Position in pixels of the image plane, pixel centres at whole numbers. May be fractional.
    positive
        True includes what lies under the click, False excludes it.
    view
        The part of the plane that was on the screen, half-open in pixels like any box; None where nobody knows. Of the
        first prompt it is where a network that zooms in looks while there is no mask yet.

    Raises
    ------
    PromptError
        If a coordinate is not a finite number.
    """

    row: float
    column: float
    positive: bool = True
    view: Box | None = None

    def __post_init__(self) -> None:
        _check_finite("click", self.row, self.column)


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned box around the object, half-open per axis: ``start`` is inside, ``stop`` is not.

    Raises
    ------
    PromptError
        If a coordinate is not finite or the box encloses nothing.
    """

    start: tuple[float, float]
    stop: tuple[float, float]

    def __post_init__(self) -> None:
        _check_finite("box", *self.start, *self.stop)
        if self.stop[0] <= self.start[0] or self.stop[1] <= self.start[1]:
            raise PromptError(
                f"The box from {self.start} to {self.stop} encloses nothing; drag from one corner to the opposite one."
            )


@dataclass(frozen=True, slots=True)
class Scribble:
    """A freehand stroke: a polyline of (row, column) points drawn with a round brush of ``width`` pixels.

    ``view`` is that of a click: what was on the screen.

    Raises
    ------
    PromptError
        If there is no point, a coordinate is not finite or the width is not positive.
    """

    points: tuple[tuple[float, float], ...]
    width: float = 3.0
    positive: bool = True
    view: Box | None = None

    def __post_init__(self) -> None:
        if not self.points:
            raise PromptError("A scribble needs at least one point; draw again.")
        _check_finite("scribble", *(value for point in self.points for value in point))
        if not self.width > 0:
            raise PromptError(f"A scribble's width must be above 0 pixels; {self.width} was given.")


@dataclass(frozen=True, slots=True, eq=False, init=False)
class MaskPrompt:
    """A mask to start from, (H, W), bool or float probabilities in [0, 1], on the grid of the image plane.

    The array is copied, so that a prompt in a history never changes; only the box of what is not 0 is kept, yes and no
    as single bits: a history may hold hundreds of strokes on a large plane.

    Parameters
    ----------
    mask
        The mask.
    keep
        Whether later prompts change only what they mean ("progressive merge"), whatever the method: so a finished
        object is edited again. Otherwise the method goes on from the mask as its paper has it, but for the click that
        the option ``mask_click`` adds.
    source
        Where the mask comes from, in words ("object 12", "disnet, proposal 2"); empty where nobody asked.

    Attributes
    ----------
    shape
        (H, W).
    """

    keep: bool
    source: str
    shape: tuple[int, int]
    _corner: tuple[int, int] = field(repr=False)
    _size: tuple[int, int] = field(repr=False)
    _values: np.ndarray = field(repr=False)
    _is_packed: bool = field(repr=False)

    def __init__(self, mask: np.ndarray, keep: bool = False, source: str = "") -> None:
        mask = np.asarray(mask)
        if mask.ndim != 2:
            raise PromptError(f"A mask prompt must have two axes (rows, columns); one of shape {mask.shape} was given.")
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        start = (int(rows[0]), int(columns[0])) if len(rows) else (0, 0)
        stop = (int(rows[-1]) + 1, int(columns[-1]) + 1) if len(rows) else (0, 0)
        part = mask[start[0] : stop[0], start[1] : stop[1]]
        is_packed = mask.dtype == np.bool_
        values = np.packbits(part) if is_packed else part.copy()
        values.setflags(write=False)
        facts: dict[str, Any] = {"keep": keep, "source": source, "shape": mask.shape}
        facts |= {"_corner": start, "_size": part.shape, "_values": values, "_is_packed": is_packed}
        for name, value in facts.items():
            object.__setattr__(self, name, value)

    @property
    def mask(self) -> np.ndarray:
        """(H, W), the mask as it was given; made anew at each call, read-only."""
        rows, columns = self._size
        values = self._values
        if self._is_packed:
            values = np.unpackbits(values, count=rows * columns).reshape(rows, columns).astype(bool)
        mask = np.zeros(self.shape, values.dtype)
        mask[self._corner[0] : self._corner[0] + rows, self._corner[1] : self._corner[1] + columns] = values
        mask.setflags(write=False)
        return mask

    @property
    def nbytes(self) -> int:
        """Memory that the mask takes, in bytes."""
        return self._values.nbytes


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the proposals was chosen: ``index`` counts those of the answer to the prompts before, from 0.

    A choice lies among the prompts so that it is undone, saved and done anew as they are. Methods never see it.

    Raises
    ------
    PromptError
        If the index is no whole number from 0.
    """

    index: int

    def __post_init__(self) -> None:
        if isinstance(self.index, bool) or not isinstance(self.index, int) or self.index < 0:
            raise PromptError(f"A choice is the number of a proposal, from 0; {self.index!r} was given.")


Prompt = Click | Box | Scribble | MaskPrompt | Choice


def with_choice(prompts: tuple[Prompt, ...], index: int) -> tuple[Prompt, ...]:
    """Return prompts with a choice as the newest; it takes the place of a choice that already is."""
    before = prompts[:-1] if prompts and isinstance(prompts[-1], Choice) else prompts
    return (*before, Choice(index))


def without(prompts: tuple[Prompt, ...], index: int) -> tuple[Prompt, ...]:
    """Return prompts less one of them, and less the choices after it: what they chose from is no longer there.

    Raises
    ------
    IndexError
        If there is no such prompt.
    """
    prompts[index]
    place = index % len(prompts)
    return prompts[:place] + _no_choices(prompts[place + 1 :])


def with_replaced(prompts: tuple[Prompt, ...], index: int, prompt: Prompt) -> tuple[Prompt, ...]:
    """Return prompts with another in the place of one (a click that was moved), less the choices after it.

    Raises
    ------
    IndexError
        If there is no such prompt.
    """
    prompts[index]
    place = index % len(prompts)
    return (*prompts[:place], prompt, *_no_choices(prompts[place + 1 :]))


def _no_choices(prompts: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
    return tuple(prompt for prompt in prompts if not isinstance(prompt, Choice))


def check_inside(prompt: Prompt, shape: tuple[int, int]) -> None:
    """Check that a prompt lies on an image plane.

    Parameters
    ----------
    prompt
        Any prompt.
    shape
        (rows, columns) of the plane.

    Raises
    ------
    PromptError
        If a click or the whole of a box or scribble lies outside, or a mask has another shape.
    """
    rows, columns = shape
    match prompt:
        case Click(row=row, column=column):
            if not (-0.5 <= row <= rows - 0.5 and -0.5 <= column <= columns - 0.5):
                raise PromptError(
                    f"The click at row {row:g}, column {column:g} lies outside the image, which has rows 0 to "
                    f"{rows - 1} and columns 0 to {columns - 1}; click inside it."
                )
        case Box(start=start, stop=stop):
            if stop[0] <= 0 or stop[1] <= 0 or start[0] >= rows or start[1] >= columns:
                raise PromptError(
                    f"The box from {start} to {stop} lies outside the image of {rows} x {columns} pixels; "
                    "draw inside it."
                )
        case Scribble(points=points):
            if not any(-0.5 <= r <= rows - 0.5 and -0.5 <= c <= columns - 0.5 for r, c in points):
                raise PromptError(f"The scribble lies outside the image of {rows} x {columns} pixels; draw inside it.")
        case MaskPrompt(shape=given):
            if given != shape:
                raise PromptError(
                    f"The mask has {given[0]} x {given[1]} pixels but the image has {rows} x {columns}; "
                    "give a mask on the image's own grid."
                )


def _check_finite(name: str, *values: float) -> None:
    if not all(math.isfinite(value) for value in values):
        raise PromptError(f"A {name}'s coordinates must be finite numbers; {', '.join(map(str, values))} was given.")
