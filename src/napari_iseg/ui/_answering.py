"""From prompts to answers: loads the method, reads the plane, and has each work's request done in a thread."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_iseg.errors import IsegError
from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.inference.mask_refinement import USUAL
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.square_predictor import on_square_pixels
from napari_iseg.ui._loading import with_options
from napari_iseg.ui._method_choice import MethodChoice
from napari_iseg.ui._plane_view import full_data
from napari_iseg.ui._square_pixels import square_pixels
from napari_iseg.zoo import DEFAULT_METHOD

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from napari_iseg.inference.prediction import Prediction
    from napari_iseg.inference.session import Request
    from napari_iseg.planes import PlaneAddress, PlaneLook
    from napari_iseg.ui._loading import Loaded
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._sparing import Sparing
    from napari_iseg.ui._workers import Job, Workers

__all__ = ["Answering"]


class Answering:
    """Has prompts answered; never in the window's thread.

    Parameters
    ----------
    workers
        Does the work in threads.
    load
        Loads a choice of a method, in a thread.
    sparing
        Knows which finished objects a new one spares.

    Attributes
    ----------
    answered
        A work's prompts have their answer, or the prompt that could not be answered was taken back.
    changed
        Work began or ended.
    failed
        A sentence: what went wrong and what to do.
    choice, threshold, refinement
        What new sessions are opened with: method, weights and options; the probability threshold; what is done to the
        mask after it.
    auto_run
        Whether prompts are answered as soon as they are given; else when that is asked for.
    milliseconds
        From the last answered click to its mask, or None.
    failure
        Why the last preparation or click failed; empty if it did not.
    """

    answered = Signal(object, object)
    changed = Signal()
    failed = Signal(str)

    def __init__(self, workers: Workers, load: Callable[[MethodChoice], Loaded], sparing: Sparing) -> None:
        self.choice = MethodChoice(DEFAULT_METHOD)
        self.threshold = self.choice.options.threshold
        self.refinement = USUAL
        self.auto_run = True
        self.milliseconds: float | None = None
        self.failure = ""
        self._workers = workers
        self._load = load
        self._sparing = sparing
        self._loaded: dict[MethodChoice, Loaded] = {}
        # Of the plane that was last worked on: its next object need not wait for it again.
        self._encoded: EncodedImage | None = None
        self._preparing: Job | None = None

    @property
    def preparing(self) -> bool:
        """Whether the method or a plane is being loaded."""
        return self._preparing is not None

    @property
    def device(self) -> str:
        """Where the method computes, or an empty text while that is not known."""
        loaded = self._loaded.get(self.choice)
        return loaded.device if loaded is not None else ""

    def ready(self, choice: MethodChoice) -> Loaded | None:
        """Return a method that is loaded already, or None."""
        return self._loaded.get(choice)

    def keep(self, choice: MethodChoice, loaded: Loaded) -> None:
        """Keep a method that somebody else has loaded."""
        self._loaded.setdefault(choice, loaded)

    def use(self, choice: MethodChoice) -> None:
        """Ask another method, or the same with other weights or options, from now on."""
        self.choice = choice
        self.milliseconds = None
        self.failure = ""
        if self._preparing is not None:
            self._preparing.cancel()
            self._preparing = None

    def ask(self, project: Project, work: PlaneWork, *, wanted: bool = False) -> None:
        """Have the present prompts of a work answered; an older request of it becomes void.

        Parameters
        ----------
        project, work
            Whose prompts.
        wanted
            Whether the user asked for it, so that it is done although prompts do not run by themselves.
        """
        work.cancel()
        if self._sparing.outdated(project, work):
            # Since then a finished object beside it was deleted, say, or is to be written over.
            work.ask_anew()
        if work.session is None and not self._open(project, work):
            return
        may = self.auto_run or wanted or work.accept_on_answer
        request = work.session.request() if work.session is not None and may else None
        if request is not None:
            # Loading a method, which a first click may have to wait for, says nothing about the next click.
            work.asked_at = time.perf_counter()
            work.job = self._workers.start(
                lambda cancelled: request.run(cancelled=cancelled),
                partial(self._deliver, project, work, request),
                partial(self._give_up, project, work),
            )
        self.changed.emit()

    def _open(self, project: Project, work: PlaneWork) -> bool:
        """Open the session of a work; False if its method or its plane must be loaded first, which begins then."""
        loaded, rgb = self._loaded.get(self.choice), project.pixels(work.plane)
        if loaded is not None and rgb is not None:
            work.square = square_pixels(project.image, work.plane)
            predictor = on_square_pixels(loaded.predictor, work.square)
            if self._encoded is None or not self._encoded.fits(rgb, predictor):
                self._encoded = EncodedImage(rgb, predictor)
            finished = self._sparing.pixels(project, work, predictor.options)
            work.open(self._encoded, self.threshold, self.refinement, finished)
            self._sparing.note(project, work, predictor.options)
            work.look = project.look
            return True
        if self._preparing is None:
            load = self._loading() if loaded is None else lambda: loaded
            data, look = full_data(project.image), project.look
            self._preparing = self._workers.start(
                lambda _cancelled: _prepare(load, data, work.plane, look),
                partial(self._prepared, project, work.plane, look, self.choice),
                self._not_prepared,
            )
            self.changed.emit()
        return False

    def _loading(self) -> Callable[[], Loaded]:
        """Return what loads the present choice: other options share a network that is there already."""
        wanted = self.choice
        for choice, loaded in self._loaded.items():
            if (choice.method, choice.weights_in_use) == (wanted.method, wanted.weights_in_use):
                return partial(with_options, loaded, wanted.options)
        return partial(self._load, wanted)

    def _prepared(
        self,
        project: Project,
        plane: PlaneAddress,
        look: PlaneLook,
        choice: MethodChoice,
        ready: tuple[Loaded, NDArray[np.uint8]],
    ) -> None:
        self._preparing = None
        self.failure = ""
        self._loaded[choice] = ready[0]
        # Looked at in another way meanwhile, it is read again.
        if project.look == look:
            project.keep_pixels(plane, ready[1])
        for work in project.works:
            if work.session is None and (work.prompts or work.plane == plane):
                self.ask(project, work)
        self.changed.emit()

    def _not_prepared(self, error: Exception) -> None:
        # The prompts stay: the next click, or another method, asks again.
        self._preparing = None
        self._report(error)

    def _deliver(self, project: Project, work: PlaneWork, request: Request, prediction: Prediction) -> None:
        work.job = None
        if work.session is None or not work.session.deliver(request, prediction):
            return
        self.failure = ""
        self.milliseconds = (time.perf_counter() - work.asked_at) * 1000
        self.answered.emit(project, work)

    def _give_up(self, project: Project, work: PlaneWork, error: Exception) -> None:
        work.job = None
        if isinstance(error, CancelledError):
            return
        # The prompt that cannot be answered goes; redo tries it again. Everything before it stays.
        work.step(-1)
        self.ask(project, work)
        self.answered.emit(project, work)
        self._report(error)

    def _report(self, error: Exception) -> None:
        known = isinstance(error, IsegError)
        self.failure = str(error) if known else f"This did not work because of an unexpected error: {error}"
        self.changed.emit()
        if not known:
            raise error
        self.failed.emit(self.failure)


def _prepare(
    load: Callable[[], Loaded], data: Any, plane: PlaneAddress, look: PlaneLook
) -> tuple[Loaded, NDArray[np.uint8]]:
    # The plane first: an unusable image is told at once, not after the method was loaded.
    rgb = look.rgb(plane.take(data))
    return load(), rgb
