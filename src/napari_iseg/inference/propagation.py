"""One object through many planes: the mask of a plane is carried to the next, and the method corrects it there.

Both steps are the methods' own: a mask that is moved along with the image's content is a coarse mask of the next plane,
and coarse masks are what FocalClick (Chen et al., CVPR 2022) and FocalClick-XL correct. To a method that clicks only, a
click in the middle of the mask says the rest. What it answers is averaged with the mask that was carried: an answer
that loses the object must not take the next twenty planes along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_iseg.errors import OptionError
from napari_iseg.inference.mask_click import middle_click
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.inference.session import Session
from napari_iseg.interactions import MaskPrompt
from napari_iseg.planes.following import Appearance, continuity, follow
from napari_iseg.planes.shapes import interpolate_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_iseg.inference.predictor import Predictor

__all__ = ["Filling", "Origin", "Propagation", "SliceMask", "Tracker"]

Origin = Literal["prompted", "propagated", "interpolated"]
"""Where the mask of a plane comes from: the user's prompts, the plane before it, or the planes around it."""

Filling = Literal["method", "edges", "shape"]
"""How the shape that lies between planes is corrected: by the method, along the image's edges, or not at all."""

# Of equal ones the first: what changes nothing goes wrong nowhere.
_FILLINGS: tuple[Filling, ...] = ("shape", "method", "edges")

# A carried outline is good to about a pixel.
_SOFTNESS = 1.0
_LEAST_PIXELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Propagation:
    """How an object is followed.

    Parameters
    ----------
    register
        Whether the mask moves along with the image's content (:func:`napari_iseg.planes.following.follow`).
    refine
        Whether the method corrects it on every plane.
    least_confidence
        In [0, 1]: below it the object counts as ended. On 380 planes of volumes of the training sets 0.45 stopped
        at fewer than one in fifty of those that were followed well (IoU above 0.5), and at nearly every second plane
        without the object.

    Raises
    ------
    OptionError
        If the least confidence lies outside [0, 1].
    """

    register: bool = True
    refine: bool = True
    least_confidence: float = 0.45

    def __post_init__(self) -> None:
        if not 0 <= self.least_confidence <= 1:
            raise OptionError(f"The least confidence must lie in [0, 1]; {self.least_confidence} was given.")


@dataclass(frozen=True, slots=True, eq=False)
class SliceMask:
    """The mask of one object on one plane.

    Parameters
    ----------
    position
        Of the plane, on the axis that the object is followed along.
    mask
        (H, W) bool, read-only.
    confidence
        In [0, 1]: how far the mask that was carried here and the method's answer overlap, times how like the plane is
        to the one before it, times how like the object is to where it was clicked; 1 of what the user prompted.
    origin
        Where it comes from.
    """

    position: int
    mask: NDArray[np.bool_]
    confidence: float
    origin: Origin

    def __post_init__(self) -> None:
        self.mask.setflags(write=False)


class Tracker:
    """Follows one object from plane to plane.

    Parameters
    ----------
    planes
        Reads the plane at a position: (H, W, 3) uint8, as the network sees it. Called once for each plane that is
        needed, and for no other.
    predictor
        The method that corrects masks; None where ``options.refine`` is off.
    options
        How.
    pixel_size
        (row, column) size of a pixel.
    threshold
        Probability above which a pixel belongs to the object; None for the method's own.
    cancelled
        Asked before each plane; when it returns True the work ends with CancelledError.
    """

    def __init__(
        self,
        planes: Callable[[int], NDArray[np.uint8]],
        predictor: Predictor | None,
        options: Propagation | None = None,
        *,
        pixel_size: Sequence[float] = (1.0, 1.0),
        threshold: float | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> None:
        self._planes = planes
        self._predictor = predictor
        self._options = options or Propagation()
        self._pixel_size = tuple(pixel_size)
        self._threshold = threshold
        self._cancelled = cancelled

    def propagate(self, start: int, mask: NDArray[np.bool_], positions: Iterable[int]) -> Iterator[SliceMask]:
        """Follow the object away from one plane until it ends.

        Parameters
        ----------
        start
            Where its mask is known.
        mask
            (H, W) bool, there.
        positions
            The planes to go through, each the neighbour of the one before it; the first lies beside ``start``.

        Yields
        ------
        SliceMask
            Plane by plane; ends by itself where nothing of the object is left or the confidence falls below the least.

        Raises
        ------
        CancelledError
            If ``cancelled()`` became True.
        """
        if not mask.any():
            return
        before, image = mask, self._planes(start)
        looks = Appearance.of(mask, image)
        for position in positions:
            after = self._plane(position)
            carried = follow(before, image, after) if self._options.register else before
            found = self._settle(position, carried, after, looks, continuity(before, image, after), "propagated")
            if np.count_nonzero(found.mask) < _LEAST_PIXELS or found.confidence < self._options.least_confidence:
                return
            yield found
            before, image = found.mask, after

    def interpolate(
        self, known: Mapping[int, NDArray[np.bool_]], positions: Iterable[int], *, filling: Filling = "method"
    ) -> Iterator[SliceMask]:
        """Fill planes that lie between planes where the object's mask is known.

        Parameters
        ----------
        known
            Position to mask, (H, W) bool.
        positions
            The planes to fill; the two nearest known planes on either side say what lies there
            (:func:`napari_iseg.planes.shapes.interpolate_shapes`).
        filling
            What corrects the shape that lies between, see :meth:`best_filling`; the method, if there is one.

        Yields
        ------
        SliceMask
            Plane by plane, also where the object is not (an empty mask, of full confidence).

        Raises
        ------
        ValueError
            If a position has no known plane on one side.
        CancelledError
            If ``cancelled()`` became True.
        """
        places = np.array(sorted(known))
        for position in positions:
            right = int(np.searchsorted(places, position, side="right"))
            if not 0 < right < len(places):
                raise ValueError(f"plane {position} does not lie between known planes")
            first, last = int(places[right - 1]), int(places[right])
            shape = interpolate_shapes(known, position, self._pixel_size)
            if not shape.any():
                yield SliceMask(position, shape, 1.0, "interpolated")
                continue
            near = min((first, last), key=lambda place: (not known[place].any(), abs(place - position)))
            looks = Appearance.of(known[near], self._planes(near))
            yield self._settle(position, shape, self._plane(position), looks, 1.0, "interpolated", filling=filling)

    def best_filling(self, known: Mapping[int, NDArray[np.bool_]]) -> Filling:
        """Return what brings shapes between planes nearest to the object, as far as the known planes tell.

        Each known plane between two others is left out in turn, and filled from the others in each way.

        Parameters
        ----------
        known
            Position to mask, (H, W) bool, of every plane where it is known.

        Returns
        -------
        Filling
            ``"method"``, too, with fewer than three planes, which tell nothing. ``"shape"`` where nothing corrects, or
            nothing is better.

        Raises
        ------
        CancelledError
            If ``cancelled()`` became True.
        """
        if self._predictor is None or not self._options.refine:
            return "shape"
        found = dict.fromkeys(_FILLINGS, 0.0)
        places = sorted(place for place, mask in known.items() if mask.any())
        for middle in places[1:-1]:
            others = {place: mask for place, mask in known.items() if place != middle}
            shape = interpolate_shapes(others, middle, self._pixel_size)
            if shape.any():
                image = self._plane(middle)
                looks = Appearance.of(shape, image)
                for filling in _FILLINGS:
                    filled = self._settle(middle, shape, image, looks, 1.0, "interpolated", filling=filling)
                    found[filling] += _iou(filled.mask, known[middle])
        return "method" if not any(found.values()) else max(_FILLINGS, key=lambda filling: found[filling])

    def _plane(self, position: int) -> NDArray[np.uint8]:
        if self._cancelled():
            raise CancelledError
        return self._planes(position)

    def _settle(
        self,
        position: int,
        carried: NDArray[np.bool_],
        image: NDArray[np.uint8],
        looks: Appearance,
        likeness: float,
        origin: Origin,
        *,
        filling: Filling = "method",
    ) -> SliceMask:
        """Correct a carried mask, and say how far everything agrees."""
        mask, agreement, predictor = carried, 1.0, self._predictor
        if filling == "edges":
            # Imported late: it brings torch.
            from napari_iseg.inference.graph_cut_refinement import cut_shape

            mask = cut_shape(carried, image, cancelled=self._cancelled)
            agreement = _iou(carried, mask)
        elif filling == "method" and self._options.refine and predictor is not None and carried.any():
            probability, threshold = self._ask(predictor, image, carried)
            soft = gaussian_filter(carried.astype(np.float32), _SOFTNESS)
            mask = (probability + soft) / 2 > threshold
            agreement = _iou(carried, probability > threshold)
        if not mask.any():
            return SliceMask(position, mask, 0.0, origin)
        confidence = agreement * likeness * looks.resemblance(Appearance.of(mask, image))
        return SliceMask(position, mask, confidence, origin)

    def _ask(
        self, predictor: Predictor, image: NDArray[np.uint8], carried: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], float]:
        session = Session(image, predictor)
        session.threshold = session.threshold if self._threshold is None else self._threshold
        middle = middle_click(carried)
        session.resume((MaskPrompt(carried), *([middle] if middle is not None else ())))
        request = session.request()
        if request is not None:
            session.deliver(request, request.run(cancelled=self._cancelled))
        return session.probability, session.threshold


def _iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0
