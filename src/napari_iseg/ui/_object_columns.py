"""The columns of the table of objects: what each shows of an object, finished or not."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.session_slices import axis_of
from napari_iseg.ui._object_facts import area_of_a_pixel, plane_in_words, volume_of_a_voxel
from napari_iseg.ui._plane_work import PlaneWork

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._objects import FinishedObject

__all__ = ["COLUMNS", "Column", "Row"]

DRAFT, DONE, REVIEWED = "draft", "done", "reviewed"


class Row:
    """An object as the table shows it.

    Parameters
    ----------
    item
        A finished object, or the work on an unfinished one.
    controller
        The dock's.
    """

    __slots__ = ("controller", "item")

    def __init__(self, item: FinishedObject | PlaneWork, controller: Controller) -> None:
        self.item = item
        self.controller = controller

    @property
    def is_draft(self) -> bool:
        """Whether it is unfinished."""
        return isinstance(self.item, PlaneWork)

    @property
    def label(self) -> int:
        """Its id; 0 for an unfinished object that has none yet."""
        return self.item.label or 0

    @property
    def plane(self) -> PlaneAddress:
        """Where it lies."""
        return self.item.plane

    @property
    def class_name(self) -> str:
        """Its class, or an empty text."""
        name = self.item.class_name
        return self.controller.classes.current if name is None else name

    @property
    def state(self) -> str:
        """Draft, done or reviewed."""
        return DRAFT if self.is_draft else REVIEWED if self.item.reviewed else DONE

    @property
    def pixels(self) -> int:
        """Its area in pixels; of an object on several planes its voxels."""
        item = self.item
        if not isinstance(item, PlaneWork):
            return item.pixels
        return int(np.count_nonzero(item.session.mask)) if item.session is not None else 0

    @property
    def size(self) -> float | None:
        """Its area, or volume on several planes, in physical units; None where the image says nothing of these."""
        known = self._size_of_a_pixel
        return self.pixels * known[0] if known is not None else None

    @property
    def unit(self) -> str:
        """The unit of the size."""
        known = self._size_of_a_pixel
        return known[1] if known is not None else ""

    @property
    def axis(self) -> int | None:
        """The axis along which its planes follow one another; None where it lies on one."""
        item = self.item
        return None if isinstance(item, PlaneWork) else axis_of(item.plane, item.facts)

    @property
    def seconds(self) -> float:
        """How long it took, from its first prompt on."""
        item = self.item
        if not isinstance(item, PlaneWork) or item.begun_at is None:
            return item.seconds
        return item.seconds + time.perf_counter() - item.begun_at

    @property
    def method(self) -> str:
        """The method that made it."""
        return (self.item.choice or self.controller.answering.choice).method

    @property
    def _size_of_a_pixel(self) -> tuple[float, str] | None:
        image = self.controller.image
        if image is None:
            return None
        axis = self.axis
        return area_of_a_pixel(image, self.plane) if axis is None else volume_of_a_voxel(image, self.plane, axis)


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Parameters
    ----------
    name, title, tip
        Its key, its head, and what the head says when the mouse rests on it.
    value
        What it is sorted by.
    text
        What it shows.
    shown
        Whether it shows before the user chooses.
    width
        In pixels, at first.
    edits
        The field that typing into it changes; empty for none.
    """

    name: str
    title: str
    tip: str
    value: Callable[[Row], Any]
    text: Callable[[Row], str]
    shown: bool = True
    width: int = 52
    edits: str = ""


def _physical(row: Row) -> str:
    size = row.size
    return "" if not size else f"{size:.4g} {row.unit}".rstrip()


COLUMNS = (
    Column("colour", "", "Its colour in the layer 'Objects'", lambda r: r.label, lambda _r: "", width=24),
    Column(
        "id",
        "Id",
        "Its value in the layer 'Objects'",
        lambda r: r.label or 1 << 31,
        lambda r: str(r.label or "new"),
        width=38,
    ),
    Column(
        "class",
        "Class",
        "What kind of thing it is; double-click to change",
        lambda r: r.class_name.lower(),
        lambda r: r.class_name,
        width=64,
        edits="class_name",
    ),
    Column(
        "clicks",
        "Clicks",
        "How many clicks and other prompts it took",
        lambda r: len(r.item.prompts),
        lambda r: str(len(r.item.prompts)),
        width=44,
    ),
    Column(
        "area",
        "Area",
        "Its area in the image's own units; on several planes its volume",
        lambda r: r.size or r.pixels,
        _physical,
        width=74,
    ),
    Column(
        "pixels",
        "Pixels",
        "Its area in pixels; on several planes its voxels",
        lambda r: r.pixels,
        lambda r: f"{r.pixels:,}",
        width=60,
    ),
    Column("plane", "Plane", "Where it lies in the stack", lambda r: r.plane.index, lambda r: plane_in_words(r.plane)),
    Column("method", "Method", "The method that made it", lambda r: r.method, lambda r: r.method, False, 84),
    Column(
        "seconds",
        "Seconds",
        "From its first prompt to its acceptance",
        lambda r: r.seconds,
        lambda r: f"{r.seconds:.1f}",
        False,
        58,
    ),
    Column(
        "state",
        "State",
        "Draft, done or reviewed; double-click to change",
        lambda r: r.state,
        lambda r: r.state,
        width=56,
        edits="reviewed",
    ),
    Column(
        "note",
        "Note",
        "Your words; double-click to write",
        lambda r: r.item.note,
        lambda r: r.item.note,
        False,
        120,
        "note",
    ),
)
"""From left to right."""
