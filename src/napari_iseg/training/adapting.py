"""Adapting shipped weights to a user's own images: a few labelled ones, a few minutes, and never worse than before."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from napari_iseg.errors import IsegError, OptionError
from napari_iseg.evaluation.objects import published_options
from napari_iseg.inference.opening import make_predictor, resolve
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.training.data import Crops
from napari_iseg.training.examples import Score, held_back_of, score
from napari_iseg.training.frozen import PARTS, choose_parts
from napari_iseg.training.lessons import make_lesson
from napari_iseg.training.recipe import DataRecipe, Recipe, Stage
from napari_iseg.training.stream import SampleNumbers
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from napari_iseg.models.families import Family
    from napari_iseg.training.data import Picture
    from napari_iseg.training.examples import Example

__all__ = ["PARTS", "AdaptProgress", "Adaptation", "adapt"]

_BATCH = 8
_MOST_PIXELS = 192
_FEWEST_PIXELS = 96
_RATES = {"prompts": 1e-3, "head": 5e-4, "all": 3e-4}
# Given up after so many judgements without a better one.
_PATIENCE = 5


@dataclass(frozen=True, slots=True)
class AdaptProgress:
    """How far an adaptation is.

    Parameters
    ----------
    fraction
        Of the time that it may take.
    seconds
        Since the beginning.
    samples
        Crops learned from.
    loss
        Running mean; None while nothing was learned yet.
    scores
        (seconds, score) of every judgement, the one before learning first.
    """

    fraction: float
    seconds: float = 0.0
    samples: int = 0
    loss: float | None = None
    scores: tuple[tuple[float, Score], ...] = ()


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What came of it.

    Parameters
    ----------
    before, after
        On the held-back objects, with the weights at the start and with the best ones; the same if nothing was better.
    network
        The best network, on the CPU; None if nothing was better.
    progress
        As it was at the end.
    seconds
        How long it took.
    judged_by
        Names of the images whose objects were held back.
    cancelled
        Whether somebody ended it early.
    """

    before: Score
    after: Score
    network: nn.Module | None = field(repr=False)
    progress: AdaptProgress = field(repr=False)
    seconds: float
    judged_by: tuple[str, ...]
    cancelled: bool = False

    @property
    def is_better(self) -> bool:
        """Whether there are new weights worth keeping."""
        return self.network is not None


def adapt(
    examples: Sequence[Example],
    *,
    method: str,
    weights: str | Path | None = None,
    parts: str = "all",
    seconds: float = 600.0,
    judge_every: float = 40.0,
    device: str = "cpu",
    seed: int = 0,
    progress: Callable[[AdaptProgress], None] = lambda now: None,
    cancelled: Callable[[], bool] = never,
) -> Adaptation:
    """Train weights a little further on a user's labelled planes, and keep what does better on held-back objects.

    Parameters
    ----------
    examples
        The labelled planes; one with two objects is enough, five or more are better.
    method, weights, device
        What to begin with, as for :func:`napari_iseg.make_predictor`.
    parts
        One of :data:`PARTS`.
    seconds
        The most it may take, judging included.
    judge_every
        Seconds of learning between two judgements; it is eight times as long as judging takes if that is more.
    seed
        Of everything random.
    progress
        Called after every step and every judgement, in this thread.
    cancelled
        Asked after every step; what is best so far is then returned.

    Returns
    -------
    Adaptation
        Its network is None if no weights were better than those at the start.

    Raises
    ------
    IsegError
        If the method cannot be trained, or the weights or the device cannot be used.
    ImageError
        If there are too few objects.
    CancelledError
        If it was cancelled before the weights at the start were judged.
    """
    if parts not in PARTS:
        raise OptionError(f"Option 'parts' must be one of {', '.join(PARTS)}; {parts!r} was given.")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    run = _Run(examples, method, weights, parts, seconds, judge_every, device, rng, progress, cancelled)
    return run.result()


class _Run:
    """One adaptation."""

    def __init__(
        self,
        examples: Sequence[Example],
        method: str,
        weights: str | Path | None,
        parts: str,
        seconds: float,
        judge_every: float,
        device: str,
        rng: np.random.Generator,
        progress: Callable[[AdaptProgress], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._start = time.monotonic()
        spec = find_method(method)
        if spec.family is None or spec.lesson is None:
            raise IsegError(f"The method {method!r} has nothing to train; choose one with a network.")
        pictures, self.objects = held_back_of(examples, rng)
        loaded: Any = make_predictor(
            method, weights=weights, device=device, options={**published_options(spec), "threshold": 0.5}
        )
        self.predictor = loaded
        # The predictor's own network stays as it is; a copy learns.
        network: Any = copy.deepcopy(loaded.network)
        family: Family = resolve(spec.family)
        self.seconds, self.judge_every, self.rng = seconds, judge_every, rng
        self.report, self.cancelled = progress, cancelled
        size = _crop_side(network.config)
        recipe = Recipe(
            name="adapt",
            method=method,
            network=network.config,
            stages=(Stage(until=1.0, size=size, batch=_BATCH),),
            data=DataRecipe(weights={"procedural": 0.0}, close_share=0.5),
            seconds=seconds,
            icl_terms=2,
            sampled_passes=(0, 2),
            lesson=dict(getattr(resolve(spec.lesson), "adapting", {})),
        )
        self.lesson = make_lesson(network, recipe)
        # After the lesson, which may have frozen what it does not teach.
        learned = choose_parts(network, family, parts)
        self.network = network
        self.device = next(network.parameters()).device
        self.rate = _RATES[parts]
        self.optimizer = torch.optim.AdamW(learned, lr=self.rate, weight_decay=0.01)
        # Buffers too: a norm's statistics belong to the averaged weights.
        self.average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.98), use_buffers=True)
        self.batches = _batches(pictures, recipe, size, int(rng.integers(2**31)))
        self.now = AdaptProgress(0.0)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._start

    def result(self) -> Adaptation:
        before, cost = self._judge(self.predictor.network)
        best, kept, stale, ended = before, None, 0, False
        while stale < _PATIENCE and not ended and self.elapsed + cost < self.seconds:
            ended = self._learn(min(max(self.judge_every, 8 * cost), self.seconds - self.elapsed - cost))
            candidate = _as_kept(self.average.module)
            try:
                new, cost = self._judge(candidate)
            except CancelledError:
                ended = True
                break
            if new.better_than(best):
                best, kept, stale = new, candidate.cpu().eval(), 0
            else:
                stale += 1
        names = tuple(dict.fromkeys(one.name for one in self.objects))
        return Adaptation(before, best, kept, self.now, self.elapsed, names, ended)

    def _judge(self, network: Any) -> tuple[Score, float]:
        """Return a network's score on the held-back objects, and how many seconds that took."""
        begin = time.monotonic()
        predictor = type(self.predictor)(network, options=self.predictor.options)
        found = score(predictor, self.objects, cancelled=self.cancelled)
        self._tell(scores=(*self.now.scores, (self.elapsed, found)))
        return found, time.monotonic() - begin

    def _learn(self, seconds: float) -> bool:
        """Train for a while; True if it was cancelled."""
        end = time.monotonic() + seconds
        self.lesson.train()
        while time.monotonic() < end:
            if self.cancelled():
                return True
            rgb, target = (part.to(self.device) for part in next(self.batches))
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate * max(0.05, 0.5 * (1 + np.cos(np.pi * min(self.elapsed / self.seconds, 1.0))))
            loss, shown = self.lesson(rgb, target, self.rng)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.average.update_parameters(self.network)
            mean = float(shown) if self.now.loss is None else self.now.loss + 0.05 * (float(shown) - self.now.loss)
            self._tell(samples=self.now.samples + len(rgb), loss=mean)
        return False

    def _tell(self, **news: Any) -> None:
        elapsed = self.elapsed
        self.now = replace(self.now, fraction=min(elapsed / self.seconds, 1.0), seconds=elapsed, **news)
        self.report(self.now)


def _as_kept(network: nn.Module) -> nn.Module:
    """Return a copy with every weight as a file of half precision has it: what is judged is what is kept."""
    rounded = copy.deepcopy(network)
    with torch.no_grad():
        for tensor in rounded.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half().float())
    return rounded


def _crop_side(config: Any) -> int:
    """Return the side of the crops to train on: what the network sees, or less where that would be slow."""
    own = getattr(config, "image_size", None)
    if own is not None and max(own) <= _MOST_PIXELS:
        return int(max(own))
    # Not every transformer divides every size into windows.
    fitting = [side for side in range(_MOST_PIXELS, _FEWEST_PIXELS - 1, -1) if config.accepts((side, side))]
    return fitting[0] if fitting else int(max(own or (_MOST_PIXELS,)))


def _batches(pictures: list[Picture], recipe: Recipe, size: int, seed: int) -> Iterator[tuple[torch.Tensor, ...]]:
    crops = Crops({"examples": pictures}, recipe.data, size=size, seed=seed)
    # Torch's own type leaves out what only iterates, which it takes.
    numbers = cast("Any", SampleNumbers(start=0, batch=_BATCH))
    return iter(DataLoader(crops, batch_sampler=numbers, num_workers=0))
