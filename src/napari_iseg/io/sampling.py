"""Taking some of the objects of a data set, spread over its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["spread"]


def spread(counts: Sequence[int], limit: int | None) -> list[int]:
    """Return how many objects of each image to keep.

    Parameters
    ----------
    counts
        How many each image has.
    limit
        At most this many altogether, spread over the images: one of every image, then the second of every image and so
        on; where not all of a round are wanted, evenly spaced ones of it. None keeps all.
    """
    if limit is None:
        return list(counts)
    kept = [0] * len(counts)
    left = limit
    while left > 0 and (turn := [i for i, count in enumerate(counts) if count > kept[i]]):
        wanted = min(left, len(turn))
        for n in range(wanted):
            kept[turn[(2 * n + 1) * len(turn) // (2 * wanted)]] += 1
        left -= wanted
    return kept
