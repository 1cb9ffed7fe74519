"""What a user does with finished objects: delete, merge, split, name, open again; each is one undo step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError, PromptError
from napari_iseg.interactions import MaskPrompt
from napari_iseg.interactions.splitting import split_mask
from napari_iseg.io.session_slices import planes_of
from napari_iseg.ui._edit_history import Edit, Fact, PixelChange
from napari_iseg.ui._object_facts import middle_of, remember
from napari_iseg.ui._object_slices import merged_facts, object_places
from napari_iseg.ui._object_steps import ObjectSteps
from napari_iseg.ui._other_layers import check_grid, class_in
from napari_iseg.ui._plane_view import plane_shape
from napari_iseg.ui._plane_work import PlaneWork

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._project import Project

__all__ = ["ObjectEdits"]

_EDITABLE = ("class_name", "note", "reviewed")


class ObjectEdits(ObjectSteps):
    """Edits of the finished objects of the chosen image."""

    def delete(self, labels: Iterable[int]) -> None:
        """Take objects away, pixels and all.

        Raises
        ------
        PromptError
            If one of them is no finished object.
        """
        project, work = self._needed()
        records = self._records(project, labels)
        layer = project.layers.objects
        pixels = []
        for planes in dict.fromkeys(tuple(planes_of(record.plane, record.facts)) for record in records):
            mine = [record for record in records if tuple(planes_of(record.plane, record.facts)) == planes]
            places = object_places(mine[0], layer.data, [record.label for record in mine])
            pixels.append(PixelChange.to(layer, places, 0))
        self._do(project, work, Edit(tuple(pixels), gone=records))

    def merge(self, labels: Iterable[int]) -> None:
        """Make one object of several, on one plane or on many; it gets the id and the class of the first.

        Raises
        ------
        PromptError
            If there are fewer than two, or they lie on planes that do not follow one another.
        """
        project, work = self._needed()
        records = self._records(project, labels)
        if len(records) < 2:
            raise PromptError("Merging needs at least two objects; select two or more rows with Ctrl or Shift.")
        first = records[0]
        facts = merged_facts(records)
        layer = project.layers.objects
        ids = [record.label for record in records]
        mask = np.isin(first.plane.take_labels(layer.data), ids)
        named = ", ".join(str(label) for label in ids)
        whole = replace(
            _piece(first, mask, f"objects {named} merged"),
            prompts=(MaskPrompt(mask, keep=True, source=f"objects {named} merged"),),
            seconds=sum(record.seconds for record in records),
            class_name=next((record.class_name for record in records if record.class_name), ""),
            note="; ".join(record.note for record in records if record.note),
            facts=facts,
        )
        whole.pixels = sum(record.pixels for record in records)
        change = PixelChange.to(layer, object_places(whole, layer.data, ids[1:]), first.label)
        self._do(project, work, Edit((change,), gone=records, come=(whole,)))

    def split(self, label: int, points: ArrayLike) -> list[int]:
        """Split an object along a line.

        Parameters
        ----------
        label
            The object; its largest piece keeps the id.
        points
            (n, 2) rows and columns on the object's plane.

        Returns
        -------
        list of int
            The ids of the pieces, the largest first.

        Raises
        ------
        PromptError
            If there is no such object, or the line does not split it.
        ExportError
            If the layer has no further id.
        """
        project, work = self._needed()
        (record,) = self._records(project, [label])
        if len(planes_of(record.plane, record.facts)) > 1:
            raise PromptError(f"Object {label} lies on several planes; a line splits objects of one plane only.")
        layer = project.layers.objects
        pieces = split_mask(record.plane.take_labels(layer.data) == label, points)
        first = project.finished.next_label(layer)
        ids = [label, *range(first, first + int(pieces.max()) - 1)]
        come = [
            replace(_piece(record, pieces == number, f"object {label} split"), label=new)
            for number, new in enumerate(ids, start=1)
        ]
        others = pieces > 1
        change = PixelChange.to(layer, record.plane.mask_index(others), np.array([0, *ids])[pieces[others]])
        self._do(project, work, Edit((change,), gone=(record,), come=tuple(come)))
        return ids

    def set_fact(self, labels: Iterable[int], name: str, value: Any) -> None:
        """Set the class, the note or whether it was reviewed, of objects.

        Parameters
        ----------
        labels
            The objects.
        name
            ``"class_name"``, ``"note"`` or ``"reviewed"``.
        value
            A text, or a truth value.

        Raises
        ------
        ValueError
            If it has another name.
        PromptError
            If one of them is no finished object.
        """
        if name not in _EDITABLE:
            raise ValueError(f"an object's {name!r} cannot be set; {', '.join(_EDITABLE)} can")
        project, work = self._needed()
        facts = tuple(
            Fact(record.label, name, getattr(record, name), value)
            for record in self._records(project, labels)
            if getattr(record, name) != value
        )
        if facts:
            self._do(project, work, Edit(facts=facts))

    def edit_again(self, label: int) -> None:
        """Open a finished object with all its prompts and its mask; later prompts change only what they mean.

        What is unfinished on its plane is put aside until this one is accepted again.

        Raises
        ------
        PromptError
            If there is no such object, or nothing of it is left.
        """
        project, _ = self._needed()
        record = self._records(project, [label])[0]
        planes = planes_of(record.plane, record.facts)
        if len(planes) > 1:
            if project.plane not in planes:
                self._controller.go_to_plane(record.plane)
            self._controller.slices.resume(label)
            return
        self._controller.go_to_plane(record.plane)
        project, present = self._needed()
        (record,) = self._records(project, [label])
        layer = project.layers.objects
        mask = record.plane.take_labels(layer.data) == label
        if not mask.any():
            raise PromptError(f"Nothing of object {label} is left to edit; delete it, or undo what covered it.")
        work = PlaneWork(record.plane, plane_shape(project.image, record.plane), record.session)
        remember(work, record)
        prompts = (*record.prompts, MaskPrompt(mask, keep=True, source=f"object {label}"))
        self._open(project, present, work, prompts, PixelChange.to(layer, record.plane.mask_index(mask), 0), record)

    def show_object(self, item: FinishedObject | PlaneWork) -> None:
        """Go to an object: to its plane, and to its place if that is out of sight."""
        project = self._controller.project
        if project is None:
            return
        if isinstance(item, PlaneWork):
            self._controller.go_to_plane(item.plane)
            return
        self._controller.go_to(item.label)
        record = item
        if not project.layers.has_objects:
            return
        place = middle_of(record.plane.take_labels(project.layers.objects.data) == record.label)
        if place is not None:
            self._controller.look_at(record.plane.point(*place))

    def take_over(self, layer: Any, value: int, *, back: bool) -> None:
        """Open an object of a Labels layer, whichever program it is from, on the plane that is shown.

        Parameters
        ----------
        layer
            A Labels layer on the image's own grid.
        value
            The object's value there.
        back
            Whether accepting writes into that very layer; else into the layer of finished objects, and this one stays
            as it is.

        Raises
        ------
        ImageError
            If the layer has another grid, or cannot be written to.
        PromptError
            If the object does not lie on the plane that is shown.
        """
        project, present = self._needed()
        plane = present.plane
        if project.layers.is_objects(layer) and project.finished.find(value) is not None:
            self.edit_again(value)
            return
        check_grid(layer, project, back=back)
        mask = plane.take_labels(layer.data) == value if value else np.zeros(present.shape, bool)
        if not mask.any():
            raise PromptError(f"There is no object here in the layer {layer.name!r}; click one of its objects.")
        work = PlaneWork(plane, present.shape)
        own = project.layers.is_objects(layer)
        work.label = value
        work.class_name = class_in(layer, value)
        self._controller.classes.meet([work.class_name or ""])
        work.target = (layer, value) if back and not own else None
        change = PixelChange.to(layer, plane.mask_index(mask), 0) if own else None
        prompts = (MaskPrompt(mask, keep=True, source=f"{layer.name}: {value}"),)
        self._open(project, present, work, prompts, change, None)

    def write_back(self, project: Project, work: PlaneWork, *, overwrite: bool) -> None:
        """Write an object that was taken over into its own layer, as one step.

        Raises
        ------
        PromptError
            If there is no mask, or other objects cover all of it.
        ImageError
            If the layer is gone.
        """
        if work.target is None or work.session is None:
            raise PromptError("There is no object to accept yet; click one first.")
        layer, value = work.target
        if not project.layers.is_there(layer):
            raise ImageError(f"The layer {layer.name!r} was removed; bring it back, or leave the object as it was.")
        there = work.plane.take_labels(layer.data)
        new = work.session.mask & (np.isin(there, (0, value)) | overwrite)
        if not new.any():
            raise PromptError("There is nothing to write back: the mask is empty, or other objects cover all of it.")
        changed = (there == value) | new
        change = PixelChange.to(layer, work.plane.mask_index(changed), np.where(new[changed], value, 0))
        following = project.following(work)
        self._do(project, work, Edit((change,), works=(work, following)))

    def leave(self) -> None:
        """Put the object that is edited again back as it was, as one step; what was put aside for it goes on.

        Raises
        ------
        PromptError
            If none is edited again.
        """
        project, work = self._needed()
        opened = work.opened
        if opened is None or opened.works is None:
            raise PromptError("No finished object is being edited; choose one and press 'Edit again'.")
        put_aside = opened.works[0]
        pixels = tuple(
            PixelChange(change.layer, change.indices, change.after, change.before) for change in opened.pixels
        )
        self._do(project, work, Edit(pixels, come=opened.gone, works=(work, put_aside)))

    def painted(self) -> None:
        """Count the objects of the plane on the canvas anew, after a stroke or its undoing."""
        found = self._found()
        if found is not None and found[0].layers.has_objects:
            found[0].finished.recount(found[0].layers.objects, found[1].plane)
            self._controller.changed.emit()

    def _open(
        self,
        project: Project,
        present: PlaneWork,
        work: PlaneWork,
        prompts: tuple[Any, ...],
        change: PixelChange | None,
        record: FinishedObject | None,
    ) -> None:
        work.edit(prompts)
        work.resumes = present if present.prompts else None
        edit = Edit((change,) if change else (), gone=(record,) if record else (), works=(present, work))
        work.opened = edit
        self._do(project, present, edit)


def _piece(record: FinishedObject, mask: NDArray[np.bool_], source: str) -> FinishedObject:
    """Return the record of what an edit made of an object; its prompts end with the mask, so that they give it anew."""
    return replace(
        record,
        prompts=(*record.prompts, MaskPrompt(mask, keep=True, source=source)),
        pixels=int(mask.sum()),
        session=None,
        reviewed=False,
        indices=(),
        before=None,
    )
