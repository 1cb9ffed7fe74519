"""Put back what was saved: labels as they were stored, objects with their prompts, and what was only begun."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_iseg.errors import ImageError
from napari_iseg.interactions import Choice
from napari_iseg.io.session_slices import planes_of
from napari_iseg.planes import PlaneLook
from napari_iseg.ui._contrast import contrast_of
from napari_iseg.ui._layers import LABEL_TYPE
from napari_iseg.ui._method_choice import chosen_in
from napari_iseg.ui._object_facts import refinement_in, take_saved_facts
from napari_iseg.ui._objects import FinishedObject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_iseg.io.session_file import SavedObject
    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._project import Project

__all__ = ["Stored", "put_back", "stored"]

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


def put_back(controller: Controller, project: Project, there: Stored) -> tuple[int, int]:
    """Write stored objects into the layers of a project; what is there already stays.

    Parameters
    ----------
    controller
        Its method follows an object that was only begun.
    project
        The work on the image.
    there
        What was saved.

    Returns
    -------
    tuple of int
        How many objects came back, and how many did not because finished objects lie there.

    Raises
    ------
    ExportError
        If the layer has no further id.
    """
    layer = project.objects_layer()
    ids = _free_ids(project, layer, there)
    table = np.arange(int(there.labels.max(initial=0)) + 1, dtype=LABEL_TYPE)
    for old, new in ids.items():
        if old < table.size:
            table[old] = new
    index = np.nonzero(there.labels)
    free = layer.data[index] == 0
    index = tuple(axis[free] for axis in index)
    if index[0].size:
        layer.data_setitem(index, table[there.labels[index]])
        project.finished.look_again()
    back = lost = 0
    for item in there.objects:
        if not item.finished:
            back += _begin_again(controller, project, item)
        elif _add(project, layer, item, ids.get(item.label, item.label), there.places.get(item.label)):
            back += 1
        else:
            lost += 1
    project.draw_prompts()
    controller.prepare()
    return back, lost


def _free_ids(project: Project, layer: Any, there: Stored) -> dict[int, int]:
    """Return a new id for each stored one that is taken."""
    records = {record.label for record in project.finished.records}
    taken = records | {int(label) for label in np.unique(layer.data)} - {0}
    wanted = {int(label) for label in np.unique(there.labels)} - {0}
    new = max([*taken, *wanted, 0])
    return {label: new + number for number, label in enumerate(sorted(taken & wanted), start=1)}


def _add(project: Project, layer: Any, item: SavedObject, label: int, place: Indices | None) -> bool:
    if place is None:
        return False
    mine = layer.data[place] == label
    if not mine.any():
        return False
    indices = tuple(axis[mine] for axis in place)
    record = FinishedObject(
        label=label,
        plane=item.plane,
        choice=chosen_in(item),
        prompts=item.prompts,
        threshold=item.threshold,
        overwrite=item.overwrite,
        indices=indices,
        before=np.zeros(indices[0].size, layer.data.dtype),
        answered=item.answered,
        digest=item.mask_sha256,
    )
    take_saved_facts(record, item)
    project.finished.adopt(record)
    return True


def _begin_again(controller: Controller, project: Project, item: SavedObject) -> bool:
    """Give an unfinished object its prompts; not where another one has been begun on that plane."""
    work = project.work_on(item.plane)
    if not work.prompts:
        controller.use(chosen_in(item))
        facts = dict(item.facts)
        look = PlaneLook.of_facts(facts)
        if look != project.look:
            project.use_look(look, contrast_of(look, project.image))
        work.resume(item.prompts, item.answered, item.threshold, refinement_in(facts))
        return True
    if work.session is not None or work.next_clicks:
        return False
    # The one before was accepted while its answer was still awaited, and this one begun.
    work.accept_on_answer = True
    work.next_clicks = [prompt for prompt in item.prompts if not isinstance(prompt, Choice)]
    return True
