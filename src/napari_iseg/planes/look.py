"""How a method looks at a plane: which colour channel, and which values become black and white."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.planes.percentiles import limits_between
from napari_iseg.planes.rgb import to_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AS_IT_IS", "PlaneLook"]

_FACT = "look"
_PAIRS = ("limits", "percentiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneLook:
    """What of a plane a method is shown.

    Parameters
    ----------
    channel
        Of a plane with colours the one that is shown in grey, 0 to 2 for red, green and blue; None shows the colours.
        Planes without colours take no notice.
    limits
        (low, high), the values that become black and white; None leaves them to ``percentiles``, or else to
        :func:`napari_iseg.planes.to_rgb`.
    percentiles
        (low, high), the percentiles of each plane's own values that become black and white; None sets none.
    without_zero
        Whether these leave out values of 0: the padding of registered sections, the air of a stripped brain.

    Raises
    ------
    ImageError
        If there is no such channel, the limits or percentiles are not two finite numbers in rising order, or there are
        both.
    """

    channel: int | None = None
    limits: tuple[float, float] | None = None
    percentiles: tuple[float, float] | None = None
    without_zero: bool = False

    def __post_init__(self) -> None:
        if self.channel not in (None, 0, 1, 2):
            raise ImageError(f"A colour channel is 0 (red), 1 (green) or 2 (blue); {self.channel!r} was given.")
        if self.limits is not None and not (all(map(math.isfinite, self.limits)) and self.limits[0] < self.limits[1]):
            raise ImageError(
                f"The contrast limits must be two finite numbers, the lower one first; {self.limits} was given."
            )
        if self.percentiles is not None and not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            raise ImageError(
                f"Percentiles are two numbers from 0 to 100, the lower one first; {self.percentiles} was given."
            )
        if self.limits is not None and self.percentiles is not None:
            raise ImageError("A plane is stretched between limits or between percentiles; choose one of them.")

    def rgb(self, plane: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Return what a method sees of a plane.

        Parameters
        ----------
        plane
            (H, W), (H, W, 3) or (H, W, 4) of any type that :func:`napari_iseg.planes.to_rgb` takes.

        Returns
        -------
        numpy.ndarray
            (H, W, 3) uint8.

        Raises
        ------
        ImageError
            As ``to_rgb``.
        """
        values = np.asarray(plane)
        if values.ndim == 3 and self.channel is not None:
            values = values[..., self.channel]
        limits = self.limits
        if self.percentiles is not None and values.ndim == 2 and values.dtype.kind in "buif":
            limits = limits_between([values], self.percentiles, without_zero=self.without_zero)
        return to_rgb(values, limits)

    def facts(self) -> dict[str, Any]:
        """Return what a session file needs to know of it; empty where nothing was set."""
        if self == AS_IT_IS:
            return {}
        said: dict[str, Any] = {"channel": self.channel, "limits": None if self.limits is None else list(self.limits)}
        if self.percentiles is not None:
            said |= {"percentiles": list(self.percentiles), "without_zero": self.without_zero}
        return {_FACT: said}

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> PlaneLook:
        """Return what a session file says of an object, see :meth:`facts`; the plane as it is where it says nothing.

        Raises
        ------
        ImageError
            If it says what cannot be.
        """
        said = facts.get(_FACT)
        if said is None:
            return AS_IT_IS
        pairs = [said.get(name) if isinstance(said, Mapping) else said for name in _PAIRS]
        if not all(pair is None or _is_pair(pair) for pair in pairs):
            raise ImageError(
                f"How a plane is looked at has a channel and two limits or percentiles; {said!r} was given."
            )
        limits, percentiles = (None if pair is None else (float(pair[0]), float(pair[1])) for pair in pairs)
        return cls(
            channel=said.get("channel"),
            limits=limits,
            percentiles=percentiles,
            without_zero=said.get("without_zero") is True,
        )


def _is_pair(said: Any) -> bool:
    return isinstance(said, Sequence) and len(said) == 2 and all(isinstance(value, int | float) for value in said)


AS_IT_IS = PlaneLook()
"""All the colours, and the limits of :func:`napari_iseg.planes.to_rgb`."""
