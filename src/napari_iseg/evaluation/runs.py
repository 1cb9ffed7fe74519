"""Several contestants on the same objects in the same order: kept as they come, resumed, and spread over processes."""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from datetime import datetime
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from napari_iseg import __version__
from napari_iseg.errors import ImageError, OptionError
from napari_iseg.evaluation.bench import Bench, Chunk, Setup, begin_process, run_chunk, torch_threads
from napari_iseg.evaluation.machine import machine
from napari_iseg.evaluation.objects import published_options
from napari_iseg.evaluation.paired import identity
from napari_iseg.evaluation.prompt_kinds import UNTIL_GOOD, check_prompt
from napari_iseg.evaluation.report import Report
from napari_iseg.inference.opening import choose_device, options_for
from napari_iseg.io.datasets import layout_of
from napari_iseg.zoo import find_method
from napari_iseg.zoo.weights import weights_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_iseg.evaluation.bench import Protocol
    from napari_iseg.evaluation.contestants import Contestant
    from napari_iseg.evaluation.kept import KeptResults
    from napari_iseg.evaluation.paired import Identity
    from napari_iseg.evaluation.protocol import ObjectResult
    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.io.labelled_images import ObjectPlace

__all__ = ["RunProgress", "check_setup", "evaluate_contestants", "settings_of"]

# So few that an image of a thousand objects keeps all processes busy, so many that it is seldom read again.
_AT_ONCE = 16

_WORTH_PROCESSES = 40
# Each holds torch and every network, half a gigabyte and more.
_MOST_WORKERS = 4


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is.

    Parameters
    ----------
    done, total
        Results there are, those of an earlier run included, and results there will be.
    contestant
        The name of the one that did the last object; empty before the first.
    result
        What came of it; None before the first.
    """

    done: int
    total: int
    contestant: str = ""
    result: ObjectResult | None = None


def evaluate_contestants(
    setup: Setup,
    *,
    workers: int | None = 1,
    threads: int | None = None,
    kept: KeptResults | None = None,
    bad_input: BadInput | None = None,
    progress: Callable[[RunProgress], None] | None = None,
) -> list[Report]:
    """Evaluate methods on a data set, each on the same objects in the same order.

    Parameters
    ----------
    setup
        The methods, the objects and what each is given.
    workers
        How many processes share the objects; the results are the same whatever the number, if ``threads`` is. None
        takes one for each core, four at the most, for long runs on the CPU, else this process alone.
    threads
        How many threads each process computes with; None leaves torch its own choice, which hangs on the machine.
    kept
        Takes every result at once, and has those of an earlier run, which are not done again. None keeps nothing.
    bad_input
        Takes files that cannot be used and goes on without, as it was told to; None stops at the first.
    progress
        Called at the start and after every object, in this thread.

    Returns
    -------
    list
        One report for each contestant, in their order.

    Raises
    ------
    IsegError
        If a method, its weights or options, the device or the data cannot be used, a number is out of range, or what
        was kept is of another run. An object on which a method fails is no error: it is recorded and counts as
        ``max_clicks`` or an IoU of 0.
    """
    check_setup(setup)
    _check(workers=workers, threads=threads)
    folder = setup.selection.open(bad_input)
    chosen = setup.selection
    images = folder.places(per_image=chosen.per_image, limit=chosen.limit, min_pixels=chosen.min_pixels)
    settings = [settings_of(setup, contestant, threads) for contestant in setup.contestants]
    found = [{} if kept is None else kept.open(one["name"], one) for one in settings]
    # Who spares what is finished hangs on every object before.
    whole = any(one["options"].get("graph_cut") and one["options"].get("spare_finished") for one in settings)
    chunks = list(_chunks(images, found, None if whole else _AT_ONCE))
    total = sum(len(places) for _, places in images) * len(found)
    done = total - sum(chunk.size for chunk in chunks)

    def take(number: int, result: ObjectResult) -> None:
        nonlocal done
        name = settings[number]["name"]
        found[number][identity(result)] = result
        if kept is not None:
            kept.add(name, result)
        done += 1
        if progress is not None:
            progress(RunProgress(done, total, name, result))

    if progress is not None:
        progress(RunProgress(done, total))
    bench = Bench(setup, folder)
    for number in range(len(found)):
        # Before the first object: whatever cannot be loaded is said now, also where other processes do the work.
        bench.predictor(number)
    if workers is None:
        workers = _fitting_workers(setup.device, threads, total - done)
    if workers == 1 or len(chunks) < 2:
        with torch_threads(threads):
            for chunk in chunks:
                for number, result in bench.run(chunk):
                    take(number, result)
    else:
        bench.forget()
        _spread(setup, chunks, workers, threads, take, bad_input)
    reports = _reports(setup, settings, found, images, bad_input)
    if not any(report.results for report in reports):
        said = f" {bad_input.found[0].sentence}" if bad_input is not None and bad_input.found else ""
        raise ImageError(f"Not one image of {chosen.data} could be read.{said}")
    return reports


def _reports(
    setup: Setup,
    settings: Sequence[dict[str, Any]],
    found: Sequence[dict[Identity, ObjectResult]],
    images: Sequence[tuple[str, Sequence[ObjectPlace]]],
    bad_input: BadInput | None,
) -> list[Report]:
    """Put the results of each contestant in the order of the objects, whoever was done first."""
    order = [(place.name, place.plane, place.object_id) for _, places in images for place in places]
    besides = {
        "files_left_out": len(bad_input.paths) or None if bad_input is not None else None,
        "date": datetime.now().astimezone().date().isoformat(),
        "hardware": machine(),
    }
    protocol = setup.protocol
    return [
        Report(
            [results[one] for one in order if one in results],
            protocol.max_clicks,
            protocol.target_iou,
            {**given, **besides},
            protocol.prompt,
            protocol.levels,
        )
        for given, results in zip(settings, found, strict=True)
    ]


def check_setup(setup: Setup) -> None:
    """Check what can be checked before anything is opened.

    Raises
    ------
    IsegError
        If a method does not take the prompt, or a number is out of range.
    """
    for contestant in setup.contestants:
        check_prompt(setup.protocol.prompt, find_method(contestant.method))
    chosen = setup.selection
    _check(
        limit=chosen.limit,
        per_image=chosen.per_image,
        min_pixels=chosen.min_pixels,
        max_clicks=setup.protocol.max_clicks,
    )
    if not setup.protocol.target_iou > 0:
        raise OptionError(f"The target IoU must be above 0; {setup.protocol.target_iou} was given.")


def settings_of(setup: Setup, contestant: Contestant, threads: int | None = None) -> dict[str, Any]:
    """Return everything that a contestant's numbers hang on, ready for JSON.

    Raises
    ------
    IsegError
        If the method or an option of it is unknown, or the data set is not there.
    """
    chosen, protocol = setup.selection, setup.protocol
    spec = find_method(contestant.method)
    options = options_for(contestant.method, contestant.weights, {**published_options(spec), **contestant.options})
    return {
        "name": contestant.name,
        "method": contestant.method,
        "weights": contestant.weights,
        "weights_sha256": weights_sha256(contestant.weights or spec.weights, contestant.method),
        "options": asdict(options),
        "proposals": "best" if contestant.best_proposals else "likeliest",
        "device": setup.device,
        "threads": threads,
        "data": chosen.data,
        "layout": layout_of(chosen.data, chosen.layout),
        "labels": chosen.labels,
        "split": chosen.split,
        "limit": chosen.limit,
        "per_image": chosen.per_image,
        "min_pixels": chosen.min_pixels,
        "prompt": protocol.prompt,
        "level": protocol.levels[0] if len(protocol.levels) == 1 else None,
        **_limits(protocol),
        "version": __version__,
    }


def _limits(protocol: Protocol) -> dict[str, Any]:
    """Return the limits of prompts that are given until the mask is good; others have none."""
    if protocol.prompt not in UNTIL_GOOD:
        return {}
    return {"max_clicks": protocol.max_clicks, "target_iou": protocol.target_iou}


def _chunks(
    images: Sequence[tuple[str, Sequence[ObjectPlace]]],
    found: Sequence[dict[Identity, ObjectResult]],
    at_once: int | None,
) -> Iterator[Chunk]:
    """Yield what is still to do, so many objects of an image at a time or all (None), all contestants together."""
    for name, places in images:
        step = at_once or max(len(places), 1)
        for start in range(0, len(places), step):
            some = tuple(places[start : start + step])
            todo = tuple(
                tuple(
                    number
                    for number, place in enumerate(some)
                    if (place.name, place.plane, place.object_id) not in results
                )
                for results in found
            )
            if any(todo):
                yield Chunk(name, tuple(places[:start]), some, todo)


def _spread(
    setup: Setup,
    chunks: Sequence[Chunk],
    workers: int,
    threads: int | None,
    take: Callable[[int, ObjectResult], None],
    bad_input: BadInput | None,
) -> None:
    """Do the chunks in several processes; one waits for each to be free, so that stopping does not wait for all."""
    # A process that is forked after torch has computed hangs in its next computation.
    context = get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(
        min(workers, len(chunks)), mp_context=context, initializer=begin_process, initargs=(stop,)
    ) as pool:
        waiting = iter(chunks)
        running: set[Future[Any]] = set()
        try:
            while True:
                for chunk in waiting:
                    running.add(pool.submit(run_chunk, setup, chunk, threads))
                    if len(running) > workers:
                        break
                if not running:
                    return
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    done = future.result()
                    for number, result in done.results:
                        take(number, result)
                    if bad_input is not None:
                        for bad in done.left_out:
                            bad_input.add(bad.path, bad.sentence)
        except BrokenProcessPool as error:
            raise OptionError(
                "A process that evaluated was ended from outside, perhaps because the memory was full; use fewer "
                "workers. What was kept is there: the same command goes on from it."
            ) from error
        finally:
            # Leaving waits for the processes; they end after the object that they are at.
            stop.set()
            for future in running:
                future.cancel()


def _fitting_workers(device: str, threads: int | None, results: int) -> int:
    """Return how many processes are worth their start, which takes as long as some twenty objects."""
    if results < _WORTH_PROCESSES or choose_device(device) != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(_MOST_WORKERS, cores // (threads or cores)))


def _check(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise OptionError(f"{name.replace('_', '-')} must be a whole number of at least 1; {number} was given.")
