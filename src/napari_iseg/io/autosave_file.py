"""The autosave: one file that grows by a line for every step, so that a crash at any moment costs at most that line.

Each line is a CRC-32 and JSON. The first one names the image; each further one tells which objects were put or dropped
and which blocks of the labels changed, and is flushed to the disk before the next one begins. A line that was cut off
is ignored. When the file has grown large it is written anew with what holds now, whole or not at all.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import zlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ExportError, ImageError, IsegError
from napari_iseg.io.files import replacing
from napari_iseg.io.session_file import object_from_values, object_to_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iseg.io.session_file import SavedObject

__all__ = ["Autosave", "AutosaveWriter", "SavedImage", "blocks_in", "read_autosave", "read_autosave_image"]

_FORMAT = "napari-iseg autosave"
_VERSION = 1
_BLOCK = 512
_SMALL = 4_000_000
"""Bytes that a file may have before it is ever written anew."""

Block = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SavedImage:
    """The image that an autosave belongs to.

    Parameters
    ----------
    name
        As its layer was called.
    source
        Path of its file, or None.
    shape
        Of its grid, colours not counted.
    fingerprint
        A number from its pixels that tells it from others; None where they are not in memory.
    """

    name: str
    source: str | None
    shape: tuple[int, ...]
    fingerprint: int | None = None

    def is_of(self, other: SavedImage) -> bool:
        """Whether both are the same image, as far as can be told."""
        if self.shape != other.shape or self.source != other.source:
            return False
        known = self.fingerprint is not None and other.fingerprint is not None
        if known:
            return self.fingerprint == other.fingerprint
        return self.source is not None


@dataclass(frozen=True, slots=True, eq=False)
class Autosave:
    """What an autosave holds.

    Parameters
    ----------
    image
        What it belongs to.
    objects
        The finished ones in their order, and the unfinished ones.
    labels
        (grid of the image) uint16 labels of the finished objects and of what was painted.
    time
        When the last step was written, in ISO 8601.
    facts
        Of the whole session, such as its classes with their colours; empty where the file is of an older version.
    """

    image: SavedImage
    objects: tuple[SavedObject, ...]
    labels: NDArray[np.uint16] = field(repr=False)
    time: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def blocks_in(shape: Sequence[int], box: Sequence[slice] | None = None) -> Iterator[Block]:
    """Yield the first pixel of every block that a box touches.

    Parameters
    ----------
    shape
        Of the label array.
    box
        One slice with bounds per axis; None for all of it.
    """
    steps = _steps(len(shape))
    ranges = []
    for axis, (size, step) in enumerate(zip(shape, steps, strict=True)):
        start, stop = (0, size) if box is None else (max(box[axis].start, 0), min(box[axis].stop, size))
        ranges.append(range(start - start % step, stop, step))
    return itertools.product(*ranges)


class AutosaveWriter:
    """Keeps one file in step with the work on one image; not to be used by two threads at once.

    Parameters
    ----------
    path
        The file; it appears with the first thing to keep.
    image
        What the work belongs to.
    """

    def __init__(self, path: Path, image: SavedImage) -> None:
        self.path = path
        self._image = image
        self._objects: dict[int, SavedObject] = {}
        self._sums: dict[Block, int] = {}
        self._facts: dict[str, Any] = {}
        self._size = self._base = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not self._objects and not self._sums

    def write(
        self,
        objects: Sequence[tuple[int, SavedObject]],
        labels: Any,
        suspects: Iterable[Block],
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Bring the file up to date; only what differs from it is written.

        Parameters
        ----------
        objects
            Every object with a number that stays its own.
        labels
            (grid of the image) label array.
        suspects
            The blocks whose pixels may have changed.
        facts
            Of the whole session, ready for JSON; None leaves those that there are.

        Raises
        ------
        ExportError
            If the file cannot be written; what it held before is still there, and the next call writes everything.
        """
        step = self._step(dict(objects), labels, suspects)
        if facts is not None and dict(facts) != self._facts:
            self._facts = dict(facts)
            step = {"drop": [], "put": [], "blocks": [], **(step or {}), "facts": self._facts}
        if self.is_empty:
            self.remove()
        elif step is not None or self._size == 0:
            line = _line({"time": datetime.now(UTC).isoformat(timespec="seconds"), **(step or {})})
            if self._size == 0 or self._size + len(line) > max(_SMALL, 4 * self._base) or not self.path.exists():
                self._write_anew(labels)
            else:
                self._append(line)

    def remove(self) -> None:
        """Delete the file; the next thing to keep begins it anew."""
        self.path.unlink(missing_ok=True)
        self._size = 0

    def _step(self, objects: dict[int, SavedObject], labels: Any, suspects: Iterable[Block]) -> dict[str, Any] | None:
        """Take over what holds now, and return what differs from before, or None."""
        before = self._objects
        dropped = [key for key in before if key not in objects]
        kept = [key for key in before if key in objects]
        if list(objects)[: len(kept)] != kept:
            # Another order: all of them again.
            dropped, before = list(before), {}
        put = [(key, item) for key, item in objects.items() if key not in before or before[key] != item]
        self._objects = objects
        blocks = []
        for block in suspects:
            values = _block(labels, block)
            total = zlib.crc32(values.data) if values.any() else 0
            if total != self._sums.get(block, 0):
                blocks.append(_packed(block, values))
                if total:
                    self._sums[block] = total
                else:
                    self._sums.pop(block, None)
        if not (dropped or put or blocks):
            return None
        return {"drop": dropped, "put": [[key, object_to_values(item)] for key, item in put], "blocks": blocks}

    def _write_anew(self, labels: Any) -> None:
        image = {"format": _FORMAT, "version": _VERSION, "image": {**asdict(self._image)}}
        put = [[key, object_to_values(item)] for key, item in self._objects.items()]
        self._size = 0
        with replacing(self.path) as temporary, temporary.open("wb") as file:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            facts = {"facts": self._facts} if self._facts else {}
            file.write(_line(image) + _line({"time": now, "drop": [], "put": put, "blocks": [], **facts}))
            for block in self._sums:
                packed = _packed(block, _block(labels, block))
                file.write(_line({"time": now, "drop": [], "put": [], "blocks": [packed]}))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        _sync_folder(self.path.parent)
        self._size = self._base = size

    def _append(self, line: bytes) -> None:
        size, self._size = self._size, 0
        try:
            with self.path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            reason = error.strerror or "the system refused"
            raise ExportError(f"The autosave {self.path} cannot be written ({reason}); make room.") from error
        self._size = size + len(line)


def read_autosave_image(path: Path) -> SavedImage:
    """Read which image an autosave belongs to, from its first line alone.

    Raises
    ------
    ImageError
        If it is no autosave or damaged from the beginning.
    """
    try:
        with path.open("rb") as file:
            return _image(next(_lines(file), None), path)
    except OSError as error:
        raise ImageError(f"The autosave {path} cannot be read ({error.strerror}).") from error


def read_autosave(path: Path) -> Autosave:
    """Read an autosave as far as it is whole.

    Raises
    ------
    ImageError
        If it is no autosave or damaged from the beginning.
    """
    try:
        with path.open("rb") as file:
            lines = _lines(file)
            image = _image(next(lines, None), path)
            labels = np.zeros(image.shape, np.uint16)
            objects: dict[int, SavedObject] = {}
            time = ""
            facts: dict[str, Any] = {}
            for step in lines:
                for key in step["drop"]:
                    objects.pop(key, None)
                for key, values in step["put"]:
                    objects[key] = object_from_values(values, f"{path}: object {key}")
                for block in step["blocks"]:
                    _unpack(block, labels)
                time, facts = step["time"], step.get("facts", facts)
    except IsegError:
        raise
    except OSError as error:
        raise ImageError(f"The autosave {path} cannot be read ({error.strerror}).") from error
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise ImageError(f"The autosave {path} does not hold what it should: {error}.") from error
    return Autosave(image, tuple(sorted(objects.values(), key=lambda item: not item.finished)), labels, time, facts)


def _line(values: dict[str, Any]) -> bytes:
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _lines(file: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield every whole line up to the first that is not."""
    for line in file:
        total, _, text = line.rstrip(b"\n").partition(b" ")
        if not line.endswith(b"\n") or total != b"%08x" % zlib.crc32(text):
            return
        yield json.loads(text)


def _sync_folder(folder: Path) -> None:
    """Make sure that a new name in a folder is on the disk; where the system has no such thing it does it by itself."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _image(values: dict[str, Any] | None, path: Path) -> SavedImage:
    if values is None or values.get("format") != _FORMAT or values.get("version") != _VERSION:
        raise ImageError(f"{path} is no autosave that this napari-iseg reads.")
    image = values["image"]
    return SavedImage(image["name"], image["source"], tuple(image["shape"]), image["fingerprint"])


def _steps(ndim: int) -> tuple[int, ...]:
    return tuple(_BLOCK if axis >= ndim - 2 else 1 for axis in range(ndim))


def _block(labels: Any, block: Block) -> NDArray[np.uint16]:
    place = tuple(slice(start, start + step) for start, step in zip(block, _steps(len(block)), strict=True))
    return np.ascontiguousarray(labels[place], "<u2")


def _packed(block: Block, values: NDArray[np.uint16]) -> dict[str, Any]:
    data = base64.b64encode(zlib.compress(values.tobytes(), 1)).decode("ascii")
    return {"start": list(block), "shape": list(values.shape), "data": data}


def _unpack(block: dict[str, Any], labels: NDArray[np.uint16]) -> None:
    raw = zlib.decompress(base64.b64decode(block["data"]))
    place = tuple(slice(start, start + size) for start, size in zip(block["start"], block["shape"], strict=True))
    labels[place] = np.frombuffer(raw, "<u2").reshape(block["shape"])
