"""A click in the middle of a wrong part: all of this part comes off, not just a dent around the click.

To a network a click on a neighbour that the mask holds, too, is a dent in the object, more or less: few of those that
it has learnt from touched, and what it is unsure of after the click, colours and edges bring back. What such a click
says is made out without it: within the mask that was clicked a random walker (Grady, IEEE TPAMI 2006) starts from
every click, and where the negative one is reached first lies the part that is meant.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_iseg.inference.prediction import Patch, Region, Window
from napari_iseg.inference.random_walker import walk
from napari_iseg.inference.resizing import resized
from napari_iseg.inference.seeds import FREE, INSIDE, NOWHERE, OUTSIDE, reduce_image
from napari_iseg.interactions import Click
from napari_iseg.planes.shapes import bounding_slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.inference.prediction import Prediction
    from napari_iseg.interactions import Prompt

__all__ = ["Objection", "made_out", "objections_to"]

# The longer side of what is walked on, in pixels; more only takes longer.
_SIDE = 80
_MARGIN = 1
_BETA = 100.0
# A click seeds a disk of this share of its depth in the mask, and of its distance to the next click of the other kind.
_OF_DEPTH = 0.5
_OF_DISTANCE = 0.4
# A click that lies less deep than this share of its part's depth corrects the outline, and objects to no part.
_DEEP = 0.6
_SMOOTH = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Objection:
    """A negative click into a mask that was shown.

    Parameters
    ----------
    click
        It.
    window
        Where the mask lay, with a margin.
    mask
        The mask, there.
    clicks
        All clicks into the mask, positive and negative, from which the part was made out; empty where it was not yet.
    part
        How surely each pixel belongs to the part that is meant, in [0, 1]. None where no positive click is in the mask,
        or where the click lies at the rim of the part: it corrects the outline.
    """

    click: Click
    window: Window
    mask: Region = field(repr=False)
    clicks: tuple[Click, ...] = ()
    part: Patch | None = field(default=None, repr=False)

    @property
    def nbytes(self) -> int:
        """Memory that it takes, in bytes."""
        return self.mask.bits.nbytes + (self.part.nbytes if self.part is not None else 0)


def objections_to(previous: Prediction | None, prompts: Sequence[Prompt], threshold: float) -> tuple[Objection, ...]:
    """Return what the negative clicks among prompts object to.

    Parameters
    ----------
    previous
        The answer before the newest prompt, which knows to what earlier ones object; None where there was none.
    prompts
        Those that hold, oldest first.
    threshold
        Probability above which a pixel belongs to the mask.
    """
    if previous is None:
        return ()
    clicks = [prompt for prompt in prompts if isinstance(prompt, Click) and not prompt.positive]
    known = tuple(one for one in previous.objections if one.click in clicks)
    new = [click for click in clicks if all(one.click != click for one in known)]
    if not new:
        return known
    mask = previous.render() > threshold
    inside = [click for click in new if mask[_pixel(click, mask.shape)]]
    if not inside:
        return known
    rows, columns = bounding_slices(mask, _MARGIN)
    window = Window(rows.start, rows.stop, columns.start, columns.stop)
    region = Region.pack(mask[rows, columns])
    return (*known, *(Objection(click, window, region) for click in inside))


def made_out(objection: Objection, image: NDArray[np.uint8], clicks: Sequence[Click]) -> Objection:
    """Return an objection with the part that is meant.

    Parameters
    ----------
    objection
        Where the same clicks as before lie in its mask it is returned as it is.
    image
        (h, w, 3) uint8 RGB, the objection's window.
    clicks
        Every click that holds, positive and negative.
    """
    mask, corner = objection.mask.unpack(), (objection.window.row_start, objection.window.column_start)
    inside = []
    for click in clicks:
        row, column = round(click.row) - corner[0], round(click.column) - corner[1]
        if 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and mask[row, column]:
            inside.append(click)
    if objection.clicks == tuple(inside):
        return objection
    return replace(objection, clicks=tuple(inside), part=_part(mask, objection, image, inside))


def _part(
    shown: NDArray[np.bool_], objection: Objection, image: NDArray[np.uint8], clicks: Sequence[Click]
) -> Patch | None:
    seen = reduce_image(image, _SIDE, enlarge=True)
    mask = resized(shown.astype(np.float32), seen.grid) > 0.5
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    depth = ndimage.gaussian_filter(depth, _SMOOTH)
    corner, step = (objection.window.row_start, objection.window.column_start), np.maximum(seen.step, 1e-9)

    def place(click: Click) -> tuple[int, int]:
        row, column = np.rint((np.array((click.row, click.column)) - corner) / step)
        return int(np.clip(row, 0, mask.shape[0] - 1)), int(np.clip(column, 0, mask.shape[1] - 1))

    there = [click for click in clicks if mask[place(click)]]
    seeds = _seeds(mask, depth, [place(click) for click in there], [click.positive for click in there])
    at = place(objection.click)
    if not mask[at] or seeds[at] != OUTSIDE or not (seeds == INSIDE).any():
        return None
    away = _away(seen.data, mask, seeds, at)
    pieces, _ = ndimage.label(away > 0.5)
    part = pieces == pieces[at]
    if depth[at] < _DEEP * depth[part].max():
        return None
    return Patch(objection.window, np.where(part, away, np.minimum(away, 0.5)).astype(np.float32))


def _away(
    data: NDArray[np.float64], mask: NDArray[np.bool_], seeds: NDArray[np.int32], at: tuple[int, int]
) -> NDArray[np.float32]:
    """Return how much nearer than to a positive click each pixel of a mask is to a negative one, in [0, 1]."""
    # Nobody walks from one piece of a mask to another, and scikit-image's walker is at a loss where all is seeded.
    pieces, _ = ndimage.label(mask)
    piece = pieces == pieces[at]
    if not (seeds[piece] == INSIDE).any() or not (seeds[piece] == FREE).any():
        return np.asarray(piece & (seeds != INSIDE), np.float32)
    if not np.ptp(data[piece]):
        # To the walker, who divides by the contrast, so faint a ramp is as good as none.
        data = data + np.linspace(0, 1e-6, mask.size).reshape(*mask.shape, 1)
    return np.where(piece, 1 - walk(data, np.where(piece, seeds, NOWHERE), _BETA), 0).astype(np.float32)


def _seeds(
    mask: NDArray[np.bool_], depth: NDArray[np.float64], places: list[tuple[int, int]], kinds: list[bool]
) -> NDArray[np.int32]:
    """Return what each click says about the pixels around it; the less deep ones last, which hold."""
    seeds = np.where(mask, FREE, NOWHERE).astype(np.int32)
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    for number in sorted(range(len(places)), key=lambda n: -depth[places[n]]):
        row, column = places[number]
        others = [place for place, kind in zip(places, kinds, strict=True) if kind != kinds[number]]
        room = min((np.hypot(row - r, column - c) for r, c in others), default=np.inf)
        radius = max(1.0, min(_OF_DEPTH * depth[row, column], _OF_DISTANCE * room))
        disk = mask & (np.hypot(rows - row, columns - column) <= radius)
        seeds[disk] = INSIDE if kinds[number] else OUTSIDE
    return seeds


def _pixel(click: Click, shape: tuple[int, ...]) -> tuple[int, int]:
    return min(max(round(click.row), 0), shape[0] - 1), min(max(round(click.column), 0), shape[1] - 1)
