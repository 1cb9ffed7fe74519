"""The state of one object being segmented on one image plane: its prompts, its answer, and every step back and forward.

The session is synchronous and knows no window. ``add`` and its kin compute at once. A window that must not wait uses
``edit`` (which changes the prompts and returns immediately), ``request`` (the work, to be run in a thread) and
``deliver`` (which takes the answer, unless the prompts have moved on meanwhile).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_iseg.errors import OptionError, PromptError
from napari_iseg.inference.answer_engine import AnswerEngine, spares_finished
from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.inference.mask_refinement import PLAIN, refine
from napari_iseg.inference.predictor import never
from napari_iseg.interactions.prompts import (
    Choice,
    MaskPrompt,
    check_inside,
    with_choice,
    with_replaced,
    without,
)
from napari_iseg.planes.shapes import bounding_slices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari_iseg.inference.mask_refinement import MaskRefinement
    from napari_iseg.inference.prediction import Prediction, Proposal
    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.interactions import Prompt

__all__ = ["Request", "Session"]


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Work that a session wants done: answer ``stages`` one after the other, starting from ``previous``.

    Usually there is one stage, all the prompts. After an earlier prompt was removed there is one for each later prompt,
    so that the answer is the one there would be had the removed prompt never been given.
    """

    number: int
    stages: tuple[tuple[Prompt, ...], ...]
    previous: Prediction | None
    _engine: AnswerEngine = field(repr=False)

    def run(self, *, cancelled: Callable[[], bool] = never) -> Prediction:
        """Do the work; may be called in any thread.

        Raises
        ------
        CancelledError
            If ``cancelled()`` became True.
        """
        answer = self.previous
        start = time.perf_counter()
        for prompts in self.stages:
            answer = self._engine.predict(prompts, answer, cancelled)
        if answer is None:
            raise PromptError("There is no prompt to answer; click the object first.")
        if len(self.stages) == 1 and isinstance(self.stages[0][-1], Choice):
            # Nothing was computed: the time is that of the answer whose proposals these are.
            return answer
        return replace(answer, seconds=time.perf_counter() - start)


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """The prompts at one moment, how their answer comes about, and the answer once it is there."""

    prompts: tuple[Prompt, ...] = ()
    stages: tuple[tuple[Prompt, ...], ...] = ()
    previous: Prediction | None = None
    prediction: Prediction | None = None
    before: tuple[int, ...] = ()

    @property
    def answered(self) -> tuple[int, ...]:
        """How many prompts each answer was to, ``previous`` and what led to it included."""
        return (*self.before, *(len(stage) for stage in self.stages))

    @property
    def pending(self) -> bool:
        return bool(self.stages) and self.prediction is None


class Session:
    """One object on one plane.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB, as the network will see it (``napari_iseg.planes.to_rgb`` makes it).
    predictor
        The maths.
    max_undo
        How many steps back are kept.
    encoded
        The image's encoding by this predictor, to be shared with the sessions of other objects on it; None for one of
        its own.
    finished
        (H, W) bool, pixels of finished objects that are to be kept: no part of the mask, and outside to the cut along
        edges (option ``graph_cut``), as long as no prompt is a mask. None for none.

    Raises
    ------
    ValueError
        If the encoding is of another image or predictor, or the finished pixels have another shape than the image.

    Attributes
    ----------
    changed
        Emitted after the prompts, the answer or the threshold changed.
    """

    changed = Signal()

    def __init__(
        self,
        image: np.ndarray,
        predictor: Predictor,
        *,
        max_undo: int = 1000,
        encoded: EncodedImage | None = None,
        finished: np.ndarray | None = None,
    ) -> None:
        if encoded is None:
            encoded = EncodedImage(image, predictor)
        if not encoded.fits(image, predictor):
            raise ValueError("the encoding is of another image or predictor")
        if finished is not None and finished.shape != image.shape[:2]:
            raise ValueError(f"finished pixels of shape {finished.shape} on an image of shape {image.shape[:2]}")
        self.image = image
        self.max_undo = max_undo
        self._engine = AnswerEngine(encoded, finished)
        self._threshold = predictor.options.threshold
        self._states: list[_State] = [_State()]
        self._position = 0
        self._numbers = count(1)
        self._wanted: Request | None = None
        self._refinement = PLAIN
        self._rendered: tuple[Prediction, np.ndarray] | None = None
        self._mask: tuple[Any, np.ndarray, tuple[slice, slice] | None] | None = None

    def another(self) -> Session:
        """Return a new session, for another object on the same image.

        What the predictor computes once per image is shared and not computed again.
        """
        encoded = self._engine.image
        return Session(self.image, self.predictor, max_undo=self.max_undo, encoded=encoded)

    @property
    def predictor(self) -> Predictor:
        """The predictor that this session asks."""
        return self._engine.predictor

    @property
    def finished(self) -> np.ndarray | None:
        """(H, W) bool, the pixels of finished objects that it knows of; None for none.

        Setting them changes the answers to come, and the mask at once.
        """
        return self._engine.finished

    @finished.setter
    def finished(self, finished: np.ndarray | None) -> None:
        self._engine.finished = finished
        self._mask = None

    @property
    def spared(self) -> tuple[slice, slice] | None:
        """Rows and columns where finished pixels mattered to the mask and the answers before it; None for nowhere.

        While there is no answer yet, to the one before.
        """
        answer = self._state.prediction
        known = answer or self._state.previous
        reach = known.reach.slices if known is not None and known.reach is not None else None
        box = self._masked()[1] if answer is not None else None
        boxes = [one for one in (reach, box) if one is not None]
        if not boxes:
            return None
        rows, columns = zip(*boxes, strict=True)
        return (
            slice(min(one.start for one in rows), max(one.stop for one in rows)),
            slice(min(one.start for one in columns), max(one.stop for one in columns)),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the plane."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Every prompt of the present state, oldest first."""
        return self._state.prompts

    @property
    def answered(self) -> tuple[int, ...]:
        """How many prompts there were at each answer that led to the present one, the present one last.

        Usually every number from 1. Prompts that followed quickly were answered together: ``(1, 3)``. Given to
        :meth:`resume` with the prompts, it leads to the very same answer.
        """
        return self._state.answered

    @property
    def prediction(self) -> Prediction | None:
        """The present answer; None while there is none or it is still to be computed."""
        return self._state.prediction

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        """The candidate masks of the present answer, most likely first; usually none."""
        return self._state.prediction.proposals if self._state.prediction else ()

    @property
    def chosen(self) -> int | None:
        """Which proposal is the present answer; None where it is none of them."""
        return self._state.prediction.chosen if self._state.prediction else None

    @property
    def alpha(self) -> np.ndarray | None:
        """(H, W) float32 alpha matte in [0, 1], or None where there is no answer or the method gives none."""
        prediction = self._state.prediction
        return prediction.alpha if prediction is not None else None

    @property
    def pending(self) -> bool:
        """True while the present prompts have no answer yet."""
        return self._state.pending

    @property
    def probability(self) -> np.ndarray:
        """(H, W) float32 in [0, 1]; all 0 while there is no answer. Read-only."""
        prediction = self._state.prediction
        if prediction is None:
            return np.zeros(self.shape, np.float32)
        if self._rendered is None or self._rendered[0] is not prediction:
            probability = prediction.render()
            probability.setflags(write=False)
            self._rendered = (prediction, probability)
        return self._rendered[1]

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool: probability strictly above the threshold, refined, without finished pixels. Read-only."""
        return self._masked()[0]

    def _masked(self) -> tuple[np.ndarray, tuple[slice, slice] | None]:
        """Return the mask, and where finished pixels are known the box of it and of those that were taken away."""
        prediction = self._state.prediction
        key = (prediction, self._threshold, self._refinement, self.prompts)
        if self._mask is None or self._mask[0] != key:
            mask, box = refine(self.probability > self._threshold, self._refinement, self.prompts), None
            finished = self.finished
            if finished is not None and mask.any():
                box = bounding_slices(mask)
                if spares_finished(self.prompts):
                    mask[box] &= ~finished[box]
            mask.setflags(write=False)
            self._mask = (key, mask, box)
        return self._mask[1:]

    @property
    def threshold(self) -> float:
        """Probability above which a pixel belongs to the mask. Changing it needs no new inference."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        if not 0 < value < 1:
            raise OptionError(f"The threshold must be between 0 and 1; {value} was given.")
        self._threshold = value
        self.changed.emit()

    @property
    def refinement(self) -> MaskRefinement:
        """What is done to the mask after the threshold. Changing it needs no new inference."""
        return self._refinement

    @refinement.setter
    def refinement(self, value: MaskRefinement) -> None:
        self._refinement = value
        self.changed.emit()

    def add(self, prompt: Prompt) -> np.ndarray:
        """Add a prompt, compute, and return the new mask, (H, W) bool.

        Raises
        ------
        PromptError
            If the prompt lies outside the image or the method does not understand its kind; nothing has changed then.
        """
        return self._edit_and_compute((*self.prompts, prompt))

    def remove(self, index: int) -> np.ndarray:
        """Remove one prompt, however old, compute what the rest would have given, and return the mask."""
        return self._edit_and_compute(without(self.prompts, index))

    def replace(self, index: int, prompt: Prompt) -> np.ndarray:
        """Put another prompt in place of one (a click that was moved), compute, and return the mask."""
        return self._edit_and_compute(with_replaced(self.prompts, index, prompt))

    def choose(self, index: int) -> np.ndarray:
        """Make one of the proposals the answer, as one step that can be undone, and return the mask, (H, W) bool.

        Later prompts go on from it.

        Raises
        ------
        PromptError
            If there is no such proposal, or the prompts have no answer yet; nothing has changed then.
        """
        prediction = self.prediction
        if prediction is None:
            raise PromptError("There are no proposals yet; wait for the answer to the prompts, then choose.")
        # Asked here so that a wrong number changes nothing.
        prediction.choose(index)
        return self._edit_and_compute(with_choice(self.prompts, index))

    def clear(self) -> None:
        """Take every prompt away, as one step that can be undone."""
        self.edit(())

    @property
    def can_undo(self) -> bool:
        """Whether there is a step back."""
        return self._position > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a step forward."""
        return self._position + 1 < len(self._states)

    def undo(self) -> bool:
        """Go one step back; the mask is the very one that was there. Return False if there is none."""
        return self._go(-1)

    def redo(self) -> bool:
        """Go one step forward again. Return False if there is none."""
        return self._go(+1)

    def edit(self, prompts: Iterable[Prompt]) -> None:
        """Make ``prompts`` the present prompts, as one undo step, without computing.

        Raises
        ------
        PromptError
            If one lies outside the image; nothing has changed then.
        """
        prompts = tuple(prompts)
        for prompt in prompts:
            check_inside(prompt, self.shape)
        self._append(self._plan(prompts))

    def resume(self, prompts: Iterable[Prompt], answered: Sequence[int] | None = None) -> None:
        """Begin anew with prompts of an earlier session, one undo step for each, without computing.

        Parameters
        ----------
        prompts
            What the earlier session's ``prompts`` were.
        answered
            What its ``answered`` was; None if every prompt was answered by itself.

        Raises
        ------
        PromptError
            If a prompt lies outside the image, or ``answered`` does not count these prompts; nothing has changed then.
        """
        prompts = tuple(prompts)
        counts = tuple(range(1, len(prompts) + 1) if answered is None else answered)
        if list(counts) != sorted({*counts, len(prompts)} - {0}) or min(counts, default=1) < 1:
            raise PromptError(
                f"{len(prompts)} prompts cannot have been answered at {list(counts)}; the numbers must rise from 1 or "
                "more to all of them."
            )
        for prompt in prompts:
            check_inside(prompt, self.shape)
        states = [_State()]
        for length in range(1, len(prompts) + 1):
            earlier = [prompts[:count] for count in counts if count < length]
            states.append(_State(prompts[:length], (*earlier, prompts[:length])))
        self._states = states[-self.max_undo - 1 :]
        self._position = len(self._states) - 1
        self._wanted = None
        self.changed.emit()

    def request(self) -> Request | None:
        """Return the work that the present prompts need, or None if their answer is there. It voids older requests."""
        state = self._state
        if not state.pending:
            return None
        self._wanted = Request(next(self._numbers), state.stages, state.previous, self._engine)
        return self._wanted

    def deliver(self, request: Request, prediction: Prediction) -> bool:
        """Take the answer to a request.

        Returns
        -------
        bool
            False if the prompts have changed since: the answer is void and was dropped.
        """
        if request is not self._wanted:
            return False
        self._wanted = None
        self._states[self._position] = replace(self._state, prediction=prediction)
        self.changed.emit()
        return True

    def compute(self) -> np.ndarray:
        """Compute what is pending, in this thread, and return the mask."""
        request = self.request()
        if request is not None:
            self.deliver(request, request.run())
        return self.mask

    def release(self) -> None:
        """Let go of the memory that can be filled again: the image's encoding, the probability map and the mask.

        A session that is kept only for its undo steps stays small so; every answer remains exactly what it was.
        """
        self._engine.release(self.spared)
        self._rendered = self._mask = None

    @property
    def _state(self) -> _State:
        return self._states[self._position]

    def _edit_and_compute(self, prompts: Iterable[Prompt]) -> np.ndarray:
        states, position = list(self._states), self._position
        self.edit(prompts)
        try:
            return self.compute()
        except BaseException:
            # A failed computation must not leave a prompt behind that nobody can answer.
            self._states, self._position, self._wanted = states, position, None
            self.changed.emit()
            raise

    def _append(self, state: _State) -> None:
        """Make a state the present one; steps forward from the one before are lost."""
        del self._states[self._position + 1 :]
        self._states.append(state)
        del self._states[: -self.max_undo - 1]
        self._position = len(self._states) - 1
        self._wanted = None
        self.changed.emit()

    def _go(self, step: int) -> bool:
        position = self._position + step
        if not 0 <= position < len(self._states):
            return False
        self._position = position
        self._wanted = None
        self.changed.emit()
        return True

    def _plan(self, prompts: tuple[Prompt, ...]) -> _State:
        """Return the state for ``prompts``, starting from the latest known answer to a beginning of them."""
        if not prompts:
            return _State()
        present = self._state
        appended = len(prompts) == len(present.prompts) + 1 and prompts[:-1] == present.prompts
        if appended and present.pending and not any(isinstance(p, MaskPrompt | Choice) for p in prompts):
            # The user clicked again before the answer came: one answer to both clicks is wanted, not two.
            return _State(prompts, (*present.stages[:-1], prompts), present.previous, before=present.before)
        for length in range(len(prompts), 0, -1):
            for state in reversed(self._states[: self._position + 1]):
                if state.prediction is None or state.prompts != prompts[:length]:
                    continue
                if length == len(prompts):
                    return state
                return _State(prompts, _stages(prompts, length), state.prediction, before=state.answered)
        return _State(prompts, _stages(prompts, 0), None)


def _stages(prompts: tuple[Prompt, ...], known: int) -> tuple[tuple[Prompt, ...], ...]:
    # A mask to be kept is itself the answer, whatever was said before it.
    kept = [number for number, prompt in enumerate(prompts) if isinstance(prompt, MaskPrompt) and prompt.keep]
    known = max(known, kept[-1]) if kept else known
    return tuple(prompts[: n + 1] for n in range(known, len(prompts)))
