"""What it costs to cut an image between two neighbouring pixels: little where it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.inference.seeds import neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["contrast_links"]


def contrast_links(data: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return what it costs to cut between neighbours, by GrabCut's equation 11 without its factor.

    Parameters
    ----------
    data
        (h, w, C) float64.

    Returns
    -------
    list of numpy.ndarray
        One array for each direction of :func:`~napari_iseg.inference.seeds.neighbours`, each of the shape of its
        slices: exp(-c^2 / (2 <c^2>)) / d, with c the change of colour, <c^2> its mean square over the image and d
        the distance.
    """
    pairs = [(((data[h] - data[t]) ** 2).sum(axis=-1), d) for h, t, d in neighbours((data.shape[0], data.shape[1]))]
    total, number = sum(change.sum() for change, _ in pairs), sum(change.size for change, _ in pairs)
    # In an image of one colour any scale will do: every change is 0.
    scale = 2 * total / number or 1.0
    return [np.exp(-change / scale) / distance for change, distance in pairs]
