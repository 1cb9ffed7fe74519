"""What the image itself says about clicks: where it looks as it does under them, and what lies near along its colours.

A network has to learn such comparisons from very many images; a small one that sees few is given them. Majumder and
Yao, Content-Aware Multi-Level Guidance for Interactive Instance Segmentation, CVPR 2019, show a network maps that
follow the image instead of plain distances; Wang et al., DeepIGeoS, TPAMI 2019, geodesic ones. No released network of
the methods here has them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["GUIDANCE_CHANNELS", "box_guidance", "click_guidance", "mark_guidance", "mask_guidance"]

GUIDANCE_CHANNELS = 8
"""Maps of :func:`click_guidance`; a quarter of them looks at the positive clicks' colours, and so on."""

# Colours are compared on cells of 2 x 2 pixels, ways are followed on cells of 4 x 4.
_COLOUR_CELL, _WAY_CELL = 2, 4
# How alike is alike: one over a squared difference of colours in [0, 1], a wide and a narrow choice.
_SHARPNESS = (20.0, 150.0)
# How near is near: a way's cost, a narrow and a wide choice.
_REACH = (1.0, 4.0)
# What a way costs: a unit of colour, and the width of the image.
_PER_COLOUR, _PER_WIDTH = 10.0, 1.6
# More than any two colours differ, and more than any way costs.
_UNLIKE, _FAR = 3.0, 1e3
# Of what is drawn, so many places of each sign are looked at, in the middle of strokes this many pixels wide or less.
_MARKED, _STROKE = 24, 7
# A box's outside is looked at this many pixels beside it, its inside at these shares of its sides; a mask's inside and
# outside no nearer to its outline than this share of the map's side, where there are such places.
_BESIDE, _WITHIN, _SURE = 3, (0.3, 0.5, 0.7), 1 / 24
# Rounds after which ways are taken as found; few need a third.
_ROUNDS = 100


@torch.no_grad()
def click_guidance(rgb: Tensor, points: Tensor) -> Tensor:
    """Return maps of how alike and how near each pixel is to clicks of either sign.

    Parameters
    ----------
    rgb
        (B, 3, H, W) in [0, 1], at least 4 x 4.
    points
        (B, 2n, 3): n positive clicks, then n negative, each (row, column, order); a row with both coordinates negative
        is unused.

    Returns
    -------
    Tensor
        (B, 8, H, W) float32 in [0, 1]. Channels 0 and 1: likeness to the positive and the negative clicks' colours; 2
        and 3 the same, judged more sharply; 4 to 7: nearness along the image's colours, to the positive and negative
        clicks within a short way and within a long one. 1 under a click, 0 without clicks of the sign.
    """
    size = (int(rgb.shape[-2]), int(rgb.shape[-1]))
    # Half precision has too few digits for sums of squares and of steps.
    with torch.autocast(rgb.device.type, enabled=False):
        rgb, clicks = rgb.float(), _used(points.float())
        unlike = _colour_distances(rgb, *clicks)
        likeness = torch.cat([torch.exp(-sharp * unlike) for sharp in _SHARPNESS], dim=1)
        far = geodesic_distances(rgb, *clicks)
        nearness = torch.cat([torch.exp(-far / reach) for reach in _REACH], dim=1)
        return torch.cat(
            [
                functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
                for maps in (likeness, nearness)
            ],
            dim=1,
        )


@torch.no_grad()
def mark_guidance(rgb: Tensor, marks: Tensor) -> Tensor:
    """Return :func:`click_guidance` for prompts that are drawn: disks, scribbles, a mask's inside.

    Parameters
    ----------
    rgb
        (B, 3, H, W) in [0, 1].
    marks
        (B, 2, H, W): 1 where prompts include and exclude.

    Returns
    -------
    Tensor
        (B, 8, H, W) float32 in [0, 1], as for clicks at up to 24 places along the middle of what is drawn.
    """
    marks = marks.float()
    inside = functional.avg_pool2d(marks, _STROKE, 1, _STROKE // 2)
    middle = (marks > 0) & (inside >= functional.max_pool2d(inside, _STROKE, 1, _STROKE // 2) - 1e-4)
    return click_guidance(rgb, _some_places(middle))


@torch.no_grad()
def mask_guidance(rgb: Tensor, mask: Tensor) -> Tensor:
    """Return :func:`click_guidance` for a coarse mask, whose outline is not to be believed.

    Parameters
    ----------
    rgb
        (B, 3, H, W) in [0, 1].
    mask
        (B, 1, H, W): 1 inside.

    Returns
    -------
    Tensor
        (B, 8, H, W) float32 in [0, 1], as for clicks at up to 24 places well inside and as many well outside.
    """
    reach = max(round(_SURE * max(mask.shape[-2:])), 1)
    sides = torch.cat([mask > 0, mask <= 0], dim=1)
    # Places from which nothing of the other side is within reach.
    sure = functional.max_pool2d(sides.flip(1).float(), 2 * reach + 1, 1, reach) == 0
    chosen = torch.where(sure.flatten(2).any(-1)[..., None, None], sure, sides)
    return click_guidance(rgb, _some_places(chosen))


@torch.no_grad()
def box_guidance(rgb: Tensor, inside: Tensor) -> Tensor:
    """Return :func:`click_guidance` for a box: nothing beside it is the object, and its middle mostly is.

    Parameters
    ----------
    rgb
        (B, 3, H, W) in [0, 1].
    inside
        (B, 1, H, W): 1 in the box.

    Returns
    -------
    Tensor
        (B, 8, H, W) float32 in [0, 1], as for nine clicks in the middle and 24 around the box, of which those outside
        the image are left out.
    """
    points = rgb.new_full((len(rgb), 2, _MARKED, 3), -1.0)
    within = torch.tensor(_WITHIN, device=rgb.device)
    along = (torch.arange(_MARKED // 4, device=rgb.device) + 0.5) / (_MARKED // 4)
    for sample in torch.nonzero(inside.flatten(1).any(1)).flatten().tolist():
        rows, columns = (torch.nonzero((inside[sample, 0] > 0).any(axis)).flatten().tolist() for axis in (1, 0))
        top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
        middle = torch.cartesian_prod(top + within * (bottom - top), left + within * (right - left))
        points[sample, 0, : len(middle), :2] = middle
        down, across = top + along * (bottom - top), left + along * (right - left)
        sides = points[sample, 1].view(4, len(along), 3)
        sides[:2, :, 0], sides[2:, :, 1] = down, across
        for number, place in enumerate((left - _BESIDE, right + _BESIDE, top - _BESIDE, bottom + _BESIDE)):
            sides[number, :, 1 if number < 2 else 0] = place
    outside = (points[..., 0] >= rgb.shape[-2]) | (points[..., 1] >= rgb.shape[-1]) | (points[..., :2] < 0).any(-1)
    points[outside] = -1.0
    return click_guidance(rgb, points.flatten(1, 2))


def _some_places(where: Tensor) -> Tensor:
    """Return (B, 2n, 3) points for :func:`click_guidance` out of (B, 2, H, W) places to include and exclude."""
    points = torch.full((len(where), 2, _MARKED, 3), -1.0, device=where.device)
    for sample, sign in torch.nonzero(where.flatten(2).any(-1)).tolist():
        places = torch.nonzero(where[sample, sign])
        count = min(len(places), _MARKED)
        chosen = torch.linspace(0, len(places) - 1, count, device=where.device).round().long()
        points[sample, sign, :count, :2] = places[chosen].float()
    return points.flatten(1, 2)


def _used(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return (B, 2, m) rows, columns and whether they are used, of as many slots as some sample uses."""
    row, column, _ = points.unflatten(1, (2, -1)).unbind(-1)
    used = torch.maximum(row, column) >= 0
    most = max(int(used.sum(-1).max()), 1)
    order = used.float().argsort(dim=-1, descending=True, stable=True)[..., :most]
    return row.gather(-1, order), column.gather(-1, order), used.gather(-1, order)


def _cells(row: Tensor, column: Tensor, cell: int, shape: tuple[int, int]) -> Tensor:
    """Return the flat numbers of the cells that clicks lie in."""
    down, across = (row / cell).long().clamp(0, shape[0] - 1), (column / cell).long().clamp(0, shape[1] - 1)
    return down * shape[1] + across


def _colour_distances(rgb: Tensor, row: Tensor, column: Tensor, used: Tensor) -> Tensor:
    """Return (B, 2, h, w): the squared distance of each cell's colour to the most similar click's."""
    cells = functional.avg_pool2d(rgb, _COLOUR_CELL)
    # One cell's colour is noise.
    cells = functional.avg_pool2d(cells, 3, 1, 1, count_include_pad=False)
    batch, _, rows, columns = cells.shape
    places = _cells(row, column, _COLOUR_CELL, (rows, columns)).flatten(1)
    colours = cells.flatten(2).transpose(1, 2)
    clicked = colours.gather(1, places[..., None].expand(-1, -1, 3))
    squares = torch.cdist(clicked, colours).square().view(batch, 2, -1, rows * columns)
    return squares.masked_fill(~used[..., None], _UNLIKE).amin(2).view(batch, 2, rows, columns)


def geodesic_distances(rgb: Tensor, row: Tensor, column: Tensor, used: Tensor) -> Tensor:
    """Return (B, 2, h, w): what the cheapest way to a click costs, over changes of colour and over ground.

    Cells are 4 x 4 pixels and ways go to all eight neighbours. All cells are improved at once until none can be.

    Parameters
    ----------
    rgb
        (B, 3, H, W) in [0, 1].
    row, column, used
        (B, 2, m) positions of positive and negative clicks in pixels, and which of them there are.
    """
    cells = functional.avg_pool2d(rgb, _WAY_CELL)
    batch, _, rows, columns = cells.shape
    places = _cells(row, column, _WAY_CELL, (rows, columns))
    ways = rgb.new_full((batch, 2, rows * columns), _FAR)
    ways = ways.scatter_reduce(2, places, torch.where(used, 0.0, _FAR), "amin").view(batch, 2, rows, columns)
    ground = _PER_WIDTH / max(rows, columns)
    # Each of four directions: the two views of a map that a step leads between, and what each step costs.
    steps = []
    for here, there in _NEIGHBOURS:
        length = ground * 2**0.5 if here[1] != slice(None) and here[2] != slice(None) else ground
        change = _PER_COLOUR**2 * (cells[here] - cells[there]).square().sum(1, keepdim=True)
        steps.append((here, there, (change + length**2).sqrt()))
    for turn in range(_ROUNDS):
        before = ways.clone() if turn % 4 == 3 else None
        for here, there, cost in steps:
            ways[here] = torch.minimum(ways[here], ways[there] + cost)
            ways[there] = torch.minimum(ways[there], ways[here] + cost)
        if before is not None and torch.equal(before, ways):
            break
    return ways


_ALL, _HEAD, _TAIL = slice(None), slice(None, -1), slice(1, None)
_NEIGHBOURS = (
    ((..., _ALL, _HEAD), (..., _ALL, _TAIL)),
    ((..., _HEAD, _ALL), (..., _TAIL, _ALL)),
    ((..., _HEAD, _HEAD), (..., _TAIL, _TAIL)),
    ((..., _HEAD, _TAIL), (..., _TAIL, _HEAD)),
)
