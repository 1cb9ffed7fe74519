"""The random walker (Grady, IEEE TPAMI 2006) as scikit-image computes it: the method that needs no network.

Every prompt becomes seeds on a reduced copy of the image; each pixel's probability is that of a walker, slowed down by
edges, to reach a positive seed before a negative one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage.segmentation import random_walker

from napari_iseg.inference.prediction import Prediction, Window
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.inference.seeds import FREE, INSIDE, ReducedImage, draw_seeds, reduce_image
from napari_iseg.interactions import MaskPrompt
from napari_iseg.zoo import RandomWalkerOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt

__all__ = ["RandomWalkerPredictor"]


class RandomWalkerPredictor:
    """The random walker as a predictor.

    Prompts become seeds as :mod:`napari_iseg.inference.seeds` says; a mask as the newest prompt is itself the answer.

    Parameters
    ----------
    options
        The options.
    """

    def __init__(self, *, options: RandomWalkerOptions | None = None) -> None:
        self._options = options or RandomWalkerOptions()

    @property
    def options(self) -> RandomWalkerOptions:
        """The options it works with."""
        return self._options

    def encode(self, image: NDArray[np.uint8]) -> ReducedImage:
        """Reduce an image, (H, W, 3) uint8, so that its longer side has at most ``options.max_side`` pixels."""
        reduced = reduce_image(image, self._options.max_side)
        if not reduced.data.std():
            # The walker divides by the standard deviation; to it, so faint a ramp is as good as no contrast.
            ramp = np.linspace(0, 1e-6, reduced.data.size).reshape(reduced.data.shape)
            return ReducedImage(reduced.shape, ramp)
        return reduced

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
        patch = _walk(encoding.data, seeds, self._options.beta)
        return Prediction.single(encoding.shape, Window.whole(encoding.shape), patch, forwards=1)


def _walk(data: NDArray[np.float64], seeds: NDArray[np.int32], beta: float) -> NDArray[np.float32]:
    """Return the probability of the inside, (h, w) float32 in [0, 1]."""
    free, inside = seeds == FREE, seeds == INSIDE
    if not free.any() or not inside.any():
        # With one kind of seed, or with no pixel left to decide, there is nothing to walk.
        only: NDArray[np.float32] = inside.astype(np.float32)
        return only
    # "bf" is exact and always takes the same time; conjugate gradients stop early, or take a minute, on weak links.
    # prob_tol only decides about a warning: rounding beyond [0, 1] is clipped here.
    probability = random_walker(
        data, seeds, beta=beta, mode="bf", return_full_prob=True, prob_tol=np.inf, channel_axis=-1
    )
    answer: NDArray[np.float32] = np.clip(probability[0], 0, 1).astype(np.float32)
    return answer
