"""Geodesic segmentation: each pixel goes to the seeds that it is nearer to, where crossing an edge makes a way long.

Bai and Sapiro, A Geodesic Framework for Fast Interactive Image and Video Segmentation and Matting, ICCV 2007, measure
ways by the change of the probability that a colour belongs to the object; Criminisi, Sharp and Blake, GeoS: Geodesic
Image Segmentation, ECCV 2008, by the change of the image itself and the way's own length. Here all three are added, and
the colours are learned anew from the answer as GrabCut does it, since a click shows few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from napari_iseg.inference.colour_model import object_share
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.seeded_predictor import SeededPredictor
from napari_iseg.inference.seeds import INSIDE, OUTSIDE, ReducedImage, neighbours
from napari_iseg.zoo import GeodesicOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["GeodesicPredictor", "geodesic_distance"]


class GeodesicPredictor(SeededPredictor[GeodesicOptions]):
    """Geodesic segmentation as a predictor.

    A pixel's probability is its distance to the background's seeds over the sum of its distances to both: 0.5 where
    both are equally far, which is the paper's segmentation.

    Parameters
    ----------
    options
        The options.
    """

    def __init__(self, *, options: GeodesicOptions | None = None) -> None:
        super().__init__(options or GeodesicOptions())

    def _decide(
        self, image: ReducedImage, seeds: NDArray[np.int32], cancelled: Callable[[], bool]
    ) -> NDArray[np.float32]:
        """Return the probability of the inside, (h, w) float32 in [0, 1]."""
        inside, outside = seeds == INSIDE, seeds == OUTSIDE
        if not outside.any():
            # Nothing to compare with.
            only: NDArray[np.float32] = inside.astype(np.float32)
            return only
        shown, others, answer = inside, outside, np.zeros(image.grid)
        for _ in range(self._options.renewals + 1):
            share = object_share(image.data, shown, others)
            values = np.dstack([self._options.image_weight * image.data, self._options.colour_weight * share])
            to_inside = geodesic_distance(values, inside)
            if cancelled():
                raise CancelledError
            to_outside = geodesic_distance(values, outside)
            answer = to_outside / (to_inside + to_outside)
            shown, others = answer > 0.5, answer <= 0.5
        return answer.astype(np.float32)


def geodesic_distance(values: NDArray[np.float64], seeds: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the length of the shortest way from each pixel to a seed, over steps to the eight neighbours.

    A step of d pixels (1, or the root of 2) over which the values change by v has the length (d^2 + |v|^2)^(1/2), as
    in GeoS, equation 4.

    Parameters
    ----------
    values
        (h, w, C) float64, one channel or more.
    seeds
        (h, w) bool, at least one.

    Returns
    -------
    numpy.ndarray
        (h, w) float64, 0 at the seeds.
    """
    rows, columns = values.shape[:2]
    number = np.arange(rows * columns).reshape(rows, columns)
    starts, stops, lengths = [], [], []
    for here, there, distance in neighbours((rows, columns)):
        change = ((values[here] - values[there]) ** 2).sum(axis=-1)
        starts.append(number[here].ravel())
        stops.append(number[there].ravel())
        lengths.append(np.sqrt(distance**2 + change).ravel())
    ways = (np.concatenate(lengths * 2), (np.concatenate(starts + stops), np.concatenate(stops + starts)))
    graph = csr_array(ways, shape=(number.size, number.size))
    return np.asarray(dijkstra(graph, indices=number[seeds], min_only=True)).reshape(rows, columns)
