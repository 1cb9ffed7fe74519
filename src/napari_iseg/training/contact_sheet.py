"""Contact sheets: what training sees, with its objects outlined and a caption below, for a person's eyes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from napari_iseg.errors import IsegError
from napari_iseg.training.data import Crops, load_pictures
from napari_iseg.training.procedural import KINDS, procedural_sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_iseg.training.recipe import DataRecipe

__all__ = ["Tile", "contact_sheet", "crop_tiles", "generated_tiles"]

_CAPTION = 16
_GAP = 4
# Of objects, and of wholes that have parts.
_OBJECTS, _WHOLES = (255, 215, 0), (0, 255, 255)


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One sample on a sheet.

    Parameters
    ----------
    rgb
        (S, S, 3) uint8.
    labels
        (S, S) whole numbers to outline, above 0.
    caption
        A line of text.
    wholes
        (S, S) whole numbers to outline in another colour; None for none.
    """

    rgb: np.ndarray
    labels: np.ndarray
    caption: str
    wholes: np.ndarray | None = None


def generated_tiles(kinds: Sequence[str], *, count: int, size: int, seed: int) -> list[Tile]:
    """Return ``count`` generated images of each kind.

    Parameters
    ----------
    kinds
        Names of :data:`napari_iseg.training.procedural.KINDS`; none for all.
    count
        Images of each, at least 1.
    size
        Rows and columns, at least 24.
    seed
        The same one makes the same images.

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    IsegError
        If ``count`` or ``size`` is too small.
    """
    _check(count, size)
    tiles = []
    for kind in kinds or KINDS:
        for number in range(count):
            drawn = procedural_sample(np.random.default_rng([seed, number]), size, kind)
            objects = sum(np.unique(image[image > 0]).size for image in _different(drawn.labels, drawn.wholes))
            tiles.append(Tile(drawn.rgb, drawn.labels, f"{kind}: {objects} objects", drawn.wholes))
    return tiles


def crop_tiles(folders: Sequence[Path], recipe: DataRecipe, *, count: int, size: int, seed: int) -> list[Tile]:
    """Return ``count`` augmented crops of each folder, as training draws them; the target is outlined.

    Parameters
    ----------
    folders
        Dataset folders, with ``images`` and ``labels``.
    recipe
        How to draw; its weights do not count.
    count, size, seed
        As in :func:`generated_tiles`.

    Raises
    ------
    ImageError
        If a folder is no dataset folder or has nothing to train on.
    IsegError
        If ``count`` or ``size`` is too small.
    """
    _check(count, size)
    recipe = replace(recipe, weights={"procedural": 0.0})
    tiles = []
    for name, pictures in load_pictures(folders, recipe).items():
        crops = iter(Crops({name: pictures}, recipe, size=size, seed=seed))
        for _ in range(count):
            rgb, target = next(crops)
            shown = (rgb.permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8)
            labels = target.numpy()
            tiles.append(Tile(shown, labels, f"{name}: object {100 * (labels == 1).mean():.2g} %"))
    return tiles


def contact_sheet(tiles: Sequence[Tile], *, columns: int) -> np.ndarray:
    """Return one image of all tiles: each as it is, and with its objects outlined beside it.

    Parameters
    ----------
    tiles
        Of one size, at least one.
    columns
        Tiles in a row.

    Returns
    -------
    numpy.ndarray
        (rows, columns, 3) uint8.
    """
    side = tiles[0].rgb.shape[0]
    wide, tall = 2 * side + 2 * _GAP, side + _CAPTION
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * wide, rows * tall), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for index, tile in enumerate(tiles):
        left, top = index % columns * wide, index // columns * tall
        sheet.paste(Image.fromarray(tile.rgb), (left, top))
        sheet.paste(Image.fromarray(_outlined(tile)), (left + side, top))
        draw.text((left + 2, top + side + 1), tile.caption, fill="black", font=font)
    return np.asarray(sheet)


def _check(count: int, size: int) -> None:
    if count < 1 or size < 24:
        raise IsegError(f"A sheet of {count} images of {size} pixels was asked for; give at least 1 of at least 24.")


def _different(labels: np.ndarray, wholes: np.ndarray | None) -> list[np.ndarray]:
    """Return the label images without what occurs twice."""
    return [labels] if wholes is None else [labels, np.where(np.isin(wholes, labels), 0, wholes)]


def _outlined(tile: Tile) -> np.ndarray:
    outlined = tile.rgb.copy()
    outlined[_rims(tile.labels)] = _OBJECTS
    if tile.wholes is not None:
        outlined[_rims(np.where(np.isin(tile.wholes, tile.labels), 0, tile.wholes))] = _WHOLES
    return outlined


def _rims(labels: np.ndarray) -> np.ndarray:
    """Return the inner rims of objects as (S, S) bool."""
    positive = np.maximum(labels, 0)
    return (positive > 0) & (ndimage.minimum_filter(positive, 3) != ndimage.maximum_filter(positive, 3))
