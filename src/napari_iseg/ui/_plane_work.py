"""One unfinished object on one plane: its clicks, held until a session can answer them, and then the session."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from napari_iseg.inference.session import Session
from napari_iseg.interactions.prompts import check_inside
from napari_iseg.io.finished_pixels import facts_of_finished
from napari_iseg.planes import AS_IT_IS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_iseg.inference.encoded_image import EncodedImage
    from napari_iseg.inference.mask_refinement import MaskRefinement
    from napari_iseg.interactions import Prompt
    from napari_iseg.planes import PlaneAddress, SquarePixels
    from napari_iseg.ui._edit_history import Edit
    from napari_iseg.ui._method_choice import MethodChoice
    from napari_iseg.ui._objects import TakenBack
    from napari_iseg.ui._workers import Job

__all__ = ["PlaneWork"]


class PlaneWork:
    """The object that is being made on one plane.

    Until the method and the plane's pixels are loaded there is no session; clicks are kept in order, can be taken back,
    and are handed to the session when it comes.

    Parameters
    ----------
    plane
        Where.
    shape
        (rows, columns) of the plane.
    session
        An object that goes on, or None for a new one.

    Attributes
    ----------
    job
        The request that is being answered, or None.
    asked_at
        When it was asked, in seconds of ``time.perf_counter``.
    accept_on_answer
        The user accepted before the answer came.
    next_clicks
        Prompts given after that, for the next object.
    taken_back
        The finished object that this one was, if its acceptance was undone; redo finishes it again.
    label
        The id that it had then, or None.
    choice
        The method that its session was made with, where that may be another than the present one; else None.
    resumes
        The work that goes on after this one, which was put aside for it; or None.
    target
        The Labels layer that it is written back into, with its value there; None for the layer of finished objects.
    opened
        The edit that opened a finished object, or one of another layer, again; None for a new one.
    class_name, note, reviewed, seconds
        What is known of it from before; a class of None is the one that is chosen when it is accepted.
    begun_at
        When its first prompt was given, in seconds of ``time.perf_counter``; or None.
    threshold, refinement
        Of an object from a file, until it has a session; else None.
    look, square
        How its session looks at the plane, and on which grid if that is another than the plane's.
    spares
        State of the finished objects that its session knows of, see :class:`napari_iseg.ui._sparing.Sparing`; None
        while that is not known.
    """

    def __init__(self, plane: PlaneAddress, shape: tuple[int, int], session: Session | None = None) -> None:
        self.plane = plane
        self.shape = shape
        self.session = session
        self.job: Job | None = None
        self.asked_at = 0.0
        self.accept_on_answer = False
        self.next_clicks: list[Prompt] = []
        self.taken_back: TakenBack | None = None
        self.label: int | None = None
        self.choice: MethodChoice | None = None
        self.resumes: PlaneWork | None = None
        self.target: tuple[Any, int] | None = None
        self.opened: Edit | None = None
        self.class_name: str | None = None
        self.note = ""
        self.reviewed = False
        self.seconds = 0.0
        self.begun_at: float | None = None
        self._steps: list[tuple[Prompt, ...]] = [()]
        self._position = 0
        self.threshold: float | None = None
        self.refinement: MaskRefinement | None = None
        self.look = AS_IT_IS
        self.square: SquarePixels | None = None
        self.spares: Any = None
        self._answered: tuple[int, ...] | None = None
        self._resumed: tuple[Prompt, ...] = ()

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The prompts of the present state."""
        return self.session.prompts if self.session is not None else self._steps[self._position]

    @property
    def answered(self) -> tuple[int, ...] | None:
        """How many prompts there were at each answer, see ``Session.answered``; None where that is not known yet."""
        if self.session is not None:
            return self.session.answered
        return self._answered if self.prompts == self._resumed else None

    @property
    def seen_as(self) -> dict[str, Any]:
        """What a session file needs to know of how the plane was shown to the method; empty where as it is."""
        spared = facts_of_finished(self.session.finished, self.session.spared) if self.session is not None else {}
        shown_as = self.square.facts() if self.square is not None else {}
        return {**self.look.facts(), **shown_as, **spared}

    @property
    def pending(self) -> bool:
        """Whether the present prompts have no answer yet."""
        return self.session.pending if self.session is not None else bool(self.prompts)

    @property
    def can_undo(self) -> bool:
        """Whether there is a prompt to take back."""
        return self.session.can_undo if self.session is not None else self._position > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a prompt to give again."""
        return self.session.can_redo if self.session is not None else self._position + 1 < len(self._steps)

    def edit(self, prompts: tuple[Prompt, ...]) -> None:
        """Make these the present prompts, as one step.

        Raises
        ------
        PromptError
            If one lies outside the image; nothing has changed then.
        """
        if self.begun_at is None:
            self.begun_at = time.perf_counter()
        if self.session is not None:
            self.session.edit(prompts)
            return
        for prompt in prompts:
            check_inside(prompt, self.shape)
        del self._steps[self._position + 1 :]
        self._steps.append(prompts)
        self._position += 1

    def step(self, by: int) -> bool:
        """Undo (-1) or redo (+1) one step; False if there is none."""
        if self.session is not None:
            return self.session.undo() if by < 0 else self.session.redo()
        if not 0 <= self._position + by < len(self._steps):
            return False
        self._position += by
        return True

    def resume(
        self,
        prompts: tuple[Prompt, ...],
        answered: tuple[int, ...] | None,
        threshold: float,
        refinement: MaskRefinement,
    ) -> None:
        """Begin with the prompts of an object from a file, to be answered as they were then.

        Parameters
        ----------
        prompts, answered
            As for :meth:`napari_iseg.inference.session.Session.resume`.
        threshold, refinement
            From probabilities to its mask.
        """
        self.cancel()
        self.session = None
        self._steps = [prompts[:count] for count in range(len(prompts) + 1)]
        self._position = len(prompts)
        self._resumed, self._answered = prompts, answered
        self.threshold, self.refinement = threshold, refinement

    def open(
        self,
        encoded: EncodedImage,
        threshold: float,
        refinement: MaskRefinement,
        finished: NDArray[np.bool_] | None = None,
    ) -> None:
        """Start the session and give it every step that was made meanwhile, each its own undo step.

        Parameters
        ----------
        encoded
            The plane, with the predictor that answers.
        threshold, refinement
            From probabilities to the mask, where the object has none of its own.
        finished
            (H, W) bool, pixels of finished objects that it spares; None for none.
        """
        self.session = Session(encoded.image, encoded.predictor, encoded=encoded, finished=finished)
        self.session.threshold = threshold if self.threshold is None else self.threshold
        self.session.refinement = refinement if self.refinement is None else self.refinement
        given = len(self._resumed)
        if self._steps[given : given + 1] == [self._resumed]:
            self.session.resume(self._resumed, self._answered)
        else:
            given = 0
        for prompts in self._steps[given + 1 :]:
            self.session.edit(prompts)
        for _ in range(len(self._steps) - 1 - self._position):
            self.session.undo()

    def close(self) -> None:
        """End the session, to ask another method; one step for each prompt is kept."""
        self.cancel()
        self.choice = None
        if self.session is not None:
            prompts = self.session.prompts
            self._steps = [prompts[:count] for count in range(len(prompts) + 1)]
            self._position = len(prompts)
            # Another method answers in its own way.
            self._resumed, self._answered, self.threshold, self.refinement = (), None, None, None
            self.session = None

    def ask_anew(self) -> None:
        """End the session and keep every step, to have the same asked of other pixels."""
        refinement, threshold = self.refinement, self.threshold
        if self.session is not None:
            refinement, threshold = self.session.refinement, self.session.threshold
        choice = self.choice
        self.close()
        self.choice, self.refinement, self.threshold = choice, refinement, threshold

    def cancel(self) -> None:
        """Give up the request that is being answered."""
        if self.job is not None:
            self.job.cancel()
            self.job = None
