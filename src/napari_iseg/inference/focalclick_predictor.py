"""The predictor of FocalClick: target crop, focus crop, and progressive merge onto a given mask.

Chen et al., FocalClick: Towards Practical Interactive Image Segmentation, CVPR 2022, section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from napari_iseg.inference.cascade import cascade
from napari_iseg.inference.click_predictor import points_tensor
from napari_iseg.inference.focus import click_pixel, focus_window, merge_region
from napari_iseg.inference.prediction import Patch, Prediction, Region, Window
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.inference.translation import as_clicks
from napari_iseg.inference.zoom import box_window, object_window
from napari_iseg.interactions import MaskPrompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_iseg.interactions import Box, Click, Prompt
    from napari_iseg.models.focalclick import FocalClick
    from napari_iseg.zoo import FocalClickOptions

__all__ = ["FocalClickPredictor"]

# Both networks see squares of this side, whatever the crop's shape.
_SIDE = 256
# What counts as object for the crops, whatever the threshold of the mask.
_OBJECT = 0.49
# The released code compares the new answer's logits with the above; so much is that as a probability.
_OBJECT_AS_LOGIT = 1 / (1 + math.exp(-_OBJECT))


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """What the network said, before anything of it was merged into the mask that is shown.

    Parameters
    ----------
    patches
        The network's own answer; the next click is fed with it.
    merged
        The mask that was shown is another: one that this answer was merged into.
    """

    patches: tuple[Patch, ...] = field(repr=False)
    merged: bool = False


class FocalClickPredictor:
    """Clicks to a mask: coarsely in a crop about the object, then finely in a crop about what the click changes.

    Boxes and scribbles are translated into clicks; a box is also the first target crop. A mask is itself the answer,
    and the clicks that refine it change it only where they lie ("progressive merge").

    Parameters
    ----------
    network
        On the device where it shall run.
    options
        See :class:`napari_iseg.zoo.FocalClickOptions`.
    """

    def __init__(self, network: FocalClick, *, options: FocalClickOptions) -> None:
        self.network = network.eval()
        self._options = options

    @property
    def options(self) -> FocalClickOptions:
        """The options it works with."""
        return self._options

    def encode(self, image: np.ndarray) -> Tensor:
        """Return (1, 3, H, W) uint8 RGB on the network's device, from (H, W, 3) uint8; crops become floats."""
        device = next(self.network.parameters()).device
        return torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1)[None]

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
        shape = (encoding.shape[-2], encoding.shape[-1])
        view = as_clicks(prompts, shape)
        if view.mask is not None:
            return Prediction.from_mask(view.mask.mask)
        boxes = iter((view.box,))

        def once(before: Prediction | None) -> Prediction:
            return self._once(encoding, view.clicks, before, next(boxes, None), cancelled)

        answer = cascade(once, previous, len(prompts), self._options, cancelled)
        merging = self._options.progressive_merge != "off" and any(isinstance(p, MaskPrompt) for p in prompts)
        newest = as_clicks(prompts[-1:], shape).clicks
        return self._merged(answer, previous, newest) if merging and previous else answer

    def _once(
        self,
        encoding: Tensor,
        clicks: Sequence[Click],
        previous: Prediction | None,
        box: Box | None,
        cancelled: Callable[[], bool],
    ) -> Prediction:
        """Answer with one pass of both networks; a box says where to look. Nothing is merged yet."""
        shape = (encoding.shape[-2], encoding.shape[-1])
        before = _fed(previous)
        probability = before.render() if before else np.zeros(shape, np.float32)
        seen, target = self._target(previous, probability, clicks, box)
        logits, feature = self._segment(encoding, probability, clicks, seen)
        coarse = Patch(target, np.asarray(torch.sigmoid(logits)[0, 0].cpu()))
        if cancelled():
            raise CancelledError
        focus = self._focus(Prediction(shape, (coarse,)).render(), probability, clicks[-1], target)
        refined = Patch(focus, self._refine(encoding, clicks, feature, logits, target, focus), logits=True)
        late = before is not None and len(clicks) > self._options.focus_only_after
        layers = (*before.patches, refined) if late and before else (coarse, refined)
        layers = _visible(layers)
        return Prediction(shape, layers, zoom=target, forwards=1, memory=_Memory(layers))

    def _target(
        self,
        previous: Prediction | None,
        probability: NDArray[np.float32],
        clicks: Sequence[Click],
        box: Box | None,
    ) -> tuple[Window, Window]:
        """Return what the segmentor sees, and where its answer goes: both times the target crop, but for a quirk."""
        options, shape = self._options, (probability.shape[0], probability.shape[1])
        whole = Window.whole(shape)
        if box is not None:
            window = box_window(box, shape, options.expansion_ratio, options.min_crop)
            return window, window
        nothing = np.zeros(shape, bool)
        first = object_window(nothing, clicks, options.expansion_ratio, options.min_crop, first_crop=options.first_crop)
        if previous is None:
            return first, first
        # The first click sees the whole image also where it corrects a given mask.
        if not isinstance(previous.memory, _Memory):
            return whole, whole
        # What was merged is a mask, no probability.
        shown = previous.render() > options.threshold if previous.memory.merged else probability > _OBJECT
        if not shown.any():
            return first, (previous.zoom or first) if options.exact_empty else first
        window = object_window(shown, clicks, options.expansion_ratio, options.min_crop)
        return window, window

    def _focus(
        self, coarse: NDArray[np.float32], probability: NDArray[np.float32], click: Click, target: Window
    ) -> Window:
        """Return the focus crop."""
        level = _OBJECT_AS_LOGIT if self._options.exact_focus else _OBJECT
        return focus_window(coarse > level, probability > _OBJECT, click, target, self._options.focus_ratio)

    @torch.inference_mode()
    def _segment(
        self, encoding: Tensor, probability: NDArray[np.float32], clicks: Sequence[Click], window: Window
    ) -> tuple[Tensor, Tensor]:
        """Return the segmentor's logits, (1, 1, 256, 256), and its feature."""
        rows, columns = window.slices
        mask = torch.from_numpy(np.ascontiguousarray(probability[rows, columns])).to(encoding.device)[None, None]
        image = torch.cat([_seen(encoding, window), _squared(mask)], dim=1)
        points = points_tensor(clicks, window, (_SIDE, _SIDE)).to(encoding.device)
        return self.network.segment(image, points)

    @torch.inference_mode()
    def _refine(
        self, encoding: Tensor, clicks: Sequence[Click], feature: Tensor, logits: Tensor, target: Window, focus: Window
    ) -> NDArray[np.float32]:
        """Return the refined logits of the focus crop, (256, 256)."""
        rows, columns = focus.slices
        points = points_tensor(clicks, focus, (_SIDE, _SIDE)).to(encoding.device)
        sides = [
            (rows.start - target.row_start, target.shape[0]),
            (rows.stop - target.row_start, target.shape[0]),
            (columns.start - target.column_start, target.shape[1]),
            (columns.stop - target.column_start, target.shape[1]),
        ]
        box = torch.tensor([[min(max(place * _SIDE / side, 0.0), _SIDE) for place, side in sides]])
        refined, _, _ = self.network.refine(_seen(encoding, focus), points, feature, logits, box.to(encoding.device))
        return np.asarray(refined[0, 0].cpu())

    def _merged(self, answer: Prediction, previous: Prediction, clicks: Sequence[Click]) -> Prediction:
        """Return the previous answer with only the changes under the newest clicks taken over from ``answer``."""
        threshold = self._options.threshold
        shown, new = previous.render() > threshold, answer.render()
        patches = previous.patches
        for click in clicks:
            pixel = click_pixel(click, answer.shape)
            region = merge_region(new > threshold, shown, pixel, safe=self._options.progressive_merge == "safe")
            if not region.any():
                continue
            becomes = not shown[pixel]
            values = new[region]
            # In the released code's failure (see merge_region) the network did not say what the mask becomes.
            values[(values > threshold) != becomes] = becomes
            patches = (*patches, _scattered(region, values))
            shown[region] = becomes
        return replace(answer, patches=patches, memory=replace(answer.memory, merged=True))


def _fed(previous: Prediction | None) -> Prediction | None:
    """Return the answer that the network is fed with: the previous one as it was before merging."""
    if previous is None or not isinstance(previous.memory, _Memory):
        return previous
    return replace(previous, patches=previous.memory.patches)


def _seen(encoding: Tensor, window: Window) -> Tensor:
    """Return a crop of the image as a network sees it: (1, 3, 256, 256) RGB in [0, 1]."""
    rows, columns = window.slices
    return _squared(encoding[..., rows, columns].float()) / 255


def _squared(crop: Tensor) -> Tensor:
    """Return (1, C, 256, 256) of (1, C, h, w)."""
    return functional.interpolate(crop, size=(_SIDE, _SIDE), mode="bilinear", align_corners=True)


def _scattered(region: NDArray[np.bool_], values: NDArray[np.float32]) -> Patch:
    """Return a patch with ``values`` at the pixels of a region of the plane."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    window = Window(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    return Patch(window, values, region=Region.pack(region[window.slices]))


def _visible(patches: tuple[Patch, ...]) -> tuple[Patch, ...]:
    """Return the patches without those that a later one covers."""

    def covers(upper: Patch, lower: Patch) -> bool:
        return upper.region is None and upper.window.union(lower.window) == upper.window

    visible = [
        patch
        for number, patch in enumerate(patches)
        if not any(covers(later, patch) for later in patches[number + 1 :])
    ]
    return tuple(visible)
