"""What the dock "Evaluate" has done in a thread: a simulated user drives one method after another on some objects."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_iseg import __version__
from napari_iseg.errors import IsegError
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.io.mask_runs import MaskRuns
from napari_iseg.ui._loading import ONE_AT_A_TIME, prepare_for_torch
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_iseg.evaluation import ObjectResult, PromptKind, Report
    from napari_iseg.inference.prediction import Prediction
    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.interactions import Prompt
    from napari_iseg.io.dataset import DatasetObject
    from napari_iseg.io.labelled_arrays import LabelledArray, PlacedObject
    from napari_iseg.zoo import Options

__all__ = ["Contestant", "Evaluation", "Wish"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A method with the weights that it is to use.

    Parameters
    ----------
    method
        Its name.
    weights
        Name of the weights; None for the method's own.
    """

    method: str
    weights: str | None = None

    @property
    def name(self) -> str:
        """What tables and curves call it."""
        return self.method if self.weights is None else f"{self.method}@{self.weights}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be evaluated.

    Parameters
    ----------
    contestants
        The methods.
    prompt
        What each object is given.
    limit
        At most so many objects; None for all.
    max_clicks
        The most clicks or scribbles.
    target_iou
        When a mask is good enough.
    """

    contestants: tuple[Contestant, ...]
    prompt: PromptKind = "click"
    limit: int | None = None
    max_clicks: int = 20
    target_iou: float = 0.90


class _StoppedError(BaseException):
    """Ends an evaluation from inside a method; what catches a method's own errors must let it through."""


class Evaluation:
    """One evaluation. A thread fills it, object by object; the window only looks at it.

    Parameters
    ----------
    source
        Makes the image with its reference; called in the thread.
    wish
        What is to be done.

    Attributes
    ----------
    places
        The objects, in their order; empty until they were found.
    references
        The reference of each object that was begun, as its mask.
    results
        For every contestant the objects that are done, in the same order.
    errors
        Why a contestant had to be left out, by its number.
    stage
        What is being done, in words.
    source
        The image with its reference; None until it was made.
    """

    def __init__(self, source: Callable[[], LabelledArray], wish: Wish) -> None:
        self.wish = wish
        self.source: LabelledArray | None = None
        self.places: Sequence[PlacedObject] = ()
        self.references: list[MaskRuns] = []
        self.results: list[list[ObjectResult]] = [[] for _ in wish.contestants]
        self.errors: dict[int, str] = {}
        self.stage = "Looking for objects…"
        self._make_source = source
        self._options: dict[int, dict[str, Any]] = {}
        self._stop = threading.Event()
        self._closed: Callable[[], bool] = never

    @property
    def names(self) -> list[str]:
        """Of the contestants."""
        return [contestant.name for contestant in self.wish.contestants]

    @property
    def stopped(self) -> bool:
        """Whether it was asked to end early."""
        return self._stop.is_set() or self._closed()

    @property
    def done(self) -> int:
        """How many objects are done, each counted for each contestant."""
        return sum(len(results) for results in self.results)

    @property
    def total(self) -> int:
        """How many there will be; contestants that were left out count as done with. 0 until the objects are found."""
        return len(self.places) * (len(self.results) - len(self.errors))

    def stop(self) -> None:
        """Ask it to end; what is done stays."""
        self._stop.set()

    def run(self, cancelled: Callable[[], bool]) -> Evaluation:
        """Do it, in a thread; return itself.

        Parameters
        ----------
        cancelled
            Ends it as :meth:`stop` does.

        Raises
        ------
        ImageError
            If there is no object, or a plane cannot be read.
        """
        self._closed = cancelled
        try:
            self.source = self._make_source()
            self.places = self.source.places(limit=self.wish.limit, before_plane=self._before_plane)
            self.stage = "Getting ready…"
            prepare_for_torch()
            for number in range(len(self.wish.contestants)):
                self._check()
                self._judge(number, self.source)
        except _StoppedError:
            _log.debug("Stopped after %d results", self.done)
        return self

    def reports(self) -> list[Report]:
        """Return a report of every contestant that has results; after a stop they may be of different lengths."""
        from napari_iseg.evaluation import Report

        return [
            Report(tuple(results), self.wish.max_clicks, self.wish.target_iou, self._settings(number), self.wish.prompt)
            for number, results in enumerate(self.results)
            if results
        ]

    def _before_plane(self, done: int, total: int) -> None:
        self._check()
        if total > 1:
            self.stage = f"Looking for objects, plane {done + 1} of {total}"

    def _check(self) -> None:
        if self.stopped:
            raise _StoppedError

    def _judge(self, number: int, source: LabelledArray) -> None:
        """Have one contestant answer for every object; one that cannot be loaded is left out, with its sentence."""
        from napari_iseg.evaluation.objects import evaluate_objects, published_options
        from napari_iseg.evaluation.prompt_kinds import check_prompt
        from napari_iseg.inference.opening import make_predictor

        contestant, wish, results = self.wish.contestants[number], self.wish, self.results[number]
        self.stage = f"Loading {contestant.name}…"
        try:
            spec = find_method(contestant.method)
            check_prompt(wish.prompt, spec)
            with ONE_AT_A_TIME:
                predictor = make_predictor(spec.name, weights=contestant.weights, options=published_options(spec))
        except IsegError as error:
            self.errors[number] = str(error)
            return
        except Exception as error:
            # The others must not be lost with it; the log keeps the traceback.
            _log.exception("%s could not be loaded", contestant.name)
            self.errors[number] = f"It could not be loaded because of an unexpected error: {error}"
            return
        self._options[number] = asdict(predictor.options)

        def take(done: int, result: ObjectResult) -> None:
            results.append(result)
            self._say(contestant, done)

        self._say(contestant, 0)
        evaluate_objects(
            _Stoppable(predictor, lambda: self.stopped),
            self._objects(source),
            prompt=wish.prompt,
            max_clicks=wish.max_clicks,
            target_iou=wish.target_iou,
            progress=take,
        )

    def _say(self, contestant: Contestant, done: int) -> None:
        self.stage = f"{contestant.name}, object {min(done + 1, len(self.places))} of {len(self.places)}"

    def _objects(self, source: LabelledArray) -> Iterator[DatasetObject]:
        for index, one in enumerate(source.objects(self.places)):
            self._check()
            if index == len(self.references):
                self.references.append(MaskRuns.of(one.truth == 1))
            yield one

    def _settings(self, number: int) -> dict[str, Any]:
        contestant, source = self.wish.contestants[number], self.source
        return {
            "name": contestant.name,
            "method": contestant.method,
            "weights": contestant.weights,
            "options": self._options.get(number, {}),
            "proposals": "likeliest",
            "device": "auto",
            "data": source.name if source is not None else "",
            "layout": "napari",
            "labels": source.reference if source is not None else "",
            "split": "all",
            "limit": self.wish.limit,
            "per_image": None,
            "min_pixels": 1,
            "prompt": self.wish.prompt,
            "level": None,
            "version": __version__,
        }


class _Stoppable:
    """A predictor that gives up, and with it the evaluation, when it is asked to."""

    def __init__(self, inner: Predictor, stopped: Callable[[], bool]) -> None:
        self._inner, self._stopped = inner, stopped

    @property
    def options(self) -> Options:
        return self._inner.options

    def encode(self, image: Any) -> Any:
        self._check()
        return self._inner.encode(image)

    def predict(
        self,
        encoding: Any,
        prompts: Sequence[Prompt],
        previous: Prediction | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Prediction:
        self._check()
        try:
            return self._inner.predict(encoding, prompts, previous, cancelled=lambda: cancelled() or self._stopped())
        except CancelledError:
            self._check()
            raise

    def _check(self) -> None:
        if self._stopped():
            raise _StoppedError
