"""How the planes of a pack lie in its file."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PlanePlan", "aligned", "as_json", "encoded"]

_ALIGNED = 64
_TYPES = ("int8", "int16", "int32")
# One below the type's largest value, so that adding one to a label stays in the type.
_LARGEST = {name: int(np.iinfo(name).max) - 1 for name in _TYPES}


@dataclass(frozen=True, slots=True)
class PlanePlan:
    """What the index says of a plane, before its pixels are there.

    Parameters
    ----------
    source, name, held_back
        As for :class:`napari_iseg.io.pack_file.PackedPlane`.
    shape
        Rows and columns.
    grey
        Whether one channel is enough.
    references
        Kind and objects of each, as for :class:`napari_iseg.io.pack_file.PackedReference`.
    compressed
        Bytes of each reference where they are compressed; empty where they lie in the file as they are.
    """

    source: str
    name: str
    held_back: bool
    shape: tuple[int, int]
    grey: bool
    references: tuple[tuple[str, dict[int, tuple[int, int, int, int, int]]], ...]
    compressed: tuple[int, ...] = ()

    @classmethod
    def read(cls, about: dict[str, Any]) -> PlanePlan:
        """Read what :meth:`described` wrote; KeyError, TypeError or ValueError where it did not."""
        references = tuple(
            (str(reference["kind"]), {int(label): tuple(box) for label, box in reference["objects"].items()})
            for reference in about["references"]
        )
        shape = (int(about["shape"][0]), int(about["shape"][1]))
        compressed = tuple(int(length) for length in about["compressed"])
        return cls(
            str(about["source"]),
            str(about["name"]),
            bool(about["held_back"]),
            shape,
            bool(about["grey"]),
            references,
            compressed,
        )

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of the image in the file."""
        return self.shape if self.grey else (*self.shape, 3)

    @property
    def types(self) -> list[str]:
        """The type of each reference."""
        return [
            next(name for name in _TYPES if max(objects, default=0) <= _LARGEST[name]) for _, objects in self.references
        ]

    @property
    def lengths(self) -> list[int]:
        """Bytes of the image and of each reference in the file, up to where the next begins."""
        pixels = self.shape[0] * self.shape[1]
        references = self.compressed or tuple(pixels * np.dtype(name).itemsize for name in self.types)
        return [aligned(size) for size in (pixels * (1 if self.grey else 3), *references)]

    def described(self, at: int) -> dict[str, Any]:
        """Return the plane's line in the index; ``at`` is where its image begins, from the first pixel on."""
        references = [
            {"kind": kind, "objects": {str(label): box for label, box in sorted(objects.items())}}
            for kind, objects in self.references
        ]
        about = {"source": self.source, "name": self.name, "held_back": self.held_back, "shape": list(self.shape)}
        return {**about, "grey": self.grey, "at": at, "references": references, "compressed": list(self.compressed)}

    @property
    def bytes(self) -> int:
        """Most bytes that the plane takes in a pack, with its line in the index."""
        return sum(self.lengths) + len(as_json(self.described(2**40)))


def encoded(labels: NDArray[np.integer[Any]], kind: str, *, compress: bool) -> bytes:
    """Return labels of a type as they lie in the file."""
    raw = np.ascontiguousarray(labels.astype(kind)).tobytes()
    return zlib.compress(raw) if compress else raw


def aligned(length: int) -> int:
    """Return the next place in the file where something may begin."""
    return -(-length // _ALIGNED) * _ALIGNED


def as_json(values: dict[str, Any]) -> bytes:
    """Write values without any space, in an order of their own."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
