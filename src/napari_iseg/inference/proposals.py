"""Which of several candidate masks is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import PromptError
from napari_iseg.inference.prediction import Window
from napari_iseg.inference.translation import as_clicks
from napari_iseg.interactions import Box, Scribble, iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.inference.prediction import Prediction, Proposal
    from napari_iseg.interactions import Prompt

__all__ = ["best_proposal", "object_box", "suggested"]

# A pixel counts as object above this probability, whatever the threshold of the mask.
_OBJECT = 0.5


def best_proposal(
    prediction: Prediction, truth: NDArray[np.bool_] | NDArray[np.integer], *, threshold: float = 0.5
) -> int:
    """Return the index of the proposal that fits a reference best, for evaluations that choose by it (an oracle).

    A table with scores reached this way must say so: no user knows the reference.

    Parameters
    ----------
    prediction
        An answer with proposals.
    truth
        (H, W) bool, or 1 object, 0 background, -1 ignored.
    threshold
        A pixel belongs to a proposal where its probability is strictly above this; published evaluations use 0.49.

    Returns
    -------
    int
        Of equally good ones the first, which is the likelier one.

    Raises
    ------
    PromptError
        If the answer has no proposals.
    """
    if not prediction.proposals:
        raise PromptError("This answer has no proposals to choose from; ask with a first click, and without a mask.")
    wanted = truth.astype(np.int8)
    scores = [iou(wanted, proposal.render(prediction.shape) > threshold) for proposal in prediction.proposals]
    return int(np.argmax(scores))


def object_box(probability: NDArray[np.floating]) -> Window:
    """Return the box of the object in an (H, W) probability map at 0.5, empty at the origin where there is none."""
    inside = probability > _OBJECT
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return Window(0, 0, 0, 0)
    return Window(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def suggested(proposals: Sequence[Proposal], prompt: Prompt, shape: tuple[int, int]) -> int:
    """Return the index of the proposal to show for a first prompt.

    For a box it is the one with the most similar box, for a scribble the one that holds most of its clicks, for a click
    the first, which is also taken among equals.

    Parameters
    ----------
    proposals
        Likeliest first, at least one.
    prompt
        Given on a plane of ``shape`` (rows, columns).
    """
    if isinstance(prompt, Box):
        return int(np.argmax([_overlap(prompt, proposal.box) for proposal in proposals]))
    if isinstance(prompt, Scribble):
        places = np.array([(click.row, click.column) for click in as_clicks([prompt], shape).clicks])
        rows, columns = np.clip(places.round().astype(int), 0, np.array(shape) - 1).T
        return int(np.argmax([np.count_nonzero(p.render(shape)[rows, columns] > _OBJECT) for p in proposals]))
    return 0


def _overlap(box: Box, window: Window) -> float:
    """Return the intersection over union of a box and a window."""
    rows = min(box.stop[0], window.row_stop) - max(box.start[0], window.row_start)
    columns = min(box.stop[1], window.column_stop) - max(box.start[1], window.column_start)
    shared = max(rows, 0) * max(columns, 0)
    own = (box.stop[0] - box.start[0]) * (box.stop[1] - box.start[1])
    return float(shared / (own + window.shape[0] * window.shape[1] - shared))
