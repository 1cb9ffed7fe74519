"""One object under the published protocols: a simulated user gives prompts, and each answer is measured.

Clicks and scribbles correct the largest error until the mask is good enough; a box or a coarse mask is given once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_iseg.evaluation.metrics import reaches
from napari_iseg.evaluation.prompt_kinds import LEVELS
from napari_iseg.inference.proposals import best_proposal
from napari_iseg.interactions import IGNORE, Click, MaskPrompt, iou, next_click
from napari_iseg.interactions.scribbling import next_scribble
from napari_iseg.interactions.simulated_boxes import exact_box
from napari_iseg.interactions.simulated_masks import coarse_mask_of_level, coarse_seed
from napari_iseg.io.mask_runs import MaskRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_iseg.evaluation.prompt_kinds import PromptKind
    from napari_iseg.inference.session import Session
    from napari_iseg.interactions import Box, Prompt

__all__ = ["MAX_CLICKS", "TARGET_IOU", "ObjectResult", "evaluate_object"]

MAX_CLICKS = 20
"""How many clicks, or scribbles, the published evaluations give."""

TARGET_IOU = 0.90
"""The IoU at which the published evaluations stop."""


@dataclass(slots=True)
class ObjectResult:
    """What happened with one object; filled prompt by prompt, so that a failure leaves what came before it.

    Parameters
    ----------
    name, plane, object_id
        Which object: as in :class:`napari_iseg.io.dataset.DatasetObject`.
    prompts
        The prompts given: clicks; scribbles, and clicks where no scribble fits; a box; or a coarse mask of each level.
    ious
        IoU with the reference after each.
    seconds
        Wall time of each: finding the prompt, the answer and the mask. Making a coarse mask, which takes longer than
        most answers and which a user has already, does not count.
    masks
        The mask after each.
    coarse_ious
        IoU with the reference of the coarse masks themselves, level by level; empty for other prompts.
    measures
        What was measured besides, by name, such as the IoU of the best proposal.
    error
        The sentence of the error with which the method failed, or None.
    """

    name: str = ""
    plane: int | None = None
    object_id: int = 1
    prompts: list[Prompt] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    masks: list[MaskRuns] = field(default_factory=list)
    coarse_ious: list[float] = field(default_factory=list)
    measures: dict[str, float] = field(default_factory=dict)
    error: str | None = None

    @property
    def clicks(self) -> list[Click]:
        """The clicks among the prompts."""
        return [prompt for prompt in self.prompts if isinstance(prompt, Click)]


def evaluate_object(
    session: Session,
    truth: NDArray[np.integer],
    *,
    prompt: PromptKind = "click",
    levels: Sequence[int] = LEVELS,
    max_clicks: int = MAX_CLICKS,
    target_iou: float = TARGET_IOU,
    best_proposals: bool = False,
    view: Callable[[Click], Box | None] | None = None,
    result: ObjectResult | None = None,
) -> ObjectResult:
    """Give the prompts of one kind: clicks or scribbles until the mask is good enough, or one box, or coarse masks.

    Parameters
    ----------
    session
        A session without prompts on the object's image; it keeps what was given last. Its threshold decides what the
        mask is.
    truth
        (H, W): 1 object, 0 background, -1 ignored.
    prompt
        ``"click"``: in the middle of the larger error (RITM). ``"scribble"``: along the middle of the largest error
        (FocalClick-XL, Algorithm 2). ``"box"``: the smallest one around the object. ``"mask"``: for each level a mask
        as coarse as that, each given alone, the same at every run for an object's name, plane and number. Methods to
        which a mask is itself the answer give it back as it is.
    levels
        Which coarse masks, 1 to 5; other prompts have none.
    max_clicks
        The most clicks or scribbles to give.
    target_iou
        Stop clicking or scribbling once the IoU is at least this; above 1, never.
    best_proposals
        Whether, of an answer and its proposals, the one most like the reference goes on, as in DISNet's and PiClick's
        tables; a table must say so. Otherwise the answer stands as a user first sees it.
    view
        What is on the screen at the first click, for methods that begin there; None if nobody knows.
    result
        Where to write, and which object it is; None makes a new one.

    Returns
    -------
    ObjectResult
        ``result``.
    """
    result = result or ObjectResult()

    def answer(given: Prompt, start: float) -> None:
        mask = session.add(given)
        if best_proposals:
            mask = _best_of(session, truth)
        result.seconds.append(time.perf_counter() - start)
        result.prompts.append(given)
        result.ious.append(iou(truth, mask))
        result.masks.append(MaskRuns.of(mask))

    match prompt:
        case "click" | "scribble":
            next_prompt = next_click if prompt == "click" else next_scribble
            for _ in range(max_clicks):
                start = time.perf_counter()
                given = next_prompt(truth, session.mask, result.clicks)
                if view is not None and not result.prompts and isinstance(given, Click):
                    given = replace(given, view=view(given))
                answer(given, start)
                if reaches(result.ious[-1], target_iou):
                    break
        case "box":
            answer(exact_box(truth == 1), time.perf_counter())
        case "mask":
            for coarse in _coarse_masks(truth, levels, result):
                # No mask goes on from another.
                session.clear()
                answer(coarse, time.perf_counter())
    return result


def _coarse_masks(truth: NDArray[np.integer], levels: Sequence[int], result: ObjectResult) -> list[MaskPrompt]:
    """Make an object's coarse masks and note how good they are, all before the first answer, which may fail."""
    # Of the object's identity alone, so that a run on some of a folder's objects gives the very same masks.
    image = result.name if result.plane is None else f"{result.name}:{result.plane}"
    masks = []
    for level in levels:
        seed = coarse_seed(image, result.object_id, level)
        mask = coarse_mask_of_level(truth == 1, level, seed, ignored=truth == IGNORE)
        result.coarse_ious.append(iou(truth, mask))
        masks.append(MaskPrompt(mask))
    return masks


def _best_of(session: Session, truth: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Choose the proposal that fits best, unless the answer is none of them and fits as well; return the mask."""
    answer = session.prediction
    if answer is None or not answer.proposals:
        return session.mask
    best = best_proposal(answer, truth, threshold=session.threshold)
    proposed = answer.proposals[best].render(answer.shape) > session.threshold
    # Chosen as well where it is already the answer: whoever picks means that one, whatever comes.
    index = best if iou(truth, proposed) > iou(truth, session.mask) else answer.chosen
    return session.mask if index is None else session.choose(index)
