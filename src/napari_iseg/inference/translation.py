"""Prompts that a click network does not take, in the terms that it does.

A box becomes a click in its middle, and the first crop; a scribble becomes clicks along it; a mask becomes the
previous mask. Nothing is invented: each translated click lies where the user's own stroke or box says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.interactions import Prompt

__all__ = ["ClickView", "as_clicks"]

# A scribble's clicks lie about this many brush widths apart, and never more than so many: a network is trained with
# few dozen clicks.
_WIDTHS_APART = 8
_MOST_CLICKS = 8


@dataclass(frozen=True, slots=True)
class ClickView:
    """Prompts as a click network sees them.

    Parameters
    ----------
    clicks
        Every click, given or translated, oldest first.
    mask
        The mask that the newest prompt is, if it is one: it is itself the answer.
    box
        The box that the newest prompt is, if it is one: the crop to look at.
    """

    clicks: tuple[Click, ...]
    mask: MaskPrompt | None = None
    box: Box | None = None


def as_clicks(prompts: Sequence[Prompt], shape: tuple[int, int]) -> ClickView:
    """Translate prompts into clicks.

    Parameters
    ----------
    prompts
        Oldest first, at least one.
    shape
        (rows, columns) of the plane; translated clicks lie on it.
    """
    clicks: list[Click] = []
    for prompt in prompts:
        match prompt:
            case Click():
                clicks.append(prompt)
            case Box():
                clicks.append(_middle(prompt, shape))
            case Scribble():
                clicks += _along(prompt, shape)
    newest = prompts[-1]
    return ClickView(
        tuple(clicks),
        mask=newest if isinstance(newest, MaskPrompt) else None,
        box=newest if isinstance(newest, Box) else None,
    )


def _middle(box: Box, shape: tuple[int, int]) -> Click:
    """Return a click in the middle of the part of a box that lies on the plane."""
    start, stop = np.maximum(box.start, 0), np.minimum(box.stop, shape)
    row, column = (start + stop - 1) / 2
    return Click(float(max(row, 0)), float(max(column, 0)))


def _along(scribble: Scribble, shape: tuple[int, int]) -> list[Click]:
    """Return clicks at even distances along a scribble, none closer to its ends than half that distance."""
    points = np.array(scribble.points, np.float64)
    lengths = np.hypot(*np.diff(points, axis=0).T) if len(points) > 1 else np.zeros(0)
    travelled = np.concatenate([[0.0], np.cumsum(lengths)])
    count = int(np.clip(np.ceil(travelled[-1] / (_WIDTHS_APART * scribble.width)), 1, _MOST_CLICKS))
    places = (np.arange(count) + 0.5) / count * travelled[-1]
    rows = np.interp(places, travelled, points[:, 0])
    columns = np.interp(places, travelled, points[:, 1])
    inside = (rows >= -0.5) & (rows <= shape[0] - 0.5) & (columns >= -0.5) & (columns <= shape[1] - 0.5)
    if not inside.any():
        # Part of the stroke lies on the plane, though none of these places does.
        on = ((points >= -0.5) & (points <= np.array(shape) - 0.5)).all(axis=1)
        rows, columns = points[on][:1].T
        inside = np.ones(len(rows), bool)
    return [
        Click(float(row), float(column), scribble.positive, scribble.view)
        for row, column in zip(rows[inside], columns[inside], strict=True)
    ]
