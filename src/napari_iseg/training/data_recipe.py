"""The part of a recipe that says what images are drawn, and how they are cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_iseg.errors import IsegError
from napari_iseg.training.augmentation import Augmentation

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DataRecipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecipe:
    """What images are drawn, and how they are cut.

    Parameters
    ----------
    weights
        Folder name to how often it is drawn; a folder not named gets 1. ``procedural`` weighs the generated images.
    max_side
        Larger images are reduced on loading so that their longer side has this many pixels.
    min_pixels
        Smaller objects are not drawn.
    close_share
        Share of crops close around the object, as zoom-in makes them.
    smallest_share, largest_share
        Of the other crops' area the object takes this much, log-uniform between the two, as far as the images allow.
    copy_paste, image_mix
        Probabilities of SUEM's two kinds of pasting and of its mixing (``training.copy_paste``);
        CFR-ICL's recipes have 0.5 for both, 0 leaves it out. Every hit costs the time of a further crop.
    merged_share
        Share of crops whose object is two of the image's; RITM and its descendants have 0.15.
    levels
        Label maps that come with each crop, for lessons about parts and wholes (DISNet): first the one that the object
        is from, then the other maps of the same image (``labels_coarse`` beside ``labels``, the wholes of generated
        images). 0 leaves them out; where an image has fewer, the rest is empty.
    soft_factor
        Labels are cut this many times as fine as the crop, and alpha is what of each pixel they cover, for lessons
        about soft edges (FocalClick-XL). 0 leaves it out.
    generated_scale
        Side of generated images over that of the crops; the larger, the more of their crops have exact fractions.
    augmentation
        How likely each change of a crop is; in a file a table.

    Raises
    ------
    IsegError
        If the two shares are not two numbers between 0 and 1 in rising order, or options exclude each other.
    """

    weights: dict[str, float] = field(default_factory=dict)
    max_side: int = 400
    min_pixels: int = 40
    close_share: float = 0.5
    copy_paste: float = 0.0
    image_mix: float = 0.0
    merged_share: float = 0.0
    smallest_share: float = 0.001
    largest_share: float = 0.9
    levels: int = 0
    soft_factor: int = 0
    generated_scale: float = 1.5
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if not 0 < self.smallest_share < self.largest_share < 1:
            raise IsegError(
                f"The shares of a crop that objects take are {self.smallest_share} to {self.largest_share}; "
                "give two numbers between 0 and 1, the smaller one first."
            )
        if self.levels and (self.copy_paste or self.image_mix):
            raise IsegError(
                "Copy-paste changes what is part of what, so 'levels' and 'copy_paste' or 'image_mix' exclude each "
                "other; leave one out of the recipe's [data]."
            )
        if self.soft_factor and (self.levels or self.copy_paste or self.image_mix):
            raise IsegError(
                "Alpha is not known of pasted objects nor of further label maps, so 'soft_factor' and 'levels', "
                "'copy_paste' or 'image_mix' exclude each other; leave one out of the recipe's [data]."
            )

    def shares(self, names: Iterable[str]) -> dict[str, float]:
        """Return how often each folder is drawn, and ``procedural`` the generated images, of 1 altogether."""
        weights = {name: self.weights.get(name, 1.0) for name in (*names, "procedural")}
        total = sum(weights.values())
        return {name: weight / total for name, weight in weights.items()}
