"""A pack: planes with references in one file that is mapped into memory, so that a run elsewhere needs one file.

The file begins with a header of 32 bytes (``ISEGPACK``, version, checksum and length of the index, length of the file,
all little-endian), then the index (JSON, zlib) and, from the next multiple of 64 on, the pixels as they are: images as
uint8, (H, W) where they are grey and else (H, W, 3), references in the smallest signed type, with -1 for ignored.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.files import existing_file, replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["Pack", "PackedPlane", "PackedReference", "PlanePlan", "is_pack", "read_pack", "write_pack"]

_MAGIC = b"ISEGPACK"
_HEADER = struct.Struct("<8sIIQQ")
_VERSION = 1
_ALIGNED = 64
_TYPES = ("int8", "int16", "int32")
# One below the type's largest value, so that adding one to a label stays in the type.
_LARGEST = {name: int(np.iinfo(name).max) - 1 for name in _TYPES}


@dataclass(frozen=True, slots=True, eq=False)
class PackedReference:
    """One layer of one kind of references of a plane.

    Parameters
    ----------
    kind
        Such as ``"labels"`` or ``"labels_fine"``.
    labels
        (H, W) int8, int16 or int32: 0 background, 1..N objects, -1 ignored; a view of the file.
    objects
        Label to (row start, row stop, column start, column stop, number of pixels).
    """

    kind: str
    labels: NDArray[np.signedinteger[Any]] = field(repr=False)
    objects: dict[int, tuple[int, int, int, int, int]]


@dataclass(frozen=True, slots=True, eq=False)
class PackedPlane:
    """One plane of a pack.

    Parameters
    ----------
    source
        Name of the folder that it was packed from.
    name
        Of the image there, with the plane and the window where it is not the whole image.
    held_back
        Whether the image is held back from training.
    rgb
        (H, W, 3) uint8: a view of the file, whose last axis has no stride where the image is grey.
    references
        At least one.
    """

    source: str
    name: str
    held_back: bool
    rgb: NDArray[np.uint8] = field(repr=False)
    references: tuple[PackedReference, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PlanePlan:
    """What the index says of a plane, before its pixels are there.

    Parameters
    ----------
    source, name, held_back
        As for :class:`PackedPlane`.
    shape
        Rows and columns.
    grey
        Whether one channel is enough.
    references
        Kind and objects of each, as for :class:`PackedReference`.
    """

    source: str
    name: str
    held_back: bool
    shape: tuple[int, int]
    grey: bool
    references: tuple[tuple[str, dict[int, tuple[int, int, int, int, int]]], ...]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of the image in the file."""
        return self.shape if self.grey else (*self.shape, 3)

    @property
    def types(self) -> list[str]:
        """The type of each reference in the file."""
        return [
            next(name for name in _TYPES if max(objects, default=0) <= _LARGEST[name]) for _, objects in self.references
        ]

    @property
    def lengths(self) -> list[int]:
        """Bytes of the image and of each reference in the file, up to where the next begins."""
        pixels = self.shape[0] * self.shape[1]
        sizes = [pixels * (1 if self.grey else 3), *(pixels * np.dtype(name).itemsize for name in self.types)]
        return [_aligned(size) for size in sizes]

    def described(self, at: int) -> dict[str, Any]:
        """Return the plane's line in the index; ``at`` is where its image begins, from the first pixel on."""
        references = [
            {"kind": kind, "type": name, "objects": {str(label): box for label, box in sorted(objects.items())}}
            for (kind, objects), name in zip(self.references, self.types, strict=True)
        ]
        about = {"source": self.source, "name": self.name, "held_back": self.held_back, "shape": list(self.shape)}
        return {**about, "grey": self.grey, "at": at, "references": references}

    @property
    def bytes(self) -> int:
        """Most bytes that the plane takes in a pack, with its line in the index."""
        return sum(self.lengths) + len(_as_json(self.described(2**40)))


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """A pack that was opened.

    Parameters
    ----------
    path
        The file.
    planes
        All planes, held-back ones among them, in the order of the file.
    settings
        How it was packed.
    """

    path: Path
    planes: tuple[PackedPlane, ...] = field(repr=False)
    settings: dict[str, Any]

    @property
    def labels(self) -> tuple[str, ...]:
        """The kinds of references in it, sorted."""
        return tuple(sorted({reference.kind for plane in self.planes for reference in plane.references}))


def is_pack(path: str | Path) -> bool:
    """Return whether a file begins as a pack does."""
    with Path(path).open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_pack(path: str | Path) -> Pack:
    """Open a pack; its pixels stay in the file until they are looked at.

    Raises
    ------
    ImageError
        If the file is missing, no pack, of a later version, cut off or damaged.
    """
    file = existing_file(path)
    length = file.stat().st_size
    with file.open("rb") as stream:
        header = stream.read(_HEADER.size)
        if not header.startswith(_MAGIC):
            raise ImageError(f"{file} is no pack; name a file that 'napari-iseg data pack' wrote.")
        if len(header) < _HEADER.size:
            raise _cut_off(file, length, None)
        _, version, checksum, index_length, whole = _HEADER.unpack(header)
        if version != _VERSION:
            raise ImageError(f"{file} is a pack of version {version}, this program reads {_VERSION}; pack it again.")
        if length != whole:
            raise _cut_off(file, length, whole)
        index = stream.read(index_length)
    damaged = f"The index of the pack {file} is damaged; copy or pack it again."
    if zlib.crc32(index) != checksum:
        raise ImageError(damaged)
    # Copy on write: whoever changes pixels in place, or hands them to torch, never touches the file.
    values = np.memmap(file, dtype=np.uint8, mode="c", offset=0)[_aligned(_HEADER.size + index_length) :]
    try:
        about = json.loads(zlib.decompress(index))
        planes = tuple(_opened(plane, values) for plane in about["planes"])
        return Pack(file, planes, about["settings"])
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise ImageError(damaged) from error


def write_pack(
    path: str | Path,
    plans: Sequence[PlanePlan],
    pixels: Iterable[tuple[NDArray[np.uint8], Sequence[NDArray[np.integer[Any]]]]],
    settings: dict[str, Any],
) -> int:
    """Write a pack whole or not at all; the same input makes the same bytes.

    Parameters
    ----------
    path
        Where to.
    plans
        What is written, in order.
    pixels
        For each plan the image, uint8 of its ``image_shape``, and the labels of each reference.
    settings
        Kept in the pack.

    Returns
    -------
    int
        Length of the file in bytes.

    Raises
    ------
    ExportError
        If the file cannot be written.
    ImageError
        If pixels do not have the shape of their plan, because a file changed in between.
    """
    ends = np.cumsum([0, *(sum(plan.lengths) for plan in plans)]).tolist()
    described = [plan.described(at) for plan, at in zip(plans, ends, strict=False)]
    index = zlib.compress(_as_json({"planes": described, "settings": settings}), level=9)
    first = _aligned(_HEADER.size + len(index))
    whole = first + ends[-1]
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(_HEADER.pack(_MAGIC, _VERSION, zlib.crc32(index), len(index), whole) + index)
        file.write(bytes(first - file.tell()))
        for plan, (image, references) in zip(plans, pixels, strict=True):
            if image.shape != plan.image_shape or any(labels.shape != plan.shape for labels in references):
                raise ImageError(f"{plan.source}/{plan.name} changed while it was packed; pack again.")
            arrays = [image, *(labels.astype(name) for labels, name in zip(references, plan.types, strict=True))]
            for array, length in zip(arrays, plan.lengths, strict=True):
                file.write(np.ascontiguousarray(array).tobytes().ljust(length, b"\0"))
    return int(whole)


def _opened(about: dict[str, Any], values: NDArray[np.uint8]) -> PackedPlane:
    """Make views of the file; a place outside of it is a ValueError."""
    shape = (int(about["shape"][0]), int(about["shape"][1]))
    plan = PlanePlan(
        about["source"],
        about["name"],
        bool(about["held_back"]),
        shape,
        bool(about["grey"]),
        tuple(
            (reference["kind"], {int(label): tuple(box) for label, box in reference["objects"].items()})
            for reference in about["references"]
        ),
    )
    at = int(about["at"])
    image = values[at : at + int(np.prod(plan.image_shape))].reshape(plan.image_shape)
    if plan.grey:
        image = np.broadcast_to(image[..., np.newaxis], (*shape, 3))
    references = []
    for (kind, objects), name, length, before in zip(
        plan.references, plan.types, plan.lengths[1:], plan.lengths, strict=False
    ):
        at += before
        labels = values[at : at + length].view(name)[: shape[0] * shape[1]].reshape(shape)
        references.append(PackedReference(kind, labels, objects))
    return PackedPlane(plan.source, plan.name, plan.held_back, image, tuple(references))


def _cut_off(file: Path, length: int, whole: int | None) -> ImageError:
    of = "" if whole is None else f" of {whole}"
    return ImageError(f"The pack {file} is cut off or was changed: it has {length}{of} bytes; copy or pack it again.")


def _aligned(length: int) -> int:
    return -(-length // _ALIGNED) * _ALIGNED


def _as_json(values: dict[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
