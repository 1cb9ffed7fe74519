"""What FocalClick-XL's Detail-Net learns from: small patches along the rims of objects, with a tri-map and alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy.ndimage import binary_erosion, distance_transform_edt
from torch import Tensor
from torch.nn import functional

from napari_iseg.inference.prediction import Window
from napari_iseg.inference.trimap import BACKGROUND, OBJECT, UNKNOWN, Trimap, patch_side

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DetailPatches", "cut_patches", "hard_alpha", "simulated_trimap"]

# The predictor's own: object is certain above it.
_CERTAINTY = 0.9
# Alpha between these is neither object nor background.
_FRACTIONAL = (0.05, 0.95)
# What is unknown reaches this far from a rim, in pixels of a patch of 256; and in one of ten patches the certain parts
# are this much too large or too small.
_REACH = (3, 25)
_REACH_SIDE = 256
_WRONG_SHARE = 0.1
_WRONG = (1, 3)
# Patches are as large as the predictor's, up to this factor (its logarithm) more or less, and not smaller than this.
_LOG_SCALE = 0.35
_SHORTEST = 16


class DetailPatches(NamedTuple):
    """A batch of patches.

    Parameters
    ----------
    rgb
        (n, 3, s, s) in [0, 1].
    trimap
        (n, 3, s, s) of 0 and 1: certain object, certain background, unknown.
    alpha
        (n, 1, s, s) in [0, 1]; negative where it is not to be learnt.
    """

    rgb: Tensor
    trimap: Tensor
    alpha: Tensor


def hard_alpha(target: Tensor) -> Tensor:
    """Return (B, H, W) float32 alpha of hard labels: 1, 0, and -1 where they are ignored."""
    return target.float()


def cut_patches(
    rgb: Tensor,
    alpha: Tensor,
    side: int,
    rng: np.random.Generator,
    *,
    count: int = 1,
    answers: NDArray[np.float32] | None = None,
    own_share: float = 0.0,
    band: float = 0.0,
) -> DetailPatches:
    """Cut patches out of a batch, as large as the predictor would look at them.

    Parameters
    ----------
    rgb, alpha
        (B, 3, H, W) and (B, H, W), both in [0, 1]; alpha is negative where it is not known.
    side
        Of the Detail-Net's patches.
    rng
        Where the chance comes from.
    count
        Patches of each sample.
    answers
        (B, H, W) probabilities of the network's own primitive masks, or None.
    own_share
        Share of patches whose tri-map and place come from those, as the predictor makes them; the others' come from
        alpha. Where an answer is sure of what is wrong there is nothing to learn: no detail could mend it.
    band
        Of the network's own tri-maps, see :meth:`napari_iseg.inference.trimap.Trimap.of`; by chance down to half of it.
    """
    truths = alpha.cpu().numpy()
    images, trimaps, alphas = [], [], []
    for number, truth in enumerate(truths):
        for _ in range(count):
            own = None
            if answers is not None and rng.random() < own_share:
                near = band * rng.uniform(0.5, 1) if band else 0.0
                own = Trimap.of(Window.whole(truth.shape), answers[number], None, _CERTAINTY, band=near)
            where = own.unknown if own is not None and own.unknown.any() else _rim(truth)
            patch = _place(where, truth, rng)
            image, wanted = (_cut(maps, patch, side) for maps in (rgb[number], alpha[number][None]))
            known = (_cut((alpha[number] >= 0)[None].float(), patch, side) > 1 - 1e-3)[0].cpu().numpy()
            values = wanted[0].clamp(0, 1).cpu().numpy()
            if own is not None and own.unknown.any():
                planes = own.cut(patch, side)
                wrong = (planes[OBJECT] > 0) & (values < 0.5) | (planes[BACKGROUND] > 0) & (values > 0.5)
                known &= ~wrong
            else:
                labels = simulated_trimap(values, rng)
                planes = np.asarray(labels == np.array([OBJECT, BACKGROUND, UNKNOWN])[:, None, None], np.float32)
            images.append(image)
            trimaps.append(torch.from_numpy(planes))
            alphas.append(torch.from_numpy(np.where(known, values, -1).astype(np.float32)))
    return DetailPatches(
        torch.stack(images), torch.stack(trimaps).to(rgb.device), torch.stack(alphas)[:, None].to(rgb.device)
    )


def simulated_trimap(alpha: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a tri-map as an uncertain primitive mask might give it (FocalClick-XL, section 4.1).

    Parameters
    ----------
    alpha
        (s, s) in [0, 1].
    rng
        Where the chance comes from.

    Returns
    -------
    numpy.ndarray
        (s, s) of ``OBJECT``, ``BACKGROUND`` and ``UNKNOWN``: unknown are fractions and the rim, and what lies within 3
        to 25 pixels (of 256) of them; in one of ten the certain parts are 1 to 3 pixels too large or too small.
    """
    inside = alpha > 0.5
    rim = _rim(alpha)
    labels = np.where(inside, OBJECT, BACKGROUND).astype(np.uint8)
    if not rim.any():
        return labels
    reach = rng.integers(_REACH[0], _REACH[1] + 1) * alpha.shape[0] / _REACH_SIDE
    errors = np.zeros(2)
    if rng.random() < _WRONG_SHARE:
        errors = rng.integers(_WRONG[0], _WRONG[1] + 1, 2) * rng.choice((-1, 1), 2)
    apart = distance_transform_edt(~rim)
    labels[apart <= np.maximum(reach + np.where(inside, *errors), 0)] = UNKNOWN
    return labels


def _rim(alpha: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where alpha is a fraction, and both sides of where it passes a half."""
    inside = alpha > 0.5
    square = np.ones((3, 3))
    sides = inside & ~binary_erosion(inside, square, border_value=1)
    sides |= ~inside & ~binary_erosion(~inside, square, border_value=1)
    return np.asarray(sides | ((alpha > _FRACTIONAL[0]) & (alpha < _FRACTIONAL[1])))


def _place(where: NDArray[np.bool_], alpha: NDArray[np.float32], rng: np.random.Generator) -> Window:
    """Return a patch that has one of the pixels of ``where`` (any pixel if there is none) in its middle half."""
    scale = np.exp(rng.uniform(-_LOG_SCALE, _LOG_SCALE))
    length = int(np.clip(round(patch_side(alpha) * scale), _SHORTEST, min(alpha.shape)))
    places = np.flatnonzero(where) if where.any() else np.arange(where.size)
    centre = np.unravel_index(rng.choice(places), where.shape)
    starts = [
        int(np.clip(round(middle - rng.uniform(0.25, 0.75) * length), 0, limit - length))
        for middle, limit in zip(centre, alpha.shape, strict=True)
    ]
    return Window(starts[0], starts[0] + length, starts[1], starts[1] + length)


def _cut(maps: Tensor, patch: Window, side: int) -> Tensor:
    """Return (C, side, side): a patch of (C, H, W) maps, resized as the predictor does (bilinear, corners aligned)."""
    rows, columns = patch.slices
    cut = maps[None, :, rows, columns]
    return functional.interpolate(cut, size=(side, side), mode="bilinear", align_corners=True)[0]
