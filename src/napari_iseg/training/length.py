"""How long a run is: in wall seconds, in steps or in samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_iseg.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNITS", "RunLength"]

UNITS = ("seconds", "steps", "samples")
"""What a run can be measured in. Runs in steps or samples give the same weights whenever they are interrupted."""


@dataclass(frozen=True, slots=True)
class RunLength:
    """The length of a run.

    Parameters
    ----------
    amount
        How many.
    unit
        Of what: one of :data:`UNITS`.

    Raises
    ------
    OptionError
        If the amount is not above 0.
    """

    amount: float
    unit: str

    def __post_init__(self) -> None:
        if not self.amount > 0:
            raise OptionError(f"A run takes more than 0 {self.unit}; {self.amount:g} was given.")

    @classmethod
    def of(cls, given: Mapping[str, float | None]) -> RunLength | None:
        """Return the one length among ``{"seconds": ..., "steps": ..., "samples": ...}``, None where all are None.

        Raises
        ------
        OptionError
            If there are two.
        """
        lengths = [cls(amount, unit) for unit, amount in given.items() if amount is not None]
        if len(lengths) > 1:
            named = " and ".join(f"{length.amount:g} {length.unit}" for length in lengths)
            raise OptionError(f"A run has one length; {named} were given. Leave all but one out.")
        return lengths[0] if lengths else None

    def fraction(self, *, seconds: float, steps: int, samples: int) -> float:
        """Return how much of the run has passed, in [0, 1], after so many wall seconds, steps and samples."""
        done = {"seconds": seconds, "steps": steps, "samples": samples}[self.unit]
        return min(done / self.amount, 1.0)
