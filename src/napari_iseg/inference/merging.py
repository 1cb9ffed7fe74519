"""Progressive merge for every method: onto a mask that is to be kept, only what the newest prompt means is taken over.

Chen et al., FocalClick, CVPR 2022, section 3.3, where it is part of one method; here it holds for an object that is
edited again, whichever method answers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.inference.focus import click_pixel, merge_region
from napari_iseg.inference.prediction import Patch, Region, Window
from napari_iseg.inference.translation import as_clicks
from napari_iseg.interactions import Box, MaskPrompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.inference.prediction import Prediction
    from napari_iseg.interactions import Prompt

__all__ = ["keeps_mask", "merged"]


def keeps_mask(prompts: Sequence[Prompt]) -> bool:
    """Return whether the latest mask among the prompts, if there is one, is to be kept."""
    masks = [prompt for prompt in prompts if isinstance(prompt, MaskPrompt)]
    return bool(masks) and masks[-1].keep


def merged(answer: Prediction, previous: Prediction, newest: Prompt, threshold: float) -> Prediction:
    """Return the previous answer, changed only where the newest prompt asks for it.

    Parameters
    ----------
    answer
        What the method says to all the prompts.
    previous
        The answer before the newest prompt.
    newest
        A click or scribble takes over the pieces of the change that it lies on and that go its way; a box every change
        inside it.
    threshold
        Probability above which a pixel belongs to the mask.

    Returns
    -------
    Prediction
        Without proposals: choosing one would not keep the mask. No matte, since most of it is a mask.
    """
    shown, new = previous.render() > threshold, answer.render()
    region = _region(shown, new > threshold, newest)
    values = new[region]
    patches = previous.patches
    if len(values):
        rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
        window = Window(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
        patches = (*patches, Patch(window, values, region=Region.pack(region[window.slices])))
    return replace(answer, patches=patches, proposals=(), chosen=None, picked=False, matte=False, raw=None)


def _region(shown: NDArray[np.bool_], new: NDArray[np.bool_], newest: Prompt) -> NDArray[np.bool_]:
    """Return the pixels to take over, (H, W) bool."""
    shape = (shown.shape[0], shown.shape[1])
    region = np.zeros(shape, bool)
    if isinstance(newest, Box):
        (top, left), (bottom, right) = np.maximum(newest.start, 0), np.minimum(newest.stop, shape)
        inside = (slice(int(top), int(np.ceil(bottom))), slice(int(left), int(np.ceil(right))))
        region[inside] = (new ^ shown)[inside]
        return region
    for click in as_clicks([newest], shape).clicks:
        pixel = click_pixel(click, shape)
        # A click that includes what is there already, or excludes what is not, has nothing to take over.
        if shown[pixel] != click.positive:
            region |= merge_region(new, shown, pixel, safe=True)
    return region
