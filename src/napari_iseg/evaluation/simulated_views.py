"""What a simulated user has on the screen at the first click, for methods that begin there (``first_crop``)."""

from __future__ import annotations

import zlib
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.inference.first_crop import prior_view
from napari_iseg.interactions import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.interactions import Click

__all__ = ["SimulatedViews"]

# The shorter side of the view over the longer side of the object: people zoom in until they see well what they click,
# and not further. A guess, and a wide one: what is measured must not hang on a view that fits each object.
_LEAST, _MOST = 3.0, 12.0


class SimulatedViews:
    """Views of objects that are worked on one after the other.

    Each object's view is between three and twelve times as large as the object (log-uniform) and holds it anywhere; it
    is drawn from the object's identity alone, so that every run and every method has the same. From the fourth object
    of an image on ``size-prior`` takes what the finished ones' sizes suggest instead.

    Parameters
    ----------
    first_crop
        The predictor's option; with ``"whole"`` and ``"multi-scale"`` there are no views.
    """

    def __init__(self, first_crop: str) -> None:
        self._first_crop = first_crop
        self._sizes: defaultdict[str, list[float]] = defaultdict(list)

    def pass_over(self, name: str, inside: NDArray[np.bool_]) -> None:
        """Take note of an object, (H, W) bool, that was worked on elsewhere: in another process, or a run before."""
        if self._first_crop == "size-prior":
            self._sizes[name].append(_size(_spans(inside)))

    def of(self, name: str, plane: int | None, object_id: int, inside: NDArray[np.bool_], click: Click) -> Box | None:
        """Return the view of an object at its first click, None where the method does not ask for one.

        Parameters
        ----------
        name, plane, object_id
            Which object: as in :class:`napari_iseg.io.dataset.DatasetObject`.
        inside
            (H, W) bool, the reference.
        click
            The first.
        """
        if self._first_crop not in ("view", "size-prior"):
            return None
        shape = (inside.shape[0], inside.shape[1])
        spans = _spans(inside)
        size = _size(spans)
        before = self._sizes[name]
        prior = prior_view(click, before, shape) if self._first_crop == "size-prior" else None
        before.append(size)
        if prior is not None:
            return prior
        rng = np.random.default_rng(zlib.crc32(f"{name}:{plane}:{object_id}".encode()))
        side = size * float(np.exp(rng.uniform(np.log(_LEAST), np.log(_MOST))))
        starts, stops = [], []
        for (first, last), length in zip(spans, shape, strict=True):
            start = max(rng.uniform(last + 1 - side, first), 0.0)
            start = min(start, max(length - side, 0.0))
            starts.append(start)
            stops.append(min(start + side, float(length)))
        return Box((starts[0], starts[1]), (stops[0], stops[1]))


def _spans(inside: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return the first and the last row, and the first and the last column, of an object."""
    return [np.flatnonzero(inside.any(axis=axis))[[0, -1]] for axis in (1, 0)]


def _size(spans: list[NDArray[np.intp]]) -> float:
    return float(max(last - first + 1 for first, last in spans))
