"""One object of an evaluation in a picture: the image around it, the reference, the answer and what was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt
    from napari_iseg.io.labelled_images import DatasetObject

__all__ = ["ANSWER", "REFERENCE", "SIGNS", "draw_object", "legend_lines", "window_around"]

REFERENCE, ANSWER = "#2aa5ff", "#ff9500"
"""The colours of the outlines."""

SIGNS = {True: "#22cc44", False: "#f02020"}
"""The colours of prompts on the object and beside it."""

# By shape as well, for who cannot tell the colours apart.
_MARKERS = {True: "o", False: "X"}
_DOT: dict[str, Any] = {"markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.8}
# Darker, and shapes that have room for a number in white.
_NUMBERED_SIGNS = {True: "#0b7a2b", False: "#b3122f"}
_NUMBERED_MARKERS = {True: "o", False: "s"}
_NUMBERED_DOT: dict[str, Any] = {"markersize": 11, "markeredgecolor": "white", "markeredgewidth": 0.7}
# Pixels around an object that are shown at least; else as much as the object is large.
_MARGIN = 16

_Window = tuple[int, int, int, int]


def draw_object(
    axes: Axes,
    shown: DatasetObject,
    mask: NDArray[np.bool_] | None,
    prompts: Sequence[Prompt],
    *,
    numbered: bool = False,
) -> int:
    """Draw an object into axes, cut out of its image.

    Parameters
    ----------
    axes
        Where to.
    shown
        The object.
    mask
        (H, W): the answer; None where there is none.
    prompts
        What was given, in order.
    numbered
        Write its number on every click and scribble, and show so much of the image that all of them are in it.
        Otherwise the square around the object is shown and prompts are plain marks.

    Returns
    -------
    int
        How many clicks lie outside of what is shown.
    """
    inside = shown.truth == 1
    window = window_around(inside, [point for one in prompts for point in _points(one)] if numbered else ())
    top, bottom, left, right = window
    axes.imshow(
        shown.image[top:bottom, left:right],
        interpolation="antialiased" if numbered else "nearest",
        extent=(left - 0.5, right - 0.5, bottom - 0.5, top - 0.5),
    )
    # Of two lines over each other the upper one, with gaps, lets the lower one be seen.
    outlines = [(mask, ANSWER, "solid"), (inside, REFERENCE, "dashed")] if numbered else []
    for outlined, colour, style in outlines or [(inside, REFERENCE, "solid"), (mask, ANSWER, "solid")]:
        if outlined is not None:
            _outline(axes, outlined, window, colour, style)
    unseen = sum(not _draw_prompt(axes, one, window, numbered=numbered) for one in prompts)
    if numbered:
        _write_numbers(axes, prompts)
    axes.set_xlim(left - 0.5, right - 0.5)
    axes.set_ylim(bottom - 0.5, top - 0.5)
    return unseen


def legend_lines() -> list[Line2D]:
    """Return what a legend of plain drawings explains."""
    lines = [
        Line2D([], [], color=colour, label=label) for colour, label in ((REFERENCE, "reference"), (ANSWER, "answer"))
    ]
    signs = (("on the object", True), ("beside it", False))
    return lines + [
        Line2D([], [], color=SIGNS[positive], marker=_MARKERS[positive], linestyle="", label=f"prompt {where}")
        for where, positive in signs
    ]


def window_around(inside: NDArray[np.bool_], points: Sequence[tuple[float, float]] = ()) -> _Window:
    """Return rows and columns, (start, stop) each, of a square around an object, as far as the image goes.

    Parameters
    ----------
    inside
        (H, W), with at least one pixel.
    points
        (row, column) of what must be in it as well, with some room.
    """
    ends: list[int] = []
    spans = [np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0)]
    reach = [(int(span[0]), int(span[-1]) + 1) for span in spans]
    longest = max(stop - start for start, stop in reach)
    side = longest + 2 * max(longest // 2, _MARGIN)
    if points:
        seen = [(start - (side - (stop - start)) // 2, side) for start, stop in reach]
        room = max(side // 12, 4)
        wide = [
            (
                min(first, *(int(p[axis]) - room for p in points)),
                max(first + size, *(int(p[axis]) + room for p in points)),
            )
            for axis, (first, size) in enumerate(seen)
        ]
        reach = wide
        side = max(stop - start for start, stop in wide)
    for (first, last), length in zip(reach, inside.shape, strict=True):
        wanted = min(side, length)
        start = min(max((first + last - wanted) // 2, 0), length - wanted)
        ends += [start, start + wanted]
    return ends[0], ends[1], ends[2], ends[3]


def _points(prompt: Prompt) -> list[tuple[float, float]]:
    match prompt:
        case Click(row=row, column=column):
            return [(row, column)]
        case Scribble(points=points):
            return list(points)
    return []


def _draw_prompt(axes: Axes, prompt: Prompt, window: _Window, *, numbered: bool) -> bool:
    """Draw one prompt; return whether it can be seen."""
    top, bottom, left, right = window
    signs = _NUMBERED_SIGNS if numbered else SIGNS
    match prompt:
        case Click(row=row, column=column, positive=positive):
            if not (top <= row < bottom and left <= column < right):
                return False
            markers, dot = (_NUMBERED_MARKERS, _NUMBERED_DOT) if numbered else (_MARKERS, _DOT)
            axes.plot(column, row, color=signs[positive], marker=markers[positive], **dot)
        case Scribble(points=points, positive=positive):
            places = [c for _, c in points], [r for r, _ in points]
            if numbered:
                axes.plot(*places, color="white", linewidth=3.2)
            axes.plot(*places, color=signs[positive], linewidth=2, linestyle="solid" if positive else (0, (3, 1)))
        case Box(start=start, stop=stop):
            corner, wide, tall = (start[1] - 0.5, start[0] - 0.5), stop[1] - start[1], stop[0] - start[0]
            axes.add_patch(Rectangle(corner, wide, tall, fill=False, edgecolor=signs[True], linestyle="dashed"))
        case MaskPrompt(mask=mask):
            _outline(axes, mask > 0.5, window, signs[True], "dotted" if numbered else "dashed")
        case _:
            pass
    return True


def _write_numbers(axes: Axes, prompts: Sequence[Prompt]) -> None:
    """Write its number on every click and scribble, above all marks."""
    counted = [one for one in prompts if _points(one)]
    for number, prompt in enumerate(counted, start=1):
        points = _points(prompt)
        row, column = points[len(points) // 2]
        positive = getattr(prompt, "positive", True)
        if isinstance(prompt, Scribble):
            marker = _NUMBERED_MARKERS[positive]
            axes.plot(column, row, color=_NUMBERED_SIGNS[positive], marker=marker, **_NUMBERED_DOT)
        size = 7.2 if number < 10 else 6
        axes.text(
            column, row, str(number), color="white", fontsize=size, weight="bold", ha="center", va="center_baseline"
        )


def _outline(axes: Axes, mask: NDArray[np.bool_], window: _Window, colour: str, style: str = "solid") -> None:
    top, bottom, left, right = window
    # Framed, so that outlines close at the edge of the image; at the edge of the window they close out of sight.
    rows, columns = slice(max(top - 2, 0), bottom + 2), slice(max(left - 2, 0), right + 2)
    framed = np.pad(mask[rows, columns], 1).astype(np.float32)
    if framed.any():
        places = (np.arange(framed.shape[1]) + columns.start - 1, np.arange(framed.shape[0]) + rows.start - 1)
        axes.contour(*places, framed, levels=[0.5], colors=[colour], linewidths=1.1, linestyles=style)
