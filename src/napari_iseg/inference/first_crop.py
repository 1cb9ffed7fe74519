"""Where to look before there is a mask.

The networks see a crop in a few hundred pixels. As published, the first click's crop is the whole image, in which a
nucleus of 20 pixels on a plane of 2,000 vanishes. Here it is what is on the screen (``view``), or as large as the
objects before suggest (``size-prior``); or the first click is answered from several crops (``multi-scale``), and the
others' answers are proposals. The crop travels with the click (:class:`napari_iseg.interactions.Click`), so that undo,
session files and replays know it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.inference.first_view import ENOUGH_OBJECTS, prior_view, scales
from napari_iseg.inference.prediction import Proposal
from napari_iseg.inference.proposals import object_box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.inference.prediction import Prediction
    from napari_iseg.interactions import Click, Prompt
    from napari_iseg.zoo import Options

__all__ = ["ENOUGH_OBJECTS", "answer_at_scales", "prior_view", "scales", "wants_scales"]

_OBJECT = 0.5
# Objects that fill more of their crop than this are cut off by it or nearly so.
_MOST_OF_CROP = 0.6


def wants_scales(prompts: Sequence[Prompt], previous: Prediction | None, options: Options) -> bool:
    """Whether prompts are a first click that several crops shall answer."""
    return previous is None and len(prompts) == 1 and getattr(options, "first_crop", "") == "multi-scale"


def answer_at_scales(
    predict: Callable[[Click], Prediction],
    click: Click,
    shape: tuple[int, int],
    aspect: tuple[float, float] = (1.0, 1.0),
) -> Prediction:
    """Answer a first click from several crops.

    Parameters
    ----------
    predict
        Answers the click, whose ``view`` is the crop.
    click
        The first.
    shape
        (rows, columns) of the plane.
    aspect
        Height and width of a pixel where these differ, the shorter 1.

    Returns
    -------
    Prediction
        The answer that the others agree with most, of those that are surely inside their crop; the others' and its own
        proposals are its proposals, the answer first.
    """
    answers = [predict(replace(click, view=view)) for view in scales(click, shape, aspect)]
    masks = [answer.render() for answer in answers]
    scores = _scores(answers, masks)
    order = sorted(range(len(scores)), key=lambda n: -scores[n])
    best = answers[order[0]]
    offered = [
        Proposal(answers[n].patches[0], score=scores[n], box=object_box(masks[n]), answer=answers[n])
        for n in order
        if (masks[n] > _OBJECT).any() and len(answers[n].patches) == 1
    ]
    forwards = sum(answer.forwards for answer in answers)
    return replace(best, proposals=(*offered, *best.proposals), chosen=0 if offered else best.chosen, forwards=forwards)


def _scores(answers: Sequence[Prediction], masks: Sequence[NDArray[np.float32]]) -> list[float]:
    """Return how good each answer seems, in [0, 1]: agreement with the others, certainty, room in its crop."""
    inside = [mask > _OBJECT for mask in masks]
    scores = []
    for number, (answer, mask, one) in enumerate(zip(answers, masks, inside, strict=True)):
        if not one.any():
            scores.append(0.0)
            continue
        rows, columns = answer.window.slices
        crop = one[rows, columns]
        fits = 1.0 if crop.mean() <= _MOST_OF_CROP else 0.5
        agreement = max((_iou(one, other) for n, other in enumerate(inside) if n != number), default=1.0)
        scores.append(fits * float(mask[one].mean()) * (0.5 + 0.5 * agreement))
    return scores


def _iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return int(np.count_nonzero(one & other)) / max(int(np.count_nonzero(one | other)), 1)
