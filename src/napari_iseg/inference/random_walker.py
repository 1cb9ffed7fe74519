"""The random walker (Grady, IEEE TPAMI 2006) as scikit-image computes it: the method that needs no network.

Every prompt becomes seeds on a reduced copy of the image; each pixel's probability is that of a walker, slowed down by
edges, to reach a positive seed before a negative one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage.segmentation import random_walker

from napari_iseg.inference.seeded_predictor import SeededPredictor
from napari_iseg.inference.seeds import ReducedImage
from napari_iseg.zoo import RandomWalkerOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["RandomWalkerPredictor", "walk"]


class RandomWalkerPredictor(SeededPredictor[RandomWalkerOptions]):
    """The random walker as a predictor.

    Parameters
    ----------
    options
        The options.
    """

    def __init__(self, *, options: RandomWalkerOptions | None = None) -> None:
        super().__init__(options or RandomWalkerOptions())

    def encode(self, image: NDArray[np.uint8]) -> ReducedImage:
        """Reduce an image, (H, W, 3) uint8, so that its longer side has at most ``options.max_side`` pixels."""
        reduced = super().encode(image)
        if not reduced.data.std():
            # The walker divides by the standard deviation; to it, so faint a ramp is as good as no contrast.
            ramp = np.linspace(0, 1e-6, reduced.data.size).reshape(reduced.data.shape)
            return ReducedImage(reduced.shape, ramp)
        return reduced

    def _decide(
        self, image: ReducedImage, seeds: NDArray[np.int32], cancelled: Callable[[], bool]
    ) -> NDArray[np.float32]:
        return walk(image.data, seeds, self._options.beta)


def walk(data: NDArray[np.float64], seeds: NDArray[np.int32], beta: float) -> NDArray[np.float32]:
    """Return how likely a walker reaches a seed of the object before one of the background.

    Parameters
    ----------
    data
        (h, w, C) float64, not of one colour.
    seeds
        (h, w) int32: ``FREE``, ``INSIDE`` or ``OUTSIDE``, at least one of the latter two each; ``NOWHERE`` where nobody
        walks.
    beta
        How strongly an edge stops the walker.

    Returns
    -------
    numpy.ndarray
        (h, w) float32 in [0, 1]; 0 where nobody walks.
    """
    # "bf" is exact and always takes the same time; conjugate gradients stop early, or take a minute, on weak links.
    # prob_tol only decides about a warning: rounding beyond [0, 1] is clipped here.
    probability = random_walker(
        data, seeds, beta=beta, mode="bf", return_full_prob=True, prob_tol=np.inf, channel_axis=-1
    )
    answer: NDArray[np.float32] = np.clip(probability[0], 0, 1).astype(np.float32)
    return answer
