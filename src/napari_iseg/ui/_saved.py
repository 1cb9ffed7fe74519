"""The objects of a project as values that can be written: the finished ones first, then those that are begun."""

from __future__ import annotations

import dataclasses
import zlib
from functools import lru_cache
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_iseg.io.autosave_file import SavedImage
from napari_iseg.io.session_file import SavedObject, SavedSession
from napari_iseg.io.session_labels import mask_digest
from napari_iseg.ui._object_facts import saved_facts
from napari_iseg.ui._plane_view import full_data, grid_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_iseg.ui._method_choice import MethodChoice
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project
    from napari_iseg.zoo import Options

__all__ = [
    "Numbers",
    "begun_works",
    "image_of",
    "numbered_objects",
    "plain_options",
    "saved_record",
    "saved_work",
    "session_of",
    "source_of",
]


def source_of(image: Any) -> str | None:
    """Return the path of the file that an Image layer came from, or None."""
    if image.source.path:
        return str(image.source.path)
    # What this plugin's own reader gave, handed to napari as data.
    ours = image.metadata.get("napari_iseg") or {}
    return str(ours["source"]) if ours.get("source") else None


def session_of(project: Project, choice: MethodChoice, labels: str | None = None) -> SavedSession:
    """Return everything that is known of a project.

    Parameters
    ----------
    project
        The work on one image.
    choice
        The method of what is begun.
    labels
        Name of the label file, or None.
    """
    works = begun_works(project)
    label = project.finished.next_label(project.layers.objects) if works else 1
    objects = [saved_record(record) for record in project.finished.records]
    objects += [saved_work(work, choice, label + number, digest=True) for number, work in enumerate(works)]
    spacing = tuple(abs(float(size)) for size in project.image.scale)
    return SavedSession(source_of(project.image), project.shape, spacing, tuple(objects), labels)


def begun_works(project: Project) -> list[PlaneWork]:
    """Return the works with prompts; those with a mask first, in the order in which their labels are exported."""
    begun = [work for work in project.works if work.prompts]
    return sorted(begun, key=lambda work: work.session is None or not work.session.mask.any())


def numbered_objects(project: Project, choice: MethodChoice, numbers: Numbers) -> tuple[tuple[int, SavedObject], ...]:
    """Return every object with a number that stays its own, without a look at any pixel.

    Parameters
    ----------
    project
        The work on one image.
    choice
        The method of what is begun.
    numbers
        Gives the numbers.
    """
    found = [(numbers.of(record), saved_record(record)) for record in project.finished.records]
    label = max((item.label for _, item in found), default=0)
    for work in project.works:
        if work.prompts:
            label += 1
            item = saved_work(work, choice, label)
            found.append((numbers.of(work), item))
            if work.next_clicks:
                # Accepted before its answer came: these belong to the object after it.
                following = tuple(work.next_clicks)
                found.append((-numbers.of(work), dataclasses.replace(item, prompts=following, answered=None)))
    return tuple(found)


class Numbers:
    """Gives every object a number of its own, for as long as it exists."""

    def __init__(self) -> None:
        self._given: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._next = count(1)

    def of(self, thing: Any) -> int:
        """Return the number of an object."""
        if thing not in self._given:
            self._given[thing] = next(self._next)
        return self._given[thing]


def image_of(image: Any) -> SavedImage:
    """Return what tells an Image layer from others."""
    data = full_data(image)
    fingerprint = None
    if isinstance(data, np.ndarray) and data.size:
        # A few thousand values from all over: quick for any size.
        steps = tuple(slice(None, None, max(1, size // 24)) for size in data.shape)
        fingerprint = zlib.crc32(np.ascontiguousarray(data[steps]).tobytes())
    return SavedImage(str(image.name), source_of(image), grid_shape(image), fingerprint)


def saved_record(record: FinishedObject) -> SavedObject:
    """Return a finished object as a value."""
    choice = record.choice
    options = record.session.predictor.options if record.session is not None else _options_of(choice)
    return SavedObject(
        label=record.label,
        plane=record.plane,
        method=choice.method,
        weights=choice.weights_in_use,
        options=plain_options(options),
        threshold=record.threshold,
        prompts=record.prompts,
        class_name=record.class_name or None,
        answered=record.answered,
        mask_sha256=record.digest,
        overwrite=record.overwrite,
        facts=saved_facts(record),
    )


def saved_work(work: PlaneWork, choice: MethodChoice, label: int, *, digest: bool = False) -> SavedObject:
    """Return an unfinished object as a value.

    Parameters
    ----------
    work
        The object.
    choice
        The method that answers it.
    label
        The id that it would get.
    digest
        Whether to note its mask, too, which takes a look at every pixel.
    """
    session = work.session
    answer = session is not None and session.prediction is not None
    return SavedObject(
        label=label,
        plane=work.plane,
        method=choice.method,
        weights=choice.weights_in_use,
        options=plain_options(session.predictor.options if session is not None else choice.options),
        threshold=_threshold(work, choice),
        prompts=work.prompts,
        answered=work.answered,
        mask_sha256=mask_digest(session.mask) if digest and answer and session is not None else None,
        class_name=work.class_name or None,
        finished=False,
        facts={**session.refinement.facts(), **work.seen_as} if session is not None else {},
    )


def _threshold(work: PlaneWork, choice: MethodChoice) -> float:
    if work.session is not None:
        return work.session.threshold
    return choice.options.threshold if work.threshold is None else work.threshold


@lru_cache(maxsize=256)
def _options_of(choice: MethodChoice) -> Options:
    # Asked for every object at every step; thousands that came from a file were made with a few choices.
    return choice.options


@lru_cache(maxsize=256)
def plain_options(options: Options) -> Mapping[str, bool | int | float | str | None]:
    """Return a method's options as plain values by name."""
    values = dataclasses.asdict(options)
    return MappingProxyType(
        {name: ",".join(map(str, value)) if isinstance(value, tuple) else value for name, value in values.items()}
    )
