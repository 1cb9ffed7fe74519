"""Which masks one click could mean: related objects for DISNet's first stage (DISNet, section 3.4).

The hierarchy (an object, what it is part of, and so on to the root) is for finely labelled images such as COCO+LVIS,
the proximity (an object with any of its neighbours) for flat ones such as SBD. The tree is built as RITM's conversion
of COCO+LVIS builds it; the draft's supplement with the exact algorithm was never published: the rest is our reading.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt

from napari_iseg.interactions import Click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Masks = Sequence[NDArray[np.bool_]]

__all__ = [
    "RelatedMasks",
    "hierarchy",
    "masks_of_labels",
    "neighbours",
    "sample_first_click",
    "sample_hierarchy",
    "sample_proximity",
]

# Of a part's bounding box, and of its pixels, that lie in the whole.
_BOX_SHARE = 0.7
_PIXEL_SHARE = 0.8
_NEIGHBOURHOOD = np.ones((3, 3), bool)


@dataclass(frozen=True, slots=True, eq=False)
class RelatedMasks:
    """A first click and everything it could mean.

    Parameters
    ----------
    click
        Positive, at whole pixels.
    masks
        (H, W) bool each, the centre object first; all of them are right answers of the first stage.
    target
        Index of the mask that the second stage is trained towards.
    """

    click: Click
    masks: tuple[NDArray[np.bool_], ...]
    target: int


def masks_of_labels(labels: Sequence[NDArray[np.integer]]) -> list[NDArray[np.bool_]]:
    """Return every object of one or more label maps.

    Parameters
    ----------
    labels
        (H, W) whole numbers each, 0 and below for none. Objects that overlap, as parts and wholes do, come in several
        maps; a map's objects are disjoint.

    Returns
    -------
    list of numpy.ndarray
        (H, W) bool, map by map, by rising label.
    """
    return [plane == label for plane in labels for label in np.unique(plane) if label > 0]


def hierarchy(masks: Masks) -> tuple[int | None, ...]:
    """Return which object each object is part of.

    An object is part of another, larger one if at least 0.7 of its bounding box and more than 0.8 of its pixels lie in
    that one's. Of several it belongs to the deepest in the tree, of equally deep ones to the smallest.

    Parameters
    ----------
    masks
        (H, W) bool, none of them empty.

    Returns
    -------
    tuple of int or None
        The index of each mask's parent, None for a root.
    """
    boxes = [_box(mask) for mask in masks]
    areas = [int(np.count_nonzero(mask)) for mask in masks]
    parents: list[int | None] = [None] * len(masks)
    depths = [0] * len(masks)
    by_area = sorted(range(len(masks)), key=lambda index: (-areas[index], index))
    for rank, child in enumerate(by_area):
        wholes = [i for i in by_area[:rank] if _is_part(masks[child], areas[child], boxes[child], masks[i], boxes[i])]
        if wholes:
            # Later in the order is smaller: of equally deep ones the last.
            parent = max(wholes, key=lambda index: (depths[index], by_area.index(index)))
            parents[child], depths[child] = parent, depths[parent] + 1
    return tuple(parents)


def neighbours(masks: Masks, centre: int) -> list[int]:
    """Return the indices of the objects that touch object ``centre``: they overlap it after it grows by one pixel."""
    grown = binary_dilation(masks[centre], _NEIGHBOURHOOD)
    return [i for i, mask in enumerate(masks) if i != centre and bool(np.any(grown & mask))]


def sample_hierarchy(masks: Masks, rng: np.random.Generator, *, centre: int | None = None) -> RelatedMasks:
    """Draw an object and everything that it is part of.

    The masks are the object, its parent and so on to the root. The click lies in the object but in none of its children
    where that leaves anything, else anywhere in it. The target is drawn from the masks.

    Parameters
    ----------
    masks
        (H, W) bool, at least one and none of them empty.
    centre
        Index of the object; None draws one.
    """
    parents = hierarchy(masks)
    centre = int(rng.integers(len(masks))) if centre is None else centre
    chain = [centre]
    while (parent := parents[chain[-1]]) is not None:
        chain.append(parent)
    own = masks[centre].copy()
    for child, parent in enumerate(parents):
        if parent == centre:
            own &= ~masks[child]
    click = sample_first_click(own if own.any() else masks[centre], rng)
    return RelatedMasks(click, tuple(masks[index] for index in chain), int(rng.integers(len(chain))))


def sample_proximity(
    masks: Masks, rng: np.random.Generator, *, most: int = 7, centre: int | None = None
) -> RelatedMasks:
    """Draw an object and its unions with its neighbours.

    The masks are the object alone and its union with every subset of the objects that touch it; of more than ``most``
    the object alone and a random choice of the others. The click lies in the object; the target is drawn from the
    masks.

    Parameters
    ----------
    masks
        (H, W) bool, at least one and none of them empty.
    most
        Masks to return at most, at least 1: as many as the network has queries.
    centre
        Index of the object; None draws one.
    """
    centre = int(rng.integers(len(masks))) if centre is None else centre
    near = neighbours(masks, centre)
    subsets = _subsets(near, most, rng)
    related = tuple(np.logical_or.reduce([masks[centre], *(masks[index] for index in subset)]) for subset in subsets)
    return RelatedMasks(sample_first_click(masks[centre], rng), related, int(rng.integers(len(related))))


def sample_first_click(where: NDArray[np.bool_], rng: np.random.Generator) -> Click:
    """Draw a positive click from a region's inner half.

    Uniformly from the pixels whose distance to the region's border is more than half of the largest, which is about
    where the evaluation's first click lies.

    Parameters
    ----------
    where
        (H, W) bool, not empty. The image's border counts as the region's.
    """
    depth = distance_transform_edt(np.pad(where, 1))[1:-1, 1:-1]
    rows, columns = np.nonzero(depth > depth.max() / 2)
    chosen = int(rng.integers(len(rows)))
    return Click(int(rows[chosen]), int(columns[chosen]))


def _subsets(near: list[int], most: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Return the empty subset and up to ``most - 1`` others."""
    # An object with 20 neighbours has a million subsets; as numbers they need not be listed to be drawn from.
    count = 2 ** len(near)
    if count <= most:
        return [s for size in range(len(near) + 1) for s in itertools.combinations(near, size)]
    drawn: set[int] = set()
    while len(drawn) < most - 1:
        bits = rng.random(len(near)) < 0.5
        drawn.add(sum(1 << place for place, bit in enumerate(bits) if bit))
        drawn.discard(0)
    chosen = [tuple(index for place, index in enumerate(near) if number >> place & 1) for number in sorted(drawn)]
    return [(), *chosen]


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _is_part(
    mask: NDArray[np.bool_],
    area: int,
    box: tuple[int, int, int, int],
    whole: NDArray[np.bool_],
    whole_box: tuple[int, int, int, int],
) -> bool:
    rows = min(box[1], whole_box[1]) - max(box[0], whole_box[0])
    columns = min(box[3], whole_box[3]) - max(box[2], whole_box[2])
    if rows <= 0 or columns <= 0:
        return False
    if rows * columns / ((box[1] - box[0]) * (box[3] - box[2])) < _BOX_SHARE:
        return False
    return int(np.count_nonzero(mask & whole)) / area > _PIXEL_SHARE
