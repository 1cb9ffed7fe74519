"""The predictor of FocalClick-XL: context once per image, a crop per prompt, small patches where it is unsure.

Chen et al., FocalClick-XL: Towards Unified and High-quality Interactive Segmentation, sections 4.2 and 5.1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from napari_iseg.errors import OptionError
from napari_iseg.inference.bimap import Frame, as_probability, draw_bimap
from napari_iseg.inference.cascade import cascade
from napari_iseg.inference.context_cache import ImageWithContext
from napari_iseg.inference.prediction import Patch, Prediction, Region, Window
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.inference.trimap import HannAverage, Trimap, choose_patches, patch_side
from napari_iseg.inference.zoom import box_window, object_window
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt
    from napari_iseg.models.focalclick_xl import FocalClickXL
    from napari_iseg.zoo import FocalClickXLOptions

__all__ = ["FocalClickXLPredictor"]

_KINDS: dict[type, str] = {Click: "click", Scribble: "scribble", Box: "box", MaskPrompt: "mask"}


class FocalClickXLPredictor:
    """Clicks, scribbles, boxes and masks to an alpha matte.

    The newest prompt's kind says which Prompting Layer it goes through. Clicks and scribbles are marks: all there are
    so far are drawn, with the previous answer as the previous mask. A box or a mask says anew where the object is:
    it alone is drawn, and there is no previous mask.

    Parameters
    ----------
    network
        On the device where it shall run.
    options
        See :class:`napari_iseg.zoo.FocalClickXLOptions`.

    Raises
    ------
    OptionError
        If ``object_size`` is not a multiple of 32.
    """

    def __init__(self, network: FocalClickXL, *, options: FocalClickXLOptions) -> None:
        self.network = network.eval()
        self._options = options
        self._side = options.object_size or network.config.object_size
        if self._side % 32:
            raise OptionError(
                f"Option 'object_size' must be a multiple of 32 pixels; {self._side} was given. "
                f"Try {network.config.object_size}."
            )

    @property
    def options(self) -> FocalClickXLOptions:
        """The options it works with."""
        return self._options

    def encode(self, image: np.ndarray) -> ImageWithContext:
        """Return the (H, W, 3) uint8 image with its context, which is computed when the first prompt needs it."""
        return ImageWithContext(image, self.network.context_net)

    def predict(
        self,
        encoding: ImageWithContext,
        prompts: Sequence[Prompt],
        previous: Prediction | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Prediction:
        """Answer; see :meth:`napari_iseg.inference.predictor.Predictor.predict`.

        Returns
        -------
        Prediction
            Two layers: the primitive mask over the crop, and over that, at uncertain pixels only, alpha.

        Raises
        ------
        CancelledError
            If ``cancelled()`` became True.
        """
        newest = prompts[-1]
        if isinstance(newest, (Box, MaskPrompt)):
            if cancelled():
                raise CancelledError
            answer = self._once(encoding, [newest], None)
        else:
            drawn = [prompt for prompt in prompts if isinstance(prompt, (Click, Scribble))]

            def once(before: Prediction | None) -> Prediction:
                return self._once(encoding, drawn, before)

            answer = cascade(once, previous, len(prompts), self._options, cancelled)
        if not self._options.magnify:
            return answer
        if cancelled():
            raise CancelledError
        certain = [] if isinstance(newest, (Box, MaskPrompt)) else drawn
        detail = self._details(encoding, answer.patches[0], certain)
        return replace(answer, patches=(*answer.patches, *detail))

    @torch.inference_mode()
    def _once(self, encoding: ImageWithContext, drawn: Sequence[Prompt], previous: Prediction | None) -> Prediction:
        """Answer with the primitive mask: one pass of the Object-Net; the last prompt's kind says by which layer."""
        probability = previous.render() if previous else np.zeros(encoding.shape, np.float32)
        window = self._look(drawn, probability)
        bimap = draw_bimap(drawn, Frame(window, self._side), self.network.config.disk_radius)
        mask = torch.from_numpy(probability[window.slices].copy())[None, None]
        mask = functional.interpolate(mask, size=(self._side, self._side), mode="bilinear", align_corners=True)
        coordinates = torch.cat([mask, torch.from_numpy(bimap)[None]], dim=1).to(encoding.device)
        box = [window.row_start, window.row_stop, window.column_start, window.column_stop]
        logits = self.network.primitive(
            encoding.crop(window, self._side),
            coordinates,
            _KINDS[type(drawn[-1])],
            encoding.context(),
            torch.tensor([box], dtype=torch.float32, device=encoding.device),
        )
        values = np.asarray(torch.sigmoid(logits)[0, 0].cpu())
        return Prediction.single(encoding.shape, window, values, zoom=window, forwards=1, matte=True)

    def _look(self, drawn: Sequence[Prompt], probability: NDArray[np.float32]) -> Window:
        """Return the crop: around the object so far and what is included, or the box, or the mask; else everything."""
        shape = (probability.shape[0], probability.shape[1])
        expansion, least = self._options.expansion_ratio, self._options.min_crop
        if not self._options.zoom_in:
            return Window.whole(shape)
        newest = drawn[-1]
        if isinstance(newest, Box):
            return box_window(newest, shape, expansion, least)
        if isinstance(newest, MaskPrompt):
            return object_window(as_probability(newest), [], expansion, least)
        first = self._options.first_crop
        return object_window(probability, list(_included(drawn, shape)), expansion, least, first_crop=first)

    @torch.inference_mode()
    def _details(self, encoding: ImageWithContext, primitive: Patch, certain: Sequence[Prompt]) -> list[Patch]:
        """Return alpha at the uncertain pixels of a primitive mask, as a layer over it, or nothing."""
        window, network = primitive.window, self.network
        probability = np.zeros(window.shape, np.float32)
        replace(primitive, window=Window.whole(window.shape)).paint(probability)
        frame = Frame(window, self._side)
        marks = frame.back(draw_bimap(certain, frame, network.config.disk_radius))
        options = self._options
        trimap = Trimap.of(window, probability, marks, options.certainty, band=options.detail_band)
        places = choose_patches(trimap, patch_side(probability), encoding.shape, self._options.detail_patches)
        if not places:
            return []
        side = self._options.detail_size or network.config.detail_size
        rgb = torch.cat([encoding.crop(place, side) for place in places])
        known = torch.from_numpy(np.stack([trimap.cut(place, side) for place in places])).to(encoding.device)
        alpha = network.detail_net(rgb, known)
        average = HannAverage(window)
        for place, one in zip(places, alpha, strict=True):
            fitted = functional.interpolate(one[None], size=place.shape, mode="bilinear", align_corners=True)
            average.add(place, np.asarray(fitted[0, 0].cpu()))
        region = trimap.unknown & average.covered
        return [Patch(window, average.at(region), region=Region.pack(region))]


def _included(marks: Sequence[Prompt], shape: tuple[int, int]) -> list[Click]:
    """Return clicks at the corners of what clicks and scribbles include on a plane of ``shape``, for the crop."""
    clicks = []
    for mark in marks:
        if isinstance(mark, Click) and mark.positive:
            clicks.append(mark)
        elif isinstance(mark, Scribble) and mark.positive:
            points, reach = np.asarray(mark.points, np.float64), mark.width / 2
            for corner in (points.min(axis=0) - reach, points.max(axis=0) + reach):
                row, column = np.clip(corner, 0, np.asarray(shape) - 1)
                clicks.append(Click(float(row), float(column), view=mark.view))
    return clicks
