"""The masks that the present prompts may mean: of the method in use, and of every other one if the user asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import IsegError
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.session import Session
from napari_iseg.inference.square_predictor import on_square_pixels
from napari_iseg.interactions.prompts import Choice, MaskPrompt, with_choice
from napari_iseg.ui._method_choice import MethodChoice
from napari_iseg.zoo import METHODS
from napari_iseg.zoo.weights import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_iseg.inference.prediction import Prediction
    from napari_iseg.interactions import Prompt
    from napari_iseg.planes import SquarePixels
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._loading import Loaded
    from napari_iseg.ui._workers import Job, Workers

    # What answered, what, and which pixels of finished objects it spared.
    _Answer = tuple[Loaded, Prediction, NDArray[np.bool_] | None]

__all__ = ["Candidate", "Candidates"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One mask to choose.

    Parameters
    ----------
    method
        Whose it is.
    mask
        (H, W) bool.
    score
        How sure its method is of it, in [0, 1]; None where the method does not say.
    number
        Its place among the proposals of the method in use; None for another method's.
    label
        A word for it ("part", "whole"), or nothing.
    prompt
        What choosing it adds to the prompts, for another method's.
    """

    method: str
    mask: NDArray[np.bool_]
    score: float | None
    number: int | None = None
    label: str = ""
    prompt: MaskPrompt | None = None

    @property
    def area(self) -> int:
        """In pixels."""
        return int(np.count_nonzero(self.mask))


class Candidates:
    """The candidates of the unfinished object on the canvas, from part to whole.

    Parameters
    ----------
    controller
        Whose work it is.
    workers
        Asks other methods in threads.
    load
        Loads a choice of a method, in a thread.
    """

    def __init__(self, controller: Controller, workers: Workers, load: Callable[[MethodChoice], Loaded]) -> None:
        self._controller = controller
        self._workers = workers
        self._load = load
        self._about: tuple[Any, ...] = ()
        self._prediction: Prediction | None = None
        self._own: list[Candidate] = []
        self._others: list[Candidate] = []
        self._waiting: list[MethodChoice] = []
        self._job: Job | None = None
        self._asked: MethodChoice | None = None
        self._shown: tuple[Candidate, ...] = ()

    @property
    def shown(self) -> tuple[Candidate, ...]:
        """What there is to choose from, the smallest first; empty where that would be one mask alone."""
        return self._shown

    @property
    def asking(self) -> str:
        """The method that is being asked, or an empty text."""
        return self._asked.method if self._asked is not None else ""

    @property
    def can_ask(self) -> bool:
        """Whether other methods can be asked what they say to these prompts."""
        work = self._controller.work
        ready = work is not None and work.session is not None and not work.pending and bool(self._base())
        return ready and self._asked is None and not self._others

    @property
    def chosen(self) -> Candidate | None:
        """The one that is the answer now, or None."""
        work = self._controller.work
        if work is None or not work.prompts:
            return None
        newest = work.prompts[-1]
        if isinstance(newest, MaskPrompt):
            return next((each for each in self._others if each.prompt is newest), None)
        number = work.session.chosen if work.session is not None else None
        return next((each for each in self._own if each.number == number), None) if number is not None else None

    def refresh(self) -> None:
        """Bring the candidates in step with the prompts; those of earlier prompts go."""
        work = self._controller.work
        session = work.session if work is not None else None
        base = self._base()
        if work is None or session is None or not base:
            self._begin((), None)
            return
        about = (session, base, session.threshold)
        if about != self._about:
            self._begin(about, None)
        prediction = session.prediction
        newest = work.prompts[-1]
        if prediction is not None and prediction is not self._prediction and not isinstance(newest, MaskPrompt):
            if self._prediction is None or prediction.proposals is not self._prediction.proposals:
                self._own = [
                    Candidate(
                        self._controller.answering.choice.method,
                        proposal.render(session.shape) > session.threshold,
                        proposal.score,
                        number,
                        proposal.label,
                    )
                    for number, proposal in enumerate(prediction.proposals)
                ]
                self._order()
            self._prediction = prediction

    def choose(self, candidate: Candidate) -> None:
        """Make a candidate the answer, as one step that undo takes back."""
        work = self._controller.work
        if work is None or candidate is self.chosen or candidate not in self._shown:
            return
        base = self._base()
        if candidate.prompt is not None:
            self._controller.change((*base, candidate.prompt), work)
        elif candidate.number is not None:
            self._controller.change(with_choice(base, candidate.number), work)

    def next(self) -> None:
        """Choose the next larger one; after the last, the first."""
        if self._shown:
            chosen = self.chosen
            place = self._shown.index(chosen) if chosen in self._shown else -1
            self.choose(self._shown[(place + 1) % len(self._shown)])

    def ask_all(self) -> None:
        """Ask every other method that needs no download the same prompts, one after the other."""
        if self.can_ask:
            present = self._controller.answering.choice
            self._waiting = [choice for choice in _at_hand() if choice.method != present.method]
            self._ask_next()

    def _base(self) -> tuple[Prompt, ...]:
        """Return the prompts without what was chosen among the candidates."""
        work = self._controller.work
        prompts = work.prompts if work is not None else ()
        if prompts and isinstance(prompts[-1], Choice):
            return prompts[:-1]
        if prompts and any(each.prompt is prompts[-1] for each in self._others):
            return prompts[:-1]
        return prompts

    def _begin(self, about: tuple[Any, ...], prediction: Prediction | None) -> None:
        if self._job is not None:
            self._job.cancel()
        self._about, self._prediction, self._job, self._asked = about, prediction, None, None
        self._own, self._others, self._waiting = [], [], []
        self._shown = ()

    def _order(self) -> None:
        everything = [*self._own, *self._others]
        self._shown = tuple(sorted(everything, key=lambda each: each.area)) if len(everything) > 1 else ()

    def _ask_next(self) -> None:
        work = self._controller.work
        self._asked = self._waiting.pop(0) if self._waiting else None
        if self._asked is not None and work is not None and work.session is not None:
            choice, session = self._asked, work.session
            known = self._controller.answering.ready(choice)
            load = partial(self._load, choice) if known is None else lambda: known
            self._job = self._workers.start(
                partial(_ask, load, session.image, work.square, self._base(), session.finished),
                partial(self._answered, choice, session.threshold),
                self._not_answered,
            )
        self._controller.changed.emit()

    def _answered(self, choice: MethodChoice, threshold: float, answer: _Answer) -> None:
        loaded, prediction, spared = answer
        self._controller.answering.keep(choice, loaded)
        base = self._base()
        found: list[tuple[str, NDArray[np.float32], float | None]]
        if prediction.proposals:
            found = [
                (f"{choice.method}, proposal {number}", proposal.render(prediction.shape), proposal.score)
                for number, proposal in enumerate(prediction.proposals, start=1)
            ]
        else:
            found = [(choice.method, prediction.render(), None)]
        for source, probability, score in found:
            mask = probability > threshold
            if spared is not None:
                mask &= ~spared
            if mask.any():
                prompt = MaskPrompt(mask, keep=True, source=f"{source}, for {len(base)} prompts")
                self._others.append(Candidate(choice.method, mask, score, prompt=prompt))
        if not self._own:
            self._add_present_answer()
        self._order()
        self._ask_next()

    def _not_answered(self, error: Exception) -> None:
        # A method that cannot answer these prompts, or cannot be loaded here, has no candidate; the others have.
        if not isinstance(error, IsegError | CancelledError | ImportError):
            self._controller.failed.emit(f"{self.asking} could not answer: {error}")
        self._ask_next()

    def _add_present_answer(self) -> None:
        """Let the method in use, which offers no proposals, be among those to choose from by its answer."""
        work = self._controller.work
        if work is not None and work.session is not None and not isinstance(work.prompts[-1], MaskPrompt):
            mask = work.session.mask
            own = Candidate(self._controller.answering.choice.method, mask, None)
            prompt = MaskPrompt(mask, keep=True, source=own.method)
            self._others.append(replace(own, prompt=prompt))


def _at_hand() -> list[MethodChoice]:
    """Return the methods that have their weights in the package, or need none."""
    return [MethodChoice(name) for name, spec in METHODS.items() if spec.family is None or spec.weights in WEIGHTS]


def _ask(
    load: Callable[[], Loaded],
    image: NDArray[np.uint8],
    square: SquarePixels | None,
    prompts: tuple[Prompt, ...],
    finished: NDArray[np.bool_] | None,
    cancelled: Callable[[], bool],
) -> _Answer:
    """Give a method the prompts one after the other, as the user did, without choices among another's proposals."""
    loaded = load()
    session = Session(image, on_square_pixels(loaded.predictor, square), finished=finished)
    for prompt in prompts:
        if cancelled():
            raise CancelledError
        if not isinstance(prompt, Choice):
            session.add(prompt)
    if session.prediction is None:
        raise CancelledError
    return loaded, session.prediction, finished if session.spared is not None else None
