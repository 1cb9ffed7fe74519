"""A click in the middle of a mask that was given, for networks that only know objects somebody clicked.

A network that goes on from its previous mask has been trained on masks that came about by clicks, the first of which
includes something. Given a mask that came about otherwise, and a click that excludes a part of it, most lose all of it:
there is no click that says what the object is. The click that is shown to them is the one that a user begins with, in
the middle (RITM's rule for the first click). Nobody else sees it: it is no prompt, and holds nowhere but here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_iseg.inference.focus import click_pixel
from napari_iseg.inference.translation import as_clicks
from napari_iseg.interactions import Click, MaskPrompt
from napari_iseg.planes.shapes import bounding_slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt

__all__ = ["middle_click", "with_mask_click"]


def with_mask_click(prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """Return prompts with a positive click in the middle of the latest mask among them, right after it.

    Parameters
    ----------
    prompts
        Oldest first. They stay as they are where there is no mask, or it is the newest prompt; where an earlier prompt
        says already that the mask is the object; and where later ones leave nothing of it.
    """
    given = tuple(prompts)
    masks = [(number, prompt) for number, prompt in enumerate(given) if isinstance(prompt, MaskPrompt)]
    if not masks or masks[-1][0] == len(given) - 1:
        return given
    place, prompt = masks[-1]
    mask = prompt.mask > 0.5
    before = as_clicks(given[:place], prompt.shape).clicks if place else ()
    if any(click.positive and mask[click_pixel(click, prompt.shape)] for click in before):
        return given
    later = given[place + 1 :]
    excluded = [click for click in as_clicks(later, prompt.shape).clicks if not click.positive]
    click = middle_click(mask, excluded)
    if click is None or click in later:
        return given
    return (*given[: place + 1], click, *later)


def middle_click(mask: NDArray[np.bool_], excluded: Sequence[Click] = ()) -> Click | None:
    """Return a positive click where a mask is deepest.

    Parameters
    ----------
    mask
        (H, W) bool.
    excluded
        Clicks as far as possible from which, and from the outline, the click shall lie.

    Returns
    -------
    Click or None
        None where the mask has no pixel that is not clicked.
    """
    if not mask.any():
        return None
    # On the mask's own box: the transform's cost is that of the array it runs on.
    rows, columns = bounding_slices(mask)
    top, left = rows.start, columns.start
    depth = distance_transform_edt(np.pad(mask[rows, columns], 1))[1:-1, 1:-1]
    down, across = np.ogrid[: depth.shape[0], : depth.shape[1]]
    for click in excluded:
        depth = np.minimum(depth, np.hypot(down + top - click.row, across + left - click.column))
    row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return Click(float(row + top), float(column + left)) if depth[row, column] > 0 else None
