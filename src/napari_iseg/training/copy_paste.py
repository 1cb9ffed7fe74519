"""SUEM copy-paste of CFR-ICL: objects pasted into other images, with the target that follows from it.

Simple copy-paste, Union, Exclusion, and image Mixing give the acronym. The released code blends where the paper pastes
(simple) and knows one mode more (region mix); this follows the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = [
    "LEFT_OVER",
    "TRIES",
    "CopyPaste",
    "LabelledImage",
    "blend",
    "copy_paste",
    "exclusion",
    "image_mix",
    "region_mix",
    "simple",
    "union",
]

Pixels = TypeVar("Pixels", bound=np.generic)

TRIES = 5
"""Tries to find an object that leaves enough of the sample's own."""

LEFT_OVER = 20
"""More than so many pixels are enough."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """An image and everything in it that could be the object.

    Parameters
    ----------
    image
        (H, W, 3), uint8 or float in [0, 1].
    labels
        (H, W) signed integers: 0 background, 1..N objects, -1 ignored.
    others
        Further label maps, of coarser or finer things. Pasting does not carry them along.
    source_pixel
        Side of a pixel of the image that this one was cut from, in pixels of the labels.
    """

    image: NDArray[Any]
    labels: NDArray[np.integer]
    others: tuple[NDArray[np.integer], ...] = ()
    source_pixel: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPaste:
    """How often what happens.

    Parameters
    ----------
    paste
        Probability of the simple mode, and apart from it of one of exclusion, union and region mix; in [0, 1].
    mix
        Probability that the whole image is mixed with another one, whatever happened before; in [0, 1].

    The defaults are the released recipes'; seven of eight samples are changed.
    """

    paste: float = 0.5
    mix: float = 0.5


def blend(first: NDArray[Pixels], share: float, second: NDArray[Pixels]) -> NDArray[Pixels]:
    """Return ``share * first + (1 - share) * second``; uint8 is rounded (to even).

    Parameters
    ----------
    first, second
        Of the same shape and dtype, uint8 or float.
    share
        Of the first, in [0, 1]: nothing can leave the range of values.
    """
    mixed = share * first.astype(np.float64) + (1 - share) * second.astype(np.float64)
    if first.dtype == np.uint8:
        mixed = np.rint(mixed)
    return mixed.astype(first.dtype)


def simple(
    image: NDArray[Pixels], inside: NDArray[np.bool_], extra: NDArray[Pixels], share: float
) -> tuple[NDArray[Pixels], NDArray[np.bool_]]:
    """Move the object into another image, where it shows with ``share``.

    Parameters
    ----------
    image
        (H, W, 3), where the object is from.
    inside
        (H, W), the object.
    extra
        (H, W, 3), where it goes to.
    share
        Of the object's own image inside it.

    Returns
    -------
    tuple
        (H, W, 3) image and (H, W) target.
    """
    return np.where(inside[..., None], blend(image, share, extra), extra), inside


def exclusion(
    image: NDArray[Pixels], inside: NDArray[np.bool_], extra: NDArray[Pixels], other: NDArray[np.bool_]
) -> tuple[NDArray[Pixels], NDArray[np.bool_]]:
    """Paste ``other``, (H, W), of the image ``extra`` over the object: the target is what is still seen of it."""
    return np.where(other[..., None], extra, image), inside & ~other


def union(
    image: NDArray[Pixels], inside: NDArray[np.bool_], extra: NDArray[Pixels], other: NDArray[np.bool_]
) -> tuple[NDArray[Pixels], NDArray[np.bool_]]:
    """Paste ``other``, (H, W), of the image ``extra``: the target is both objects together."""
    return np.where(other[..., None], extra, image), inside | other


def region_mix(
    image: NDArray[Pixels], inside: NDArray[np.bool_], extra: NDArray[Pixels], other: NDArray[np.bool_], share: float
) -> tuple[NDArray[Pixels], NDArray[np.bool_]]:
    """Let ``other``, (H, W), of the image ``extra`` shine through; the target stays. Not in the paper."""
    return np.where(other[..., None], blend(image, share, extra), image), inside


def image_mix(image: NDArray[Pixels], extra: NDArray[Pixels], share: float) -> NDArray[Pixels]:
    """Let the whole image ``extra`` shine through; the target stays."""
    return blend(image, share, extra)


def copy_paste(
    sample: LabelledImage,
    options: CopyPaste,
    rng: np.random.Generator,
    *,
    draw: Callable[[], LabelledImage],
    pick: Callable[[LabelledImage], NDArray[np.bool_]],
) -> LabelledImage:
    """Change a sample as the released training does, drawing chances in its order.

    Parameters
    ----------
    sample
        After the ordinary augmentation.
    options
        How often what happens.
    rng
        Where the chance comes from.
    draw
        Returns another sample of the same shape, augmented the same way.
    pick
        Returns the (H, W) mask of one of a sample's objects (or of two merged).

    Returns
    -------
    LabelledImage
        The sample itself where nothing happened. A sample with something pasted has one object left, with label 1;
        its ignored pixels stay ignored where they still show.
    """
    if rng.random() < options.paste:
        sample = _simple_at_random(sample, rng, draw(), pick)
    if rng.random() < options.paste:
        sample = _combine_at_random(sample, rng, draw, pick)
    if rng.random() < options.mix:
        sample = LabelledImage(image_mix(sample.image, draw().image, _share(rng)), sample.labels)
    return sample


def _simple_at_random(
    sample: LabelledImage,
    rng: np.random.Generator,
    extra: LabelledImage,
    pick: Callable[[LabelledImage], NDArray[np.bool_]],
) -> LabelledImage:
    image, target = simple(sample.image, pick(sample), extra.image, _share(rng))
    # Whatever the other image shows, outside the mask it is not this object: nothing is left to ignore.
    return LabelledImage(image, target.astype(sample.labels.dtype))


def _combine_at_random(
    sample: LabelledImage,
    rng: np.random.Generator,
    draw: Callable[[], LabelledImage],
    pick: Callable[[LabelledImage], NDArray[np.bool_]],
) -> LabelledImage:
    inside = pick(sample)
    for _ in range(TRIES):
        extra = draw()
        other = pick(extra)
        if np.count_nonzero(inside & ~other) > LEFT_OVER:
            break
    else:
        return sample
    mode = int(rng.integers(3))
    if mode == 2:
        image, target = region_mix(sample.image, inside, extra.image, other, _share(rng))
        ignored = sample.labels == -1
    else:
        image, target = (exclusion, union)[mode](sample.image, inside, extra.image, other)
        ignored = (sample.labels == -1) & ~other
    return LabelledImage(image, np.where(ignored, -1, target).astype(sample.labels.dtype))


def _share(rng: np.random.Generator) -> float:
    return rng.random() / 2 + 0.5
