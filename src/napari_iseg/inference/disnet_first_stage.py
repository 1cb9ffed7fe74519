"""DISNet's first stage on a crop of an image: proposals to a first click, kept for the clicks after it.

Interactive Segmentation by Considering First-Click Intentional Ambiguity (DISNet), draft for ACM Multimedia 2024.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from napari_iseg.inference.click_predictor import points_tensor
from napari_iseg.inference.prediction import Patch, Prediction, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_iseg.interactions import Click
    from napari_iseg.models.disnet import DISNet, Proposals

__all__ = ["DISNetEncoding", "FirstStage", "drawn", "most_alike", "propose", "seen"]

# First stages kept per image, about 15 MB each: objects are worked on one after the other, with steps back.
_KEPT = 4
# No single click, and no score, rules a proposal out.
_DOUBT = 0.02


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


class FirstStage(NamedTuple):
    """The first stage's answer and the crop that it was given for."""

    proposals: Proposals
    window: Window

    def order(self) -> tuple[int, ...]:
        """Return the queries' numbers, the likeliest mask first."""
        return tuple(torch.argsort(self.proposals.foreground()[0], descending=True, stable=True).tolist())

    def patch(self, network: DISNet, query: int) -> Patch:
        """Return a proposal as a patch of the size that the network sees."""
        logits = network.enlarge(self.proposals.masks[:, query : query + 1])
        return Patch(self.window, np.asarray(logits[0, 0].cpu()), logits=True)

    def fitting(self, network: DISNet, clicks: Sequence[Click], size: tuple[int, int]) -> int:
        """Return the query whose mask the clicks make likeliest: inside where they include, outside where not."""
        masks = network.enlarge(self.proposals.masks)[0].sigmoid()
        rows, columns = (
            torch.tensor(axis, device=masks.device)
            for axis in zip(*(_pixel(click, self.window, size) for click in clicks), strict=True)
        )
        positive = torch.tensor([click.positive for click in clicks], device=masks.device)
        inside = masks[:, rows, columns]
        agreement = torch.where(positive, inside, 1 - inside).clamp(min=_DOUBT).log().sum(dim=1)
        return int((agreement + self.proposals.foreground()[0].clamp(min=_DOUBT).log()).argmax())

    def template(self, probability: np.ndarray) -> Tensor:
        """Return a (H, W) probability map of the plane as a template of this crop: (1, h, w) in [0, 1]."""
        rows, columns = self.window.slices
        masks = self.proposals.masks
        crop = torch.from_numpy(np.ascontiguousarray(probability[rows, columns])).to(masks.device)[None, None]
        reduced = functional.interpolate(crop, size=masks.shape[-2:], mode="bilinear", antialias=True)
        return reduced[:, 0].clamp(0, 1)


def propose(
    network: DISNet, encoding: DISNetEncoding, clicks: Sequence[Click], window: Window, size: tuple[int, int]
) -> FirstStage:
    """Run the first stage on a crop, unless that was done lately.

    Parameters
    ----------
    network
        DISNet.
    encoding
        The image.
    clicks
        Of which the network takes the first, or with its ``first_click`` off every positive one.
    window
        The crop.
    size
        (rows, columns) at which the network sees it.
    """
    taken = tuple(clicks[:1]) if network.config.first_click else tuple(click for click in clicks if click.positive)
    found = encoding.found.pop((taken, window), None)
    if found is None:
        crop = seen(encoding, window, size)
        points = points_tensor(taken, window, size).to(crop.device)
        found = network.propose(crop, points)._replace(auxiliary=())
    encoding.found[taken, window] = found
    while len(encoding.found) > _KEPT:
        encoding.found.popitem(last=False)
    return FirstStage(found, window)


def seen(encoding: DISNetEncoding, window: Window, size: tuple[int, int]) -> Tensor:
    """Return (1, 3, rows, columns): a crop as the network sees it, at ``size`` (rows, columns)."""
    rows, columns = window.slices
    return functional.interpolate(encoding.image[..., rows, columns], size=size, mode="bilinear", align_corners=True)


def drawn(patch: Patch, shape: tuple[int, int]) -> np.ndarray:
    """Return a patch on a plane of ``shape``: (H, W) float32 in [0, 1]."""
    return Prediction(shape=shape, patches=(patch,)).render()


def most_alike(masks: Tensor, template: Tensor) -> int:
    """Return which of (N, h, w) probabilities is most similar to (1, h, w), by intersection over union of both."""
    shared = torch.minimum(masks, template).sum(dim=(-2, -1))
    return int((shared / torch.maximum(masks, template).sum(dim=(-2, -1)).clamp(min=1e-6)).argmax())


def _pixel(click: Click, window: Window, size: tuple[int, int]) -> tuple[int, int]:
    """Return the (row, column) of the network's input that a click falls on, the nearest one if outside."""
    starts, places = (window.row_start, window.column_start), (click.row, click.column)
    row, column = (
        min(max(int((place - start) * side / length), 0), side - 1)
        for place, start, side, length in zip(places, starts, size, window.shape, strict=True)
    )
    return row, column
