"""Random scribbles for training: four ways in which people draw (FocalClick-XL, section 5.1).

Curves across a region, its middle, a piece of its outline, and straight lines from point to point, mixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter1d
from skimage.measure import approximate_polygon, find_contours

from napari_iseg.interactions.drawing import bezier_curve, draw_stroke
from napari_iseg.interactions.prompts import Scribble
from napari_iseg.interactions.scribbling import middle_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Family = Callable[[NDArray[np.bool_], np.random.Generator], "NDArray[np.float64] | None"]

__all__ = [
    "STROKE_FAMILIES",
    "axial_stroke",
    "bezier_stroke",
    "boundary_stroke",
    "linked_stroke",
    "random_scribble_prompts",
    "random_scribbles",
    "random_stroke",
]

_BEZIER_SAMPLES = 200
_WIDTHS = (3, 7)
_MOST_STROKES = 3
# A stroke's line may run this far outside its region, and this share of its pixels may lie there.
_OUTSIDE = 3.0
_OUTSIDE_SHARE = 0.05
_JITTER = 2.0
# A stroke as a prompt keeps to its line within this many pixels.
_TOLERANCE = 0.3
# Over so many pixels a hand that trembles goes one way.
_TREMBLING = 8.0
# The ring around an object where first negative strokes lie, in pixels and in roots of the object's area.
_RING_START = 3.0
_RING_WIDTH = (10.0, 0.3)


def random_scribbles(
    truth: NDArray[np.integer], prediction: NDArray[np.bool_] | None, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw one to three random strokes that a user might correct a prediction with.

    Parameters
    ----------
    truth
        (H, W): 1 object, 0 background, -1 ignored.
    prediction
        (H, W), the present answer; None at first: then the first stroke is in the object, and of the others every
        second one, on average, in a ring around it.
    rng
        Where the chance comes from.

    Returns
    -------
    numpy.ndarray
        (2, H, W) bool: what positive and what negative strokes cover. Missed object is stroked positively, wrong
        object negatively, each as often as its share of the error has it. Empty where nothing is wrong.
    """
    regions, signs = _where_to_stroke(truth, prediction, rng)
    drawn = np.zeros((2, *truth.shape), bool)
    for negative in signs.astype(int):
        drawn[negative] |= random_stroke(regions[negative], rng)
    return drawn


def random_scribble_prompts(
    truth: NDArray[np.integer], prediction: NDArray[np.bool_] | None, rng: np.random.Generator
) -> list[Scribble]:
    """Return the strokes of :func:`random_scribbles` as prompts, for whoever draws prompts themselves.

    A line along which the brush would leave its region by more than 5 % of its pixels is cut to where it would not,
    with a thinner brush if need be; in a region thinner than any brush its middle alone keeps to the region.

    Returns
    -------
    list of Scribble
        In pixels of ``truth``; none where nothing is wrong.
    """
    regions, signs = _where_to_stroke(truth, prediction, rng)
    scribbles = []
    for negative in signs.astype(int):
        region = regions[negative]
        if region.any():
            line, width = _random_line(region, rng)
            line, width = _kept_inside(line, width, region)
            # A corner for every pixel would only take time to draw.
            line = approximate_polygon(line, _TOLERANCE) if len(line) > 1 else line
            points = tuple((float(row), float(column)) for row, column in line)
            scribbles.append(Scribble(points, width, positive=not negative))
    return scribbles


def random_stroke(region: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw one stroke of a random family, 3 to 7 pixels wide.

    Parameters
    ----------
    region
        (H, W), where it should lie.
    rng
        Where the chance comes from.

    Returns
    -------
    numpy.ndarray
        (H, W) bool; at most 5 % of it outside the region, else all of it inside; a dot where no family finds room,
        and empty for an empty region.
    """
    if not region.any():
        return np.zeros(region.shape, bool)
    line, width = _random_line(region, rng)
    drawn = draw_stroke(line, width, region.shape)
    if np.count_nonzero(drawn & ~region) > _OUTSIDE_SHARE * np.count_nonzero(drawn):
        drawn &= region
    return drawn


def bezier_stroke(region: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Return (n, 2) points of a curve with three to six random pixels of the region, (H, W), as control points."""
    curve = bezier_curve(_points_in(region, int(rng.integers(3, 7)), rng), _BEZIER_SAMPLES)
    return _longest_inside(curve, region)


def axial_stroke(region: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Return (n, 2) points of half or more of the region's middle, drawn with a trembling hand; None if too small."""
    path = middle_path(region, quick=True)
    if path is None:
        return None
    part = _part(path.astype(np.float64), rng.uniform(0.5, 1.0), rng)
    trembling = gaussian_filter1d(rng.normal(size=part.shape), _TREMBLING, axis=0, mode="nearest")
    # Smooth noise is weaker by this: the deviation stays what it was before.
    part = part + _JITTER * np.sqrt(2 * np.sqrt(np.pi) * _TREMBLING) * trembling
    return _longest_inside(part, region)


def boundary_stroke(region: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Return (n, 2) points of a tenth to four tenths of an outline inside the region; None if it is too small."""
    depth = distance_transform_edt(np.pad(region, 1))
    # In thin regions an outline as deep as in round ones would be none.
    deepest = min(0.15 * float(np.sqrt(np.count_nonzero(region))), 0.9 * depth.max())
    contours = find_contours(depth, rng.uniform(min(3.0, deepest), deepest))
    if not contours:
        return None
    lengths = np.array([len(contour) for contour in contours])
    contour = contours[rng.choice(len(contours), p=lengths / lengths.sum())] - 1
    # The outline is closed: it goes on where it ends.
    turned = np.roll(contour[:-1], int(rng.integers(len(contour))), axis=0)
    return _longest_inside(_part(turned, rng.uniform(0.1, 0.4), rng), region)


def linked_stroke(region: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Return (n, 2) points of straight lines between two to four random pixels of the region, (H, W)."""
    corners = _points_in(region, int(rng.integers(2, 5)), rng)
    travelled = np.r_[0, np.cumsum(np.hypot(*np.diff(corners, axis=0).T))]
    steps = np.linspace(0, travelled[-1], int(travelled[-1]) + 2)
    line = np.stack([np.interp(steps, travelled, axis) for axis in corners.T], axis=1)
    return _longest_inside(line, region)


STROKE_FAMILIES: tuple[Family, ...] = (bezier_stroke, axial_stroke, boundary_stroke, linked_stroke)
"""Every way of drawing: takes a region, (H, W) bool, and a generator; None where the region has no room for it."""


def _where_to_stroke(
    truth: NDArray[np.integer], prediction: NDArray[np.bool_] | None, rng: np.random.Generator
) -> tuple[tuple[NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.bool_]]:
    """Return the regions of positive and of negative strokes, and of each stroke whether it is negative."""
    count = int(rng.integers(1, _MOST_STROKES + 1))
    if prediction is None:
        return (truth == 1, _ring(truth)), np.r_[False, rng.random(count - 1) < 0.5]
    regions = (truth == 1) & ~prediction, (truth == 0) & prediction
    missed, wrong = (np.count_nonzero(region) for region in regions)
    return regions, rng.random(count) * (missed + wrong) >= missed


def _random_line(region: NDArray[np.bool_], rng: np.random.Generator) -> tuple[NDArray[np.float64], float]:
    """Return the (n, 2) points of a random family's line, of one point where no family finds room, and its width."""
    width = float(rng.integers(_WIDTHS[0], _WIDTHS[1] + 1))
    for family in rng.permutation(len(STROKE_FAMILIES)):
        line = STROKE_FAMILIES[family](region, rng)
        if line is not None:
            return line, width
    return _points_in(region, 1, rng), width


def _kept_inside(
    line: NDArray[np.float64], width: float, region: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Return a line and a width of brush that stay inside a region: the line's longest run that does, or a dot."""
    drawn = draw_stroke(line, width, region.shape)
    if np.count_nonzero(drawn & ~region) <= _OUTSIDE_SHARE * np.count_nonzero(drawn):
        return line, width
    depth, thinnest = distance_transform_edt(region), float(_WIDTHS[0])
    cores = [(depth > width / 2, width), (depth > thinnest / 2, thinnest)]
    if not cores[1][0].any():
        # No brush is thin enough: its middle stays inside.
        cores = [(region, thinnest)]
    for core, brush in cores:
        run = _longest_inside(line, core, reach=0.0)
        if run is not None:
            return run, brush
    deepest = np.unravel_index(int(depth.argmax()), region.shape)
    return np.array([deepest], np.float64), thinnest


def _points_in(region: NDArray[np.bool_], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    chosen = rng.choice(np.flatnonzero(region), size=count)
    return np.stack(np.unravel_index(chosen, region.shape), axis=1).astype(np.float64)


def _part(line: NDArray[np.float64], share: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a random contiguous share of a line's points, at least two of them."""
    count = min(max(round(share * len(line)), 2), len(line))
    start = int(rng.integers(len(line) - count + 1))
    return line[start : start + count]


def _longest_inside(
    line: NDArray[np.float64], region: NDArray[np.bool_], *, reach: float = _OUTSIDE
) -> NDArray[np.float64] | None:
    """Cut a line to its longest run within ``reach`` pixels of the region; None if not two points are left."""
    if not region.any():
        return None
    near = distance_transform_edt(~region) <= reach
    rows, columns = np.rint(line).astype(int).T
    within = (rows >= 0) & (rows < region.shape[0]) & (columns >= 0) & (columns < region.shape[1])
    within[within] = near[rows[within], columns[within]]
    edges = np.flatnonzero(np.diff(np.r_[False, within, False]))
    starts, stops = edges[::2], edges[1::2]
    if not starts.size:
        return None
    longest = int((stops - starts).argmax())
    run = line[starts[longest] : stops[longest]]
    return run if len(run) > 1 else None


def _ring(truth: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return the background around the object, a little off it."""
    inside = truth == 1
    if not inside.any():
        return np.asarray(truth == 0)
    apart = distance_transform_edt(~inside)
    width = max(_RING_WIDTH[0], _RING_WIDTH[1] * float(np.sqrt(np.count_nonzero(inside))))
    return np.asarray((truth == 0) & (apart > _RING_START) & (apart <= _RING_START + width))
