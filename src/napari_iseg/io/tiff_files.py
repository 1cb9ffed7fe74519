"""TIFF through tifffile: pages in the file's own order, spacing from ImageJ, OME or our own description."""

from __future__ import annotations

import logging
import math
import struct
import threading
import zlib
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.files import damaged, too_large
from napari_iseg.io.lazily import SMALL
from napari_iseg.io.loaded import LoadedImage
from napari_iseg.io.tiff_shown import lazy_level, shown_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_tiff", "write_tiff"]

_UNITS = {"micron": "um", "microns": "um", "µm": "um", "μm": "um", "\\u00B5m": "um", "um": "um", "mm": "mm"} | {
    unit: unit for unit in ("nm", "cm", "m", "inch")
}
_BROKEN: tuple[type[Exception], ...] = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    struct.error,
    zlib.error,
    RuntimeError,
)
# What nonsense in a tag leads to, inside tifffile.
_BROKEN += (AssertionError, ArithmeticError, AttributeError)
_IMAGEJ_AXES = "TZCYX"


def read_tiff(file: Path, *, lazy: bool = False) -> LoadedImage:
    """Read the first (of a pyramid: the largest) image of a TIFF file.

    Samples that are colours go last, samples that are not go first. The spacing is taken from ImageJ's or OME's
    description or from our own; a bare resolution in dots per inch says nothing about the specimen and is left.

    Parameters
    ----------
    file
        The file.
    lazy
        Whether a large one stays in the file, with all the levels of a pyramid.

    Raises
    ------
    ImageError
        If tifffile cannot read all of it, or it is compressed in a way that needs imagecodecs.
    """
    import tifffile

    try:
        with _complaints() as said, tifffile.TiffFile(file) as tiff:
            series = tiff.series[0]
            size = file.stat().st_size
            if said or any(_beyond(page, size) for page in series.pages):
                raise ImageError("cut off")
            large = lazy and series.nbytes > SMALL
            data, axes, rgb = _arranged(lazy_level(file, 0) if large else series.asarray(), series.axes)
            spacing, units = _spacing(tiff, axes)
            shown = shown_of(tiff, axes, units)
            if large and len(series.levels) > 1:
                further = [_arranged(lazy_level(file, level), series.axes)[0] for level in range(1, len(series.levels))]
                shown = replace(shown, levels=(data, *further))
    except MemoryError as error:
        raise too_large(file) from error
    except _BROKEN as error:
        if "imagecodecs" in str(error):
            raise ImageError(
                f"{file} is compressed in a way that needs imagecodecs; pip install imagecodecs."
            ) from error
        raise damaged(file, "a TIFF image") from error
    return LoadedImage(data, file, "tiff", rgb, spacing, units, None, axes, shown=shown)


def write_tiff(file: Path, labels: NDArray[Any], like: LoadedImage | None, spacing: tuple[float, ...]) -> None:
    """Write labels or an alpha matte as a zlib-compressed TIFF that keeps the spacing.

    uint8, uint16 and float32 are written as an ImageJ hyperstack where ImageJ knows the axes; anything else as a plain
    TIFF with axes, spacing and unit as JSON in its description.

    Parameters
    ----------
    file
        Where to.
    labels
        Labels in their final unsigned type, or float32; slowest axis first.
    like
        The image whose axes' names and unit they get, or None.
    spacing
        Per axis of ``labels``.
    """
    import tifffile

    axes = _axes_of(labels, like)
    units = like.units if like is not None else None
    imagej = labels.dtype != np.uint32 and _in_imagej_order(axes)
    metadata: dict[str, Any] = {"axes": axes, "unit": units or "pixel"}
    if not imagej:
        metadata["spacing"] = list(spacing)
    elif "Z" in axes:
        metadata["spacing"] = spacing[axes.index("Z")]
    if imagej and "T" in axes:
        metadata["finterval"] = spacing[axes.index("T")]
    tifffile.imwrite(
        file,
        labels,
        imagej=imagej,
        bigtiff=not imagej and labels.nbytes > 2**31,
        photometric="minisblack",
        compression="zlib",
        resolution=(1 / spacing[-1], 1 / spacing[-2]),
        resolutionunit="NONE",
        metadata=metadata,
    )


def _arranged(data: NDArray[Any], axes: str) -> tuple[NDArray[Any], str, bool]:
    if "S" not in axes:
        return data, axes, False
    samples = axes.index("S")
    rest = axes.replace("S", "")
    if data.shape[samples] in (3, 4):
        return np.moveaxis(data, samples, -1), rest, True
    return np.moveaxis(data, samples, 0), f"C{rest}", False


def _spacing(tiff: Any, axes: str) -> tuple[tuple[float, ...], str | None]:
    known, unit = _known_spacing(tiff, axes)
    spacing = (float(known.get(axis, 1.0)) for axis in axes)
    return tuple(size if math.isfinite(size) and size > 0 else 1.0 for size in spacing), _UNITS.get(unit)


def _known_spacing(tiff: Any, axes: str) -> tuple[dict[str, float], str]:
    if tiff.is_ome:
        return _ome_spacing(tiff.ome_metadata)
    if tiff.is_imagej:
        hyperstack = tiff.imagej_metadata or {}
        across, down = _pixel_size(tiff.pages[0])
        stack = dict.fromkeys("ZQI", hyperstack.get("spacing", 1.0))
        return {**stack, "T": hyperstack.get("finterval", 1.0), "Y": down, "X": across}, str(hyperstack.get("unit", ""))
    said: dict[str, Any] = (tiff.shaped_metadata or ({},))[0]
    sizes = said.get("spacing")
    if isinstance(sizes, list) and len(sizes) == len(axes):
        return dict(zip(axes, sizes, strict=True)), str(said.get("unit", ""))
    return {}, ""


def _ome_spacing(xml: str) -> tuple[dict[str, float], str]:
    import tifffile

    image = tifffile.xml2dict(xml)["OME"]["Image"]
    pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    sizes = {axis: pixels.get(f"PhysicalSize{axis}", 1.0) for axis in "ZYX"}
    units = {pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZYX" if f"PhysicalSize{axis}" in pixels}
    # Sizes in different units do not make one scale; then the numbers are kept and the unit is not.
    return {**sizes, "T": pixels.get("TimeIncrement", 1.0)}, units.pop() if len(units) == 1 else ""


def _pixel_size(page: Any) -> tuple[float, float]:
    """(across, down) size of a pixel, of the tags that say how many pixels there are per unit."""
    sizes = []
    for name in ("XResolution", "YResolution"):
        tag = page.tags.get(name)
        pixels, unit = tag.value if tag is not None else (1, 1)
        sizes.append(unit / pixels if pixels else 1.0)
    return sizes[0], sizes[1]


def _axes_of(labels: NDArray[Any], like: LoadedImage | None) -> str:
    if like is not None and like.kind == "tiff" and len(like.header) == labels.ndim:
        return str(like.header).replace("Q", "Z").replace("I", "Z") if labels.ndim == 3 else str(like.header)
    return "QQQQTZYX"[-labels.ndim :]


def _in_imagej_order(axes: str) -> bool:
    places = [_IMAGEJ_AXES.find(axis) for axis in axes]
    return -1 not in places and places == sorted(set(places))


def _beyond(page: Any, size: int) -> bool:
    # Of a contiguous stack tifffile may hold pages that are not there at all.
    if page is None:
        return False
    return any(start + count > size for start, count in zip(page.dataoffsets, page.databytecounts, strict=False))


class _Complaints(logging.Handler):
    """Collects what tifffile says about damage: it reads on and fills the gap with zeros or leaves pages out."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        if record.thread == self._thread and any(
            word in words for word in ("invalid offset", "page offset", "corrupted")
        ):
            self.said.append(words)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    logger, handler = logging.getLogger("tifffile"), _Complaints()
    logger.addHandler(handler)
    try:
        yield handler.said
    finally:
        logger.removeHandler(handler)
