"""What DISNet makes of prompts: clicks of which the first is positive, and at most one mask as the template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import PromptError
from napari_iseg.inference.prediction import Prediction
from napari_iseg.inference.translation import as_clicks
from napari_iseg.interactions import MaskPrompt, next_click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.interactions import Click, Prompt

__all__ = ["split_template"]

_OBJECT = 0.5


def split_template(prompts: Sequence[Prompt], shape: tuple[int, int]) -> tuple[list[Click], np.ndarray | None]:
    """Return the clicks, the first one positive, and the probability map of the latest mask prompt, if there is one.

    Raises
    ------
    PromptError
        If there is no positive click to begin with.
    """
    clicks = list(as_clicks(prompts, shape).clicks)
    masks = [(place, prompt.mask) for place, prompt in enumerate(prompts) if isinstance(prompt, MaskPrompt)]
    if not masks:
        if not clicks[0].positive:
            raise PromptError(
                "The first click was negative, but this method starts from a positive one: click inside the object, "
                "then exclude what does not belong to it."
            )
        return clicks, None
    place, latest = masks[-1]
    mask = Prediction.from_mask(latest).render()
    before = clicks[: len(as_clicks(prompts[: place + 1], shape).clicks)]
    first = next((click for click in before if click.positive), None) or _innermost(mask)
    return [first, *(click for click in clicks if click is not first)], mask


def _innermost(mask: np.ndarray) -> Click:
    """Return a click on the pixel of a mask that is farthest from its border.

    Raises
    ------
    PromptError
        If the mask is empty.
    """
    inside = mask > _OBJECT
    if not inside.any():
        raise PromptError("The mask is empty, so that there is nothing to start from; click the object first.")
    return next_click(inside.astype(np.int8), np.zeros_like(inside))
