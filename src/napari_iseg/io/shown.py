"""What a file says about how its image is to be shown: names, colours, limits, and what the user should be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Channel", "Shown", "along_axes", "shear_in_degrees"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel of an image.

    Parameters
    ----------
    name
        Its name, or None where the file has none.
    colour
        (red, green, blue) from 0 to 1 of its brightest value, or None where the file has none.
    limits
        The values that are shown black and in full colour, or None where the file has none.
    visible
        Whether it is shown at first.
    """

    name: str | None = None
    colour: tuple[float, float, float] | None = None
    limits: tuple[float, float] | None = None
    visible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """How an image is to be shown, as far as its file says so.

    Parameters
    ----------
    name
        Of the layer; None takes the file's.
    axes
        One letter for every axis but the colours: ``t``, ``c``, ``z``, ``y``, ``x``; empty where nothing is known.
    units
        The unit of every such axis, ``"pixel"`` where it has none; empty takes the spacing's unit for all.
    origin
        Where pixel 0 lies along every such axis, in units of the spacing; empty takes the affine, else 0.
    channels
        One for every position along the axis ``c``, which becomes a layer each; empty shows it as a slider.
    limits
        The contrast limits of the whole, or None.
    inverted
        Whether low values are bright.
    labels
        Whether the values are labels.
    levels
        The same image in falling resolution, the first one being the image itself; empty where there is only that.
    parts
        Further images of the same file or folder that are shown with it, such as its labels.
    facts
        What the file says of its origin, as plain values; for DICOM ``study_uid``, ``series_uid``, ``modality`` and
        ``description``.
    notes
        Sentences that the user should read: what is missing, or not as it looks.
    """

    name: str | None = None
    axes: str = ""
    units: tuple[str, ...] = ()
    origin: tuple[float, ...] = ()
    channels: tuple[Channel, ...] = ()
    limits: tuple[float, float] | None = None
    inverted: bool = False
    labels: bool = False
    levels: tuple[Any, ...] = field(default=(), repr=False)
    parts: tuple[Any, ...] = field(default=(), repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def along_axes(affine: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return where voxel 0 lies along the directions of the axes i, j and k.

    Parameters
    ----------
    affine
        4 x 4, voxel (i, j, k) to world.

    Returns
    -------
    tuple of float
        In units of the world; 0 along an axis without a length or a finite place.
    """
    directions = np.asarray(affine[:3, :3], dtype=float)
    lengths = np.linalg.norm(directions, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        places = (directions / lengths).T @ affine[:3, 3]
    i, j, k = (float(place) if np.isfinite(place) else 0.0 for place in places)
    return i, j, k


def shear_in_degrees(affine: NDArray[np.float64]) -> float:
    """Return by how many degrees the axes of an affine miss the right angle, at most; 0 where an axis has no length."""
    directions = np.asarray(affine[:3, :3], dtype=float)
    lengths = np.linalg.norm(directions, axis=0)
    if not np.isfinite(directions).all() or (lengths == 0).any():
        return 0.0
    unit = directions / lengths
    cosines = np.abs((unit.T @ unit)[np.triu_indices(3, 1)])
    return float(np.degrees(np.arcsin(np.clip(cosines.max(), 0, 1))))
