"""A simulated user who scribbles: one stroke along the middle of the largest error, the same one every time.

FocalClick-XL, Algorithm 2, which is the procedure of the DAVIS interactive challenge's robot: the error region is
smoothed, its medial axis becomes a graph without cycles, and a Bezier curve along the graph's longest path is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt, label
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree, shortest_path
from skimage.morphology import medial_axis, skeletonize

from napari_iseg.interactions.drawing import bezier_curve, one_point_a_pixel
from napari_iseg.interactions.kernels import dilated
from napari_iseg.interactions.prompts import Click, Scribble
from napari_iseg.interactions.simulated import IGNORE, next_click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["SCRIBBLE_WIDTH", "largest_error", "middle_path", "next_scribble", "smooth_curve", "smoothed"]

SCRIBBLE_WIDTH = 3.0
"""The brush of the evaluation's scribbles, in pixels."""

_SAMPLES = 1000
_MOST_CONTROL_POINTS = 50
_FEWEST_NODES = 4
# The most that the smoothing's disk measures, and what it shrinks by where it would leave nothing.
_LARGEST_RADIUS = 16.0
_SHRINKING = 0.9
# A curve may leave its region by one pixel: this square around a pixel must hold one of the region's.
_NEAR = 3
# Half of a pixel's neighbours; the other half finds the same pairs.
_NEIGHBOURS = ((0, 1), (1, -1), (1, 0), (1, 1))


def next_scribble(
    truth: NDArray[np.integer], mask: NDArray[np.bool_], clicks: Iterable[Click] = ()
) -> Scribble | Click:
    """Return the evaluation's next scribble: along the middle of the largest error.

    Parameters
    ----------
    truth
        (H, W): 1 object, 0 background, -1 ignored.
    mask
        (H, W) bool, the present answer.
    clicks
        The clicks so far; only a click that takes a scribble's place keeps away from them.

    Returns
    -------
    Scribble or Click
        A scribble 3 pixels wide; where the error is too small for a stroke, or there is none, the click of
        :func:`napari_iseg.interactions.next_click`.
    """
    region, positive = largest_error(truth, mask)
    path = middle_path(region)
    if path is None:
        return next_click(truth, mask, clicks)
    curve = smooth_curve(path, region)
    return Scribble(tuple((float(row), float(column)) for row, column in curve), SCRIBBLE_WIDTH, positive)


def largest_error(truth: NDArray[np.integer], mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], bool]:
    """Return the connected error of the largest area, and whether it is missed object (True) or wrong (False).

    Pixels that touch at a corner are connected. A tie is a missed object; of one kind the first in row-major order.

    Returns
    -------
    tuple
        (H, W) bool, empty if nothing is wrong, and a bool.
    """
    valid = truth != IGNORE
    missed, missed_area = _largest_part((truth == 1) & ~mask & valid)
    wrong, wrong_area = _largest_part((truth != 1) & mask & valid)
    return (missed, True) if missed_area >= wrong_area else (wrong, False)


def middle_path(region: NDArray[np.bool_], *, quick: bool = False) -> NDArray[np.int64] | None:
    """Return the longest path along a region's middle.

    Parameters
    ----------
    region
        (H, W) bool.
    quick
        Thin the region evenly from all sides instead of finding its medial axis: much the same, in a small part of the
        time. For training, not for what is reported.

    Returns
    -------
    numpy.ndarray or None
        (n, 2) pixels (row, column), n >= 4, each a neighbour of the one before, from the end that comes first in
        row-major order; None where the region's middle is shorter than that.
    """
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not rows.size:
        return None
    # One pixel of nothing around it: the image's border bounds a region as anything else does.
    box = np.pad(region[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    # Pixels equally deep are thinned in a random order, here the same one every time.
    even = smoothed(box)
    pixels = np.argwhere(skeletonize(even) if quick else medial_axis(even, rng=0))
    path = _longest_path(pixels)
    return None if path is None else np.add(path, (rows[0] - 1, columns[0] - 1))


def smoothed(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Open a region, (H, W), by a disk as large as 0.075 times the root of its area, 16 pixels at the most.

    A disk that fits nowhere is reduced until it does; below one pixel the region stays what it is. Outside the array
    lies nothing.
    """
    radius = min(0.15 * np.sqrt(np.count_nonzero(region)) / 2, _LARGEST_RADIUS)
    depth = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    while radius > 1:
        core = depth > radius
        if core.any():
            return np.asarray(distance_transform_edt(~core) <= radius)
        radius *= _SHRINKING
    return region


def smooth_curve(path: NDArray[np.int64], region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a Bezier curve along a path, (n, 2), that stays in the region, (H, W).

    At most 50 pixels of the path, at even distances, are control points. Such a curve cuts corners and tightens
    rings; if that takes it out of a thin region, twice as many are tried, and so on, and in the end the path itself.

    Returns
    -------
    numpy.ndarray
        (m, 2) rows and columns, one point for each pixel that the curve passes.
    """
    near = dilated(region, "rect", _NEAR)
    count = _MOST_CONTROL_POINTS
    while True:
        chosen = np.unique(np.linspace(0, len(path) - 1, min(count, len(path))).round().astype(int))
        curve = bezier_curve(path[chosen], _SAMPLES)
        rows, columns = np.rint(curve).astype(int).T
        if near[rows, columns].all():
            return one_point_a_pixel(curve)
        if count >= len(path):
            return path.astype(np.float64)
        count *= 2


def _largest_part(error: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], int]:
    parts, _ = label(error, structure=np.ones((3, 3)))
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    largest = int(areas.argmax())
    return (parts == largest) & error, int(areas[largest])


def _longest_path(pixels: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the longest path through neighbouring pixels, (n, 2) in row-major order, without cycles."""
    if len(pixels) < _FEWEST_NODES:
        return None
    # Taking the longest edge out of every cycle leaves a spanning tree of the shortest edges.
    tree = minimum_spanning_tree(_neighbour_graph(pixels))
    _, parts = connected_components(tree, directed=False)
    _, firsts, sizes = np.unique(parts, return_index=True, return_counts=True)
    longest: list[int] = []
    for first in firsts[sizes >= _FEWEST_NODES]:
        path = _path_across(tree, int(first))
        if (-len(path), path[0]) < (-len(longest), longest[0] if longest else 0):
            longest = path
    return pixels[longest] if longest else None


def _neighbour_graph(pixels: NDArray[np.int64]) -> csr_array:
    """Return the (n, n) upper half of the distances between pixels that touch."""
    numbers = np.full(pixels.max(axis=0) + 3, -1)
    numbers[pixels[:, 0] + 1, pixels[:, 1] + 1] = np.arange(len(pixels))
    starts, stops, lengths = [], [], []
    for down, across in _NEIGHBOURS:
        neighbour = numbers[pixels[:, 0] + 1 + down, pixels[:, 1] + 1 + across]
        touching = np.flatnonzero(neighbour >= 0)
        starts.append(touching)
        stops.append(neighbour[touching])
        lengths.append(np.full(touching.size, np.hypot(down, across)))
    edges = np.concatenate(starts), np.concatenate(stops)
    return csr_array((np.concatenate(lengths), edges), shape=(len(pixels), len(pixels)))


def _path_across(tree: csr_array, start: int) -> list[int]:
    """Return the nodes of the longest path, by their number, in the tree that a node is of."""
    end, _ = _farthest(tree, start)
    other, before = _farthest(tree, end)
    path = [other]
    while path[-1] != end:
        path.append(int(before[path[-1]]))
    return path if path[0] < path[-1] else path[::-1]


def _farthest(tree: csr_array, start: int) -> tuple[int, NDArray[np.int32]]:
    """Return the node most steps away (the first of several), and each node's step back."""
    steps, before = shortest_path(tree, directed=False, unweighted=True, indices=start, return_predecessors=True)
    return int(np.where(np.isfinite(steps), steps, -1).argmax()), before
