"""What goes out: labels with their grid, the image that they were drawn on, and what is known of every object."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_iseg.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_iseg.io.loaded import LoadedImage
    from napari_iseg.io.session_file import SavedObject

__all__ = ["ExportCancelledError", "ExportedLabels", "ExportedObject", "Tick", "no_tick", "objects_of_session"]

Tick: TypeAlias = "Callable[[float], None]"
"""Is told the part that is done, from 0 to 1; what it raises ends the export, and nothing is written."""


class ExportCancelledError(ExportError):
    """The user cancelled the export; nothing was written."""


@dataclass(frozen=True, slots=True)
class ExportedObject:
    """What is known of one object besides its pixels.

    Parameters
    ----------
    label
        Its id in the label array.
    class_name
        What kind of thing it is; empty for none.
    confidence
        How sure the method was, in [0, 1]; None where nobody knows.
    note
        What the user wrote about it.
    """

    label: int
    class_name: str = ""
    confidence: float | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """Its class, or "object", and its id."""
        return f"{self.class_name or 'object'} {self.label}"


@dataclass(frozen=True, slots=True, eq=False)
class ExportedLabels:
    """Labels and all that an export may want to say about them.

    Parameters
    ----------
    labels
        (H, W) or n-D labels, whole numbers from 0, slowest axis first, without colours.
    like
        The image whose grid they get, or None.
    spacing
        Size of a pixel per axis of ``labels``, in place of that of ``like``; None takes that of ``like``, else 1.
    units
        Unit of the spacing of the spatial axes; None takes that of ``like``.
    image
        The values of the image for measurements, with any channels or colours; None where there are none. It may be
        lazy: a frame at a time is read.
    rgb
        Whether the last axis of ``image`` holds colours.
    objects
        What is known of the objects, by their label; there may be labels of which nothing is known.
    name
        What the labels are called inside of a file that gives them a name; None takes the format's own.
    axis_names
        What every axis is, where the layer says so: ``t`` or ``time``, ``z``, ``y``, ``x`` and the like; else empty.
    """

    labels: NDArray[Any] = field(repr=False)
    like: LoadedImage | None = None
    spacing: tuple[float, ...] | None = None
    units: str | None = None
    image: Any = field(default=None, repr=False)
    rgb: bool = False
    objects: Mapping[int, ExportedObject] = field(default_factory=dict)
    name: str | None = None
    axis_names: tuple[str, ...] = ()

    @property
    def sizes(self) -> tuple[float, ...]:
        """Size of a pixel per axis of the labels.

        Raises
        ------
        ExportError
            If the spacing is not one number above 0 per axis.
        """
        ndim = self.labels.ndim
        of_image = self.like.spacing[-ndim:] if self.like is not None else (1.0,) * ndim
        sizes = tuple(float(size) for size in (of_image if self.spacing is None else self.spacing))
        if len(sizes) != ndim or not all(math.isfinite(size) and size > 0 for size in sizes):
            raise ExportError(f"The spacing must be {ndim} numbers above 0, one per axis; {sizes} was given.")
        return sizes

    @property
    def unit(self) -> str | None:
        """Unit of length of the spatial axes, or None where nobody knows."""
        return self.units or (self.like.units if self.like is not None else None)

    @property
    def axes(self) -> str:
        """One letter per axis of the labels, of ``tczyx``; an axis with another meaning is ``q``."""
        ndim = self.labels.ndim
        given = self.like.header if self.like is not None and self.like.kind == "tiff" else None
        for said in (given, self.like.shown.axes if self.like is not None else "", self._named):
            if not isinstance(said, str) or len(said) != ndim or not said.lower().endswith("yx") or "?" in said:
                continue
            letters = said.lower().replace("q", "z").replace("i", "z") if ndim == 3 else said.lower()
            if len(set(letters)) == ndim:
                return "".join(letter if letter in "tczyx" else "q" for letter in letters)
        return ("q" * ndim + ("tczyx" if ndim > 4 else "tzyx"))[-ndim:]

    @property
    def _named(self) -> str:
        names = [name.lower() for name in self.axis_names]
        return "".join({"time": "t", "channel": "c"}.get(name, name if len(name) == 1 else "?") for name in names)

    @property
    def time_unit(self) -> str | None:
        """Unit of the axis of time (``"s"``), or None where there is none, or nobody knows."""
        shown = self.like.shown if self.like is not None else None
        if shown is None or "t" not in self.axes or len(shown.units) != len(shown.axes):
            return None
        return dict(zip(shown.axes, shown.units, strict=True)).get("t")

    @property
    def space(self) -> int:
        """How many of the last axes are space: 3 where there is a z before the rows, else 2."""
        return 3 if self.axes[-3:] == "zyx" else 2

    @property
    def stem(self) -> str:
        """The name of the image without its ending, for names of files that belong to it."""
        if self.like is None:
            return self.name or "labels"
        name = self.like.source.name
        for end in (".nii.gz", ".ome.tif", ".ome.tiff", ".ome.zarr"):
            if name.lower().endswith(end):
                return name[: -len(end)]
        return Path(name).stem

    def present(self) -> list[int]:
        """Return the labels that there are, in order, 0 left out."""
        return [int(label) for label in np.unique(self.labels) if label]

    def about(self, label: int) -> ExportedObject:
        """Return what is known of an object."""
        return self.objects.get(label) or ExportedObject(label)

    def planes(self) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
        """Go through the planes of the last two axes: (index along the axes before them, (H, W) labels)."""
        for index in np.ndindex(*self.labels.shape[:-2]):
            yield index, self.labels[index]

    def source_names(self) -> list[str] | None:
        """Return the name of every plane's own file, or None where the planes have no files of their own."""
        files = getattr(self.like, "source_files", ())
        names = [Path(file).name for file in files]
        count = int(np.prod(self.labels.shape[:-2]))
        distinct = len({Path(name).stem for name in names})
        return names if len(names) == count == distinct and count > 1 else None

    def plane_names(self) -> list[str]:
        """Return a name without ending for every plane: that of its own file, else its number (``0007``).

        A flat image's only plane has the name of the image.
        """
        names = self.source_names()
        if names is not None:
            return [Path(name).stem for name in names]
        before = self.labels.shape[:-2]
        if not before:
            return [self.stem]
        digits = [max(4, len(str(size - 1))) for size in before]
        letters = self.axes[:-2] if len(before) > 1 else [""]
        return [
            "_".join(f"{letter}{place:0{width}}" for letter, place, width in zip(letters, index, digits, strict=True))
            for index in np.ndindex(*before)
        ]


def no_tick(_part: float) -> None:
    """Tell nobody."""


def objects_of_session(objects: tuple[SavedObject, ...]) -> dict[int, ExportedObject]:
    """Return what a session knows of its objects, by their label."""
    found = {}
    for item in objects:
        sure, note = item.facts.get("confidence"), item.facts.get("note")
        known = isinstance(sure, int | float) and not isinstance(sure, bool)
        found[item.label] = ExportedObject(
            label=item.label,
            class_name=item.class_name or "",
            confidence=float(sure) if known and sure is not None else None,
            note=note if isinstance(note, str) else "",
        )
    return found
