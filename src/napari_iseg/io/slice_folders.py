"""A folder of slices, as serial sections come: one flat image a file, in the natural order of their names."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.files import damaged, ending
from napari_iseg.io.lazily import SMALL, lazy_array
from napari_iseg.io.loaded import LoadedImage
from napari_iseg.io.raster_files import read_raster
from napari_iseg.io.several import Choice
from napari_iseg.io.shown import Shown
from napari_iseg.io.tiff_files import read_tiff

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["natural_order", "read_slices", "slice_choice"]

_TIFF = (".tif", ".tiff")
_ENDINGS = (*_TIFF, ".png", ".jpg", ".jpeg", ".bmp")
_DIGITS = re.compile(r"(\d+)")
_MANY = 6


def natural_order(name: str) -> list[tuple[int, int | str]]:
    """Return what sorts ``z2`` before ``z10``."""
    return [(0, int(part)) if part.isdigit() else (1, part.lower()) for part in _DIGITS.split(name) if part]


def slice_choice(folder: Path) -> Choice | None:
    """Return the stack of a folder's flat images, None if it has fewer than two of one kind.

    Raises
    ------
    ImageError
        If a file cannot be read.
    """
    files = _slices(folder)
    if len(files) < 2:
        return None
    shape, dtype = _facts(files[0])
    return Choice(
        name=folder.name,
        shape=(len(files), *shape),
        dtype=str(dtype),
        description=f"{len(files)} {ending(files[0])} files",
        open=lambda lazy: read_slices(files, folder, lazy=lazy),
    )


def _slices(folder: Path) -> list[Path]:
    found = [
        file
        for file in folder.iterdir()
        if file.is_file() and not file.name.startswith(".") and ending(file) in _ENDINGS
    ]
    if not found:
        return []
    # A preview among the slices is of another kind; labels that this plugin saved are no slices.
    kind = Counter(ending(file) for file in found).most_common(1)[0][0]
    return sorted(
        (file for file in found if ending(file) == kind and ".labels" not in file.name),
        key=lambda file: natural_order(file.name),
    )


def read_slices(files: Sequence[Path], folder: Path, *, lazy: bool = True) -> LoadedImage:
    """Read files of one size as a stack.

    Parameters
    ----------
    files
        In the order of the planes.
    folder
        What they are named after.
    lazy
        Whether a large stack stays in its files.

    Returns
    -------
    LoadedImage
        (files, rows, columns), with colours last where the files have them.

    Raises
    ------
    ImageError
        If their sizes differ, some are in colour and some are not, or one cannot be read.
    """
    facts = [_facts(file) for file in files]
    _check_sizes(files, [shape for shape, _ in facts], folder)
    dtype = np.result_type(*{kind for _, kind in facts})
    first = _read(files[0])
    shape = (len(files), *facts[0][0])

    def read(where: tuple[slice, ...]) -> NDArray[Any]:
        planes = [_read(file).data.astype(dtype, copy=False) for file in files[where[0]]]
        return np.stack(planes)[(slice(None), *where[1:])]

    if lazy and int(np.prod(shape)) * dtype.itemsize > SMALL:
        data = lazy_array(read, shape, dtype, [1, *shape[1:]], folder)
    else:
        data = read((slice(0, len(files)), *(slice(0, size) for size in shape[1:])))
    flat = len(shape) - int(first.rgb)
    axes = "zyx" if flat == 3 else ("t" + "zyx"[-(flat - 1) :])[-flat:]
    shown = Shown(name=folder.name, axes=axes if len(axes) == flat else "", notes=_missing(files))
    spacing = (1.0, *first.spacing)
    return LoadedImage(
        data, folder, "slices", first.rgb, spacing, first.units, None, None, source_files=tuple(files), shown=shown
    )


def _read(file: Path) -> LoadedImage:
    return read_tiff(file) if ending(file) in _TIFF else read_raster(file)


def _facts(file: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of a file without reading its pixels."""
    if ending(file) in _TIFF:
        import tifffile

        try:
            with tifffile.TiffFile(file) as tiff:
                series = tiff.series[0]
                shape, axes = tuple(series.shape), series.axes
                if "S" in axes and axes.index("S") != len(axes) - 1:
                    # Colours in planes of their own are read into the last axis.
                    at = axes.index("S")
                    shape = (*shape[:at], *shape[at + 1 :], shape[at])
                return shape, np.dtype(series.dtype)
        except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError) as error:
            raise damaged(file, "a TIFF image") from error
    from PIL import Image

    try:
        with Image.open(file) as image:
            size, mode = image.size[::-1], image.mode
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise damaged(file, "a PNG, JPEG or BMP image") from error
    kinds: dict[str, Any] = {"1": np.bool_, "L": np.uint8, "LA": np.uint8, "I": np.int32, "F": np.float32}
    if mode in kinds or mode.startswith("I;16"):
        return size, np.dtype(kinds.get(mode, np.uint16))
    return (*size, 4 if mode == "RGBA" else 3), np.dtype(np.uint8)


def _check_sizes(files: Sequence[Path], shapes: Sequence[tuple[int, ...]], folder: Path) -> None:
    counts = Counter(shapes)
    if len(counts) == 1:
        return
    common = counts.most_common(1)[0][0]
    odd = [(file, shape) for file, shape in zip(files, shapes, strict=True) if shape != common]
    some = ", ".join(f"{file.name} ({_words(shape)})" for file, shape in odd[:3])
    more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
    raise ImageError(
        f"The slices of {folder} have different sizes: most are {_words(common)}, but {some}{more}; take those out or "
        "open the files one after the other."
    )


def _words(shape: tuple[int, ...]) -> str:
    colour = len(shape) > 2 and shape[-1] in (3, 4)
    return " x ".join(map(str, shape[:-1] if colour else shape)) + (" in colour" if colour else "")


def _missing(files: Sequence[Path]) -> tuple[str, ...]:
    """Return a sentence on the numbers that are missing, where the names are numbered one by one."""
    split = [_DIGITS.split(file.name) for file in files]
    if len({len(parts) for parts in split}) != 1:
        return ()
    changing = [at for at in range(len(split[0])) if len({parts[at] for parts in split}) > 1]
    if len(changing) != 1 or not changing[0] % 2:
        return ()
    numbers = [int(parts[changing[0]]) for parts in split]
    gaps = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if not gaps or len(gaps) > len(numbers) // 2:
        return ()
    some = ", ".join(map(str, gaps[:_MANY])) + (" ..." if len(gaps) > _MANY else "")
    return (
        f"{files[0].parent.name}: of the slices {numbers[0]} to {numbers[-1]} these are missing: {some}; the planes "
        "beyond lie closer than they should.",
    )
