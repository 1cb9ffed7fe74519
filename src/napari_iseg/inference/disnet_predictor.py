"""The predictor of DISNet: the first click brings several masks, every later click corrects the chosen one.

Interactive Segmentation by Considering First-Click Intentional Ambiguity (DISNet), draft for ACM Multimedia 2024.

The large network runs once per object, the small one at each later click, always from the chosen proposal and never
from the answer before: there is no previous mask, so that cascade-forward refinement has nothing to work on.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from napari_iseg.errors import OptionError, PromptError
from napari_iseg.inference.click_predictor import points_tensor
from napari_iseg.inference.prediction import Patch, Prediction, Proposal, Window
from napari_iseg.inference.predictor import CancelledError, never
from napari_iseg.inference.proposals import object_box, suggested
from napari_iseg.inference.translation import as_clicks
from napari_iseg.inference.zoom import object_window
from napari_iseg.interactions import Click, MaskPrompt, next_click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_iseg.interactions import Prompt
    from napari_iseg.models.disnet import DISNet, Proposals
    from napari_iseg.zoo import DISNetOptions

__all__ = ["DISNetEncoding", "DISNetPredictor"]

_OBJECT = 0.5
# The first crop: made below which share of the image, and how much larger than the object.
_CROP_SHARE = 0.5
_EXPANSION = 1.4
# No single click, and no score, rules a proposal out.
_DOUBT = 0.02
# First stages kept per image, about 15 MB each: objects are worked on one after the other, with steps back.
_KEPT = 4


@dataclass(slots=True, eq=False)
class DISNetEncoding:
    """An image, and the latest first stages on it. No answer depends on which of them are there.

    Parameters
    ----------
    image
        (1, 3, H, W) RGB in [0, 1].
    found
        The first stage by its clicks and crop, the latest used last.
    """

    image: Tensor
    found: OrderedDict[tuple[tuple[Click, ...], Window], Proposals] = field(default_factory=OrderedDict)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.image.shape[-2], self.image.shape[-1]


@dataclass(frozen=True, slots=True)
class _Memory:
    """The first click, and the number of the query behind each proposal offered; after a later click the template's.

    ``follows``: nobody chose this template, and a later click may find another one that fits better.
    """

    first: Click
    queries: tuple[int, ...]
    follows: bool = False


class _FirstStage(NamedTuple):
    """The first stage's answer and the crop that it was given for."""

    proposals: Proposals
    window: Window

    def order(self) -> tuple[int, ...]:
        """Return the queries' numbers, the likeliest mask first."""
        return tuple(torch.argsort(self.proposals.foreground()[0], descending=True, stable=True).tolist())


class DISNetPredictor:
    """Clicks to masks, by DISNet.

    The first click must be positive. Its answer is the likeliest proposal; the others are offered beside it, and the
    one that is chosen is the template of all later clicks. With ``follow_clicks``, our addition, the template of
    somebody who chose none is at each later click the proposal that all clicks so far make likeliest.

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
        clicks, mask = _template(prompts, encoding.shape)
        if cancelled():
            raise CancelledError
        with torch.inference_mode():
            stage = self._first_stage(encoding, clicks, mask)
            if mask is None and len(prompts) == 1:
                return self._offer(encoding.shape, stage, prompts[0])
            if cancelled():
                raise CancelledError
            return self._refine(encoding, stage, prompts[0], clicks, mask, previous)

    def _first_stage(self, encoding: DISNetEncoding, clicks: list[Click], mask: np.ndarray | None) -> _FirstStage:
        """Run the large network, or take what it said before."""
        window = Window.whole(encoding.shape)
        if self._options.zoom_first:
            if mask is None:
                whole = _FirstStage(self._propose(encoding, clicks, window), window)
                mask = _drawn(self._patch(whole, whole.order()[0]), encoding.shape)
            crop = object_window(mask, clicks[:1], _EXPANSION, self._options.min_crop)
            if np.prod(crop.shape) < _CROP_SHARE * np.prod(encoding.shape):
                window = crop
        return _FirstStage(self._propose(encoding, clicks, window), window)

    def _propose(self, encoding: DISNetEncoding, clicks: list[Click], window: Window) -> Proposals:
        """Run the first stage on a crop, unless that was done lately."""
        first_only = self.network.config.first_click
        seen = tuple(clicks[:1]) if first_only else tuple(click for click in clicks if click.positive)
        found = encoding.found.pop((seen, window), None)
        if found is None:
            crop = self._seen(encoding, window)
            points = points_tensor(seen, window, self.size).to(crop.device)
            found = self.network.propose(crop, points)._replace(auxiliary=())
        encoding.found[seen, window] = found
        while len(encoding.found) > _KEPT:
            encoding.found.popitem(last=False)
        return found

    def _seen(self, encoding: DISNetEncoding, window: Window) -> Tensor:
        """Return (1, 3, rows, columns): a crop as the network sees it."""
        rows, columns = window.slices
        return functional.interpolate(
            encoding.image[..., rows, columns], size=self.size, mode="bilinear", align_corners=True
        )

    def _offer(self, shape: tuple[int, int], stage: _FirstStage, prompt: Prompt) -> Prediction:
        """Answer a first prompt: all proposals, the likeliest first."""
        scores = stage.proposals.foreground()[0].tolist()
        order = stage.order()
        offered = []
        for query in order:
            patch = self._patch(stage, query)
            offered.append(Proposal(patch, score=scores[query], box=object_box(_drawn(patch, shape))))
        chosen = suggested(offered, prompt, shape)
        return Prediction(
            shape=shape,
            patches=(offered[chosen].patch,),
            forwards=1 if stage.window == Window.whole(shape) else 2,
            proposals=tuple(offered),
            chosen=chosen,
            memory=_Memory(as_clicks([prompt], shape).clicks[0], order),
        )

    def _refine(
        self,
        encoding: DISNetEncoding,
        stage: _FirstStage,
        prompt: Prompt,
        clicks: list[Click],
        mask: np.ndarray | None,
        previous: Prediction | None,
    ) -> Prediction:
        """Answer a later click by the small network alone."""
        shape, proposals = encoding.shape, stage.proposals
        follows = False
        if mask is None:
            query, follows = self._query(shape, stage, prompt, clicks, previous)
            template = proposals.masks[:, query].sigmoid()
        else:
            rows, columns = stage.window.slices
            crop = torch.from_numpy(np.ascontiguousarray(mask[rows, columns])).to(proposals.masks.device)[None, None]
            template = functional.interpolate(crop, size=proposals.masks.shape[-2:], mode="bilinear", antialias=True)
            template = template[:, 0].clamp(0, 1)
            query = _most_alike(proposals.masks[0].sigmoid(), template)
        points = points_tensor(clicks, stage.window, self.size).to(template.device)
        seen = self._seen(encoding, stage.window) if self.network.config.guidance else None
        refined = self.network.refine(proposals.features, proposals.queries[:, query], template, points, seen)
        patch = Patch(stage.window, np.asarray(refined[0, 0].cpu()), logits=True)
        return Prediction(shape=shape, patches=(patch,), forwards=1, memory=_Memory(clicks[0], (query,), follows))

    def _query(
        self,
        shape: tuple[int, int],
        stage: _FirstStage,
        prompt: Prompt,
        clicks: list[Click],
        previous: Prediction | None,
    ) -> tuple[int, bool]:
        """Return the number of the query whose mask is the template, and whether another may take its place later."""
        memory = previous.memory if previous else None
        if previous is None or not isinstance(memory, _Memory) or memory.first != clicks[0]:
            # Several clicks came at once, before there was an answer to choose from.
            previous = self._offer(shape, stage, prompt)
            memory = previous.memory
        offered = bool(previous.proposals)
        if self._options.follow_clicks and (memory.follows or (offered and not previous.picked)):
            return self._fitting(stage, clicks), True
        return int(memory.queries[previous.chosen or 0]), False

    def _fitting(self, stage: _FirstStage, clicks: list[Click]) -> int:
        """Return the query whose mask the clicks make likeliest: inside where they include, outside where not."""
        masks = self.network.enlarge(stage.proposals.masks)[0].sigmoid()
        rows, columns = (
            torch.tensor(axis, device=masks.device)
            for axis in zip(*(_pixel(click, stage.window, self.size) for click in clicks), strict=True)
        )
        positive = torch.tensor([click.positive for click in clicks], device=masks.device)
        inside = masks[:, rows, columns]
        agreement = torch.where(positive, inside, 1 - inside).clamp(min=_DOUBT).log().sum(dim=1)
        return int((agreement + stage.proposals.foreground()[0].clamp(min=_DOUBT).log()).argmax())

    def _patch(self, stage: _FirstStage, query: int) -> Patch:
        """Return a proposal as a patch of the size that the network sees."""
        logits = self.network.enlarge(stage.proposals.masks[:, query : query + 1])
        return Patch(stage.window, np.asarray(logits[0, 0].cpu()), logits=True)


def _template(prompts: Sequence[Prompt], shape: tuple[int, int]) -> tuple[list[Click], np.ndarray | None]:
    """Return the clicks, the first one positive, and the probability map of the latest mask prompt, if there is one.

    Raises
    ------
    PromptError
        If there is no positive click to begin with.
    """
    clicks = list(as_clicks(prompts, shape).clicks)
    masks = [(place, prompt.mask) for place, prompt in enumerate(prompts) if isinstance(prompt, MaskPrompt)]
    if not masks:
        if not clicks[0].positive:
            raise PromptError(
                "The first click was negative, but this method starts from a positive one: click inside the object, "
                "then exclude what does not belong to it."
            )
        return clicks, None
    place, latest = masks[-1]
    mask = Prediction.from_mask(latest).render()
    before = clicks[: len(as_clicks(prompts[: place + 1], shape).clicks)]
    first = next((click for click in before if click.positive), None) or _innermost(mask)
    return [first, *(click for click in clicks if click is not first)], mask


def _pixel(click: Click, window: Window, size: tuple[int, int]) -> tuple[int, int]:
    """Return the (row, column) of the network's input that a click falls on, the nearest one if outside."""
    starts, places = (window.row_start, window.column_start), (click.row, click.column)
    row, column = (
        min(max(int((place - start) * side / length), 0), side - 1)
        for place, start, side, length in zip(places, starts, size, window.shape, strict=True)
    )
    return row, column


def _innermost(mask: np.ndarray) -> Click:
    """Return a click on the pixel of a mask that is farthest from its border.

    Raises
    ------
    PromptError
        If the mask is empty.
    """
    inside = mask > _OBJECT
    if not inside.any():
        raise PromptError("The mask is empty, so that there is nothing to start from; click the object first.")
    return next_click(inside.astype(np.int8), np.zeros_like(inside))


def _most_alike(masks: Tensor, template: Tensor) -> int:
    """Return which of (N, h, w) probabilities is most similar to (1, h, w), by intersection over union of both."""
    shared = torch.minimum(masks, template).sum(dim=(-2, -1))
    return int((shared / torch.maximum(masks, template).sum(dim=(-2, -1)).clamp(min=1e-6)).argmax())


def _drawn(patch: Patch, shape: tuple[int, int]) -> np.ndarray:
    return Prediction(shape=shape, patches=(patch,)).render()
