"""The ways in which a plane's values can become black and white for a method: a list to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_iseg.planes.look import PlaneLook
from napari_iseg.planes.percentiles import limits_of_volume

if TYPE_CHECKING:
    from napari_iseg.planes.address import PlaneAddress

__all__ = ["AUTOMATIC", "CONTRASTS", "LAYER", "SAVED", "Contrast", "find_contrast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One way.

    Parameters
    ----------
    key
        Its name in programs.
    title, tip
        A few words for a list, and what it is for.
    limits
        (low, high), the values that become black and white, where they are always the same.
    percentiles
        (low, high), between which values are stretched.
    without_zero
        Whether these leave out values of 0.
    of_volume
        Whether they are those of the whole volume rather than of each plane by itself.
    """

    key: str
    title: str
    tip: str
    limits: tuple[float, float] | None = None
    percentiles: tuple[float, float] | None = None
    without_zero: bool = False
    of_volume: bool = False

    def look(self, array: Any, plane: PlaneAddress, channel: int | None = None) -> PlaneLook:
        """Return how planes are looked at this way; of a volume some planes are read.

        Parameters
        ----------
        array
            n-D, as for :meth:`napari_iseg.planes.PlaneAddress.take`; only asked where percentiles are the volume's.
        plane
            A plane of it.
        channel
            As for :class:`napari_iseg.planes.PlaneLook`.
        """
        if self.of_volume and self.percentiles is not None:
            limits = limits_of_volume(array, plane, self.percentiles, without_zero=self.without_zero)
            return PlaneLook(channel=channel, limits=limits)
        return PlaneLook(
            channel=channel, limits=self.limits, percentiles=self.percentiles, without_zero=self.without_zero
        )


def _window(key: str, tissue: str, level: int, width: int) -> Contrast:
    low, high = level - width / 2, level + width / 2
    return Contrast(
        key=key,
        title=f"CT {tissue} ({level}/{width})",
        tip=f"CT in Hounsfield units: level {level}, width {width}, that is {low:g} to {high:g} HU.",
        limits=(low, high),
    )


LAYER = Contrast(
    key="layer",
    title="Layer's contrast",
    tip="What you see: between the layer's contrast limits, also when you change them.",
)
AUTOMATIC = Contrast(
    key="automatic",
    title="Automatic contrast",
    tip="8-bit images as they are, others from each plane's 0.1 to its 99.9 percentile.",
)
SAVED = Contrast(
    key="saved",
    title="As it was saved",
    tip="The contrast with which the restored object was made.",
)
CONTRASTS: tuple[Contrast, ...] = (
    LAYER,
    AUTOMATIC,
    Contrast(
        key="plane",
        title="Stretch each plane",
        tip="Each plane by itself from its 1st to its 99th percentile: for stacks that fade with depth.",
        percentiles=(1.0, 99.0),
    ),
    Contrast(
        key="volume",
        title="Stretch the volume",
        tip="All planes alike, from the 1st to the 99th percentile of the volume (estimated from a few planes): "
        "for objects that are followed through slices.",
        percentiles=(1.0, 99.0),
        of_volume=True,
    ),
    Contrast(
        key="mri",
        title="MRI",
        tip="All slices alike, from the 0.5 to the 99.5 percentile of what is not 0: MRI has no units, and air and "
        "stripped background are left out.",
        percentiles=(0.5, 99.5),
        without_zero=True,
        of_volume=True,
    ),
    Contrast(
        key="em",
        title="EM",
        tip="Each section by itself, from the 0.5 to the 99.5 percentile of what is not 0: sections are stained and "
        "exposed differently, and the black rim of aligned ones is left out.",
        percentiles=(0.5, 99.5),
        without_zero=True,
    ),
    _window("ct-soft", "soft tissue", 40, 400),
    _window("ct-bone", "bone", 400, 1800),
    _window("ct-lung", "lung", -600, 1500),
    Contrast(
        key="full",
        title="Full range",
        tip="From the lowest to the highest value of each plane: nothing is cut off.",
        percentiles=(0.0, 100.0),
    ),
)
"""In the order of the list."""


def find_contrast(key: str) -> Contrast:
    """Return a way by its name; the first of the list where there is none of that name."""
    return next((contrast for contrast in (*CONTRASTS, SAVED) if contrast.key == key), LAYER)
