"""A pack: planes with references in one file that is mapped into memory, so that a run elsewhere needs one file.

The file begins with a header of 32 bytes (``ISEGPACK``, version, checksum and length of the index, length of the file,
all little-endian), then the index (JSON, zlib) and, from the next multiple of 64 on, the pixels as they are: images as
uint8, (H, W) where they are grey and else (H, W, 3), references in the smallest signed type, with -1 for ignored.
References take half of such a file but compress to a hundredth: where the file is to be small they are in it as zlib
makes them, and are unpacked into memory on opening.
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
from napari_iseg.io.pack_plan import PlanePlan, aligned, as_json, encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["Pack", "PackedPlane", "PackedReference", "is_pack", "read_pack", "write_pack"]

_MAGIC = b"ISEGPACK"
_HEADER = struct.Struct("<8sIIQQ")
_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class PackedReference:
    """One layer of one kind of references of a plane.

    Parameters
    ----------
    kind
        Such as ``"labels"`` or ``"labels_fine"``.
    labels
        (H, W) int8, int16 or int32: 0 background, 1..N objects, -1 ignored; a view of the file unless compressed there.
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
    damaged = f"The pack {file} is damaged; copy or pack it again."
    if zlib.crc32(index) != checksum:
        raise ImageError(damaged)
    # Copy on write: whoever changes pixels in place, or hands them to torch, never touches the file.
    values = np.memmap(file, dtype=np.uint8, mode="c", offset=0)[aligned(_HEADER.size + index_length) :]
    try:
        about = json.loads(zlib.decompress(index))
        planes = tuple(_opened(plane, values) for plane in about["planes"])
        return Pack(file, planes, about["settings"])
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise ImageError(damaged) from error


def write_pack(
    path: str | Path,
    plans: Sequence[PlanePlan],
    pixels: Iterable[tuple[PlanePlan, NDArray[np.uint8], Sequence[NDArray[np.integer[Any]]]]],
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
        Each plan again with the image, uint8 of its ``image_shape``, and the labels of each reference.
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
        If pixels are not those of the plan, because a file changed in between.
    """
    ends = np.cumsum([0, *(sum(plan.lengths) for plan in plans)]).tolist()
    described = [plan.described(at) for plan, at in zip(plans, ends, strict=False)]
    index = zlib.compress(as_json({"planes": described, "settings": settings}), level=9)
    first = aligned(_HEADER.size + len(index))
    whole = first + ends[-1]
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(_HEADER.pack(_MAGIC, _VERSION, zlib.crc32(index), len(index), whole) + index)
        file.write(bytes(first - file.tell()))
        parts = iter(pixels)
        for plan in plans:
            found = next(parts, None)
            if found is None or found[0] != plan:
                raise ImageError(f"{plan.source}/{plan.name} changed while it was packed; pack again.")
            _, image, references = found
            types = zip(references, plan.types, strict=True)
            data = [image.tobytes(), *(encoded(labels, name, compress=bool(plan.compressed)) for labels, name in types)]
            for part, length in zip(data, plan.lengths, strict=True):
                file.write(part.ljust(length, b"\0"))
    return int(whole)


def _opened(about: dict[str, Any], values: NDArray[np.uint8]) -> PackedPlane:
    """Make views of the file; a place outside of it is a ValueError."""
    plan = PlanePlan.read(about)
    starts = np.cumsum([int(about["at"]), *plan.lengths]).tolist()
    image = values[starts[0] :][: int(np.prod(plan.image_shape))].reshape(plan.image_shape)
    if plan.grey:
        image = np.broadcast_to(image[..., np.newaxis], (*plan.shape, 3))
    references = []
    for place, ((kind, objects), name) in enumerate(zip(plan.references, plan.types, strict=True)):
        length = plan.shape[0] * plan.shape[1] * np.dtype(name).itemsize
        if plan.compressed:
            data = values[starts[place + 1] :][: plan.compressed[place]].tobytes()
            # No more than should come out: a damaged file must not fill the memory.
            raw = np.frombuffer(bytearray(zlib.decompressobj().decompress(data, length)), np.uint8)
        else:
            raw = values[starts[place + 1] :][:length]
        references.append(PackedReference(kind, raw.view(name).reshape(plan.shape), objects))
    return PackedPlane(plan.source, plan.name, plan.held_back, image, tuple(references))


def _cut_off(file: Path, length: int, whole: int | None) -> ImageError:
    of = "" if whole is None else f" of {whole}"
    return ImageError(f"The pack {file} is cut off or was changed: it has {length}{of} bytes; copy or pack it again.")
