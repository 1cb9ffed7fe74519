"""HDF5 through h5py: every data set that can be an image, with what ilastik, ImageJ and Paintera note of its axes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.files import damaged
from napari_iseg.io.lazily import SMALL, blocks_of, lazy_array
from napari_iseg.io.loaded import LoadedImage
from napari_iseg.io.several import Choice
from napari_iseg.io.shown import Shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["hdf5_choices", "read_hdf5"]

_NUMBERS = "buifc"
_COLOURS = (3, 4)
_AXES = "tczyx"


def hdf5_choices(file: Path) -> list[Choice]:
    """List the data sets of an HDF5 file that have at least two axes and numbers, in the order of the file.

    Raises
    ------
    ImageError
        If h5py cannot open it.
    """
    import h5py

    found: list[Choice] = []

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim >= 2 and item.dtype.kind in _NUMBERS and item.size:
            words = str(item.attrs.get("description", "")) if "description" in item.attrs else ""
            found.append(
                Choice(
                    name=name,
                    shape=item.shape,
                    dtype=str(item.dtype),
                    description=words,
                    open=lambda lazy, name=name: read_hdf5(file, name, lazy=lazy),  # type: ignore[misc]
                )
            )

    try:
        with h5py.File(file, "r") as opened:
            opened.visititems(look)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise damaged(file, "an HDF5 file") from error
    return found


def read_hdf5(file: Path, name: str, *, lazy: bool = True) -> LoadedImage:
    """Read a data set.

    Parameters
    ----------
    file
        The HDF5 file.
    name
        The data set's path in it.
    lazy
        Whether a large one stays in the file, which is opened for every block and closed again.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    import h5py

    def read(where: tuple[slice, ...]) -> NDArray[Any]:
        with h5py.File(file, "r") as opened:
            return np.asarray(opened[name][where])

    try:
        with h5py.File(file, "r") as opened:
            item = opened[name]
            shape, dtype, native = item.shape, item.dtype, item.chunks
            attributes = dict(item.attrs)
            labels = [item.dims[axis].label for axis in range(item.ndim)]
            data = item[()] if not lazy or item.size * item.dtype.itemsize <= SMALL else None
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise damaged(file, f"an HDF5 file with the data set {name}") from error
    axes = _axes(attributes, labels, shape)
    rgb = dtype == np.uint8 and shape[-1] in _COLOURS and len(shape) > 2 and (axes[-1] == "c" or not _known(axes))
    if data is None:
        blocks = blocks_of(shape, dtype.itemsize, native, 3 if rgb else 2)
        data = lazy_array(read, shape, dtype, blocks, file)
    if axes[-1] == "c" and not rgb and len(shape) > 2:
        data, axes = np.moveaxis(data, -1, 0), f"c{axes[:-1]}"
    if rgb:
        axes = axes[:-1] if axes[-1] == "c" else _AXES[-(len(shape) - 1) :]
    spacing, units, origin = _place(attributes, axes)
    is_labels = dtype.kind in "iu" and "label" in name.lower()
    shown = Shown(name=f"{file.stem} {name}", axes=axes, origin=origin, labels=is_labels)
    return LoadedImage(data, file, "hdf5", rgb, spacing, units, None, None, shown=shown)


def _axes(attributes: dict[str, Any], labels: list[str], shape: tuple[int, ...]) -> str:
    """Return a letter for every axis, by ilastik's axis tags or HDF5's own labels, else by their number."""
    try:
        said = "".join(tag["key"] for tag in json.loads(attributes["axistags"])["axes"])
    except (KeyError, TypeError, ValueError):
        said = "".join(label[:1].lower() for label in labels)
    if len(said) == len(shape) and set(said) <= set(_AXES) and len(set(said)) == len(said):
        return said
    return ("?" * len(shape) + ("zyx" if len(shape) > 2 else "yx"))[-len(shape) :]


def _known(axes: str) -> bool:
    return "?" not in axes and axes != "zyx"


def _place(attributes: dict[str, Any], axes: str) -> tuple[tuple[float, ...], str | None, tuple[float, ...]]:
    """Return the spacing, its unit and the origin, which programs note for the spatial axes alone."""
    spatial = [number for number, axis in enumerate(axes) if axis in "zyx"]
    spacing, origin, unit = [1.0] * len(axes), [0.0] * len(axes), None
    for name, its_unit in (("element_size_um", "um"), ("resolution", "nm")):
        sizes = _numbers(attributes.get(name))
        if sizes and len(sizes) >= len(spatial) and all(size > 0 for size in sizes):
            unit = its_unit
            for axis, size in zip(spatial, sizes[-len(spatial) :], strict=True):
                spacing[axis] = size
            break
    places = _numbers(attributes.get("offset"))
    if places and len(places) >= len(spatial):
        for axis, place in zip(spatial, places[-len(spatial) :], strict=True):
            origin[axis] = place
    return tuple(spacing), unit, tuple(origin)


def _numbers(value: Any) -> list[float]:
    try:
        numbers = [float(number) for number in np.ravel(value)]
    except (TypeError, ValueError):
        return []
    return numbers if numbers and np.isfinite(numbers).all() else []
