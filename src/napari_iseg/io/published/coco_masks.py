"""Masks as COCO's and LVIS's JSON files have them: polygons, and run lengths down the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.draw import polygon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["decode_mask", "in_layers"]


def decode_mask(segmentation: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Turn an annotation's ``segmentation`` into a mask.

    Parameters
    ----------
    segmentation
        A list of polygons, each ``[x, y, x, y, ...]`` in pixels from the image's upper left corner; or a dictionary
        with ``size``, (rows, columns), and ``counts``: the lengths of the runs of 0 and 1 in turns, column by column,
        as a list or in COCO's compressed text.
    shape
        Rows and columns of the image.

    Returns
    -------
    numpy.ndarray
        (rows, columns) bool.

    Raises
    ------
    ValueError, TypeError, KeyError, IndexError
        If it is none of these or does not fit the shape.
    """
    if not isinstance(segmentation, dict):
        return _filled(segmentation, shape)
    if tuple(segmentation["size"]) != shape:
        raise ValueError(f"the mask has the size {segmentation['size']}, the image {shape}")
    counts = segmentation["counts"]
    runs = np.array(counts if isinstance(counts, list) else _run_lengths(counts), dtype=np.int64)
    if (runs.size and runs.min() < 0) or runs.sum() != shape[0] * shape[1]:
        raise ValueError(f"the runs cover {runs.sum()} pixels of {shape[0] * shape[1]}")
    flat = np.repeat(np.arange(runs.size) % 2 == 1, runs)
    return flat.reshape(shape, order="F")


def in_layers(masks: Sequence[NDArray[np.bool_]], ignored: NDArray[np.bool_]) -> list[NDArray[np.int32]]:
    """Draw masks that may lie over each other as few layers of labels in which none does.

    The largest come first and each goes to the first layer where it is free, so that parts lie above their wholes.

    Parameters
    ----------
    masks
        (H, W) bool each.
    ignored
        (H, W) bool: becomes -1 in every layer where no mask is.

    Returns
    -------
    list of numpy.ndarray
        (H, W) int32 each, at least one; a mask's label is its place in ``masks``, from 1.
    """
    layers = [np.zeros(ignored.shape, np.int32)]
    for index in sorted(range(len(masks)), key=lambda i: -int(masks[i].sum())):
        mask = masks[index]
        free = next((layer for layer in layers if not layer[mask].any()), None)
        if free is None:
            free = np.zeros(ignored.shape, np.int32)
            layers.append(free)
        free[mask] = index + 1
    for layer in layers:
        layer[ignored & (layer == 0)] = -1
    return layers


def _filled(polygons: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    for points in polygons:
        x, y = np.asarray(points, dtype=float).reshape(-1, 2).T
        # COCO counts from corners of pixels, polygon() from their centres.
        mask[polygon(y - 0.5, x - 0.5, shape)] = True
    return mask


def _run_lengths(text: str | bytes) -> list[int]:
    """Decode COCO's compressed text: five bits a character, low ones first, as differences to the run before last."""
    characters = iter(text.encode("ascii") if isinstance(text, str) else text)
    runs: list[int] = []
    for character in characters:
        bits, value, shift = character - 48, 0, 0
        while bits & 32:
            value |= (bits & 31) << shift
            shift += 5
            following = next(characters, None)
            if following is None:
                raise ValueError("the text of the run lengths is cut off")
            bits = following - 48
        value |= (bits & 31) << shift
        if bits & 16:
            value -= 1 << (shift + 5)
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return runs
