"""Saved objects made ready for the layers: everything that takes a while, for threads; no layer and no widget."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_iseg.errors import ExportError, ImageError
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.io.session_slices import planes_of
from napari_iseg.ui._layers import LABEL_TYPE
from napari_iseg.ui._method_choice import chosen_in
from napari_iseg.ui._object_facts import take_saved_facts
from napari_iseg.ui._objects import FinishedObject

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_iseg.io.session_file import SavedObject
    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._method_choice import MethodChoice

__all__ = ["Fitted", "Stored", "fit", "stored"]

Indices = tuple["NDArray[np.intp]", ...]


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Saved objects with the pixels that they have.

    Parameters
    ----------
    objects
        As the file tells them, those that have pixels or are unfinished.
    labels
        (grid of the image) uint16; the unfinished ones are not in it.
    places
        Of each finished object by its id: its pixels on its plane, one index array per axis.
    """

    objects: tuple[SavedObject, ...]
    labels: NDArray[np.uint16] = field(repr=False)
    places: Mapping[int, Indices] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What the layer of finished objects becomes, and the records of what came back.

    Parameters
    ----------
    labels
        (grid of the image) uint16: what was there, with what was saved where nothing was.
    records
        The finished objects that came back.
    begun
        The unfinished ones.
    lost
        How many did not come back because finished objects lie there.
    highest
        The highest id of all.
    """

    labels: NDArray[np.uint16] = field(repr=False)
    records: tuple[FinishedObject, ...]
    begun: tuple[SavedObject, ...]
    lost: int
    highest: int


def stored(objects: Sequence[SavedObject], labels: NDArray[Any], *, begun_drawn: bool) -> Stored:
    """Find every object's pixels; takes a while and belongs into a thread.

    Parameters
    ----------
    objects
        As the file tells them.
    labels
        (grid of the image) unsigned labels.
    begun_drawn
        Whether the unfinished objects are in the labels, too.

    Raises
    ------
    ImageError
        If there are ids that the layer cannot hold.
    """
    most = np.iinfo(LABEL_TYPE).max
    if labels.size and int(labels.max()) > most:
        raise ImageError(f"The labels have ids above {most}, which the layer 'Objects' cannot hold; renumber them.")
    kept = labels.astype(LABEL_TYPE)
    begun = [item.label for item in objects if not item.finished]
    if begun and begun_drawn:
        kept[np.isin(kept, begun)] = 0
    planes: dict[PlaneAddress, set[int]] = {}
    for item in objects:
        for plane in planes_of(item.plane, item.facts) if item.finished else ():
            planes.setdefault(plane, set()).add(item.label)
    parts: dict[int, list[Indices]] = {}
    for plane, wanted in planes.items():
        there = plane.take_labels(kept)
        for label, box in enumerate(ndimage.find_objects(there), start=1):
            if box is not None and label in wanted:
                parts.setdefault(label, []).append(_indices(plane, there[box] == label, box))
    places = {label: tuple(map(np.concatenate, zip(*found, strict=True))) for label, found in parts.items()}
    return Stored(tuple(objects), kept, places)


def _indices(plane: PlaneAddress, mask: NDArray[np.bool_], box: tuple[slice, slice]) -> Indices:
    start = {plane.rows: box[0].start, plane.columns: box[1].start}
    local = plane.mask_index(mask)
    return tuple(index + start.get(axis, 0) for axis, index in enumerate(local))


def fit(
    there: Stored, now: NDArray[np.uint16], taken: Collection[int], cancelled: Callable[[], bool] = lambda: False
) -> Fitted:
    """Put what was saved around what is there already, which stays as it is; takes a while and belongs into a thread.

    Parameters
    ----------
    there
        What was saved.
    now
        (grid of the image) the layer of finished objects as it is; it is not changed.
    taken
        The ids of its objects.
    cancelled
        Whether to end early.

    Raises
    ------
    ExportError
        If the layer has no further id.
    CancelledError
        If it was cancelled.
    """
    ids, highest = _free_ids(_ids_in(there.labels), _ids_in(now) | set(taken))
    table = np.arange(np.iinfo(LABEL_TYPE).max + 1, dtype=LABEL_TYPE)
    for old, new in ids.items():
        table[old] = new
    labels = now.copy()
    for index in _planes(labels):
        if cancelled():
            raise CancelledError
        saved, plane = there.labels[index], labels[index]
        if saved.any():
            np.copyto(plane, table[saved], where=plane == 0)
    choices: dict[object, MethodChoice] = {}
    records = []
    for item in there.objects:
        if cancelled():
            raise CancelledError
        if item.finished and (place := there.places.get(item.label)) is not None:
            label = ids.get(item.label, item.label)
            mine = labels[place] == label
            if mine.any():
                records.append(_record(item, label, tuple(axis[mine] for axis in place), choices))
    begun = tuple(item for item in there.objects if not item.finished)
    return Fitted(labels, tuple(records), begun, len(there.objects) - len(begun) - len(records), highest)


def _planes(labels: NDArray[Any]) -> Iterator[tuple[int, ...]]:
    return np.ndindex(labels.shape[:-2])


def _ids_in(labels: NDArray[np.uint16]) -> set[int]:
    """Return the ids that pixels have; plane by plane, since sorting all pixels takes many times as long."""
    seen = np.zeros(np.iinfo(LABEL_TYPE).max + 1, bool)
    for index in _planes(labels):
        plane = labels[index]
        if plane.any():
            seen[plane] = True
    return {int(label) for label in np.flatnonzero(seen)} - {0}


def _free_ids(wanted: set[int], taken: set[int]) -> tuple[dict[int, int], int]:
    """Return a new id for each stored one that is taken, and the highest id that there will be."""
    most = max([*taken, *wanted, 0])
    ids = {label: most + number for number, label in enumerate(sorted(taken & wanted), start=1)}
    highest = most + len(ids)
    if highest > np.iinfo(LABEL_TYPE).max:
        raise ExportError(f"The layer of objects is full: no id above {most} fits; export it and start anew.")
    return ids, highest


def _record(item: SavedObject, label: int, indices: Indices, choices: dict[object, MethodChoice]) -> FinishedObject:
    # Thousands of objects were made with a few choices, and to check one takes a millisecond.
    key = (item.method, item.weights, tuple(sorted(item.options.items())))
    if key not in choices:
        choices[key] = chosen_in(item)
    record = FinishedObject(
        label=label,
        plane=item.plane,
        choice=choices[key],
        prompts=item.prompts,
        threshold=item.threshold,
        overwrite=item.overwrite,
        indices=indices,
        before=np.zeros(indices[0].size, LABEL_TYPE),
        answered=item.answered,
        digest=item.mask_sha256,
    )
    take_saved_facts(record, item)
    return record
