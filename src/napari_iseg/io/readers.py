"""What napari calls to open a file; no napari in here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.choices import HDF5_ENDINGS
from napari_iseg.io.dicom_headers import is_dicom
from napari_iseg.io.files import ending
from napari_iseg.io.images import DICOM_ENDINGS, IMAGE_ENDINGS, read_image
from napari_iseg.io.lazily import middle_limits
from napari_iseg.io.nifti_files import is_label_image
from napari_iseg.io.several import split_choice
from napari_iseg.io.zarr_files import is_address

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_iseg.io.loaded import LoadedImage
    from napari_iseg.io.shown import Channel

__all__ = ["get_reader", "layers_of", "open_layers", "read_layers"]

LayerData = tuple[Any, dict[str, Any], str]

# PNG and JPEG have nothing to tell that napari's own reader would not show.
_FLAT = (".png", ".jpg", ".jpeg", ".bmp")
_MOST_CHANNELS = 8


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Return what reads a path for napari, or None if the path is not for this reader.

    Parameters
    ----------
    path
        One path or address, or several that napari wants as one stack, which this reader leaves to others.
    """
    paths = _paths(path)
    if len(paths) != 1:
        return None
    place, name = split_choice(paths[0])
    if name is not None or is_address(place) or Path(place).is_dir():
        return open_all
    kind = ending(Path(place))
    ours = kind in (*IMAGE_ENDINGS, *HDF5_ENDINGS, *DICOM_ENDINGS) and kind not in _FLAT
    return open_all if ours or is_dicom(Path(place)) else None


def open_all(path: str | Sequence[str]) -> list[LayerData]:
    """Read paths as napari layers, see :func:`open_layers`; of several images in one the largest."""
    return [layer for item in _paths(path) for layer in open_layers(item)]


def open_layers(path: str | Path) -> list[LayerData]:
    """Read an image as napari layers: one for each channel, and its labels; large ones stay in their files.

    Parameters
    ----------
    path
        As :func:`napari_iseg.io.read_image` takes it.

    Returns
    -------
    list of tuple
        (data, attributes, layer type), where ``metadata["napari_iseg"]`` holds ``"source"`` (the path), ``"image"``
        (the :class:`~napari_iseg.io.LoadedImage` of this layer, whose grid an export takes over) and ``"notes"``
        (sentences that the user should read).

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    return layers_of(read_image(path, lazy=True), str(path))


def layers_of(loaded: LoadedImage, source: str) -> list[LayerData]:
    """Make napari layers of an image that was read, see :func:`open_layers`."""
    shown = loaded.shown
    layers = []
    if 0 < len(shown.channels) <= _MOST_CHANNELS and "c" in shown.axes:
        axis = shown.axes.index("c")
        for number, channel in enumerate(shown.channels):
            layers.append(
                _channel_layer(_one_channel(loaded, axis, number), channel, number, source, len(shown.channels))
            )
    else:
        layers.append(_layer(loaded, source))
    return layers + [_layer(part, source) for part in shown.parts]


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Read files whole, each as one napari layer, with scale and with the source in the metadata.

    Integer NIfTI files whose header says "label" become Labels layers, everything else Image layers; channels are an
    axis.

    Returns
    -------
    list of tuple
        As :func:`open_layers`.

    Raises
    ------
    ImageError
        If a file cannot be read.
    """
    return [_layer(read_image(file), str(file)) for file in _paths(path)]


def _layer(loaded: LoadedImage, source: str) -> LayerData:
    shown = loaded.shown
    axes = len(loaded.grid_shape)
    attributes: dict[str, Any] = {
        "name": shown.name or _name(source),
        "scale": loaded.scale,
        "translate": loaded.translate,
        "units": shown.units or (loaded.units or "pixel",) * axes,
        "metadata": {"napari_iseg": {"source": source, "image": loaded, "notes": shown.notes}},
    }
    if len(set(shown.axes)) == axes and "?" not in shown.axes:
        attributes["axis_labels"] = tuple(shown.axes)
    data: Any = loaded.data
    if shown.levels or not isinstance(data, np.ndarray):
        # What was read last is kept within a bound; napari would keep as much again and more.
        attributes["cache"] = False
    if shown.levels:
        data, attributes["multiscale"] = list(shown.levels), True
    if shown.labels or is_label_image(loaded):
        return data, attributes, "labels"
    attributes["rgb"] = loaded.rgb
    limits = shown.limits
    if limits is None and (shown.levels or not isinstance(data, np.ndarray)):
        limits = middle_limits(shown.levels[-1] if shown.levels else data, rgb=loaded.rgb)
    if limits is not None and not loaded.rgb:
        attributes["contrast_limits"] = limits
    if shown.inverted:
        attributes["colormap"] = "gray_r"
    return data, attributes, "image"


def _channel_layer(loaded: LoadedImage, channel: Channel, number: int, source: str, count: int) -> LayerData:
    data, attributes, kind = _layer(loaded, source)
    name = loaded.shown.name or _name(source)
    if channel.name:
        # The name of a case is part of that of its modalities already.
        attributes["name"] = channel.name if channel.name.startswith(name) else f"{name} {channel.name}"
    elif count > 1:
        attributes["name"] = f"{name} channel {number + 1}"
    if channel.limits is not None:
        attributes["contrast_limits"] = channel.limits
    if channel.colour is not None:
        attributes["colormap"] = np.array([[0.0, 0, 0, 1], [*channel.colour, 1.0]])
        attributes["blending"] = "additive" if number else "translucent_no_depth"
    attributes["visible"] = channel.visible
    return data, attributes, kind


def _one_channel(loaded: LoadedImage, axis: int, number: int) -> LoadedImage:
    """Return one channel as an image of its own, on the grid without the channels."""
    shown = loaded.shown
    take = (slice(None),) * axis + (number,)
    header = loaded.header
    if isinstance(header, str) and len(header) == len(shown.axes):
        header = header[:axis] + header[axis + 1 :]

    def drop(values: Any) -> Any:
        return values[:axis] + values[axis + 1 :]

    return replace(
        loaded,
        data=loaded.data[take],
        spacing=drop(loaded.spacing),
        header=header,
        shown=replace(
            shown,
            axes=drop(shown.axes),
            units=drop(shown.units) if len(shown.units) == len(shown.axes) else (),
            origin=drop(shown.origin),
            levels=tuple(level[take] for level in shown.levels),
            channels=(),
            parts=(),
            notes=shown.notes if number == 0 else (),
        ),
    )


def _name(source: str) -> str:
    place = Path(split_choice(source)[0])
    return place.name[: -len(ending(place))] if ending(place) in IMAGE_ENDINGS else place.stem or place.name


def _paths(path: str | Sequence[str]) -> list[str]:
    return [str(path)] if isinstance(path, str | Path) else [str(item) for item in path]
