"""What the dock does: it leads clicks to the work on their plane, undo to what was done last, and masks to layers.

It knows no widget and no mouse; those call it and listen to its signals. It is one file of over 300 lines because every
act (click, undo, accept, another image, a removed layer) must leave the same things in step: the work on the plane, its
request, and the layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from psygnal import Signal

from napari_iseg.errors import ImageError, PromptError
from napari_iseg.interactions import Click
from napari_iseg.interactions.prompts import check_inside, with_choice
from napari_iseg.ui._answering import Answering
from napari_iseg.ui._classes import Classes
from napari_iseg.ui._confidence import is_image
from napari_iseg.ui._first_look import with_view
from napari_iseg.ui._image_changes import follow_pixels
from napari_iseg.ui._loading import Loaded, load_method
from napari_iseg.ui._method_choice import MethodChoice
from napari_iseg.ui._object_edits import ObjectEdits
from napari_iseg.ui._plane_view import locate
from napari_iseg.ui._project import Project
from napari_iseg.ui._protection import Guard
from napari_iseg.ui._state import State
from napari_iseg.ui._viewer_parts import camera_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.viewer import Viewer

    from napari_iseg.inference.mask_refinement import MaskRefinement
    from napari_iseg.interactions import Prompt
    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._workers import Workers

__all__ = ["Controller"]


class Controller:
    """The state of the dock.

    Parameters
    ----------
    viewer
        napari's viewer.
    workers
        Does the work in threads.
    load
        Loads a choice of a method, in a thread.

    Attributes
    ----------
    changed
        Something that the dock shows has changed.
    images_changed
        There are other images to choose from, or another one is chosen.
    said, failed
        A sentence for the user: good news, or what went wrong and what to do.
    answering
        Has the prompts answered.
    include
        What the left mouse button means: True includes, False excludes; the right button means the opposite.
    guard
        Whether a new object may take pixels from finished ones.
    objects
        The edits of finished objects.
    classes
        The kinds of objects to choose from.
    restoring
        Whether the objects of a session file are being made anew.
    """

    changed = Signal()
    images_changed = Signal()
    said = Signal(str)
    failed = Signal(str)

    def __init__(self, viewer: Viewer, workers: Workers, load: Callable[[MethodChoice], Loaded] = load_method) -> None:
        self.answering = Answering(workers, load)
        self.include = True
        self.guard = Guard()
        self.classes = Classes()
        self.restoring = False
        self._viewer = viewer
        self._projects: list[Project] = []
        self._project: Project | None = None
        self._closed = False
        self._strokes = 0
        self.objects = ObjectEdits(self, self._edited)
        self.answering.changed.connect(self.changed.emit)
        self.answering.failed.connect(self.failed.emit)
        self.answering.answered.connect(self._on_answered)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.connect(self._on_dims)
        self._choose_first_image()

    @property
    def images(self) -> list[Any]:
        """The Image layers, topmost first."""
        return [layer for layer in reversed(list(self._viewer.layers)) if is_image(layer)]

    @property
    def image(self) -> Any:
        """The chosen Image layer, or None."""
        return self._project.image if self._project is not None else None

    @property
    def project(self) -> Project | None:
        """The work on the chosen image, or None."""
        return self._project

    @property
    def projects(self) -> list[Project]:
        """The work on every image that is open and was chosen once."""
        return list(self._projects)

    def shown_at(self) -> tuple[Any, ...]:
        """Return a value that changes when another plane is shown."""
        dims = self._viewer.dims
        return tuple(dims.point), tuple(dims.order), dims.ndisplay

    @property
    def work(self) -> PlaneWork | None:
        """The unfinished object on the plane that is shown, or None where there is no such plane."""
        if self._project is None:
            return None
        plane = self._project.plane
        return self._project.work_on(plane) if plane is not None else None

    @property
    def state(self) -> State:
        """What the dock can do now."""
        if self._project is None:
            return State.NO_IMAGE
        work = self.work
        if work is None:
            return State.NO_PLANE
        if self.answering.preparing or self.restoring:
            return State.PREPARING
        if self.answering.failure:
            return State.FAILED
        if work.accept_on_answer:
            return State.ACCEPTING
        if work.job is not None:
            return State.COMPUTING
        return State.EDITING if work.prompts else State.READY

    @property
    def finished(self) -> list[FinishedObject]:
        """The finished objects of the chosen image, oldest first."""
        return self._project.finished.records if self._project is not None else []

    @property
    def can_undo(self) -> bool:
        """Whether undo has something of the plugin's own to take back."""
        project, work = self._project, self.work
        if project is None or work is None:
            return False
        if self.objects.can_undo:
            return True
        return work.can_undo or project.objects_removed or project.finished.last_on(work.plane) is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is a step forward."""
        work = self.work
        return work is not None and (work.can_redo or work.taken_back is not None or self.objects.can_redo)

    @property
    def busy_tool(self) -> str:
        """The name of the active layer if one of its own tools has the mouse, else an empty text."""
        active = self._viewer.layers.selection.active
        return "" if active is None or str(active.mode) == "pan_zoom" else str(active.name)

    def choose_image(self, image: Any) -> None:
        """Work on another image, or on none; what was begun on the present one is kept until it is chosen again."""
        if self._project is not None:
            if image is not None and self._project.image == image:
                return
            self._project.layers.show(visible=False)
        self._project = next((p for p in self._projects if image is not None and p.image == image), None)
        if self._project is None and image is not None:
            self._project = Project(self._viewer, image)
            self._projects.append(self._project)
            follow_pixels(self, self._project)
        self.answering.failure = ""
        self.images_changed.emit()
        self.changed.emit()

    def let_go(self, project: Project) -> None:
        """Forget the work on an image, which was saved; its layers stay as they are."""
        self._projects.remove(project)
        for work in project.works:
            work.cancel()
        if self._project is project:
            self._project = None
            self.changed.emit()

    def choose_method(self, name: str) -> None:
        """Use another method with its own weights and options.

        Raises
        ------
        UnknownNameError
            If there is no such method.
        """
        self.use(MethodChoice(name))

    def use(self, choice: MethodChoice) -> None:
        """Use another method, or other weights or options; unfinished objects are asked again with their prompts."""
        if choice == self.answering.choice and not self.answering.failure:
            return
        self.answering.use(choice)
        for project in self._projects:
            for work in project.works:
                work.close()
        self.prepare()

    def prepare(self) -> None:
        """Load the method and read the plane, in a thread, and make the layers, so that the first click is quick."""
        project, work = self._project, self.work
        if project is not None and work is not None and not self._closed:
            project.layers.prepare()
            for each in project.works:
                if each is work or each.pending:
                    self.answering.ask(project, each)
        self.changed.emit()

    def set_threshold(self, value: float) -> None:
        """Set the probability above which a pixel belongs to the mask, in (0, 1); the masks follow at once."""
        self.answering.threshold = value
        self._set_in_sessions("threshold", value)

    def set_refinement(self, value: MaskRefinement) -> None:
        """Set what is done to the mask after the threshold; the masks follow at once."""
        self.answering.refinement = value
        self._set_in_sessions("refinement", value)

    def _set_in_sessions(self, name: str, value: Any) -> None:
        for project in self._projects:
            for work in project.works:
                if work.session is not None:
                    setattr(work.session, name, value)
                    project.draw_mask(work)
        self.changed.emit()

    def click(self, position: Sequence[float], *, include: bool) -> None:
        """Take a click on the canvas.

        Parameters
        ----------
        position
            World coordinates along all of the viewer's axes.
        include
            Whether what lies there belongs to the object.

        Raises
        ------
        ImageError
            If there is no image, or no plane of it on the canvas.
        PromptError
            If the click lies outside the image.
        """
        project, work = self._project, self.work
        if project is None:
            raise ImageError("There is no image to click on; open one first.")
        if work is None:
            raise ImageError(self.no_plane_reason)
        self.give(Click(*locate(project.image, work.plane, position), positive=include))

    def give(self, prompt: Prompt, work: PlaneWork | None = None) -> None:
        """Take one more prompt for an unfinished object, as one step that undo takes back.

        Parameters
        ----------
        prompt
            Anything but a choice.
        work
            The object; None for the one on the plane that is shown.

        Raises
        ------
        PromptError
            If it lies outside the image; nothing has changed then.
        """
        project, work = self._project, work or self.work
        if project is None or work is None or not project.owns(work):
            return
        check_inside(prompt, work.shape)
        first_crop = getattr(self.answering.choice.options, "first_crop", "")
        prompt = with_view(prompt, project, work, first_crop, work.class_name or self.classes.current)
        if work.accept_on_answer:
            # The present object is as good as finished: this prompt belongs to the next one.
            self.answering.failure = ""
            work.next_clicks.append(prompt)
            self._edited(project, work)
        else:
            self.change((*work.prompts, prompt), work)

    def change(self, prompts: tuple[Prompt, ...], work: PlaneWork) -> None:
        """Make these the prompts of an unfinished object, as one step that undo takes back."""
        project = self._project
        if project is not None and project.owns(work) and not work.accept_on_answer:
            self.answering.failure = ""
            work.edit(prompts)
            work.taken_back = None
            self._edited(project, work)

    def run(self) -> None:
        """Have the waiting prompts answered now, where they are not answered by themselves."""
        project, work = self._project, self.work
        if project is not None and work is not None and work.pending and work.job is None:
            self.answering.ask(project, work, wanted=True)

    @property
    def no_plane_reason(self) -> str:
        """Why nothing can be clicked although an image is chosen."""
        if self._viewer.dims.ndisplay == 3:
            return "Clicking works on one plane at a time: switch the display back to 2D (Ctrl+Y)."
        return "The chosen image does not lie on the plane that is shown; move the sliders to it."

    def choose_proposal(self, index: int) -> None:
        """Make one of the proposals the answer, as one step that undo takes back."""
        project, work = self._project, self.work
        if project is not None and work is not None and not work.pending:
            self.change(with_choice(work.prompts, index), work)

    def undo(self) -> None:
        """Take back what was done last: a click, else the acceptance on this plane, else a stroke in a Labels layer."""
        project, work = self._project, self.work
        if project is not None and work is not None:
            if self._undo_acceptance_to_come(project, work) or self.objects.undo():
                self._strokes = 0
                return
            if work.step(-1):
                self._edited(project, work)
                return
            if project.objects_removed:
                project.layers.restore_objects()
                self.changed.emit()
                return
        labels = self._active_labels()
        if labels is not None and self._strokes > 0:
            self._strokes -= 1
            labels.undo()
            self.objects.painted()
        elif project is not None and work is not None and (record := project.take_back(work.plane)) is not None:
            if record.session is None:
                self._ask_as_then(project, record)
            self.changed.emit()
        elif labels is not None:
            labels.undo()

    def redo(self) -> None:
        """Do again what undo took back."""
        project, work = self._project, self.work
        if project is not None and work is not None:
            if self.objects.redo():
                return
            again = work.taken_back
            if again is not None and work.prompts == again.finished.prompts:
                if work.pending:
                    self.accept()
                else:
                    self._finish(project, work, overwrite=again.finished.overwrite)
                return
            if work.step(+1):
                self._edited(project, work)
                return
        labels = self._active_labels()
        if labels is not None:
            labels.redo()

    def accept(self) -> None:
        """Write the unfinished object into the Objects layer and begin the next one.

        If its answer is still awaited, this happens when it comes; clicks until then belong to the next object.

        Raises
        ------
        PromptError
            If there is no object yet, or finished objects cover all of it.
        """
        project, work = self._project, self.work
        if project is None or work is None or not work.prompts:
            raise PromptError("There is no object to accept yet; click one first.")
        if work.pending:
            work.accept_on_answer = True
            if work.job is None:
                self.answering.ask(project, work)
            self.changed.emit()
        else:
            self._finish_if_allowed(project, work)

    def answer(self, *, overwrite: bool) -> None:
        """Answer the question whether the object may take pixels from finished ones, and accept it.

        Raises
        ------
        PromptError
            If finished objects cover all of it and keep their pixels.
        """
        project, work = self._project, self.work
        if project is not None and work is not None and self.guard.question_on(work) is not None:
            self._finish(project, work, overwrite=overwrite)

    def cancel(self) -> None:
        """Give up what is being computed and take back the click that asked for it; redo asks again."""
        project, work = self._project, self.work
        if project is not None and work is not None and work.pending:
            work.accept_on_answer = False
            work.cancel()
            work.step(-1)
            self._edited(project, work)

    def toggle_include(self) -> None:
        """Swap what the mouse buttons mean."""
        self.include = not self.include
        self.changed.emit()

    def go_to(self, label: int) -> None:
        """Show the plane of a finished object and select its id in the Objects layer."""
        project = self._project
        record = project.finished.find(label) if project is not None else None
        if project is None or record is None or not project.layers.has_objects:
            return
        project.layers.objects.selected_label = label
        self.go_to_plane(record.plane)

    def go_to_plane(self, plane: PlaneAddress) -> None:
        """Show a plane of the chosen image."""
        if self._project is None:
            return
        image, dims = self._project.image, self._viewer.dims
        world = image.data_to_world(plane.point(0, 0))
        for axis in plane.other_axes:
            dims.set_point(axis + dims.ndim - image.ndim, world[axis])

    def look_at(self, point: Sequence[float]) -> None:
        """Move the camera to a point, in pixels of the image along every axis, if that is out of sight."""
        project = self._project
        if project is None or self._viewer.dims.ndisplay != 2:
            return
        shown = [axis - self._viewer.dims.ndim + project.image.ndim for axis in self._viewer.dims.displayed]
        first, last = project.image.corner_pixels[:, shown]
        place = [point[axis] for axis in shown]
        if any(not low <= at <= high for low, at, high in zip(first, place, last, strict=True)):
            world = project.image.data_to_world(point)
            camera_of(self._viewer).center = tuple(world[axis] for axis in shown)

    def close(self) -> None:
        """Let go of the viewer; nothing of what was made is changed."""
        self._closed = True
        events = self._viewer.layers.events
        events.inserted.disconnect(self._on_inserted)
        events.removed.disconnect(self._on_removed)
        self._viewer.dims.events.disconnect(self._on_dims)

    def _ask_as_then(self, project: Project, record: FinishedObject) -> None:
        """Have an object from a file, which was taken back, answered by the method that made it."""
        self.use(record.choice)
        self._edited(project, project.work_on(record.plane))

    def _edited(self, project: Project, work: PlaneWork) -> None:
        """Bring request, layers and dock in step with the present prompts of a work."""
        project.draw_prompts()
        if work.pending or work.session is None:
            self.answering.ask(project, work)
        else:
            work.cancel()
        project.draw_mask(work)
        self.changed.emit()

    def _on_answered(self, project: Project, work: PlaneWork) -> None:
        project.draw_prompts()
        project.draw_mask(work)
        if work.accept_on_answer and not work.pending:
            work.accept_on_answer = False
            self._finish_or_go_on(project, work)
        self.changed.emit()

    def _finish_or_go_on(self, project: Project, work: PlaneWork) -> None:
        """Finish what was accepted early; if that cannot be, the clicks for the next object are given to this one."""
        try:
            self._finish_if_allowed(project, work)
        except (PromptError, ImageError) as error:
            clicks, work.next_clicks = work.next_clicks, []
            for click in clicks:
                work.edit((*work.prompts, click))
            self._edited(project, work)
            self.failed.emit(str(error))

    def _finish_if_allowed(self, project: Project, work: PlaneWork) -> None:
        """Finish an object, or ask first whether it may overwrite others."""
        overwrite = self.guard.decide(project, work)
        if overwrite is not None:
            self._finish(project, work, overwrite=overwrite)
        self.changed.emit()

    def _finish(self, project: Project, work: PlaneWork, *, overwrite: bool) -> None:
        if work.target is not None:
            self.objects.write_back(project, work, overwrite=overwrite)
            return
        if work.class_name is None:
            work.class_name = self.classes.current
        record = project.finish(work, self.answering.choice, overwrite=overwrite)
        self._strokes = 0
        following = project.work_on(record.plane)
        self._edited(project, following)

    def _undo_acceptance_to_come(self, project: Project, work: PlaneWork) -> bool:
        if not work.accept_on_answer:
            return False
        if work.next_clicks:
            work.next_clicks.pop()
        else:
            work.accept_on_answer = False
        project.draw_prompts()
        self.changed.emit()
        return True

    def _active_labels(self) -> Any:
        """Return the active layer if it is a Labels layer that can be edited, else None."""
        active = self._viewer.layers.selection.active
        return active if isinstance(active, Labels) and active.editable else None

    def _choose_first_image(self) -> None:
        active = self._viewer.layers.selection.active
        images = self.images
        first = active if is_image(active) else images[0] if images else None
        self.choose_image(first)

    def _on_inserted(self, event: Any) -> None:
        layer = event.value
        if isinstance(layer, Labels):
            layer.events.paint.connect(self._on_paint)
        if not is_image(layer):
            return
        untouched = self._project is None or not (self._project.has_unfinished or self._project.finished.records)
        if untouched:
            self.choose_image(layer)
        else:
            self.images_changed.emit()

    def _on_paint(self, _event: Any) -> None:
        self._strokes += 1
        self.objects.painted()

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        for project in list(self._projects):
            if project.image == layer:
                self._leave(project)
            elif project.layers.is_objects(layer) and project.finished.records:
                count = _objects_in_words(len(project.finished.records))
                self.said.emit(f"The layer {layer.name!r} with {count} was removed; undo brings it back.")
        if is_image(layer):
            self.images_changed.emit()
        self.changed.emit()

    def _leave(self, project: Project) -> None:
        """Let an image go that was removed; what has a mask is kept as a finished object."""
        saved = project.settle(self.answering.choice)
        self._projects.remove(project)
        project.layers.show(visible=False)
        if saved:
            self.said.emit(
                f"{project.image.name!r} was removed; its unfinished object was kept in the layer 'Objects'."
            )
        if self._project is project:
            self._project = None
            self._choose_first_image()

    def _on_dims(self, _event: Any) -> None:
        self.changed.emit()


def _objects_in_words(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"
