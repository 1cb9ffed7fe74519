"""The predictor of DISNet: the first click brings several masks, every later click corrects the chosen one.

Interactive Segmentation by Considering First-Click Intentional Ambiguity (DISNet), draft for ACM Multimedia 2024.

As published, the large network runs once per object, the small one at each later click, always from the chosen proposal
and never from the answer before: there is no previous mask, so that cascade-forward refinement has nothing to work on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from napari_iseg.errors import OptionError
from napari_iseg.inference.click_predictor import points_tensor
from napari_iseg.inference.disnet_first_stage import DISNetEncoding, FirstStage, drawn, most_alike, propose, seen
from napari_iseg.inference.disnet_prompts import split_template
from napari_iseg.inference.prediction import Patch, Prediction, Proposal, Window
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.inference.proposals import object_box, suggested
from napari_iseg.inference.translation import as_clicks
from napari_iseg.inference.zoom import choose_window, object_window
from napari_iseg.interactions import Click, MaskPrompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_iseg.interactions import Prompt
    from napari_iseg.models.disnet import DISNet
    from napari_iseg.zoo import DISNetOptions

__all__ = ["DISNetEncoding", "DISNetPredictor"]

_OBJECT = 0.5
# zoom_first: made below which share of the image.
_CROP_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class _Memory:
    """The first click, and the number of the query behind each proposal offered; after a later click the template's.

    ``follows``: nobody chose this template, and a later click may find another one that fits better. ``template``:
    (1, h, w) on the crop of the answer's ``zoom``; None where it is the query's own mask. ``window``: the first stage's
    crop; None after zooming in.
    """

    first: Click
    queries: tuple[int, ...]
    follows: bool = False
    template: Tensor | None = None
    window: Window | None = None

    def is_about(self, click: Click) -> bool:
        """Whether this is the first click, whatever it was seen in."""
        return (self.first.row, self.first.column) == (click.row, click.column)


class _Question(NamedTuple):
    """What a later click asks the small network: where, from which query, and from which template, (1, h, w)."""

    stage: FirstStage
    query: int
    template: Tensor


class DISNetPredictor:
    """Clicks to masks, by DISNet.

    The first click must be positive. Its answer is the likeliest proposal; the others are offered beside it, and the
    one that is chosen is the template of all later clicks. With ``follow_clicks``, our addition, the template of
    somebody who chose none is at each later click the proposal that all clicks so far make likeliest. With ``zoom_in``,
    ours too, a later click looks at the surroundings of the present mask: wherever that crop changes, the first stage
    runs anew on it, and the present mask is the template until it changes again.

    The paper knows clicks only; the rest is our choice. A box is a click in its middle, a scribble clicks along it; a
    first one is answered by the proposal that suits it best (:func:`.proposals.suggested`). A mask is itself the answer
    and then the template: the first stage runs on the first positive click before the mask or else on the mask's
    innermost pixel, and the refinement starts from the query whose own mask is the most similar.

    Parameters
    ----------
    network
        On the device where it shall run.
    options
        See :class:`napari_iseg.zoo.DISNetOptions`.

    Raises
    ------
    OptionError
        If ``target_size`` does not fit the network.
    """

    def __init__(self, network: DISNet, *, options: DISNetOptions) -> None:
        self.network = network.eval()
        self._options = options
        wanted = options.target_size or network.config.image_size
        self.size = wanted if isinstance(wanted, tuple) else (wanted, wanted)
        if not network.config.accepts(self.size):
            raise OptionError(
                f"Option 'target_size' does not fit these weights: {self.size[0]} x {self.size[1]} pixels do not "
                f"divide into the network's cells; try {network.config.image_size[0]}."
            )

    @property
    def options(self) -> DISNetOptions:
        """The options it works with."""
        return self._options

    def encode(self, image: np.ndarray) -> DISNetEncoding:
        """Return an (H, W, 3) uint8 image on the network's device."""
        device = next(self.network.parameters()).device
        rgb = torch.from_numpy(np.ascontiguousarray(image)).to(device)
        return DISNetEncoding(rgb.permute(2, 0, 1)[None].float() / 255)

    def predict(
        self,
        encoding: DISNetEncoding,
        prompts: Sequence[Prompt],
        previous: Prediction | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Prediction:
        """Answer; see :meth:`napari_iseg.inference.predictor.Predictor.predict`.

        Raises
        ------
        PromptError
            If the first click is negative, or an empty mask came before any positive click.
        CancelledError
            If ``cancelled()`` became True.
        """
        if isinstance(prompts[-1], MaskPrompt):
            return Prediction.from_mask(prompts[-1].mask)
        clicks, mask = split_template(prompts, encoding.shape)
        if cancelled():
            raise CancelledError
        with torch.inference_mode():
            if self._options.zoom_in and previous is not None:
                closer = self._closer(encoding, clicks, mask, previous)
                if closer is not None:
                    return closer
            stage = self._first_stage(encoding, clicks, mask, previous)
            if mask is None and len(prompts) == 1:
                return self._offer(encoding.shape, stage, prompts[0])
            if cancelled():
                raise CancelledError
            return self._correct(encoding, stage, prompts[0], clicks, mask, previous)

    def _first_stage(
        self, encoding: DISNetEncoding, clicks: list[Click], mask: np.ndarray | None, previous: Prediction | None
    ) -> FirstStage:
        """Run the large network, or take what it said before."""
        memory = previous.memory if previous is not None else None
        if mask is None and isinstance(memory, _Memory) and memory.window is not None and memory.is_about(clicks[0]):
            return propose(self.network, encoding, clicks, memory.window, self.size)
        options, window = self._options, Window.whole(encoding.shape)
        if mask is None:
            nothing = np.zeros(encoding.shape, np.float32)
            window = object_window(nothing, clicks[:1], 1.0, options.min_crop, first_crop=options.first_crop)
        if options.zoom_first:
            if mask is None:
                stage = propose(self.network, encoding, clicks, window, self.size)
                mask = drawn(stage.patch(self.network, stage.order()[0]), encoding.shape)
            crop = object_window(mask, clicks[:1], options.expansion_ratio, options.min_crop)
            if np.prod(crop.shape) < _CROP_SHARE * np.prod(encoding.shape):
                window = crop
        return propose(self.network, encoding, clicks, window, self.size)

    def _offer(self, shape: tuple[int, int], stage: FirstStage, prompt: Prompt) -> Prediction:
        """Answer a first prompt: all proposals, the likeliest first."""
        scores = stage.proposals.foreground()[0].tolist()
        order = stage.order()
        offered = []
        for query in order:
            patch = stage.patch(self.network, query)
            offered.append(Proposal(patch, score=scores[query], box=object_box(drawn(patch, shape))))
        chosen = suggested(offered, prompt, shape)
        return Prediction(
            shape=shape,
            patches=(offered[chosen].patch,),
            forwards=1 if stage.window == Window.whole(shape) else 2,
            proposals=tuple(offered),
            chosen=chosen,
            memory=_Memory(as_clicks([prompt], shape).clicks[0], order, window=stage.window),
        )

    def _closer(
        self, encoding: DISNetEncoding, clicks: list[Click], mask: np.ndarray | None, previous: Prediction
    ) -> Prediction | None:
        """Answer a later click from the surroundings of the present mask; None where the first crop still suits."""
        memory = previous.memory
        probability = previous.render()
        if mask is None and self._options.follow_clicks and previous.proposals and not previous.picked:
            stage = self._first_stage(encoding, clicks, None, previous)
            probability = drawn(
                stage.patch(self.network, stage.fitting(self.network, clicks, self.size)), previous.shape
            )
        if not (probability > _OBJECT).any():
            return None
        zoom, known = previous.zoom, isinstance(memory, _Memory) and memory.window
        first = known or Window.whole(encoding.shape)
        window = choose_window(probability, clicks, zoom or first, self._options)
        if zoom is None and window == first:
            return None
        stage = propose(self.network, encoding, clicks, window, self.size)
        if window == zoom and isinstance(memory, _Memory) and memory.template is not None:
            question = _Question(stage, memory.queries[0], memory.template)
        else:
            template = stage.template(probability)
            question = _Question(stage, most_alike(stage.proposals.masks[0].sigmoid(), template), template)
        return Prediction(
            shape=encoding.shape,
            patches=(self._refine(encoding, question, clicks),),
            zoom=window,
            forwards=1 if window == zoom else 2,
            memory=_Memory(clicks[0], (question.query,), template=question.template),
        )

    def _correct(
        self,
        encoding: DISNetEncoding,
        stage: FirstStage,
        prompt: Prompt,
        clicks: list[Click],
        mask: np.ndarray | None,
        previous: Prediction | None,
    ) -> Prediction:
        """Answer a later click by the small network alone."""
        follows = False
        if mask is None:
            query, follows = self._query(encoding.shape, stage, prompt, clicks, previous)
            template = stage.proposals.masks[:, query].sigmoid()
        else:
            template = stage.template(mask)
            query = most_alike(stage.proposals.masks[0].sigmoid(), template)
        return Prediction(
            shape=encoding.shape,
            patches=(self._refine(encoding, _Question(stage, query, template), clicks),),
            forwards=1,
            memory=_Memory(clicks[0], (query,), follows, window=stage.window),
        )

    def _refine(self, encoding: DISNetEncoding, question: _Question, clicks: list[Click]) -> Patch:
        """Ask the small network."""
        (proposals, window), query, template = question
        points = points_tensor(clicks, window, self.size).to(template.device)
        image = seen(encoding, window, self.size) if self.network.config.guidance else None
        refined = self.network.refine(proposals.features, proposals.queries[:, query], template, points, image)
        return Patch(window, np.asarray(refined[0, 0].cpu()), logits=True)

    def _query(
        self,
        shape: tuple[int, int],
        stage: FirstStage,
        prompt: Prompt,
        clicks: list[Click],
        previous: Prediction | None,
    ) -> tuple[int, bool]:
        """Return the number of the query whose mask is the template, and whether another may take its place later."""
        memory = previous.memory if previous else None
        if previous is None or not isinstance(memory, _Memory) or not memory.is_about(clicks[0]):
            # Several clicks came at once, before there was an answer to choose from.
            previous = self._offer(shape, stage, prompt)
            memory = previous.memory
        offered = bool(previous.proposals)
        if self._options.follow_clicks and (memory.follows or (offered and not previous.picked)):
            return stage.fitting(self.network, clicks, self.size), True
        return int(memory.queries[previous.chosen or 0]), False
