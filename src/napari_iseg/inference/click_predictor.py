"""The predictor of the click networks that zoom in: RITM, SimpleClick, CFR-ICL, AdaptiveClick.

Sofiiuk et al., Reviving Iterative Training with Mask Guidance, ICIP 2022; Liu et al., SimpleClick, ICCV 2023; Sun et
al., CFR-ICL, AAAI 2024, section 3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from napari_iseg.errors import OptionError
from napari_iseg.inference.cascade import cascade
from napari_iseg.inference.prediction import Prediction, Window
from napari_iseg.inference.predictor import never
from napari_iseg.inference.translation import as_clicks
from napari_iseg.inference.zoom import box_window, choose_window, scaled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor, nn

    from napari_iseg.interactions import Box, Click, Prompt
    from napari_iseg.zoo import ClickOptions

__all__ = ["ClickNetwork", "ClickPredictor", "points_tensor"]

# What counts as object when it is asked whether there is one yet.
_OBJECT = 0.5


class ClickNetwork(Protocol):
    """What the predictor needs of a network."""

    config: Any
    """With ``accepts((rows, columns))``, and ``image_size`` (rows, columns) where the network has a size of its own."""

    def __call__(self, image: Tensor, points: Tensor) -> Tensor:
        """Return (B, 1, H, W) logits of a (B, 4, H, W) image with previous mask and (B, 2n, 3) points."""

    def eval(self) -> nn.Module:
        """Switch to evaluation mode."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Iterate over the parameters."""


class ClickPredictor:
    """Clicks and a previous mask to a mask, by a network that takes them.

    Boxes and scribbles are translated into clicks; a box is also the first crop; a mask is itself the answer, which
    the next click refines.

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

    def __init__(self, network: ClickNetwork, *, options: ClickOptions) -> None:
        network.eval()
        self.network = network
        self._options = options
        self._check_size()

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

        Raises
        ------
        CancelledError
            If ``cancelled()`` became True.
        """
        view = as_clicks(prompts, (encoding.shape[-2], encoding.shape[-1]))
        if view.mask is not None:
            return Prediction.from_mask(view.mask.mask)
        boxes = iter((view.box,))

        def once(before: Prediction | None) -> Prediction:
            return self._once(encoding, view.clicks, before, next(boxes, None))

        return cascade(once, previous, len(prompts), self._options, cancelled)

    def _once(
        self, encoding: Tensor, clicks: Sequence[Click], previous: Prediction | None, box: Box | None
    ) -> Prediction:
        """Answer with one complete pass; a box says where to look."""
        shape = (encoding.shape[-2], encoding.shape[-1])
        probability = previous.render() if previous else np.zeros(shape, np.float32)
        window, size, zoom = self._look(probability, clicks, previous.zoom if previous else None, box)
        image, points = self._question(encoding, probability, clicks, window, size)
        return self._answer(image, points, shape=shape, window=window, zoom=zoom, forwards=1)

    @torch.inference_mode()
    def _answer(self, image: Tensor, points: Tensor, **facts: Any) -> Prediction:
        """Ask the network; ``facts`` are the prediction's other fields."""
        logits = self.unflip(self.network(image, points))
        return Prediction.single(values=np.asarray(torch.sigmoid(logits)[0, 0].cpu()), **facts)

    def unflip(self, logits: Tensor) -> Tensor:
        """Return (1, C, h, w): the average of the logits of the image and, unmirrored, of its mirror image."""
        return 0.5 * (logits[:1] + logits[1:].flip(-1)) if self._options.flip else logits

    def _look(
        self, probability: np.ndarray, clicks: Sequence[Click], stored: Window | None, box: Box | None
    ) -> tuple[Window, tuple[int, int], Window | None]:
        """Return where to look, how large the network sees it, and the zoom that the next click starts from."""
        options = self._options
        shape = (probability.shape[0], probability.shape[1])
        if box is not None and options.zoom_in:
            window = box_window(box, shape, options.expansion_ratio, options.min_crop)
            return window, self._size(window.shape), window
        unzoomed = len(clicks) <= options.skip_clicks or not options.zoom_in
        if options.skip_clicks >= 0 and (unzoomed or not (probability > _OBJECT).any()):
            # RITM's own code keeps a stale zoom region here, which its next paste would use; it is let go instead.
            return Window.whole(shape), scaled(shape, options.max_side or max(shape), enlarge=False), None
        window = choose_window(probability, clicks, stored, options) if options.zoom_in else Window.whole(shape)
        return window, self._size(window.shape), window

    def _question(
        self,
        encoding: Tensor,
        probability: np.ndarray,
        clicks: Sequence[Click],
        window: Window,
        size: tuple[int, int],
    ) -> tuple[Tensor, Tensor]:
        """Return the network's input: (B, 4, h, w) crop with previous mask, and (B, 2n, 3) points; B = 2 to flip."""
        rows, columns = window.slices
        mask = torch.from_numpy(np.ascontiguousarray(probability[rows, columns])).to(encoding.device)[None, None]
        image = torch.cat([encoding[..., rows, columns], mask], dim=1)
        if size != window.shape:
            image = functional.interpolate(image, size=size, mode="bilinear", align_corners=True)
        points = points_tensor(clicks, window, size).to(encoding.device)
        if self._options.flip:
            mirrored = points.clone()
            used = points[..., 2] >= 0
            mirrored[..., 1] = torch.where(used, size[1] - points[..., 1] - 1, points[..., 1])
            image, points = torch.cat([image, image.flip(-1)]), torch.cat([points, mirrored])
        return image, points

    def _size(self, crop: tuple[int, int]) -> tuple[int, int]:
        """Return the (rows, columns) at which the network sees a crop."""
        wanted = self._options.target_size or self.network.config.image_size
        if self._options.keep_aspect:
            size = scaled(crop, wanted if isinstance(wanted, int) else max(wanted))
        else:
            size = wanted if isinstance(wanted, tuple) else (wanted, wanted)
        return scaled(size, self._options.max_side, enlarge=False) if self._options.max_side else size

    def _check_size(self) -> None:
        config, wanted = self.network.config, self._options.target_size
        size = self._size((1, 1))
        if not config.accepts(size):
            raise OptionError(
                f"Option 'target_size' does not fit these weights: {size[0]} x {size[1]} pixels ({wanted} was given) "
                f"do not divide into the network's cells; try {config.image_size[0]}."
            )


def points_tensor(clicks: Sequence[Click], window: Window, size: tuple[int, int]) -> Tensor:
    """Return clicks as networks take them.

    Parameters
    ----------
    clicks
        On the image plane.
    window
        The crop that the network sees.
    size
        (rows, columns) to which the crop was resized.

    Returns
    -------
    Tensor
        (1, 2n, 3) float32: the positive clicks, then the negative, each (row, column, order) in pixels of ``size``,
        padded with -1. Coordinates are not rounded, and clicks outside the crop are kept.
    """
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
