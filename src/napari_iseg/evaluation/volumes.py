"""One object of a volume under three ways of working: click every plane, interpolate between some, propagate.

A simulated user clicks a plane until its mask is good enough, always the larger error first (RITM's rule, as on single
planes). Where planes fill themselves the user then looks at the whole again, goes to the plane with the most wrong
pixels, and so on; a mask that is mostly wrong is taken away first, which counts as a click. Clicks after the best mask
of a plane are undone, but count. Where the object was carried beyond its end the user goes to the first plane without
it and says so, which counts as a click. Clicks and Dice are noted after every visit to a plane.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_iseg.evaluation.metrics import reaches
from napari_iseg.inference.propagation import Propagation, Tracker
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Click, MaskPrompt, iou, next_click
from napari_iseg.planes import to_rgb
from napari_iseg.planes.shapes import gaps_around

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.inference.predictor import Predictor

__all__ = ["WAYS", "VolumeResult", "VolumeStep", "Way", "dice", "evaluate_volume_object"]

Way = Literal["every-plane", "interpolate", "propagate"]
"""How the user works: clicks every plane; clicks some and the shapes between are interpolated; or clicks some and the
method fills and follows (:mod:`napari_iseg.inference.propagation`)."""

WAYS: tuple[Way, ...] = ("every-plane", "interpolate", "propagate")


_EXACTING = 0.95
# Below this IoU a mask that planes were filled with is sooner made anew than corrected.
_MOSTLY_WRONG = 0.3


@dataclass(frozen=True, slots=True)
class VolumeStep:
    """What there was after one more plane was clicked.

    Parameters
    ----------
    plane
        Which plane.
    clicks
        All clicks so far, on all planes.
    dice
        Of the whole object.
    seconds
        Computing time so far.
    """

    plane: int
    clicks: int
    dice: float
    seconds: float


@dataclass(slots=True)
class VolumeResult:
    """What happened with one object of a volume.

    Parameters
    ----------
    name, object_id
        Which object.
    planes
        How many planes the object lies on.
    steps
        After each plane that was clicked.
    """

    name: str = ""
    object_id: int = 1
    planes: int = 0
    steps: list[VolumeStep] = field(default_factory=list)

    @property
    def clicks(self) -> int:
        """All clicks that were given."""
        return self.steps[-1].clicks if self.steps else 0

    @property
    def dice(self) -> float:
        """The Dice at the end."""
        return self.steps[-1].dice if self.steps else 0.0

    def clicks_to(self, target: float) -> int | None:
        """Return the clicks with which a Dice was first reached, None if it was not."""
        return next((step.clicks for step in self.steps if step.dice >= target), None)


def evaluate_volume_object(
    image: NDArray[np.generic],
    truth: NDArray[np.bool_],
    predictor: Predictor,
    way: Way,
    *,
    target_iou: float = 0.85,
    max_clicks: int = 20,
    goal: float = 1.0,
    most_visits: int = 60,
    options: Propagation | None = None,
    pixel_size: Sequence[float] = (1.0, 1.0),
    limits: tuple[float, float] | None = None,
    result: VolumeResult | None = None,
) -> VolumeResult:
    """Have a simulated user make one object of a volume.

    Parameters
    ----------
    image
        (planes, H, W) or with colours.
    truth
        (planes, H, W) bool, the object.
    predictor
        The method.
    way
        How the user works.
    target_iou, max_clicks
        A plane is clicked until its IoU is at least this, or it has had so many clicks.
    goal
        The user is content with this Dice of the whole object.
    most_visits
        Where planes fill themselves, the most visits to planes.
    options
        How the object is followed.
    pixel_size
        (row, column) size of a pixel.
    limits
        The values that become black and white on every plane; None leaves them to each plane.
    result
        Where to write, and which object it is; None makes a new one.

    Returns
    -------
    VolumeResult
        ``result``.

    Raises
    ------
    ValueError
        If the object lies nowhere.
    """
    result = result or VolumeResult()
    user = _User(
        lambda position: to_rgb(image[position], limits), truth, predictor, target_iou=target_iou, max_clicks=max_clicks
    )
    there = np.flatnonzero(truth.any(axis=(1, 2)))
    if not len(there):
        raise ValueError("the object has no pixel")
    result.planes = len(there)
    # Where nothing follows the object, nothing says where it ends but the user.
    first, middle, last = int(there[0]), int(there[len(there) // 2]), int(there[-1])
    begun = {"every-plane": there.tolist(), "interpolate": [middle, first, last], "propagate": [middle]}[way]
    fill = None
    if way != "every-plane":
        fill = _Filling(user, predictor if way == "propagate" else None, options or Propagation(), pixel_size)
    for visit in range(len(begun) if fill is None else most_visits):
        plane = begun[visit] if visit < len(begun) else user.worst()
        if plane is None:
            break
        user.correct(plane)
        if fill is not None:
            fill()
        result.steps.append(VolumeStep(plane, user.clicks, dice(truth, user.volume), user.seconds))
        if visit + 1 >= len(begun) and result.dice >= goal:
            break
    return result


def dice(truth: NDArray[np.bool_], mask: NDArray[np.bool_]) -> float:
    """Return the Dice coefficient of two masks of one shape, bool; 1 where both are empty."""
    both = np.count_nonzero(truth) + np.count_nonzero(mask)
    return float(2 * np.count_nonzero(truth & mask) / both) if both else 1.0


class _User:
    """Looks at a volume, goes to planes and clicks there."""

    def __init__(
        self,
        planes: Callable[[int], NDArray[np.uint8]],
        truth: NDArray[np.bool_],
        predictor: Predictor,
        *,
        target_iou: float,
        max_clicks: int,
    ) -> None:
        self.planes, self.truth, self._predictor = planes, truth, predictor
        self.volume = np.zeros(truth.shape, bool)
        self.corrected: list[int] = []
        self.given: dict[int, list[Click]] = {}
        self.clicks = 0
        self.seconds = 0.0
        self._target, self._most = target_iou, max_clicks
        # The object is worked on as it was left, as long as nothing filled its plane anew.
        self._sessions: dict[int, Session] = {}
        # Planes of which the user has enough, with their masks then.
        self._left: dict[int, NDArray[np.bool_]] = {}

    def correct(self, plane: int) -> None:
        """Click a plane until its mask is good enough, or has had all its clicks."""
        start = time.perf_counter()
        truth, mask = self.truth[plane].astype(int), self.volume[plane]
        # The last one is the newest.
        self.corrected = [*(place for place in self.corrected if place != plane), plane]
        given = self.given.setdefault(plane, [])
        if not truth.any():
            # The object is not here: one act takes the mask away.
            self.volume[plane] = False
            self.clicks += 1
            return
        session = self._sessions.get(plane)
        if session is None or not np.array_equal(session.mask, mask):
            session = Session(self.planes(plane), self._predictor)
            if mask.any() and iou(truth, mask) < _MOSTLY_WRONG:
                # Taken away, which is an act, too.
                self.clicks += 1
            elif mask.any():
                session.add(MaskPrompt(mask))
        ious = [iou(truth, session.mask)]
        for _ in range(self._most - len(given)):
            if reaches(ious[-1], self._target):
                break
            given.append(next_click(truth, session.mask, given))
            session.add(given[-1])
            ious.append(iou(truth, session.mask))
            self.clicks += 1
        best = int(np.argmax(ious))
        if ious[best] <= iou(truth, mask) and mask.any():
            # The user has enough of this plane.
            self._left[plane] = mask.copy()
            self._sessions.pop(plane, None)
        else:
            for _ in range(len(ious) - 1 - best):
                session.undo()
            self.volume[plane] = session.mask
            session.release()
            self._sessions[plane] = session
        self.seconds += time.perf_counter() - start

    def worst(self) -> int | None:
        """Return the plane with the most wrong pixels among those that are not good and may have more clicks.

        Where every plane is good and the whole is not yet, the user becomes more exacting.
        """
        plane = self._worst_below_target()
        if plane is None and self._target < _EXACTING:
            self._target = _EXACTING
            plane = self._worst_below_target()
        return plane

    def _worst_below_target(self) -> int | None:
        wrong = np.count_nonzero(self.volume ^ self.truth, axis=(1, 2)).astype(int)
        for plane in np.flatnonzero(wrong):
            left, given = self._left.get(int(plane)), self.given.get(int(plane), ())
            full = len(given) >= self._most or (left is not None and np.array_equal(left, self.volume[plane]))
            if full or reaches(iou(self.truth[plane].astype(int), self.volume[plane]), self._target):
                wrong[plane] = 0
        worst = int(np.argmax(wrong))
        if not wrong[worst]:
            return None
        there = np.flatnonzero(self.truth.any(axis=(1, 2)))
        # Of planes beyond an end the one at the end says most.
        return int(np.clip(worst, there[0] - 1, there[-1] + 1))


class _Filling:
    """Fills the planes that the user did not click, after each plane that was."""

    def __init__(
        self, user: _User, predictor: Predictor | None, options: Propagation, pixel_size: Sequence[float]
    ) -> None:
        self._user, self._predictor = user, predictor
        self._options = options if predictor is not None else Propagation(register=False, refine=False)
        self._pixel_size = pixel_size

    def __call__(self) -> None:
        user, start = self._user, time.perf_counter()
        tracker = Tracker(user.planes, self._predictor, self._options, pixel_size=self._pixel_size)
        newest, known = user.corrected[-1], sorted(user.corrected)
        masks = {plane: user.volume[plane].copy() for plane in known}
        gaps = gaps_around(known, newest)
        filling = tracker.best_filling(masks) if gaps else "method"
        for first, last in gaps:
            if masks[first].any() and masks[last].any():
                for found in tracker.interpolate(masks, range(first + 1, last), filling=filling):
                    user.volume[found.position] = found.mask
            elif newest not in (first, last):
                # Nothing is known there that was not known before.
                continue
            elif masks[first].any():
                self._follow(tracker, first, range(first + 1, last))
            else:
                self._follow(tracker, last, range(last - 1, first, -1))
        if self._predictor is not None:
            # Beyond the outermost plane that was clicked the object is followed until it ends.
            if newest == known[0]:
                self._follow(tracker, newest, range(newest - 1, -1, -1))
            if newest == known[-1]:
                self._follow(tracker, newest, range(newest + 1, len(user.truth)))
        user.seconds += time.perf_counter() - start

    def _follow(self, tracker: Tracker, start: int, positions: range) -> None:
        volume = self._user.volume
        volume[list(positions)] = False
        for found in tracker.propagate(start, volume[start].copy(), positions):
            volume[found.position] = found.mask
