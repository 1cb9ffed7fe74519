"""Whether one method does better than another on the same objects: paired differences with bootstrap intervals."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from napari_iseg.errors import OptionError
from napari_iseg.evaluation.metrics import clicks_to_reach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.evaluation.protocol import ObjectResult
    from napari_iseg.evaluation.report import Report

__all__ = ["Identity", "PairedDifference", "identity", "object_measures", "on_the_same", "paired_differences"]

Identity: TypeAlias = "tuple[str, int | None, int]"
"""Name of the image, plane, and number of an object."""

_LEVEL = 0.95
_PER_CLICK = (1, 2, 3, 5, 10, 20)
_FEWEST_IMAGES = 10
# So that thousands of objects do not fill the memory.
_NUMBERS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much more of a measure one contestant has than another, over the objects that both did.

    Parameters
    ----------
    mean
        Mean over objects of the second's value less the first's.
    low, high
        95 % interval: percentiles of the mean over resampled images, or objects; NaN where there is only one.
    objects
        How many objects both have a value for.
    fewer, equal, more
        On how many objects the second has less, as much, and more.
    unit
        What was resampled. Objects of one image are alike, so images are, where there are at least ten of them.
    """

    mean: float
    low: float
    high: float
    objects: int
    fewer: int = 0
    equal: int = 0
    more: int = 0
    unit: Literal["image", "object"] = "object"

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def identity(result: ObjectResult) -> Identity:
    """Return which object a result is of."""
    return result.name, result.plane, result.object_id


def paired_differences(a: Report, b: Report, *, samples: int = 10_000, seed: int = 0) -> dict[str, PairedDifference]:
    """Return how ``b`` differs from ``a`` on the objects that both did, measure by measure.

    Parameters
    ----------
    a, b
        Of the same prompts, at most as many, up to the same IoU.
    samples
        How often objects, or images, are drawn with replacement.
    seed
        Of the drawing, so that the interval is the same every time.

    Returns
    -------
    dict
        By the names that the measures have in a report's summary; those that both runs can tell.

    Raises
    ------
    OptionError
        If they were not given the same, or did no object in common.
    """
    first, second = on_the_same(a, b)
    ours, theirs = object_measures(a), object_measures(b)
    return {
        name: _difference(first, second, measure, theirs[name], samples, seed)
        for name, measure in ours.items()
        if name in theirs
    }


def on_the_same(a: Report, b: Report) -> tuple[list[ObjectResult], list[ObjectResult]]:
    """Return the results of the objects that both reports have, in the order of the first.

    Raises
    ------
    OptionError
        If the reports are of different prompts or limits, or have no object in common.
    """
    for what, one, other in (
        ("prompt", a.prompt, b.prompt),
        ("number of clicks at most", a.max_clicks, b.max_clicks),
        ("IoU to reach", a.target_iou, b.target_iou),
        ("levels of coarse masks", tuple(a.levels), tuple(b.levels)),
    ):
        if one != other:
            raise OptionError(
                f"The two runs had another {what} ({one} and {other}), so their numbers cannot be compared; run one "
                "of them again as the other was."
            )
    others = {identity(result): result for result in b.counted}
    shared = [result for result in a.counted if identity(result) in others]
    if not shared:
        raise OptionError(
            "The two runs have no object in common; compare runs on the same data with the same split and limit."
        )
    return shared, [others[identity(result)] for result in shared]


def object_measures(report: Report) -> dict[str, Callable[[ObjectResult], float | None]]:
    """Return what a report's measures are for one object, by their names in the summary.

    Counts of failures become 1 for a failed object and 0 for another, so that their mean is a share.
    """
    last = report.max_clicks

    def needed(target: float) -> Callable[[ObjectResult], float | None]:
        return lambda one: float((None if one.error else clicks_to_reach(one.ious, target)) or last)

    def failed(target: float) -> Callable[[ObjectResult], float | None]:
        return lambda one: float(one.error is not None or clicks_to_reach(one.ious, target) is None)

    def iou_at(place: int) -> Callable[[ObjectResult], float | None]:
        return lambda one: 0.0 if one.error else one.ious[place] if place < len(one.ious) else None

    found: dict[str, Callable[[ObjectResult], float | None]] = {}
    names = report.summary()
    number = "NoS" if report.prompt == "scribble" else "NoC"
    for target in report.thresholds:
        found[f"{number}@{round(target * 100)}"] = needed(target)
        found[f"NoF@{round(target * 100)}_strict"] = failed(target)
    found.update({f"mIoU@{count}": iou_at(count - 1) for count in _PER_CLICK})
    found.update({f"level_{level}_IoU": iou_at(place) for place, level in enumerate(report.levels)})
    found["IoU"] = iou_at(0)
    measured = Counter(name for result in report.results for name in result.measures)
    found.update({name: _measured(name) for name in measured})
    seconds = f"seconds_per_{report.unit}"
    found[seconds] = lambda one: float(np.mean(one.seconds)) if one.seconds else None
    return {name: measure for name, measure in found.items() if name in names}


def _measured(name: str) -> Callable[[ObjectResult], float | None]:
    return lambda one: one.measures.get(name)


def _difference(
    first: list[ObjectResult],
    second: list[ObjectResult],
    ours: Callable[[ObjectResult], float | None],
    theirs: Callable[[ObjectResult], float | None],
    samples: int,
    seed: int,
) -> PairedDifference:
    images, differences = [], []
    for one, other in zip(first, second, strict=True):
        before, after = ours(one), theirs(other)
        if before is not None and after is not None:
            images.append(one.name)
            differences.append(after - before)
    if not differences:
        return PairedDifference(math.nan, math.nan, math.nan, 0)
    values = np.array(differences)
    by_image = len(set(images)) >= _FEWEST_IMAGES
    low, high = _interval(values, images if by_image else range(len(values)), samples, seed)
    return PairedDifference(
        float(values.mean()),
        low,
        high,
        len(values),
        int((values < 0).sum()),
        int((values == 0).sum()),
        int((values > 0).sum()),
        "image" if by_image else "object",
    )


def _interval(values: NDArray[np.float64], units: Sequence[object], samples: int, seed: int) -> tuple[float, float]:
    """Return the bootstrap's percentile interval of the mean of ``values``, drawing whole units."""
    # Imported here: it is slow to import, and most runs compare nothing.
    from scipy.stats import bootstrap

    _, places = np.unique(np.array([str(unit) for unit in units]), return_inverse=True)
    sums, counts = np.bincount(places, values), np.bincount(places).astype(np.float64)
    if len(sums) < 2:
        return math.nan, math.nan
    drawn = bootstrap(
        (sums, counts),
        lambda total, number, axis=-1: total.sum(axis=axis) / number.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=samples,
        batch=max(1, _NUMBERS_AT_ONCE // len(sums)),
        confidence_level=_LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)
