"""A small method that proposes masks and gives a matte, for tests of what is done with these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_iseg.inference.prediction import Patch, Prediction, Proposal, Window
from napari_iseg.inference.predictor import never
from napari_iseg.interactions import Box, Click
from napari_iseg.zoo import METHODS, MethodSpec, Options
from napari_iseg.zoo.options import option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_iseg.interactions import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelOptions(Options):
    """Options of the levels."""

    matte: bool = option(True, "Give an alpha matte")
    most: int = option(3, "The most proposals", minimum=0, maximum=3)


class LevelPredictor:
    """Proposes what hangs together with the first click above three grey levels; the matte is the blurred darkest."""

    def __init__(self, *, options: LevelOptions) -> None:
        self.options = options

    def encode(self, image: np.ndarray) -> np.ndarray:
        return image.mean(axis=-1)

    def predict(
        self,
        encoding: np.ndarray,
        prompts: Sequence[Prompt],
        previous: Prediction | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Prediction:
        shape, proposals = encoding.shape, []
        click = next(prompt for prompt in prompts if isinstance(prompt, Click))
        for number, level in enumerate((40, 90, 140)[: self.options.most]):
            parts, _ = ndimage.label(encoding > level)
            mask = parts == parts[round(click.row), round(click.column)]
            rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
            box = Window(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
            patch = Patch(box, mask[box.slices].astype(np.float32))
            proposals.append(Proposal(patch, 0.9 - 0.2 * number, box, ("whole", "", "part")[number]))
        soft = ndimage.gaussian_filter((encoding > 40).astype(np.float32), 2)
        matte = np.clip(soft, 0, 1)
        return Prediction.single(
            shape, Window.whole(shape), matte, proposals=tuple(proposals), matte=self.options.matte
        )


METHODS_WITH_LEVELS = {
    **METHODS,
    "levels": MethodSpec(
        name="levels",
        title="Grey levels above a click",
        paper="none",
        predictor="tests.proposing:LevelPredictor",
        options=LevelOptions(),
        prompts=(Click, Box),
        proposals=True,
        alpha=True,
    ),
}
"""The table with one method more."""
