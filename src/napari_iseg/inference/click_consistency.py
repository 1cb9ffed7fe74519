"""A mask that agrees with every click: where the method did not follow one, the mask changes around it.

Networks mostly follow clicks, but promise nothing: a click can be answered with a mask that leaves it out. As in
backpropagating refinement (Jang and Kim, CVPR 2019), every click holds in the end; here without another pass of the
network, so that it works for every method and can be switched while one looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_iseg.interactions import Choice, Click, MaskPrompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt

__all__ = ["contradicted", "with_clicks_kept"]

# How near, as a share of the way there, the change around a click may come to a click that says the opposite.
_NEAR = 0.6


def contradicted(mask: NDArray[np.bool_], prompts: Sequence[Prompt]) -> dict[tuple[int, int], bool]:
    """Return the (row, column) pixels of the clicks that a mask contradicts, and whether each includes.

    Parameters
    ----------
    mask
        (H, W) bool.
    prompts
        Oldest first. Of two clicks on one pixel the later one counts. Clicks before a mask that was given or a proposal
        that was chosen, do not count: that is what the user said last. Boxes and scribbles do not count.
    """
    return {pixel: says for pixel, says in _said(mask, prompts).items() if mask[pixel] != says}


def with_clicks_kept(mask: NDArray[np.bool_], prompts: Sequence[Prompt]) -> NDArray[np.bool_]:
    """Change a mask around the clicks that it contradicts.

    A click that includes what the mask leaves out, or the other way round, turns the wrong pixels that hang together
    with it: as far as the mask's edge is away, at most the object's own radius, and never near a click that says the
    opposite. People click in the middle of what is wrong, so the edge is about where the wrong ends.

    Parameters
    ----------
    mask
        (H, W) bool. Not changed.
    prompts
        As for :func:`contradicted`.

    Returns
    -------
    numpy.ndarray
        (H, W) bool; ``mask`` itself where it agrees with every click, and where it is empty: then the method has found
        nothing, and a spot at the click would hide that.
    """
    wrong = contradicted(mask, prompts)
    if not wrong or not mask.any():
        return mask
    said = _said(mask, prompts)
    kept = mask.copy()
    most = float(np.sqrt(np.count_nonzero(mask) / np.pi))
    for pixel, positive in wrong.items():
        if kept[pixel] == positive:
            continue
        others = [other for other, says in said.items() if says != positive]
        reach = min([most, *(_NEAR * float(np.hypot(*np.subtract(other, pixel))) for other in others)])
        _turn(kept, pixel, reach)
    return kept


def _said(mask: NDArray[np.bool_], prompts: Sequence[Prompt]) -> dict[tuple[int, int], bool]:
    """Return what the clicks say of their pixels."""
    last = (mask.shape[0] - 1, mask.shape[1] - 1)
    said: dict[tuple[int, int], bool] = {}
    for prompt in prompts:
        if isinstance(prompt, Choice | MaskPrompt):
            said.clear()
        elif isinstance(prompt, Click):
            pixel = min(max(round(prompt.row), 0), last[0]), min(max(round(prompt.column), 0), last[1])
            said[pixel] = prompt.positive
    return said


def _turn(mask: NDArray[np.bool_], pixel: tuple[int, int], reach: float) -> None:
    """Turn the pixels around one that have its value, as far as the nearest of the other value, within a reach."""
    around = int(np.ceil(reach)) + 1
    top, left = max(pixel[0] - around, 0), max(pixel[1] - around, 0)
    part = mask[top : pixel[0] + around + 1, left : pixel[1] + around + 1]
    wrong = part == mask[pixel]
    middle = (pixel[0] - top, pixel[1] - left)
    rows, columns = np.ogrid[: part.shape[0], : part.shape[1]]
    away = np.hypot(rows - middle[0], columns - middle[1])
    depth = float(away[~wrong].min(initial=np.inf))
    labels, _ = ndimage.label(wrong & (away <= min(depth + 0.5, reach)))
    turned = labels == labels[middle]
    part[turned] = ~part[turned]
