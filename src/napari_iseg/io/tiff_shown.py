"""What ImageJ and OME say in a TIFF of channels, colours, limits and time; and its planes, read when they are seen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.lazily import blocks_of, lazy_array
from napari_iseg.io.shown import Channel, Shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["lazy_level", "shown_of"]

# ImageJ's I and tifffile's Q are pages that nobody named.
_LETTERS = {"T": "t", "C": "c", "Z": "z", "Y": "y", "X": "x", "I": "z", "Q": "z"}
_TIMES = {"s": "s", "sec": "s", "seconds": "s", "ms": "ms", "msec": "ms", "min": "min", "h": "h"}


def shown_of(tiff: Any, axes: str, units: str | None) -> Shown:
    """Return what a TIFF file says about how it is to be shown.

    Parameters
    ----------
    tiff
        The open ``tifffile.TiffFile``.
    axes
        tifffile's letter for every axis but the colours.
    units
        Of the spatial axes, None where it is not known.
    """
    letters = "".join(_LETTERS.get(axis, "?") for axis in axes)
    known = letters if len(set(letters)) == len(letters) else "?" * len(letters)
    count = tiff.series[0].shape[tiff.series[0].axes.index("C")] if "C" in tiff.series[0].axes else 0
    channels: tuple[Channel, ...] = ()
    limits, time = None, "pixel"
    if tiff.is_ome:
        channels, time = _of_ome(tiff.ome_metadata, count)
    elif tiff.is_imagej:
        channels, limits, time = _of_imagej(tiff.imagej_metadata or {}, count)
    if "c" not in known:
        # One channel has limits, but needs no axis.
        limits, channels = limits or (channels[0].limits if len(channels) == 1 else None), ()
    sizes = tuple(time if axis == "t" else units or "pixel" if axis in "zyx" else "pixel" for axis in known)
    return Shown(axes=known, units=sizes, channels=channels, limits=limits)


def _of_imagej(said: dict[str, Any], count: int) -> tuple[tuple[Channel, ...], tuple[float, float] | None, str]:
    ranges = [float(value) for value in said.get("Ranges") or ()]
    tables = said.get("LUTs") or []
    names = said.get("Labels") or []
    channels = []
    for number in range(count):
        limits = (ranges[2 * number], ranges[2 * number + 1]) if len(ranges) >= 2 * number + 2 else None
        table = np.asarray(tables[number]) if number < len(tables) else None
        colour = tuple(float(value) / 255 for value in table[:, -1]) if table is not None and table.ndim == 2 else None
        # The labels are those of slices; of a plain composite these are its channels.
        name = str(names[number]) if len(names) == count else None
        channels.append(Channel(name=name, colour=colour, limits=_rising(limits)))  # type: ignore[arg-type]
    limits = _rising((said["min"], said["max"])) if "min" in said and "max" in said and count < 2 else None
    return (
        tuple(channels),
        limits,
        _TIMES.get(str(said.get("tunit", "")).lower(), "s" if said.get("finterval") else "pixel"),
    )


def _of_ome(xml: str, count: int) -> tuple[tuple[Channel, ...], str]:
    import tifffile

    image = tifffile.xml2dict(xml)["OME"]["Image"]
    pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    said = pixels.get("Channel") or []
    entries = said if isinstance(said, list) else [said]
    time = _TIMES.get(str(pixels.get("TimeIncrementUnit", "s")).lower(), "s") if "TimeIncrement" in pixels else "pixel"
    if len(entries) != count:
        return (Channel(),) * count, time
    return tuple(Channel(name=_name(entry), colour=_colour(entry.get("Color"))) for entry in entries), time


def _name(entry: dict[str, Any]) -> str | None:
    name = entry.get("Name") or entry.get("Fluor")
    return str(name) if name else None


def _colour(number: Any) -> tuple[float, float, float] | None:
    """Turn OME's signed number of red, green, blue and alpha into parts of 1; white, its default, says nothing."""
    if not isinstance(number, int) or number == -1:
        return None
    bits = number & 0xFFFFFFFF
    red, green, blue = (((bits >> shift) & 0xFF) / 255 for shift in (24, 16, 8))
    return (red, green, blue) if red + green + blue > 0 else None


def _rising(limits: Any) -> tuple[float, float] | None:
    if limits is None:
        return None
    low, high = (float(value) for value in limits)
    return (low, high) if np.isfinite([low, high]).all() and low < high else None


def lazy_level(file: Path, level: int) -> Any:
    """Return a level of the first image of a TIFF as a dask array, in the file's own order of axes."""
    pages = _Pages(file, level)
    array = pages.array
    shape, dtype = tuple(array.shape), array.dtype
    flat = 3 if len(shape) > 2 and shape[-1] in (3, 4) else 2
    return lazy_array(pages.read, shape, dtype, blocks_of(shape, dtype.itemsize, array.chunks, flat), file)


class _Pages:
    """Reads parts of a TIFF, whose index is kept; the file itself is open only while it is read.

    So it can be moved and deleted, and a share that comes back is read again.
    """

    def __init__(self, file: Path, level: int) -> None:
        import tifffile
        import zarr

        self._lock = threading.Lock()
        with tifffile.TiffFile(file) as tiff:
            self._handle = tiff.filehandle
            self.array: Any = zarr.open(tiff.series[0].aszarr(level=level), mode="r")

    def read(self, where: tuple[slice, ...]) -> NDArray[Any]:
        """Return the part between some slices."""
        with self._lock:
            self._handle.open()
            try:
                return np.asarray(self.array[where])
            finally:
                self._handle.close()
