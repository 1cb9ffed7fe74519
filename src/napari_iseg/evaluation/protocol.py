"""One object under the published protocols: a simulated user gives prompts, and each answer is measured.

Clicks and scribbles correct the largest error until the mask is good enough; a box or a coarse mask is given once.
Clicks also correct a defective mask; one click shows how ambiguous it is; and a good mask shows how soft its edges are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import OptionError
from napari_iseg.evaluation.initial_masks import begin_from_defects, coarse_masks
from napari_iseg.evaluation.metrics import matting_errors, reaches
from napari_iseg.evaluation.prompt_kinds import LEVELS
from napari_iseg.inference.proposals import best_proposal
from napari_iseg.interactions import IGNORE, Click, iou, next_click
from napari_iseg.interactions.scribbling import next_scribble
from napari_iseg.interactions.simulated_boxes import exact_box
from napari_iseg.io.mask_runs import MaskRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        What was measured besides, by name: ``pixels`` of the object; ``initial_IoU`` of a mask that was corrected;
        ``oracle_IoU`` of the best proposal and the number of ``proposals``; ``MSE`` and ``SAD`` of a matte.
    error
        The sentence of the error with which the method failed, or None.
    start
        The defective mask that was to be corrected; None for other prompts, and where none could be made.
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
    start: MaskRuns | None = None

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
    start: NDArray[np.bool_] | None = None,
    alpha: NDArray[np.floating] | None = None,
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
        which a mask is itself the answer give it back as it is. ``"correction"``: clicks, as before, from a defective
        mask on (FocalClick-XL, Algorithm 1); of an object for which none can be made nothing is asked.
        ``"proposals"``: one click; its answer and the best of its proposals are measured. ``"alpha"``: clicks, as
        before, and in the end the matte is measured, since soft edges mean nothing around a wrong mask.
    levels
        Which coarse masks, 1 to 5; other prompts have none.
    max_clicks
        The most clicks or scribbles to give.
    target_iou
        Stop clicking or scribbling once the IoU is at least this; above 1, never.
    best_proposals
        Whether, of an answer and its proposals, the one most like the reference goes on, as in DISNet's and PiClick's
        tables; a table must say so. Otherwise the answer stands as a user first sees it, as for ``"proposals"`` always.
    view
        What is on the screen at the first click, for methods that begin there; None if nobody knows.
    start
        (H, W) bool, what ``"correction"`` begins from; None has a defective mask made.
    alpha
        (H, W) in [0, 1], the soft reference of ``"alpha"``; None takes the truth for it.
    result
        Where to write, and which object it is; None makes a new one.

    Returns
    -------
    ObjectResult
        ``result``.

    Raises
    ------
    OptionError
        If ``"alpha"`` is asked of a method that gives no mattes.
    """
    result = result or ObjectResult()
    result.measures["pixels"] = int(np.count_nonzero(truth == 1))
    user = _User(session, truth, result, best=best_proposals and prompt != "proposals", view=view)
    match prompt:
        case "click" | "scribble":
            user.correct(next_click if prompt == "click" else next_scribble, max_clicks, target_iou)
        case "correction":
            if begin_from_defects(session, truth, start, result):
                # The view is of no use to who begins from a mask.
                user.view = None
                user.correct(next_click, max_clicks, target_iou)
        case "proposals":
            user.correct(next_click, 1, target_iou)
            _compare_proposals(session, truth, result)
        case "alpha":
            wanted = (truth == 1).astype(np.float32) if alpha is None else alpha
            # As long as there is no answer the matte is empty.
            _measure_matte(np.zeros_like(wanted), wanted, truth, result)
            user.correct(next_click, max_clicks, target_iou)
            _measure_matte(_matte(session), wanted, truth, result)
        case "box":
            user.answer(exact_box(truth == 1), time.perf_counter())
        case "mask":
            for coarse in coarse_masks(truth, levels, result):
                # No mask goes on from another.
                session.clear()
                user.answer(coarse, time.perf_counter())
    return result


class _User:
    """Gives prompts to a session, looks at the answers and notes what they are worth."""

    def __init__(
        self,
        session: Session,
        truth: NDArray[np.integer],
        result: ObjectResult,
        *,
        best: bool,
        view: Callable[[Click], Box | None] | None,
    ) -> None:
        self._session, self._truth, self._result = session, truth, result
        self._best = best
        self.view = view

    def correct(
        self,
        next_prompt: Callable[[NDArray[np.integer], NDArray[np.bool_], list[Click]], Prompt],
        most: int,
        target: float,
    ) -> None:
        """Correct the largest error until the mask is good enough, or so many prompts were given."""
        result = self._result
        for _ in range(most):
            start = time.perf_counter()
            given = next_prompt(self._truth, self._session.mask, result.clicks)
            if self.view is not None and not result.prompts and isinstance(given, Click):
                given = replace(given, view=self.view(given))
            self.answer(given, start)
            if reaches(result.ious[-1], target):
                break

    def answer(self, given: Prompt, start: float) -> None:
        """Give one prompt, found since ``start``, and note its answer."""
        mask, result = self._session.add(given), self._result
        if self._best:
            mask = _best_of(self._session, self._truth)
        result.seconds.append(time.perf_counter() - start)
        result.prompts.append(given)
        result.ious.append(iou(self._truth, mask))
        result.masks.append(MaskRuns.of(mask))


def _compare_proposals(session: Session, truth: NDArray[np.integer], result: ObjectResult) -> None:
    """Note the IoU of the best that a user could choose, the answer as it is or a proposal, and how many there are."""
    answer = session.prediction
    proposals = answer.proposals if answer is not None else ()
    shown = [proposal.render(session.shape) > session.threshold for proposal in proposals]
    result.measures["oracle_IoU"] = max([result.ious[-1], *(iou(truth, mask) for mask in shown)])
    result.measures["proposals"] = max(len(shown), 1)


def _matte(session: Session) -> NDArray[np.floating]:
    matte = session.alpha
    if matte is None:
        raise OptionError("This method gives no alpha matte; choose one that does (see 'napari-iseg methods').")
    return matte


def _measure_matte(
    matte: NDArray[np.floating], wanted: NDArray[np.floating], truth: NDArray[np.integer], result: ObjectResult
) -> None:
    result.measures["MSE"], result.measures["SAD"] = matting_errors(matte, wanted, truth != IGNORE)


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
