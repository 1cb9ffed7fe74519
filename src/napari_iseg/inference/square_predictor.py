"""Any method on a plane whose pixels are not square: it is asked on square ones, its answers come back.

Prompts, answers, and with them history and session files, stay on the plane's own grid.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.inference.predictor import never

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.inference.prediction import Patch, Prediction, Proposal
    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.interactions import Prompt
    from napari_iseg.planes import SquarePixels
    from napari_iseg.zoo import Options

__all__ = ["SquarePredictor", "on_square_pixels"]


def on_square_pixels(predictor: Predictor, square: SquarePixels | None) -> Predictor:
    """Return a predictor for planes of one grid; the very same one where ``square`` is None."""
    return predictor if square is None else SquarePredictor(predictor, square)


@dataclass(frozen=True, slots=True, eq=False)
class _Inner:
    """What the method itself answered, on square pixels, and which patches on the plane's grid came of it."""

    answer: Prediction = field(repr=False)
    patches: tuple[Patch, ...] = field(repr=False)


class SquarePredictor:
    """Asks another predictor on square pixels.

    Two of the same predictor and the same grids are equal: what one has encoded serves the other.

    Parameters
    ----------
    inner
        The method.
    square
        The two grids.
    """

    def __init__(self, inner: Predictor, square: SquarePixels) -> None:
        self.inner, self.square = inner, square

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SquarePredictor) and other.inner is self.inner and other.square == self.square

    def __hash__(self) -> int:
        return hash((id(self.inner), self.square))

    @property
    def options(self) -> Options:
        """Those of the method."""
        return self.inner.options

    def encode(self, image: NDArray[np.uint8]) -> Any:
        """Encode (H, W, 3) uint8 RGB of the plane, resampled."""
        return self.inner.encode(self.square.image(image))

    def predict(
        self,
        encoding: Any,
        prompts: Sequence[Prompt],
        previous: Prediction | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Prediction:
        """Answer prompts given on the plane's grid, as :meth:`napari_iseg.inference.predictor.Predictor.predict`."""
        shown = [self.square.prompt(prompt) for prompt in prompts]
        before = None if previous is None else self._shown(previous)
        return self._back(self.inner.predict(encoding, shown, before, cancelled=cancelled))

    def _shown(self, previous: Prediction) -> Prediction:
        """Return an earlier answer as the method gave it, or as it would have, had it given what became of that."""
        from napari_iseg.inference.prediction import Prediction

        kept = previous.memory if isinstance(previous.memory, _Inner) else None
        if kept is not None and previous.patches is kept.patches:
            return kept.answer
        if kept is not None and previous.picked and previous.chosen is not None and kept.answer.proposals:
            return kept.answer.choose(previous.chosen)
        mask = Prediction.from_mask(self.square.mask(previous.render()))
        if kept is None:
            return mask
        return replace(kept.answer, patches=mask.patches, proposals=(), chosen=None, picked=False, matte=False)

    def _back(self, answer: Prediction) -> Prediction:
        """Return an answer of the method on the plane's grid."""
        patches = self._patches(answer.render())
        return replace(
            answer,
            shape=self.square.shape,
            patches=patches,
            zoom=None,
            proposals=tuple(self._proposal(proposal) for proposal in answer.proposals),
            memory=_Inner(answer, patches),
        )

    def _proposal(self, proposal: Proposal) -> Proposal:
        from napari_iseg.inference.prediction import Patch, Window
        from napari_iseg.inference.proposals import object_box

        probability = self.square.back(proposal.render(self.square.shown))
        patches = self._patches(probability)
        nothing = Patch(Window(0, 0, 0, 0), np.zeros((0, 0), np.float32))
        answer = None if proposal.answer is None else self._back(proposal.answer)
        return replace(proposal, patch=patches[0] if patches else nothing, box=object_box(probability), answer=answer)

    def _patches(self, probability: NDArray[np.float32]) -> tuple[Patch, ...]:
        from napari_iseg.inference.prediction import Prediction

        if probability.shape != self.square.shape:
            probability = self.square.back(probability)
        return Prediction.from_mask(probability).patches
