"""Interactive graph cut: the cheapest outline between the seeds, by colours inside and contrast along it.

Boykov and Jolly, Interactive Graph Cuts for Optimal Boundary and Region Segmentation of Objects in N-D Images, ICCV
2001; the contrast term and the renewed colour models are those of Rother, Kolmogorov and Blake, GrabCut, SIGGRAPH 2004.
PyMaxflow computes the cut.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_iseg.errors import IsegError
from napari_iseg.inference.colour_model import object_share
from napari_iseg.inference.contrast import contrast_links
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.inference.seeded_predictor import SeededPredictor
from napari_iseg.inference.seeds import INSIDE, OUTSIDE, ReducedImage, neighbours
from napari_iseg.zoo import GraphCutOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["LEVELS", "GraphCutPredictor", "nested_cuts"]

LEVELS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""The thresholds at which a cut is computed, descending."""

# Capacities are whole multiples of this part of 1, kept in doubles: sums are exact and the cut is the cheapest one.
_UNIT = 2.0**-16


class GraphCutPredictor(SeededPredictor[GraphCutOptions]):
    """Interactive graph cut as a predictor.

    A cut says yes or no. To make the threshold mean something, the cut is computed anew for nine thresholds t, with
    the odds of the object lowered by t / (1 - t) in every pixel. The lower t the larger the cut, each holds the one
    before, and the cut at 0.5 is Boykov and Jolly's. A pixel's probability lies between the last threshold whose
    cut has it and the first whose cut has not, in the middle; seeds have 0 and 1.

    Parameters
    ----------
    options
        The options.

    Raises
    ------
    IsegError
        If PyMaxflow is not installed.
    """

    def __init__(self, *, options: GraphCutOptions | None = None) -> None:
        if find_spec("maxflow") is None:
            raise IsegError(
                "The method 'graph-cut' needs PyMaxflow (licence: GPL), which is not installed; "
                "pip install 'napari-iseg[graph-cut]', or take 'geodesic' or 'random-walker'."
            )
        super().__init__(options or GraphCutOptions())

    def _decide(
        self, image: ReducedImage, seeds: NDArray[np.int32], cancelled: Callable[[], bool]
    ) -> NDArray[np.float32]:
        """Return the probability of the inside, (h, w) float32 in [0, 1]."""
        inside, outside = seeds == INSIDE, seeds == OUTSIDE
        if not outside.any():
            # Nothing to cut it from.
            only: NDArray[np.float32] = inside.astype(np.float32)
            return only
        links = [self._options.smoothness * link for link in contrast_links(image.data)]
        answer = np.zeros(image.grid, np.float32)
        shown, others = inside, outside
        for number in range(self._options.renewals + 1):
            share = object_share(image.data, shown, others)
            odds = self._options.colour_weight * np.log(share / (1 - share))
            levels = LEVELS if number == self._options.renewals else (0.5,)
            answer = nested_cuts(odds, links, seeds, levels, connected=self._options.connected, cancelled=cancelled)
            shown, others = answer > 0.5, answer <= 0.5
        return answer


def nested_cuts(
    odds: NDArray[np.float64],
    links: Sequence[NDArray[np.float64]],
    seeds: NDArray[np.int32],
    levels: Sequence[float] = LEVELS,
    *,
    connected: bool = False,
    cancelled: Callable[[], bool] = never,
) -> NDArray[np.float32]:
    """Cut a grid at several thresholds.

    The cut at threshold t has the smallest sum of ln(t / (1 - t)) - ``odds`` over its pixels and ``links`` along its
    outline among all that hold the inner seeds and none of the outer; of several it is the smallest cut.

    Parameters
    ----------
    odds
        (h, w) logarithm of the odds that a pixel belongs to the object.
    links
        One array for each direction of :func:`~napari_iseg.inference.seeds.neighbours`, from 0 up.
    seeds
        (h, w) of ``FREE``, ``INSIDE`` and ``OUTSIDE``.
    levels
        The thresholds, descending, in (0, 1).
    connected
        Keep of each cut only what hangs together (over edges and corners of pixels) with an inner seed.
    cancelled
        Asked before each cut.

    Returns
    -------
    numpy.ndarray
        (h, w) float32: the middle between the last threshold whose cut has the pixel (0 if none) and the one above
        it (1 if none); 1 at inner and 0 at outer seeds.

    Raises
    ------
    CancelledError
        If ``cancelled()`` became True.
    """
    import maxflow

    grid = seeds.shape
    graph = maxflow.GraphFloat(seeds.size, 4 * seeds.size)
    nodes = graph.add_grid_nodes(grid)
    for (here, there, _), link in zip(neighbours((grid[0], grid[1])), links, strict=True):
        capacity = np.rint(link / _UNIT).ravel()
        graph.add_edges(nodes[here].ravel(), nodes[there].ravel(), capacity, capacity)
    # The source is the background, so that pixels for which both are as cheap are background.
    certain = np.rint(2 * sum(float(link.max(initial=0)) for link in links) / _UNIT) + 1
    lowered = np.rint((odds - _logit(levels[0])) / _UNIT)
    reach = certain + np.abs(lowered).max() + np.rint((_logit(levels[0]) - _logit(levels[-1])) / _UNIT)
    lowered = np.select([seeds == INSIDE, seeds == OUTSIDE], [reach, -2 * reach], lowered)
    graph.add_grid_tedges(nodes, np.maximum(-lowered, 0), np.maximum(lowered, 0))
    answer = np.zeros(grid, np.float32)
    above = 1.0
    for number, level in enumerate(levels):
        if cancelled():
            raise CancelledError
        if number:
            # Odds only rise from cut to cut, and the flow found so far still fits: each cut goes on from the last.
            rise = np.full(grid, np.rint((_logit(levels[number - 1]) - _logit(level)) / _UNIT))
            graph.add_grid_tedges(nodes, np.zeros(grid), rise)
        graph.maxflow()
        cut = graph.get_grid_segments(nodes)
        if connected:
            cut = _touching(cut, seeds == INSIDE)
        answer[cut & (answer == 0)] = (level + above) / 2
        above = level
    answer[answer == 0] = above / 2
    answer[seeds == INSIDE] = 1
    answer[seeds == OUTSIDE] = 0
    return answer


def _logit(level: float) -> float:
    return float(np.log(level / (1 - level)))


def _touching(cut: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the parts of a cut that hold a seed."""
    parts, count = ndimage.label(cut, np.ones((3, 3)))
    kept = np.zeros(count + 1, bool)
    kept[parts[seeds]] = True
    kept[0] = False
    return np.asarray(kept[parts])
