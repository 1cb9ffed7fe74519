"""The contestants at work on a data set, a few objects of one image at a time: in this process or in several."""

from __future__ import annotations

import logging
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from napari_iseg.evaluation.objects import evaluate_each, published_options
from napari_iseg.evaluation.prompt_kinds import LEVELS
from napari_iseg.evaluation.protocol import MAX_CLICKS, TARGET_IOU, ObjectResult
from napari_iseg.evaluation.simulated_finishing import SimulatedFinishing
from napari_iseg.evaluation.simulated_views import SimulatedViews
from napari_iseg.inference.answer_engine import asks_for_finished
from napari_iseg.inference.opening import make_predictor
from napari_iseg.io.bad_input import BadFile, BadInput
from napari_iseg.io.datasets import open_dataset
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.synchronize import Event

    from napari_iseg.evaluation.contestants import Contestant
    from napari_iseg.evaluation.prompt_kinds import PromptKind
    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.io.labelled_images import DatasetObject, LabelledImages, ObjectPlace, Split

__all__ = [
    "Bench",
    "Chunk",
    "Done",
    "Protocol",
    "Selection",
    "Setup",
    "begin_process",
    "run_chunk",
    "torch_threads",
]

# Of a process that runs chunks: a pool hands an event over at a process's start only.
_told: list[Event] = []


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of which data set.

    Parameters
    ----------
    data
        Its folder, or the file of a pack.
    labels, layout, split
        As for :func:`napari_iseg.io.datasets.open_dataset`.
    limit, per_image, min_pixels
        As for :meth:`napari_iseg.io.labelled_images.LabelledImages.objects`.
    """

    data: str
    labels: str = "labels"
    layout: str | None = None
    split: Split = "all"
    limit: int | None = None
    per_image: int | None = None
    min_pixels: int = 1

    def open(self, bad_input: BadInput | None) -> LabelledImages:
        """Open the data set; raises as :func:`napari_iseg.io.datasets.open_dataset` does."""
        return open_dataset(self.data, layout=self.layout, labels=self.labels, split=self.split, bad_input=bad_input)


@dataclass(frozen=True, slots=True)
class Protocol:
    """What the simulated user gives each object: as for :func:`napari_iseg.evaluation.evaluate_object`."""

    prompt: PromptKind = "click"
    levels: tuple[int, ...] = LEVELS
    max_clicks: int = MAX_CLICKS
    target_iou: float = TARGET_IOU


@dataclass(frozen=True, slots=True)
class Setup:
    """All that a process needs to know to work on any part of a run.

    Parameters
    ----------
    contestants
        In the order of the tables.
    selection, protocol
        The objects, and what each is given.
    device
        As for :func:`napari_iseg.make_predictor`.
    bad_input
        What is done about files that cannot be used, ``"skip"`` or ``"stop"``; None stops with the plain error.
    """

    contestants: tuple[Contestant, ...]
    selection: Selection
    protocol: Protocol
    device: str = "auto"
    bad_input: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some objects of one image.

    Parameters
    ----------
    name
        Of the image.
    before
        The objects of the image that come before these, in the run's order.
    places
        The objects.
    todo
        Of each contestant, by its place in the setup, which of ``places`` it has yet to do.
    """

    name: str
    before: tuple[ObjectPlace, ...]
    places: tuple[ObjectPlace, ...]
    todo: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """How many results it will have."""
        return sum(map(len, self.todo))


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a chunk.

    Parameters
    ----------
    results
        The place of the contestant in the setup and what came of an object, one after the other.
    left_out
        Files that could not be used.
    """

    results: list[tuple[int, ObjectResult]] = field(default_factory=list)
    left_out: list[BadFile] = field(default_factory=list)


class Bench:
    """An open data set with the contestants, each loaded when it is first needed.

    Parameters
    ----------
    setup
        What to work on.
    folder
        The data set, if it is open already.

    Raises
    ------
    IsegError
        If the data cannot be opened.
    """

    def __init__(self, setup: Setup, folder: LabelledImages | None = None) -> None:
        self.setup = setup
        bad_input = BadInput(setup.bad_input) if setup.bad_input is not None else None
        self.folder = setup.selection.open(bad_input) if folder is None else folder
        self._predictors: dict[int, Predictor] = {}

    def predictor(self, number: int) -> Predictor:
        """Return the predictor of a contestant, loading it at the first time.

        Raises
        ------
        IsegError
            If the method, its weights or options, or the device cannot be used.
        """
        if number not in self._predictors:
            contestant = self.setup.contestants[number]
            options = {**published_options(find_method(contestant.method)), **contestant.options}
            self._predictors[number] = make_predictor(
                contestant.method, weights=contestant.weights, device=self.setup.device, options=options
            )
        return self._predictors[number]

    def forget(self) -> None:
        """Let go of the networks that were loaded."""
        self._predictors.clear()

    def run(self, chunk: Chunk) -> Iterator[tuple[int, ObjectResult]]:
        """Do what a chunk has to do; yields the contestant's place and the result, object by object.

        Raises
        ------
        IsegError
            If a contestant cannot be loaded, or the image cannot be read and that is to stop the run.
        """
        objects = list(self.folder.objects_at(chunk.name, (*chunk.before, *chunk.places)))
        if len(objects) < len(chunk.before) + len(chunk.places):
            return  # The image could not be read; the folder has noted it.
        protocol = self.setup.protocol
        for number, (contestant, todo) in enumerate(zip(self.setup.contestants, chunk.todo, strict=True)):
            if not todo:
                continue
            predictor = self.predictor(number)
            views = SimulatedViews(getattr(predictor.options, "first_crop", "whole"))
            finishing = SimulatedFinishing(applies=asks_for_finished(predictor.options))
            for result in evaluate_each(
                predictor,
                _pending(objects, len(chunk.before), todo, views, finishing),
                prompt=protocol.prompt,
                levels=protocol.levels,
                max_clicks=protocol.max_clicks,
                target_iou=protocol.target_iou,
                best_proposals=contestant.best_proposals,
                views=views,
                finishing=finishing,
            ):
                yield number, result


def _pending(
    objects: Sequence[DatasetObject],
    before: int,
    todo: Sequence[int],
    views: SimulatedViews,
    finishing: SimulatedFinishing,
) -> Iterator[DatasetObject]:
    """Yield the objects to do in their order, and let the simulated user know of the others when their turn comes."""
    for place, one in enumerate(objects, start=-before):
        if place in todo:
            yield one
        else:
            views.pass_over(one.name, one.truth == 1)
            finishing.finish(one.name, one.plane, one.truth == 1)


def begin_process(stop: Event) -> None:
    """Prepare a process that will run chunks: it ends when it is told to, not by the keys that stop a command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The first process has said everything about the data; these would say it again.
    logging.getLogger("napari_iseg").setLevel(logging.ERROR)
    _told.append(stop)


def run_chunk(setup: Setup, chunk: Chunk, threads: int | None) -> Done:
    """Do a chunk in a process of its own, which keeps what it opened for the next.

    Once the event that :func:`begin_process` was given is set, it ends after the object that it is at.

    Raises
    ------
    IsegError
        As :meth:`Bench.run` does.
    """
    done = Done()
    if _is_stopped():
        return done
    bench = _bench(setup)
    with torch_threads(threads):
        for one in bench.run(chunk):
            done.results.append(one)
            if _is_stopped():
                break
    bad_input = bench.folder.bad_input
    if bad_input is not None:
        done.left_out.extend(bad_input.found)
    return done


def _is_stopped() -> bool:
    return any(stop.is_set() for stop in _told)


@lru_cache(maxsize=1)
def _bench(setup: Setup) -> Bench:
    return Bench(setup)


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let torch compute with so many threads inside the block; None leaves it as it is.

    Sums are rounded differently with another number of threads, and now and then a pixel of a mask depends on it.
    """
    if count is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
