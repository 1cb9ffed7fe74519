"""From probabilities to the mask: threshold, rounded edge, clicks that count, holes, parts; no method is asked again.

What the user said himself always holds: a hole with an excluding prompt in it stays, a part with an including prompt on
it stays, and a mask that the user gave is taken as it is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_iseg.errors import OptionError
from napari_iseg.inference.click_consistency import with_clicks_kept
from napari_iseg.interactions import Click, MaskPrompt, Scribble
from napari_iseg.interactions.drawing import draw_stroke

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt

__all__ = ["MOST_SMOOTHING", "PLAIN", "USUAL", "MaskRefinement", "refine"]

MOST_SMOOTHING = 10.0
"""The largest smoothing, in pixels."""

# A pixel belongs to the smoothed mask where at least half of what lies around it does.
_HALF = 0.5
# A Gaussian is nothing beyond this many standard deviations.
_REACH = 3
# Only tiles that hold a piece of the edge are smoothed: the inside of a large object costs nothing.
_TILE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskRefinement:
    """What is done to a mask after the threshold, in this order.

    Parameters
    ----------
    smoothing
        Standard deviation, in pixels, of the Gaussian that rounds the edge, from 0 (off) to ``MOST_SMOOTHING``.
    keep_clicks
        Whether the mask is changed around clicks that it contradicts
        (:func:`napari_iseg.inference.click_consistency.with_clicks_kept`).
    fill_holes
        Whether holes are filled, except those with an excluding click or scribble in them.
    one_part
        Whether only the parts under including clicks and scribbles are kept; the largest one if they hit none.

    Raises
    ------
    OptionError
        If the smoothing lies outside its range.
    """

    smoothing: float = 0.0
    keep_clicks: bool = False
    fill_holes: bool = False
    one_part: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing <= MOST_SMOOTHING:
            raise OptionError(f"Smoothing goes from 0 to {MOST_SMOOTHING:g} pixels; {self.smoothing} was given.")

    def __bool__(self) -> bool:
        """Whether it does anything."""
        return self != PLAIN

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> MaskRefinement:
        """Return what a session file says of an object, see :meth:`facts`; nothing where it says nothing.

        Raises
        ------
        OptionError
            If it says what cannot be.
        """
        said = facts.get("refinement", {})
        try:
            return cls(**said)
        except TypeError as error:
            raise OptionError(
                f"The refinement of a mask has smoothing, keep_clicks, fill_holes and one_part; {said!r} was given."
            ) from error

    def facts(self) -> dict[str, Any]:
        """Return what a session file needs to know of it: ``{"refinement": {...}}``, empty where nothing is done."""
        return {"refinement": asdict(self)} if self else {}


PLAIN = MaskRefinement()
"""Nothing but the threshold, as in the published evaluations."""

USUAL = MaskRefinement(keep_clicks=True)
"""What a window begins with."""


def refine(mask: NDArray[np.bool_], refinement: MaskRefinement, prompts: Sequence[Prompt]) -> NDArray[np.bool_]:
    """Refine a mask.

    Parameters
    ----------
    mask
        (H, W) bool, where the probability lies above the threshold. Not changed.
    refinement
        What to do.
    prompts
        Every prompt that the mask answers, oldest first. If the newest one is itself a mask, nothing is done.

    Returns
    -------
    numpy.ndarray
        (H, W) bool; ``mask`` itself where there is nothing to do.
    """
    if not refinement or (prompts and isinstance(prompts[-1], MaskPrompt)) or not mask.any():
        return mask
    if refinement.smoothing > 0:
        mask = _smoothed(mask, refinement.smoothing)
    if refinement.keep_clicks:
        mask = with_clicks_kept(mask, prompts)
    if not (refinement.fill_holes or refinement.one_part):
        return mask
    box = _box(mask, 1)
    part = mask[box]
    if refinement.fill_holes:
        part = _fill(part, _touched(prompts, mask.shape, box, positive=False))
    if refinement.one_part:
        part = _keep_parts(part, _touched(prompts, mask.shape, box, positive=True))
    refined = np.zeros_like(mask)
    refined[box] = part
    return refined


def _box(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """Return the box of a mask that is not empty, with a margin, as far as the plane goes."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def _smoothed(mask: NDArray[np.bool_], sigma: float) -> NDArray[np.bool_]:
    """Round the edge of a mask that is not empty."""
    box = _box(mask, int(np.ceil(_REACH * sigma)) + 1)
    smooth = np.zeros_like(mask)
    smooth[box] = _smooth(mask[box], sigma)
    return smooth


def _smooth(mask: NDArray[np.bool_], sigma: float) -> NDArray[np.bool_]:
    """Return the Gaussian of the mask, at one half. The plane's border repeats the pixels next to it."""
    reach = int(np.ceil(_REACH * sigma))
    smooth = mask.copy()
    for row in range(0, mask.shape[0], _TILE):
        for column in range(0, mask.shape[1], _TILE):
            top, left = max(row - reach, 0), max(column - reach, 0)
            around = mask[top : row + _TILE + reach, left : column + _TILE + reach]
            if around.all() or not around.any():
                continue
            blurred = ndimage.gaussian_filter(around.astype(np.float32), sigma, radius=reach, mode="nearest")
            tile = blurred[row - top : row - top + _TILE, column - left : column - left + _TILE]
            smooth[row : row + _TILE, column : column + _TILE] = tile >= _HALF
    # What is smaller than the Gaussian would be lost as a whole.
    return smooth if smooth.any() else mask


def _fill(mask: NDArray[np.bool_], excluded: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Fill what the mask encloses, all but the holes that hold an excluded pixel."""
    outside, count = ndimage.label(np.pad(~mask, 1, constant_values=True))
    open_ones = np.zeros(count + 1, bool)
    open_ones[[0, outside[0, 0]]] = True
    labels = outside[1:-1, 1:-1]
    if excluded is not None:
        open_ones[np.unique(labels[excluded])] = True
    return np.asarray(mask | ~open_ones[labels])


def _keep_parts(mask: NDArray[np.bool_], included: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Keep the parts that hold an included pixel; where there is none, the largest."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count <= 1:
        return mask
    kept = np.zeros(count + 1, bool)
    if included is not None:
        kept[np.unique(labels[included])] = True
        kept[0] = False
    if not kept.any():
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        kept[int(sizes.argmax())] = True
    return np.asarray(kept[labels])


def _touched(
    prompts: Iterable[Prompt], shape: tuple[int, ...], box: tuple[slice, slice], *, positive: bool
) -> NDArray[np.bool_] | None:
    """Return the pixels of a box under clicks and scribbles of one sign; None where there are none."""
    touched = np.zeros((shape[0], shape[1]), bool)
    for prompt in prompts:
        if isinstance(prompt, Click) and prompt.positive == positive:
            touched[min(max(round(prompt.row), 0), shape[0] - 1), min(max(round(prompt.column), 0), shape[1] - 1)] = (
                True
            )
        elif isinstance(prompt, Scribble) and prompt.positive == positive:
            touched |= draw_stroke(prompt.points, prompt.width, (shape[0], shape[1]))
    return touched[box] if touched.any() else None
