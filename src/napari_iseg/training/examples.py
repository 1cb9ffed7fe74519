"""A user's own labelled images as examples to learn from, and some of their objects held back to judge by."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.evaluation import evaluate_objects
from napari_iseg.evaluation.metrics import number_of_clicks
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.io.dataset import DatasetObject
from napari_iseg.training.cutting import object_windows
from napari_iseg.training.pictures import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.inference.predictor import Predictor

__all__ = ["Example", "Score", "held_back_of", "score"]

TARGET = 0.85
MAX_CLICKS = 10
# As many objects as can be judged again and again within a few minutes.
_JUDGED = 24
_MIN_PIXELS = 16
# Behind the name of a volume, the number of a plane.
_PLANE = re.compile(r"\[\d+\]$")


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A labelled plane.

    Parameters
    ----------
    name
        What messages call it.
    rgb
        (H, W, 3) uint8.
    labels
        (H, W) int32: 0 background, 1..N objects, -1 ignored.
    """

    name: str
    rgb: NDArray[np.uint8] = field(repr=False)
    labels: NDArray[np.int32] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Score:
    """How a predictor did on held-back objects.

    Parameters
    ----------
    clicks
        Mean number of clicks to an IoU of 85 %; 10 where that was not reached.
    first, third
        Mean IoU after one and after three clicks.
    objects
        How many.
    """

    clicks: float
    first: float
    third: float
    objects: int

    def better_than(self, other: Score) -> bool:
        """Whether it took fewer clicks, or as many with better first masks."""
        return (self.clicks, -self.third) < (other.clicks, -other.third)


def held_back_of(examples: Sequence[Example], rng: np.random.Generator) -> tuple[list[Picture], list[DatasetObject]]:
    """Divide examples into pictures to learn from and objects to judge by.

    With four images or more a quarter of the images is held back whole, volumes with all their planes; with four planes
    or more of fewer volumes a quarter of the planes, which follow each other, since a plane's neighbours look like it.
    With fewer a quarter of the objects is held back, which is then never a target of training.

    Raises
    ------
    ImageError
        If there are fewer than two objects of at least 16 pixels.
    """
    pictures = [Picture(e.rgb, e.labels, object_windows(e.labels, _MIN_PIXELS)) for e in examples]
    count = sum(len(picture.boxes) for picture in pictures)
    if count < 2:
        raise ImageError(
            f"There are {count} labelled objects of at least {_MIN_PIXELS} pixels; adapting takes two or more, one of "
            "which is held back to judge by."
        )
    useful = [n for n, picture in enumerate(pictures) if picture.boxes]
    if len(useful) >= 4:
        away = _held_back_planes([examples[n].name for n in useful], rng)
        judged = [(useful[i], label) for i in sorted(away) for label in pictures[useful[i]].boxes]
        kept = [pictures[n] for i, n in enumerate(useful) if i not in away]
    else:
        every = [(n, label) for n in useful for label in pictures[n].boxes]
        judged = [every[i] for i in rng.permutation(len(every))[: max(len(every) // 4, 1)]]
        kept = [_without(pictures[n], {label for m, label in judged if m == n}) for n in useful]
        kept = [picture for picture in kept if picture.boxes]
    chosen = [judged[i] for i in sorted(rng.permutation(len(judged))[:_JUDGED])]
    objects = [
        DatasetObject(examples[n].name, None, label, examples[n].rgb, _truth(examples[n].labels, label))
        for n, label in chosen
    ]
    return kept, objects


def score(predictor: Predictor, objects: Sequence[DatasetObject], *, cancelled: Callable[[], bool] = never) -> Score:
    """Judge a predictor by the clicks of a simulated user.

    Raises
    ------
    CancelledError
        If ``cancelled()`` became True between two objects.
    """

    def check(_done: int, _result: object) -> None:
        if cancelled():
            raise CancelledError

    results = evaluate_objects(predictor, objects, max_clicks=MAX_CLICKS, target_iou=TARGET, progress=check)
    ious = [result.ious or [0.0] for result in results]
    # An object that was good enough earlier keeps the IoU it had then.
    first, third = (float(np.mean([seen[min(click, len(seen)) - 1] for seen in ious])) for click in (1, 3))
    return Score(number_of_clicks(ious, TARGET, MAX_CLICKS), first, third, len(ious))


def _held_back_planes(names: Sequence[str], rng: np.random.Generator) -> set[int]:
    """Return the places of the planes to hold back, of four or more named as ``labelled_planes`` names them."""
    images = list(dict.fromkeys(_PLANE.sub("", name) for name in names))
    if len(images) >= 4:
        away = {images[i] for i in rng.permutation(len(images))[: len(images) // 4]}
        return {place for place, name in enumerate(names) if _PLANE.sub("", name) in away}
    count = len(names) // 4
    first = int(rng.integers(len(names) - count + 1))
    return set(range(first, first + count))


def _without(picture: Picture, labels: set[int]) -> Picture:
    return Picture(picture.rgb, picture.labels, {n: box for n, box in picture.boxes.items() if n not in labels})


def _truth(labels: NDArray[np.int32], label: int) -> NDArray[np.int8]:
    return np.where(labels < 0, -1, labels == label).astype(np.int8)
