"""What FocalClick-XL's Object-Net is asked in training: crops around objects, with prompts of every kind drawn on them.

Prompts are made by the simulated users of ``interactions`` in the crop's own pixels and drawn by the very function that
draws them for the predictor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_iseg.inference.bimap import Frame, draw_bimap
from napari_iseg.inference.prediction import Window
from napari_iseg.interactions import MaskPrompt
from napari_iseg.interactions.simulated_boxes import jittered_box
from napari_iseg.interactions.simulated_defects import defective_mask
from napari_iseg.interactions.simulated_masks import coarse_mask, coarse_mask_of_level
from napari_iseg.interactions.simulated_strokes import random_scribble_prompts
from napari_iseg.models._blocks import click_disks
from napari_iseg.training.iterative import answering, answers_to_learn_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt
    from napari_iseg.models.context_net import Context
    from napari_iseg.models.focalclick_xl import FocalClickXL
    from napari_iseg.training.recipe import Recipe

__all__ = ["ObjectView", "answers_to", "object_window_to_train", "rough_mask", "view_objects"]

# Object-centric crops: their side over the object's, and how far their middle is off, in sides of the object.
_EXPANSION = (1.1, 2.0)
_OFF_CENTRE = 0.15
# The predictor's own smallest crop.
_SHORTEST = 10
# Coarse masks that are the evaluation's (one of its five levels) and that have superpixels wrong (DAVIS-585).
_OF_LEVEL, _DEFECTIVE = 0.2, 0.1
_LEVELS = 5


class ObjectView(nn.Module):
    """The Object-Net looking at one crop of each image, its context known: what is left to give are prompts.

    It lives for one step and holds the network without owning it.

    Parameters
    ----------
    network
        FocalClick-XL.
    context
        Of the images.
    windows
        Where the crops lie in the images.
    rgb
        (B, 3, s, s) in [0, 1], the crops.
    target
        (B, s, s) int8 in the crops: 1 object, 0 background, -1 ignored.
    """

    def __init__(
        self, network: FocalClickXL, context: Context, windows: Sequence[Window], rgb: Tensor, target: Tensor
    ) -> None:
        super().__init__()
        self.network = network
        self.context = context
        self.windows = windows
        self.rgb = rgb
        self.target = target
        self._boxes = rgb.new_tensor([[w.row_start, w.row_stop, w.column_start, w.column_stop] for w in windows])

    @property
    def side(self) -> int:
        """Side of the crops in pixels of the network."""
        return int(self.rgb.shape[-1])

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        """Answer clicks, as networks of clicks alone do: (B, 4, s, s) and (B, 2n, 3) to (B, 1, s, s) logits."""
        disks = click_disks(points, (self.side, self.side), self.network.config.disk_radius).to(image)
        return self.answer(torch.cat([image[:, 3:], disks], dim=1), "click")

    def answer(self, coordinates: Tensor, kind: str) -> Tensor:
        """Return (B, 1, s, s) logits; see :meth:`napari_iseg.models.object_net.ObjectNet.forward`."""
        return self.network.primitive(self.rgb, coordinates, kind, self.context, self._boxes)

    def draw(self, prompts: Sequence[Sequence[Prompt]]) -> Tensor:
        """Return (B, 2, s, s): each sample's prompts, in pixels of its crop, as the predictor draws them."""
        frame = Frame(Window.whole((self.side, self.side)), self.side)
        maps = np.stack([draw_bimap(some, frame, self.network.config.disk_radius) for some in prompts])
        return torch.from_numpy(maps).to(self.rgb)

    @torch.no_grad()
    def paste(self, logits: Tensor, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return (B, H, W) probabilities over the images, zero outside the crops, as the predictor pastes them."""
        pasted = np.zeros((len(logits), *shape), np.float32)
        for one, canvas, window in zip(logits.float().sigmoid(), pasted, self.windows, strict=True):
            fitted = functional.interpolate(one[None], size=window.shape, mode="bilinear", align_corners=True)
            canvas[window.slices] = fitted[0, 0].cpu().numpy()
        return pasted


def view_objects(
    network: FocalClickXL, rgb: Tensor, target: Tensor, side: int, whole_share: float, rng: np.random.Generator
) -> ObjectView:
    """Look at the objects of a batch.

    Parameters
    ----------
    network
        Its context of the batch is computed here, once.
    rgb, target
        (B, 3, H, W) in [0, 1] and (B, H, W): 1 object, 0 background, -1 ignored.
    side
        Of what the Object-Net sees, a multiple of 32.
    whole_share
        Share of samples that are seen whole, as the first prompt sees them.
    rng
        Where the chance comes from.
    """
    shape = (int(rgb.shape[-2]), int(rgb.shape[-1]))
    windows = [
        Window.whole(shape) if rng.random() < whole_share else object_window_to_train(truth, rng)
        for truth in target.cpu().numpy()
    ]
    crops = torch.cat([_cut(one[None], window, side) for one, window in zip(rgb, windows, strict=True)])
    wanted = torch.stack([_cut_target(one, window, side) for one, window in zip(target, windows, strict=True)])
    return ObjectView(network, network.context_net(rgb), windows, crops, wanted)


def object_window_to_train(truth: NDArray[np.integer], rng: np.random.Generator) -> Window:
    """Return a crop around an object: 1.1 to 2 times its box, up to 0.15 of it off its middle, within the image.

    Parameters
    ----------
    truth
        (H, W), 1 on the object; the whole image is returned where there is none.
    rng
        Where the chance comes from.
    """
    shape = (truth.shape[0], truth.shape[1])
    if not (truth == 1).any():
        return Window.whole(shape)
    expansion, spans = rng.uniform(*_EXPANSION), []
    for axis, limit in ((1, shape[0]), (0, shape[1])):
        places = np.flatnonzero((truth == 1).any(axis=axis))
        length = places[-1] - places[0] + 1
        middle = (places[0] + places[-1] + 1) / 2 + rng.uniform(-_OFF_CENTRE, _OFF_CENTRE) * length
        reach = max(expansion * length, _SHORTEST) / 2
        start = int(np.clip(round(middle - reach), 0, limit - 1))
        spans += [start, int(np.clip(round(middle + reach), start + 1, limit))]
    return Window(*spans)


def answers_to(kind: str, view: ObjectView, recipe: Recipe, rng: np.random.Generator) -> list[Tensor]:
    """Ask with simulated prompts of a kind and return the answers to learn from, (B, 1, s, s) logits each.

    Clicks by the recipe's schedule; scribbles once, after ``sampled_passes`` corrected answers without gradient; boxes
    and masks once: they begin anew, whatever was answered before.
    """
    match kind:
        case "click":
            return answers_to_learn_from(view, view.rgb, view.target, recipe, rng)
        case "scribble":
            return [_scribbled(view, recipe, rng)]
        case "box":
            return [_boxed(view, rng)]
        case _:
            return [_masked(view, recipe, rng)]


def rough_mask(
    image: NDArray[np.uint8], truth: NDArray[np.bool_], prediction: NDArray[np.bool_] | None, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return a coarse mask: a rough one, at times one of the evaluation's levels or with superpixels wrong.

    Parameters
    ----------
    image
        (H, W, 3) RGB.
    truth
        (H, W), the object; the answer is empty where it is.
    prediction
        (H, W), a network's present answer, or None.
    rng
        Where the chance comes from.

    Returns
    -------
    numpy.ndarray
        (H, W) bool.
    """
    if not truth.any():
        return truth.copy()
    chance = rng.random()
    if chance < _OF_LEVEL:
        return coarse_mask_of_level(truth, int(rng.integers(1, _LEVELS + 1)), int(rng.integers(2**32)))
    if chance < _OF_LEVEL + _DEFECTIVE:
        found = defective_mask(image, truth, rng)
        if found is not None:
            return found
    return coarse_mask(truth, prediction, rng)


def _scribbled(view: ObjectView, recipe: Recipe, rng: np.random.Generator) -> Tensor:
    truths = view.target.cpu().numpy()
    fewest, most = recipe.sampled_passes
    passes = int(rng.integers(fewest, most + 1))
    marks: list[list[Prompt]] = [[] for _ in truths]
    previous = torch.zeros_like(view.rgb[:, :1])

    def add(answers: NDArray[np.bool_] | None) -> Tensor:
        for number, truth in enumerate(truths):
            marks[number] += random_scribble_prompts(truth, None if answers is None else answers[number], rng)
        return view.draw(marks)

    bimap = add(None)
    with answering(view, recipe):
        for _ in range(passes):
            previous = view.answer(torch.cat([previous, bimap], dim=1), "scribble").float().sigmoid()
            bimap = add((previous[:, 0] > 0.5).cpu().numpy())
    return view.answer(torch.cat([previous, bimap], dim=1), "scribble")


def _boxed(view: ObjectView, rng: np.random.Generator) -> Tensor:
    truths = view.target.cpu().numpy() == 1
    boxes: list[list[Prompt]] = [[jittered_box(truth, rng)] if truth.any() else [] for truth in truths]
    return view.answer(_with_nothing_before(view.draw(boxes)), "box")


def _masked(view: ObjectView, recipe: Recipe, rng: np.random.Generator) -> Tensor:
    # What to correct is at times an answer of the network itself.
    with answering(view, recipe):
        answered = answers_to_learn_from(view, view.rgb, view.target, recipe, rng)[-1].float().sigmoid()
    predictions = (answered[:, 0] > 0.5).cpu().numpy()
    images = (view.rgb.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).cpu().numpy()
    truths = view.target.cpu().numpy() == 1
    masks: list[list[Prompt]] = [
        [MaskPrompt(rough_mask(image, truth, prediction, rng))]
        for image, truth, prediction in zip(images, truths, predictions, strict=True)
    ]
    return view.answer(_with_nothing_before(view.draw(masks)), "mask")


def _with_nothing_before(bimap: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(bimap[:, :1]), bimap], dim=1)


def _cut(maps: Tensor, window: Window, side: int) -> Tensor:
    """Return (B, C, side, side): a window of maps, resized as the predictor does (bilinear, corners aligned)."""
    rows, columns = window.slices
    return functional.interpolate(maps[..., rows, columns], size=(side, side), mode="bilinear", align_corners=True)


def _cut_target(target: Tensor, window: Window, side: int) -> Tensor:
    """Return (side, side) int8: the target where the resized image shows it; an object keeps a pixel at the least."""
    planes = torch.stack([target == 1, target == -1])[None].float()
    inside, ignored = _cut(planes, window, side)[0]
    cut = torch.where(ignored > 0, -1, (inside > 0.5).to(torch.int8)).to(torch.int8)
    if not (cut == 1).any():
        # Bilinear steps over what is smaller than a pixel.
        for row, column in torch.nonzero(target[window.slices] == 1)[:1].tolist():
            cut[row * side // window.shape[0], column * side // window.shape[1]] = 1
    return cut
