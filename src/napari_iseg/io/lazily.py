"""Large arrays that stay in their files: a block is read when somebody looks at it, small ones are read at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SMALL", "blocks_of", "lazy_array", "middle_limits"]

SMALL = 2**26
"""Bytes; what is not larger is read at once: it is quicker to work with and does not depend on the file any more."""

_BLOCK = 2**24
_KEPT = 2**27


def blocks_of(shape: Sequence[int], itemsize: int, native: Sequence[int] | None = None, flat: int = 2) -> list[int]:
    """Choose the blocks that an array is read in: whole planes if they are small enough, whole chunks of the file.

    Parameters
    ----------
    shape
        Of the array.
    itemsize
        Bytes of a value.
    native
        The file's own chunks, or None where any part can be read alone.
    flat
        Number of last axes that make up a plane, 3 with colours.

    Returns
    -------
    list of int
        The size of a block along every axis.
    """
    blocks = [min(size, chunk) for size, chunk in zip(shape, native or [1] * len(shape), strict=True)]
    for axis in range(len(shape) - 1, max(len(shape) - flat, 0) - 1, -1):
        room = _BLOCK // max(1, prod(blocks) * itemsize)
        # Without chunks in the file a plane is one block whatever its size: it is drawn as one.
        times = -(-shape[axis] // blocks[axis]) if native is None else max(1, room)
        blocks[axis] = min(shape[axis], blocks[axis] * times)
    return blocks


def lazy_array(
    read: Callable[[tuple[slice, ...]], NDArray[Any]],
    shape: Sequence[int],
    dtype: Any,
    blocks: Sequence[int],
    source: Path | str,
) -> Any:
    """Make a dask array of what can be read in parts.

    Parameters
    ----------
    read
        Reads the part between some slices, one for every axis.
    shape, dtype
        Of the whole.
    blocks
        The size of a block along every axis.
    source
        What the values come from, for the sentence when it is gone.

    Returns
    -------
    dask.array.Array
        A block that cannot be read raises an ImageError that names the source, each time it is looked at, so that what
        comes back can be seen again. The blocks read last are kept, 128 MB of them.
    """
    import dask.array as da
    from dask.array.core import normalize_chunks

    chunks = normalize_chunks(tuple(blocks), shape=tuple(shape))
    recent = _Recent()

    def block(block_info: Any = None) -> NDArray[Any]:
        place = tuple(block_info[None]["array-location"])
        where = tuple(slice(int(start), int(stop)) for start, stop in place)
        known = recent.get(place)
        if known is not None:
            return known
        try:
            values = np.asarray(read(where))
        except ImageError:
            raise
        except Exception as error:
            raise ImageError(
                f"A part of {source} cannot be read any more ({_reason(error)}); check that the disk, share or address "
                "is there, and go to the plane again."
            ) from error
        recent.put(place, values)
        return values

    return da.map_blocks(block, chunks=chunks, dtype=np.dtype(dtype), meta=np.empty((0,) * len(chunks), dtype))


class _Recent:
    """The blocks that were read last, within a bound: dask's own cache would fill a quarter of the memory with them."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[Any, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, place: Any) -> NDArray[Any] | None:
        """Return a block if it is still here."""
        with self._lock:
            block = self._blocks.get(place)
            if block is not None:
                self._blocks.move_to_end(place)
            return block

    def put(self, place: Any, block: NDArray[Any]) -> None:
        """Keep a block; those looked at longest ago go."""
        with self._lock:
            if place not in self._blocks:
                self._blocks[place] = block
                self._bytes += block.nbytes
            while self._bytes > _KEPT and len(self._blocks) > 1:
                self._bytes -= self._blocks.popitem(last=False)[1].nbytes


def middle_limits(data: Any, *, rgb: bool = False) -> tuple[float, float] | None:
    """Return the lowest and highest finite value of the middle plane, the one that napari shows first.

    napari would look at three planes. None for 8 bits and colours, which it shows as they are, and where the plane has
    one value only.
    """
    if rgb or data.dtype in (np.uint8, np.bool_):
        return None
    plane = np.asarray(data[tuple((size - 1) // 2 for size in data.shape[:-2])])
    known = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
    if known.size == 0 or known.min() == known.max():
        return None
    return float(known.min()), float(known.max())


def _reason(error: Exception) -> str:
    words = getattr(error, "strerror", None) or str(error).splitlines()[0:1] or type(error).__name__
    return words if isinstance(words, str) else words[0][:120]
