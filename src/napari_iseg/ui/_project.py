"""Everything that is known about one image: its layers, its unfinished object on each plane, its finished objects."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import IsegError, PromptError
from napari_iseg.interactions import Box, Click, Scribble
from napari_iseg.ui._contrast import layer_look
from napari_iseg.ui._edit_history import EditHistory
from napari_iseg.ui._first_look import FirstLook
from napari_iseg.ui._layers import WorkLayers
from napari_iseg.ui._method_choice import chosen_in
from napari_iseg.ui._object_facts import describe, remember, take_saved_facts
from napari_iseg.ui._objects import FinishedObject, FinishedObjects, TakenBack
from napari_iseg.ui._placement import on_placement_changed
from napari_iseg.ui._plane_view import grid_shape, plane_shape, shown_plane
from napari_iseg.ui._plane_work import PlaneWork

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_iseg.inference.session import Session
    from napari_iseg.interactions import Prompt
    from napari_iseg.io.session_file import SavedObject
    from napari_iseg.planes import PlaneAddress, PlaneLook
    from napari_iseg.ui._method_choice import MethodChoice

__all__ = ["Project"]

_KEPT_PLANES = 8


class Project:
    """The work on one image.

    Parameters
    ----------
    viewer
        Where the image is shown.
    image
        Its Image layer.
    """

    def __init__(self, viewer: Viewer, image: Any) -> None:
        self.image = image
        self._dims = viewer.dims
        # Asked for a hundred times an act, it is found once for each state of the sliders.
        self._shown: tuple[Any, PlaneAddress | None] | None = None
        on_placement_changed(image, self._forget_shown)
        self.layers = WorkLayers(viewer, image)
        self.finished = FinishedObjects()
        self.facts: dict[str, Any] = {}
        self.edits = EditHistory(self)
        self.first_look = FirstLook()
        self.contrast, self.look = layer_look(image)
        self._works: dict[PlaneAddress, PlaneWork] = {}
        self._planes: OrderedDict[PlaneAddress, NDArray[np.uint8]] = OrderedDict()

    @property
    def shape(self) -> tuple[int, ...]:
        """The grid of the image, without colours."""
        return grid_shape(self.image)

    @property
    def plane(self) -> PlaneAddress | None:
        """The plane on the canvas, or None."""
        dims = self._dims
        state = (dims.point, dims.order, dims.ndisplay, dims.ndim)
        if self._shown is None or self._shown[0] != state:
            self._shown = state, shown_plane(dims, self.image)
        return self._shown[1]

    def _forget_shown(self) -> None:
        self._shown = None

    @property
    def works(self) -> list[PlaneWork]:
        """The work on every plane where there is any."""
        return list(self._works.values())

    def work_on(self, plane: PlaneAddress) -> PlaneWork:
        """Return the work on a plane, begun if need be."""
        if plane not in self._works:
            self._works[plane] = PlaneWork(plane, plane_shape(self.image, plane))
        return self._works[plane]

    def owns(self, work: PlaneWork) -> bool:
        """Whether a work is still the one on its plane."""
        return self._works.get(work.plane) is work

    @property
    def has_unfinished(self) -> bool:
        """Whether there is a prompt that belongs to no finished object."""
        return any(work.prompts for work in self._works.values())

    @property
    def objects_removed(self) -> bool:
        """Whether the user removed the layer of finished objects and none has been made since."""
        return bool(self.finished.records) and not self.layers.has_objects

    def pixels(self, plane: PlaneAddress) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8, what the network sees of a plane, if it is at hand."""
        return self._planes.get(plane)

    def keep_pixels(self, plane: PlaneAddress, rgb: NDArray[np.uint8]) -> None:
        """Keep what the network sees of a plane; the planes seen longest ago go."""
        self._planes[plane] = rgb
        while len(self._planes) > _KEPT_PLANES:
            self._planes.popitem(last=False)

    def use_look(self, look: PlaneLook, contrast: str) -> None:
        """Show planes in another way, that of the contrast of this key; unfinished objects must be asked again."""
        self.look, self.contrast = look, contrast
        self._planes.clear()
        for work in self.works:
            work.close()

    def forget_pixels(self) -> None:
        """Let go of what networks see, because the image has other pixels now."""
        self._planes.clear()

    def draw_prompts(self, drafts: Mapping[PlaneAddress, tuple[Prompt, ...]] | None = None) -> None:
        """Show the prompts of every plane's unfinished object; napari shows those of the plane on the canvas.

        Parameters
        ----------
        drafts
            Prompts to show in place of those that a plane has.
        """
        given = list(self._given(drafts or {}))
        self.layers.draw_prompts([(plane, prompt) for plane, prompt in given if isinstance(prompt, Click)])
        self.layers.shapes.draw([(plane, prompt) for plane, prompt in given if isinstance(prompt, Box | Scribble)])

    def _given(self, drafts: Mapping[PlaneAddress, tuple[Prompt, ...]]) -> Iterator[tuple[PlaneAddress, Prompt]]:
        for work in self._works.values():
            for prompt in (*drafts.get(work.plane, work.prompts), *work.next_clicks):
                yield work.plane, prompt

    def draw_mask(self, work: PlaneWork) -> None:
        """Show the mask of a work; while an answer is awaited the last one stays."""
        if not work.pending:
            self.layers.draw_mask(work.plane, work.session)

    def finish(self, work: PlaneWork, choice: MethodChoice, *, overwrite: bool) -> FinishedObject:
        """Write the object of a work into the Objects layer and begin the next one on that plane.

        Raises
        ------
        PromptError
            If it has no mask, or finished objects cover all of it; nothing has changed then.
        ExportError
            If the layer has no further id.
        """
        session = work.session
        if session is None or not work.prompts:
            raise PromptError("There is no object to accept yet; click one first.")
        layer = self.objects_layer()
        record = FinishedObject(
            label=self._label_for(work, layer),
            plane=work.plane,
            choice=work.choice or choice,
            prompts=session.prompts,
            threshold=session.threshold,
            refinement=session.refinement,
            session=session,
            overwrite=overwrite,
            answered=session.answered,
        )
        describe(record, work)
        record.facts = {**record.facts, **work.seen_as}
        self.finished.write(layer, record, session.mask, overwrite=overwrite)
        self.edits.accepted(work)
        self._works[work.plane] = self._following(work)
        session.release()
        self.layers.draw_mask(work.plane, None)
        self._redraw(self._works[work.plane])
        return record

    def add_finished(self, saved: SavedObject, session: Session) -> None:
        """Write an object from a session file, under its own id where that is free.

        Raises
        ------
        PromptError
            If its mask is empty, or finished objects cover all of it.
        """
        layer = self.objects_layer()
        work = PlaneWork(saved.plane, session.shape, session)
        work.label = saved.label
        record = FinishedObject(
            label=self._label_for(work, layer),
            plane=saved.plane,
            choice=chosen_in(saved),
            prompts=saved.prompts,
            threshold=saved.threshold,
            session=session,
            overwrite=saved.overwrite,
            answered=session.answered,
        )
        take_saved_facts(record, saved)
        self.finished.write(layer, record, session.mask, overwrite=saved.overwrite)
        session.release()

    def take_back(self, plane: PlaneAddress) -> FinishedObject | None:
        """Make the object last finished on a plane the unfinished one again; None if there is none."""
        record = self.finished.last_on(plane) if self.layers.has_objects else None
        if record is None:
            return None
        work = PlaneWork(plane, plane_shape(self.image, plane), record.session)
        if record.session is None:
            # It came from a file: its prompts are asked again.
            work.resume(record.prompts, record.answered, record.threshold, record.refinement)
        work.taken_back = TakenBack(record, self.work_on(plane))
        remember(work, record)
        # The next object's clicks are not lost when this one is finished with others than it had.
        work.resumes = work.taken_back.following if work.taken_back.following.prompts else None
        self.finished.erase(self.layers.objects, record)
        self._works[plane] = work
        self._redraw(work)
        return record

    def settle(self, choice: MethodChoice) -> list[FinishedObject]:
        """Finish every object that has a mask, because the image is going; prompts without an answer are taken back."""
        done = []
        for work in self.works:
            work.cancel()
            while work.pending and work.step(-1):
                pass
            with suppress(IsegError):
                done.append(self.finish(work, choice, overwrite=False))
        return done

    def labels(self) -> tuple[NDArray[Any], int]:
        """Return every object, the unfinished ones included, and how many are unfinished.

        Returns
        -------
        tuple
            Labels on the image's grid, a copy, and the number of unfinished objects in it.
        """
        labels = self.objects_layer().data.copy()
        unfinished = 0
        for work in self.works:
            if work.session is None or not work.session.mask.any():
                continue
            free = work.session.mask & (work.plane.take_labels(labels) == 0)
            labels[work.plane.mask_index(free)] = self.finished.next_label(self.layers.objects) + unfinished
            unfinished += 1
        return labels, unfinished

    def objects_layer(self) -> Any:
        """Return the layer of finished objects; a new one if the user removed it and goes on without it."""
        if self.objects_removed:
            self.layers.forget_objects()
            self.finished.records.clear()
            self.edits.clear()
        return self.layers.objects

    def _label_for(self, work: PlaneWork, layer: Any) -> int:
        """Return the id that a taken back object had, if it is still free, else a new one."""
        label = work.label
        taken = label is None or any(record.label == label for record in self.finished.records)
        if label is None or taken or (layer.data == label).any():
            return self.finished.next_label(layer)
        return label

    def _following(self, work: PlaneWork) -> PlaneWork:
        taken_back = work.taken_back
        if taken_back is not None and work.prompts == taken_back.finished.prompts:
            return taken_back.following
        if work.resumes is not None:
            return work.resumes
        following = PlaneWork(work.plane, work.shape)
        for click in work.next_clicks:
            following.edit((*following.prompts, click))
        return following

    def put_work(self, work: PlaneWork) -> None:
        """Make a work the one on its plane."""
        present = self._works.get(work.plane)
        if present is not None and present is not work:
            present.cancel()
        self._works[work.plane] = work
        self._redraw(work)

    def following(self, work: PlaneWork) -> PlaneWork:
        """Return the work that comes after one that is done."""
        return self._following(work)

    def _redraw(self, work: PlaneWork) -> None:
        self.draw_prompts()
        self.draw_mask(work)
