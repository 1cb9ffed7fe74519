"""Random changes of a crop that leave its objects what they are: what optics, scanners, cameras and files do."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

from napari_iseg.errors import IsegError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Augmentation", "augment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How likely each change is, all in [0, 1]; 0 leaves it out.

    Parameters
    ----------
    flip, turn
        Mirroring along the columns; a turn by one to three right angles.
    blur
        A Gaussian blur of up to 1.6 pixels: out of focus.
    slices
        Coarse sampling along one axis, two to five pixels thick: the long side of voxels that are no cubes.
    bias
        A smooth field that brightens and darkens: a coil's sensitivity, a lamp's vignette.
    noise, shot, speckle
        Gaussian noise; noise that grows with the root of the signal, as counted photons have it (Poisson's, by its
        normal approximation); noise that multiplies, as ultrasound has it.
    lines
        Stripes along the rows, or every other row displaced by a pixel: scanning beams.
    contrast, window, gamma
        A linear change; a display window that cuts off values at both ends; a power.
    invert
        The negative.
    channels
        Grey from any mixture of channels, channels exchanged, or each a mixture of all: microscopes colour by filter.
    shift
        A change of each channel's brightness by itself.
    jpeg
        The blocks of lossy compression, qualities 15 to 80.

    Raises
    ------
    IsegError
        If a probability lies outside [0, 1].
    """

    flip: float = 0.5
    turn: float = 0.3
    blur: float = 0.15
    slices: float = 0.06
    bias: float = 0.15
    noise: float = 0.2
    shot: float = 0.1
    speckle: float = 0.05
    lines: float = 0.04
    contrast: float = 0.7
    window: float = 0.15
    gamma: float = 0.3
    invert: float = 0.1
    channels: float = 0.25
    shift: float = 0.3
    jpeg: float = 0.06

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if not 0 <= value <= 1:
                raise IsegError(f"The probability {option.name!r} of an augmentation is {value}; give one from 0 to 1.")


def augment(
    rgb: np.ndarray, target: np.ndarray, rng: np.random.Generator, options: Augmentation | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Flip, turn, blur, roughen and recolour a crop, in the order in which an image comes about.

    Parameters
    ----------
    rgb
        (H, W, 3) float32 in [0, 1].
    target
        (H, W) or (H, W, maps) of any dtype, moved with the image.
    options
        How likely what is; None for the defaults.

    Returns
    -------
    tuple
        (H, W, 3) float32 in [0, 1], and the target.
    """
    options = options or Augmentation()
    if rng.random() < options.flip:
        rgb, target = rgb[:, ::-1], target[:, ::-1]
    if rng.random() < options.turn:
        # A crop that is not square is only turned upside down.
        turns = int(rng.integers(1, 4)) if rgb.shape[0] == rgb.shape[1] else 2
        rgb, target = np.rot90(rgb, turns), np.rot90(target, turns)
    for name, change in _CHANGES.items():
        if rng.random() < getattr(options, name):
            rgb = change(rgb, rng)
    return np.clip(rgb, 0, 1, dtype=np.float32), target


def _blur(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sigma = rng.uniform(0.3, 1.6)
    return ndimage.gaussian_filter(rgb, (sigma, sigma, 0), truncate=3)


def _slices(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sample one axis coarsely, and stretch it to what it was, smoothly or in steps."""
    size = rgb.shape[1], rgb.shape[0]
    axis, thick = int(rng.integers(2)), rng.uniform(2, 5)
    coarse = tuple(max(round(side / thick), 2) if i == axis else side for i, side in enumerate(size))
    back = Image.Resampling.BILINEAR if rng.random() < 0.7 else Image.Resampling.NEAREST
    sliced = _to_file(rgb).resize(coarse, Image.Resampling.BOX).resize(size, back)
    return _from_file(sliced)


def _bias(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    cells = int(rng.integers(2, 5))
    coarse = Image.fromarray(rng.standard_normal((cells, cells), np.float32))
    field = np.asarray(coarse.resize((rgb.shape[1], rgb.shape[0]), Image.Resampling.BICUBIC))
    return rgb * np.exp(rng.uniform(0.05, 0.35) * field)[..., None]


def _contrast_of(rgb: np.ndarray) -> float:
    """Return about 1 for a photograph and less for what is dim or flat, so that noise does not drown it."""
    return float(np.clip(4 * rgb[::2, ::2].std(), 0.1, 1))


def _grains(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return normal noise, sometimes coarser than a pixel; mostly the same in all channels, as in grey images."""
    rows, columns = rgb.shape[:2]
    if rng.random() < 0.3:
        return rng.standard_normal(rgb.shape, np.float32)
    if rng.random() < 0.3:
        coarse = Image.fromarray(rng.standard_normal((rows // 2 + 1, columns // 2 + 1), np.float32))
        return 1.3 * np.asarray(coarse.resize((columns, rows), Image.Resampling.BILINEAR))[..., None]
    return rng.standard_normal((rows, columns, 1), np.float32)


def _noise(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rgb + rng.uniform(0.01, 0.08) * _contrast_of(rgb) * _grains(rgb, rng)


def _shot(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    level = rng.uniform(0.02, 0.12) * _contrast_of(rgb) ** 0.5
    return rgb + np.sqrt(np.maximum(rgb, 0)) * (level * _grains(rgb, rng))


def _speckle(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rgb * (1 + rng.uniform(0.05, 0.25) * _grains(rgb, rng))


def _lines(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.3:
        moved = rgb.copy()
        moved[::2] = np.roll(rgb[::2], 1, axis=1)
        return moved
    return rgb + rng.uniform(0.01, 0.05) * _contrast_of(rgb) * rng.standard_normal((len(rgb), 1, 1), np.float32)


def _contrast(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    mean = float(rgb.mean())
    return (rgb - mean) * rng.uniform(0.6, 1.4) + (mean + rng.uniform(-0.2, 0.2))


def _window(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Stretch a part of the values that are there, between percentiles drawn at either end, over all of them."""
    low, high = np.percentile(rgb[::4, ::4], (rng.uniform(0, 8), rng.uniform(92, 100)))
    return (rgb - np.float32(low)) / np.float32(max(high - low, 0.05))


def _gamma(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(rgb, 0, 1) ** float(np.exp(rng.uniform(-0.6, 0.6)))


def _invert(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 1 - rgb


def _channels(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    chance = rng.random()
    if chance < 0.6:
        return np.repeat((rgb @ rng.dirichlet((2, 2, 2)).astype(np.float32))[..., None], 3, axis=2)
    if chance < 0.85:
        return rgb[..., rng.permutation(3)]
    return rgb @ rng.dirichlet((1, 1, 1), 3).T.astype(np.float32)


def _shift(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rgb + rng.normal(0, 0.05, 3).astype(np.float32)


def _jpeg(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    file = io.BytesIO()
    _to_file(rgb).save(file, "JPEG", quality=int(rng.integers(15, 81)))
    return _from_file(Image.open(file))


def _to_file(rgb: np.ndarray) -> Image.Image:
    return Image.fromarray((np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8))


def _from_file(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.float32) / 255


# In the order in which they happen: optics, sampling, detector, display, file.
_CHANGES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "blur": _blur,
    "slices": _slices,
    "bias": _bias,
    "noise": _noise,
    "shot": _shot,
    "speckle": _speckle,
    "lines": _lines,
    "contrast": _contrast,
    "window": _window,
    "gamma": _gamma,
    "invert": _invert,
    "channels": _channels,
    "shift": _shift,
    "jpeg": _jpeg,
}
