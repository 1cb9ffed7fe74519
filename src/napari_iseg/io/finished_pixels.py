"""Which pixels belonged to finished objects when a new one was made: what a session file keeps, to make it anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.mask_runs import MaskRuns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["facts_of_finished", "finished_of_facts"]

_FACT = "spared"


def facts_of_finished(finished: NDArray[np.bool_] | None, slices: tuple[slice, slice] | None) -> dict[str, Any]:
    """Return what a session file keeps, JSON values by name; empty where no finished object had a say.

    Parameters
    ----------
    finished
        (H, W) bool, pixels of finished objects, or None.
    slices
        The rows and columns where they mattered, or None for nowhere.
    """
    if finished is None or slices is None or not finished[slices].any():
        return {}
    corner = [int(one.start) for one in slices]
    return {_FACT: {"corner": corner, **MaskRuns.of(finished[slices]).values()}}


def finished_of_facts(facts: Mapping[str, Any], shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Return the pixels that a session file tells of; None where it tells of none.

    Parameters
    ----------
    facts
        Of the object.
    shape
        (rows, columns) of its plane.

    Returns
    -------
    numpy.ndarray or None
        (H, W) bool.

    Raises
    ------
    ImageError
        If it tells of what cannot be on that plane.
    """
    said = facts.get(_FACT)
    if said is None:
        return None
    try:
        top, left = (int(place) for place in said["corner"])
        mask = MaskRuns.from_values(said).mask()
    except (TypeError, KeyError, ValueError, IndexError) as error:
        wrong = "A session says wrongly which pixels finished objects had; take an earlier copy of it."
        raise ImageError(wrong) from error
    rows, columns = mask.shape
    if not (0 <= top <= shape[0] - rows and 0 <= left <= shape[1] - columns):
        raise ImageError(f"A session tells of finished objects beyond a plane of {shape}; take an earlier copy of it.")
    finished = np.zeros(shape, bool)
    finished[top : top + rows, left : left + columns] = mask
    return finished
