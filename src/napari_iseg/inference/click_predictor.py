"""The predictor of SimpleClick and CFR-ICL: zoom-in, flip averaging and cascade-forward refinement.

Liu et al., SimpleClick, ICCV 2023; Sun et al., CFR-ICL, AAAI 2024, section 3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from napari_iseg.errors import OptionError, PromptError
from napari_iseg.inference.prediction import Prediction, Window
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.inference.zoom import choose_window
from napari_iseg.interactions import Click, MaskPrompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_iseg.interactions import Prompt
    from napari_iseg.models.simpleclick import SimpleClick
    from napari_iseg.zoo import ClickOptions

__all__ = ["ClickPredictor"]

# A-CFR-N stops when a pass changes at most this many pixels, counted at this probability (paper: "20 pixels").
_SETTLED_PIXELS = 20
_SETTLED_LEVEL = 0.49


class ClickPredictor:
    """Clicks and a previous mask to a mask, by a network that takes them.

    Parameters
    ----------
    network
        On the device where it shall run.
    options
        See :class:`napari_iseg.zoo.ClickOptions`.

    Raises
    ------
    OptionError
        If ``target_size`` does not fit the network.
    """

    def __init__(self, network: SimpleClick, *, options: ClickOptions) -> None:
        self.network = network.eval()
        self._options = options
        self.size = _network_size(network, options.target_size)

    @property
    def options(self) -> ClickOptions:
        """The options it works with."""
        return self._options

    def encode(self, image: np.ndarray) -> Tensor:
        """Return (1, 3, H, W) RGB in [0, 1] on the network's device, from (H, W, 3) uint8."""
        device = next(self.network.parameters()).device
        return torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1)[None].float() / 255

    def predict(
        self,
        encoding: Tensor,
        prompts: Sequence[Prompt],
        previous: Prediction | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Prediction:
        """Answer; see :meth:`napari_iseg.inference.predictor.Predictor.predict`.

        A mask as the newest prompt is the answer itself; later clicks refine it.

        Raises
        ------
        PromptError
            If a prompt is neither a click nor a mask.
        CancelledError
            If ``cancelled()`` became True.
        """
        strange = next((prompt for prompt in prompts if not isinstance(prompt, (Click, MaskPrompt))), None)
        if strange is not None:
            raise PromptError(
                f"This method understands clicks and masks, not a {type(strange).__name__.lower()}; click instead."
            )
        if isinstance(prompts[-1], MaskPrompt):
            return Prediction.from_mask(prompts[-1].mask)
        clicks = [prompt for prompt in prompts if isinstance(prompt, Click)]
        refined = self._options.cascade_steps > 0 and len(clicks) <= self._options.cascade_clicks
        passes = self._options.cascade_steps + 1 if refined else 1
        return self._cascade(encoding, clicks, previous, passes, cancelled)

    def _cascade(
        self,
        encoding: Tensor,
        clicks: list[Click],
        previous: Prediction | None,
        passes: int,
        cancelled: Callable[[], bool],
    ) -> Prediction:
        """Answer ``passes`` times over, each time from the answer before (CFR-N with N + 1 passes)."""
        shape = (encoding.shape[-2], encoding.shape[-1])
        stored = previous.zoom if previous else None
        probability = previous.render() if previous else np.zeros(shape, np.float32)
        for number in range(1, passes + 1):
            if cancelled():
                raise CancelledError
            window = (
                choose_window(probability, clicks, stored, self._options)
                if self._options.zoom_in
                else Window.whole(shape)
            )
            patch = self._forward(encoding, probability, clicks, window)
            answer = Prediction(shape=shape, window=window, patch=patch, zoom=window, forwards=number)
            if number == passes:
                return answer
            before, probability, stored = probability, answer.render(), window
            changed = np.count_nonzero((probability > _SETTLED_LEVEL) != (before > _SETTLED_LEVEL))
            if self._options.cascade_adaptive and number > 1 and changed <= _SETTLED_PIXELS:
                return answer
        raise ValueError("at least one pass is needed")

    @torch.inference_mode()
    def _forward(self, encoding: Tensor, probability: np.ndarray, clicks: list[Click], window: Window) -> np.ndarray:
        """One complete pass: crop, resize, mirror, network, average. Returns probabilities of the network's size."""
        rows, columns = window.slices
        mask = torch.from_numpy(np.ascontiguousarray(probability[rows, columns])).to(encoding.device)[None, None]
        image = torch.cat([encoding[..., rows, columns], mask], dim=1)
        image = functional.interpolate(image, size=self.size, mode="bilinear", align_corners=True)
        points = _points(clicks, window, self.size).to(encoding.device)
        if self._options.flip:
            mirrored = points.clone()
            used = points[..., 2] >= 0
            mirrored[..., 1] = torch.where(used, self.size[1] - points[..., 1] - 1, points[..., 1])
            image, points = torch.cat([image, image.flip(-1)]), torch.cat([points, mirrored])
        logits = self.network(image, points)
        if self._options.flip:
            logits = 0.5 * (logits[:1] + logits[1:].flip(-1))
        return np.asarray(torch.sigmoid(logits)[0, 0].cpu())


def _points(clicks: Sequence[Click], window: Window, size: tuple[int, int]) -> Tensor:
    """Return (1, 2n, 3): the positive clicks, then the negative, padded with -1, in pixels of the network's input."""
    height, width = window.shape

    def rows_of(positive: bool) -> list[tuple[float, float, float]]:
        return [
            (
                size[0] * (click.row - window.row_start) / height,
                size[1] * (click.column - window.column_start) / width,
                float(order),
            )
            for order, click in enumerate(clicks)
            if click.positive is positive
        ]

    halves = [rows_of(True), rows_of(False)]
    count = max(len(halves[0]), len(halves[1]), 1)
    padded = [row for half in halves for row in half + [(-1.0, -1.0, -1.0)] * (count - len(half))]
    return torch.tensor([padded], dtype=torch.float32)


def _network_size(network: SimpleClick, wanted: int | tuple[int, int]) -> tuple[int, int]:
    """Return the (rows, columns) that the network will see."""
    size = network.config.image_size if wanted == 0 else wanted if isinstance(wanted, tuple) else (wanted, wanted)
    if not network.config.accepts(size):
        patch = network.config.patch_size
        raise OptionError(
            f"Option 'target_size' does not fit these weights: {size[0]} x {size[1]} pixels do not divide into whole "
            f"windows of patches of {patch[0]} x {patch[1]}; try {network.config.image_size[0]}."
        )
    return size
