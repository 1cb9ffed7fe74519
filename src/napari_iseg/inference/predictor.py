"""What every predictor can do. A predictor keeps no memory: the same question always has the same answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from napari_iseg.inference.prediction import Prediction
    from napari_iseg.interactions import Prompt
    from napari_iseg.zoo import Options

__all__ = ["CancelledError", "Predictor", "never"]


class CancelledError(Exception):
    """The work was given up because somebody asked for it; not an error that a user sees."""


def never() -> bool:
    """Return False: the ``cancelled`` callback of work that nobody can cancel."""
    return False


class Predictor(Protocol):
    """The maths of one method."""

    @property
    def options(self) -> Options:
        """The options it works with."""

    def encode(self, image: np.ndarray) -> Any:
        """Do once per image what does not depend on the prompts.

        Parameters
        ----------
        image
            (H, W, 3) uint8 RGB.

        Returns
        -------
        Any
            Whatever :meth:`predict` of the same predictor needs.
        """

    def predict(
        self,
        encoding: Any,
        prompts: Sequence[Prompt],
        previous: Prediction | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Prediction:
        """Answer one state of the prompts.

        Parameters
        ----------
        encoding
            What :meth:`encode` returned.
        prompts
            Every prompt so far, oldest first; at least one.
        previous
            The answer before the newest prompt, None for the first.
        cancelled
            Asked between passes; when it returns True the work ends with CancelledError.
        """
