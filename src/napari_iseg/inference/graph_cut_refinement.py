"""What a network answered, cut anew along the image's edges, with every click held: any network's masks get sharper.

A network sees a crop in few pixels and follows clicks mostly; a graph cut (Boykov and Jolly, ICCV 2001) over its answer
puts the outline where the image changes, lets the colours inside and outside count, as GrabCut does (Rother et al.,
SIGGRAPH 2004), and obeys the clicks. DIOS (Xu et al., Deep Interactive Object Selection, CVPR 2016) ends
with such a step. The network never sees the cut: its next answer goes on from its own last one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from napari_iseg.inference.click_reach import corrections_by, odds_around
from napari_iseg.inference.colour_model import object_share
from napari_iseg.inference.contrast import contrast_links
from napari_iseg.inference.objections import made_out, objections_to
from napari_iseg.inference.prediction import Patch, Prediction, Proposal, Window
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.inference.proposals import object_box
from napari_iseg.inference.resizing import resized
from napari_iseg.inference.seeds import INSIDE, OUTSIDE, draw_prompts, neighbours, reduce_image
from napari_iseg.interactions import Box, Choice, Click, Scribble
from napari_iseg.planes.shapes import bounding_slices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.inference.click_reach import Correction
    from napari_iseg.interactions import Prompt

__all__ = ["cut_shape", "minimum_cut", "with_graph_cut"]

# The longer side of what is cut, in pixels: the crop around the object is made as large as that.
_SIDE = 160
# The crop holds what is above this probability, and this share of its longer side around it.
_MAYBE = 0.3
_AROUND = 0.2
_LEAST_AROUND = 10
# The price of a pixel of outline where the image has no edge, and how much colours count beside the network's odds.
_SMOOTHNESS = 3.0
_COLOUR_WEIGHT = 0.3
# Networks are never surer than this: even where they are, clicks and colours have their say.
_SUREST = 0.98
# Of a shape that is a guess: how far off it may be, in pixels of the plane, what is no guess any more, and what
# an outline costs and colours count then. Chosen on 87 planes of hippocampi of the training set and 87 of spinal cords.
_GUESS, _NO_GUESS = 1.0, 0.02
_GUESS_SMOOTHNESS, _GUESS_COLOUR_WEIGHT = 0.7, 0.6
# Radius of the disk that a click seeds, in pixels of what is cut.
_SEED_RADIUS = 3.0
# Around a box that somebody drew, this share of its side may belong to the object yet.
_BOX_MARGIN = 0.05
# Capacities are whole multiples of this part of 1.
_UNIT = 1e-3
_CERTAIN = 10**6
# By so much a click lowers the odds of what belongs to the part it objects to: enough that colours and edges do not
# bring it back, and not enough to overrule what the network is sure of after it has seen the click.
_OFF = 1.5
# How far beyond the threshold a probability comes that the cut turns.
_TURNED = 1e-3


def with_graph_cut(
    answer: Prediction,
    image: NDArray[np.uint8],
    prompts: Sequence[Prompt],
    threshold: float,
    *,
    previous: Prediction | None = None,
    split_off: bool = True,
    wide_clicks: bool = True,
    finished: NDArray[np.bool_] | None = None,
    levels: NDArray[np.uint8] | None = None,
    cancelled: Callable[[], bool] = never,
) -> Prediction:
    """Cut an answer and each of its proposals anew.

    Parameters
    ----------
    answer
        What the method said.
    image
        (H, W, 3) uint8 RGB, the plane.
    prompts
        Every prompt, oldest first. Clicks and scribbles hold in the cut, those before a choice among proposals
        excepted; so does what lies outside a box that is the newest prompt.
    threshold
        Probability above which a pixel belongs to the mask; the cut decides about this one.
    previous
        The answer that the newest prompt was given to, None for none.
    split_off
        Whether a negative click in the middle of a wrong part of it lowers the odds of all of this part
        (:mod:`napari_iseg.inference.objections`).
    wide_clicks
        Whether a click that corrects speaks for what lies around it, too (:mod:`napari_iseg.inference.click_reach`).
    finished
        (H, W) bool, pixels of finished objects: outside, where nothing was clicked that includes. None for none.
    levels
        (256,) uint8, what becomes of each of the image's values first; None leaves them.
    cancelled
        Asked before each cut.

    Returns
    -------
    Prediction
        With the method's own answer in ``raw``. Where the cut agrees with the method the probabilities stay; where it
        does not they are as far on the other side of the threshold. The very same answer where nothing was found.

    Raises
    ------
    CancelledError
        If ``cancelled()`` became True.
    """
    held = _held(prompts)
    clicks = [prompt for prompt in held if isinstance(prompt, Click)]
    unclear = objections_to(previous, held, threshold) if split_off else ()
    objections = tuple(made_out(one, _pixels(image, one.window, levels), clicks) for one in unclear)
    parts_off = [one.part for one in objections if one.part is not None]
    corrections = corrections_by(previous, held, threshold) if wide_clicks else ()
    cut = _Cut(image, held, threshold, levels, parts_off, corrections, finished, cancelled)
    proposals = tuple(_cut_proposal(cut, proposal, answer.shape) for proposal in answer.proposals)
    patch = cut.patch(answer.render())
    if cut.reach is not None:
        answer = replace(answer, reach=cut.reach)
    if patch is None:
        said = objections or any(one.reach for one in corrections)
        return replace(answer, objections=objections, corrections=corrections) if said else answer
    patches = (*answer.patches, patch)
    if answer.chosen is not None and answer.patches == (answer.proposals[answer.chosen].patch,):
        # What is offered as the answer looks like the answer.
        patches = (proposals[answer.chosen].patch,)
    return replace(
        answer, patches=patches, proposals=proposals, raw=answer, objections=objections, corrections=corrections
    )


def _cut_proposal(cut: _Cut, proposal: Proposal, shape: tuple[int, int]) -> Proposal:
    probability = proposal.render(shape)
    patch = cut.patch(probability)
    if patch is None:
        return proposal
    # What is around the crop is surely outside.
    patch.paint(probability)
    return replace(proposal, patch=patch, box=object_box(probability))


def _held(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Return the prompts that the cut obeys."""
    since = max((number for number, prompt in enumerate(prompts) if isinstance(prompt, Choice)), default=-1) + 1
    return [
        prompt
        for number, prompt in enumerate(prompts)
        if (isinstance(prompt, Click | Scribble) and number >= since)
        or (isinstance(prompt, Box) and number == len(prompts) - 1)
    ]


def cut_shape(
    shape: NDArray[np.bool_], image: NDArray[np.uint8], *, cancelled: Callable[[], bool] = never
) -> NDArray[np.bool_]:
    """Move a shape that is right but for some pixels to where the image has edges, by the colours in and around it.

    Parameters
    ----------
    shape
        (H, W) bool.
    image
        (H, W, 3) uint8 RGB, the plane.
    cancelled
        Asked before the cut.

    Returns
    -------
    numpy.ndarray
        (H, W) bool; empty where the shape is.

    Raises
    ------
    CancelledError
        If ``cancelled()`` became True.
    """
    if not shape.any():
        return shape.copy()
    rows, columns = bounding_slices(shape, round(_GUESS * float(_logit(1 - _NO_GUESS))) + 1)
    part = shape[rows, columns]
    inside, outside = (ndimage.distance_transform_edt(np.pad(one, 1, mode="edge"))[1:-1, 1:-1] for one in (part, ~part))
    guess = 1 / (1 + np.exp((outside - inside) / _GUESS))
    probability = np.zeros(shape.shape, np.float32)
    probability[rows, columns] = np.where(guess < _NO_GUESS, 0, guess)
    cut = _Cut(image, [], 0.5, None, [], (), None, cancelled, _GUESS_SMOOTHNESS, _GUESS_COLOUR_WEIGHT)
    patch = cut.patch(probability)
    if patch is not None:
        patch.paint(probability)
    return probability > 0.5


@dataclass(slots=True)
class _Cut:
    """What cuts of one plane's answers have in common."""

    image: NDArray[np.uint8] = field(repr=False)
    prompts: list[Prompt]
    threshold: float
    levels: NDArray[np.uint8] | None
    parts_off: list[Patch]
    corrections: Sequence[Correction]
    finished: NDArray[np.bool_] | None
    cancelled: Callable[[], bool]
    smoothness: float = _SMOOTHNESS
    colour_weight: float = _COLOUR_WEIGHT
    # Where it was looked for finished objects so far.
    reach: Window | None = None

    def patch(self, probability: NDArray[np.float32]) -> Patch | None:
        """Return what the cut makes of the surroundings of an object; None where there is none."""
        if self.cancelled():
            raise CancelledError
        window = self._window(probability)
        if window is None:
            return None
        seen = reduce_image(_pixels(self.image, window, self.levels), _SIDE, enlarge=True)
        values = resized(probability[window.slices], seen.grid)
        seeds = draw_prompts(seen, self._local(window), _SEED_RADIUS * max(seen.step))
        if self.finished is not None:
            self.reach = window if self.reach is None else self.reach.union(window)
            others = resized(self.finished[window.slices].astype(np.float32), seen.grid) > 0.5
            seeds = np.where(others & (seeds != INSIDE), OUTSIDE, seeds).astype(seeds.dtype)
        inside = values > self.threshold
        limit = _logit(self.threshold)
        odds = _logit(np.clip(values.astype(np.float64), 1 - _SUREST, _SUREST)) - limit
        if inside.any() and not inside.all():
            share = object_share(seen.data, inside, ~inside)
            odds += self.colour_weight * _logit(share)
        odds -= _OFF * self._off(window, seen.grid)
        odds += odds_around(self.corrections, seen, (window.row_start, window.column_start))
        links = [self.smoothness * link for link in contrast_links(seen.data)]
        cut = minimum_cut(odds, links, seeds)
        beyond = np.maximum(np.abs(values - self.threshold), _TURNED)
        turned = np.clip(np.where(cut, self.threshold + beyond, self.threshold - beyond), 0, 1)
        return Patch(window, np.where(cut == inside, values, turned).astype(np.float32))

    def _off(self, window: Window, grid: tuple[int, int]) -> NDArray[np.bool_]:
        """Return which pixels of a window belong to a part that a click took off, on a grid."""
        off = np.zeros(grid, bool)
        for part in self.parts_off:
            # Not on all of a plane, which may be large.
            both = window.union(part.window)
            share = np.zeros(both.shape, np.float32)
            replace(part, window=part.window.within(both)).paint(share)
            off |= resized(share[window.within(both).slices], grid) > 0.5
        return off

    def _window(self, probability: NDArray[np.float32]) -> Window | None:
        """Return where the object may be, with room around it; None where there is none."""
        maybe = probability > min(_MAYBE, self.threshold)
        if not maybe.any():
            return None
        clicks = [prompt for prompt in self.prompts if isinstance(prompt, Click) and prompt.positive]
        rows = [*np.flatnonzero(maybe.any(axis=1))[[0, -1]], *(click.row for click in clicks)]
        columns = [*np.flatnonzero(maybe.any(axis=0))[[0, -1]], *(click.column for click in clicks)]
        top, bottom, left, right = min(rows), max(rows) + 1, min(columns), max(columns) + 1
        room = max(_LEAST_AROUND, _AROUND * max(bottom - top, right - left))
        return Window(
            int(max(top - room, 0)),
            int(min(bottom + room, probability.shape[0])),
            int(max(left - room, 0)),
            int(min(right + room, probability.shape[1])),
        )

    def _local(self, window: Window) -> list[Prompt]:
        """Return the prompts on the window, in its own pixels."""
        top, left = window.row_start, window.column_start
        local: list[Prompt] = []
        for prompt in self.prompts:
            match prompt:
                case Click(row=row, column=column):
                    rows, columns = window.slices
                    if rows.start <= row < rows.stop and columns.start <= column < columns.stop:
                        local.append(Click(row=row - top, column=column - left, positive=prompt.positive))
                case Scribble():
                    points = tuple((row - top, column - left) for row, column in prompt.points)
                    local.append(replace(prompt, points=points))
                case Box(start=start, stop=stop):
                    margin = _BOX_MARGIN * max(stop[0] - start[0], stop[1] - start[1])
                    box = Box(
                        (start[0] - top - margin, start[1] - left - margin),
                        (stop[0] - top + margin, stop[1] - left + margin),
                    )
                    local.append(box)
        return local


def _pixels(image: NDArray[np.uint8], window: Window, levels: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    pixels = np.ascontiguousarray(image[window.slices])
    return pixels if levels is None else levels[pixels]


def minimum_cut(
    odds: NDArray[np.float64], links: Sequence[NDArray[np.float64]], seeds: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Return the cut of a grid with the smallest sum of -``odds`` over its pixels and of ``links`` along its outline.

    Parameters
    ----------
    odds
        (h, w) logarithm of the odds that a pixel belongs to the object.
    links
        One array for each direction of :func:`~napari_iseg.inference.seeds.neighbours`, from 0 up.
    seeds
        (h, w) of ``FREE``, ``INSIDE`` and ``OUTSIDE``.

    Returns
    -------
    numpy.ndarray
        (h, w) bool, True inside. Of several such cuts the smallest; it holds the inner seeds and none of the outer.
    """
    count = seeds.size
    number = np.arange(count, dtype=np.int32).reshape(seeds.shape)
    source, sink = count, count + 1
    terminal = np.rint(np.select([seeds == INSIDE, seeds == OUTSIDE], [_CERTAIN, -_CERTAIN], odds / _UNIT)).ravel()
    into, out = np.flatnonzero(terminal > 0), np.flatnonzero(terminal < 0)
    starts, stops = [np.full(into.size, source), out], [into, np.full(out.size, sink)]
    capacities = [terminal[into], -terminal[out]]
    for (here, there, _), link in zip(neighbours((seeds.shape[0], seeds.shape[1])), links, strict=True):
        price = np.rint(link / _UNIT).ravel()
        one, other = number[here].ravel(), number[there].ravel()
        starts += [one, other]
        stops += [other, one]
        capacities += [price, price]
    edges = (np.concatenate(starts), np.concatenate(stops))
    graph = csr_array((np.concatenate(capacities).astype(np.int32), edges), shape=(count + 2, count + 2))
    left = graph - maximum_flow(graph, source, sink).flow
    left.data[left.data < 0] = 0
    left.eliminate_zeros()
    reached = breadth_first_order(left, source, return_predecessors=False)
    inside = np.zeros(count + 2, bool)
    inside[reached] = True
    return inside[:count].reshape(seeds.shape)


def _logit(share: float | NDArray[np.float64]) -> NDArray[np.float64]:
    odds: NDArray[np.float64] = np.log(np.asarray(share) / (1 - np.asarray(share)))
    return odds
