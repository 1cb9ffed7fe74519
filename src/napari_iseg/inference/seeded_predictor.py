"""What every method without a network has in common: prompts become seeds, and the seeds decide a reduced image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from napari_iseg.inference.prediction import Prediction, Window
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.inference.seeds import FREE, INSIDE, ReducedImage, draw_seeds, reduce_image
from napari_iseg.interactions import MaskPrompt
from napari_iseg.zoo.method_options import SeededOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt

__all__ = ["SeededPredictor"]

O = TypeVar("O", bound=SeededOptions)  # noqa: E741 - the options


class SeededPredictor(ABC, Generic[O]):
    """A predictor whose answer follows from seeds alone.

    Prompts become seeds as :mod:`napari_iseg.inference.seeds` says; a mask as the newest prompt is itself the answer.

    Parameters
    ----------
    options
        The options.
    """

    def __init__(self, options: O) -> None:
        self._options = options

    @property
    def options(self) -> O:
        """The options it works with."""
        return self._options

    def encode(self, image: NDArray[np.uint8]) -> ReducedImage:
        """Reduce an image, (H, W, 3) uint8, so that its longer side has at most ``options.max_side`` pixels."""
        return reduce_image(image, self._options.max_side)

    def predict(
        self,
        encoding: ReducedImage,
        prompts: Sequence[Prompt],
        previous: Prediction | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Prediction:
        """Answer one state of the prompts; ``previous`` makes no difference.

        Returns
        -------
        Prediction
            At the reduced size, over the whole image.

        Raises
        ------
        CancelledError
            If ``cancelled()`` became True.
        """
        if isinstance(prompts[-1], MaskPrompt):
            return Prediction.from_mask(prompts[-1].mask)
        seeds = draw_seeds(encoding, prompts, self._options.seed_radius)
        if cancelled():
            raise CancelledError
        inside = seeds == INSIDE
        # With no pixel left to decide, or nothing that is inside, the seeds are the answer.
        decided = not (seeds == FREE).any() or not inside.any()
        patch = inside.astype(np.float32) if decided else self._decide(encoding, seeds, cancelled)
        return Prediction.single(encoding.shape, Window.whole(encoding.shape), patch, forwards=1)

    @abstractmethod
    def _decide(
        self, image: ReducedImage, seeds: NDArray[np.int32], cancelled: Callable[[], bool]
    ) -> NDArray[np.float32]:
        """Return the probability of the inside, (h, w) float32 in [0, 1]; some seeds are inside, some free."""
