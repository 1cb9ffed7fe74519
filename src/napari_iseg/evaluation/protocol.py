"""One object under the published protocol: a simulated user clicks the largest error until the mask is good enough."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_iseg.evaluation.metrics import reaches
from napari_iseg.inference.proposals import best_proposal
from napari_iseg.interactions import iou, next_click

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_iseg.inference.session import Session
    from napari_iseg.interactions import Click

__all__ = ["MAX_CLICKS", "TARGET_IOU", "ObjectResult", "evaluate_object"]

MAX_CLICKS = 20
"""How many clicks the published evaluations give."""

TARGET_IOU = 0.90
"""The IoU at which the published evaluations stop."""


@dataclass(slots=True)
class ObjectResult:
    """What happened with one object; filled click by click, so that a failure leaves what came before it.

    Parameters
    ----------
    name, plane, object_id
        Which object: as in :class:`napari_iseg.io.dataset.DatasetObject`.
    clicks
        The clicks given.
    ious
        IoU with the reference after each.
    seconds
        Wall time of each: finding the click, the answer and the mask.
    error
        The sentence of the error with which the method failed, or None.
    """

    name: str = ""
    plane: int | None = None
    object_id: int = 1
    clicks: list[Click] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    error: str | None = None


def evaluate_object(
    session: Session,
    truth: NDArray[np.integer],
    *,
    max_clicks: int = MAX_CLICKS,
    target_iou: float = TARGET_IOU,
    best_proposals: bool = False,
    result: ObjectResult | None = None,
) -> ObjectResult:
    """Click until the mask is good enough or the clicks are used up.

    Parameters
    ----------
    session
        A session without prompts on the object's image. Its threshold decides what the mask is.
    truth
        (H, W): 1 object, 0 background, -1 ignored.
    max_clicks
        The most clicks to give.
    target_iou
        Stop once the IoU is at least this; above 1, never.
    best_proposals
        Whether, of an answer and its proposals, the one most like the reference goes on, as in DISNet's and PiClick's
        tables; a table must say so. Otherwise the answer stands as a user first sees it.
    result
        Where to write; None makes a new one.

    Returns
    -------
    ObjectResult
        ``result``.
    """
    result = result or ObjectResult()
    mask = session.mask
    for _ in range(max_clicks):
        start = time.perf_counter()
        click = next_click(truth, mask, result.clicks)
        mask = session.add(click)
        if best_proposals:
            mask = _best_of(session, truth)
        result.seconds.append(time.perf_counter() - start)
        result.clicks.append(click)
        result.ious.append(iou(truth, mask))
        if reaches(result.ious[-1], target_iou):
            break
    return result


def _best_of(session: Session, truth: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Choose the proposal that fits best, unless the answer fits as well; return the mask."""
    answer = session.prediction
    if answer is not None and answer.proposals:
        index = best_proposal(answer, truth, threshold=session.threshold)
        proposed = answer.proposals[index].render(answer.shape) > session.threshold
        if iou(truth, proposed) > iou(truth, session.mask):
            return session.choose(index)
    return session.mask
