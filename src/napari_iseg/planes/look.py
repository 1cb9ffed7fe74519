"""How a method looks at a plane: which colour channel, and which values become black and white."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.planes.rgb import to_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AS_IT_IS", "PlaneLook"]

_FACT = "look"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneLook:
    """What of a plane a method is shown.

    Parameters
    ----------
    channel
        Of a plane with colours the one that is shown in grey, 0 to 2 for red, green and blue; None shows the colours.
        Planes without colours take no notice.
    limits
        (low, high), the values that become black and white; None leaves them to :func:`napari_iseg.planes.to_rgb`.

    Raises
    ------
    ImageError
        If there is no such channel, or the limits are not two finite numbers in rising order.
    """

    channel: int | None = None
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.channel not in (None, 0, 1, 2):
            raise ImageError(f"A colour channel is 0 (red), 1 (green) or 2 (blue); {self.channel!r} was given.")
        if self.limits is not None and not (all(map(math.isfinite, self.limits)) and self.limits[0] < self.limits[1]):
            raise ImageError(
                f"The contrast limits must be two finite numbers, the lower one first; {self.limits} was given."
            )

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
        return to_rgb(values, self.limits)

    def facts(self) -> dict[str, Any]:
        """Return what a session file needs to know of it; empty where nothing was set."""
        if self == AS_IT_IS:
            return {}
        limits = list(self.limits) if self.limits is not None else None
        return {_FACT: {"channel": self.channel, "limits": limits}}

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
        limits = said.get("limits") if isinstance(said, Mapping) else said
        if limits is not None and not (
            isinstance(limits, Sequence) and len(limits) == 2 and all(isinstance(v, int | float) for v in limits)
        ):
            raise ImageError(f"How a plane is looked at has a channel and two limits; {said!r} was given.")
        return cls(
            channel=said.get("channel"), limits=(float(limits[0]), float(limits[1])) if limits is not None else None
        )


AS_IT_IS = PlaneLook()
"""All the colours, and the limits of :func:`napari_iseg.planes.to_rgb`."""
