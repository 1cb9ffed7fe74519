"""What the dock does: it leads clicks to the work on their plane, undo to what was done last, and masks to layers.

It knows no widget and no mouse; those call it and listen to its signals. Every act ends in ``_edited``, which leaves
the same things in step: the work on the plane, its request, and the layers. It is a file of over 300 lines because half
of them say what callers can rely on; what the acts do is in the modules beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_iseg.errors import ImageError
from napari_iseg.interactions import Click
from napari_iseg.interactions.prompts import check_inside, with_choice
from napari_iseg.ui._accepting import Accepting
from napari_iseg.ui._answering import Answering
from napari_iseg.ui._classes import Classes
from napari_iseg.ui._first_look import with_view
from napari_iseg.ui._getting_ready import GettingReady
from napari_iseg.ui._image_changes import follow_pixels
from napari_iseg.ui._loading import Loaded, load_method
from napari_iseg.ui._method_choice import MethodChoice
from napari_iseg.ui._navigation import look_at, show_plane
from napari_iseg.ui._object_edits import ObjectEdits
from napari_iseg.ui._open_images import OpenImages
from napari_iseg.ui._plane_view import locate
from napari_iseg.ui._protection import Guard
from napari_iseg.ui._putting_back import PuttingBack
from napari_iseg.ui._slices import Slices
from napari_iseg.ui._sparing import Sparing
from napari_iseg.ui._state import State
from napari_iseg.ui._undoing import Undoing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.viewer import Viewer

    from napari_iseg.inference.mask_refinement import MaskRefinement
    from napari_iseg.interactions import Prompt
    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project
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
    opened
        The images and the work on each.
    objects
        The edits of finished objects.
    undoing
        Takes back and does again.
    slices
        Follows objects through the planes.
    accepting
        Makes unfinished objects finished ones.
    classes
        The kinds of objects to choose from.
    getting_ready
        Makes the layers of an image before the first click.
    putting_back
        Puts the objects of a session file or of the autosave back.
    """

    changed = Signal()
    images_changed = Signal()
    said = Signal(str)
    failed = Signal(str)

    def __init__(self, viewer: Viewer, workers: Workers, load: Callable[[MethodChoice], Loaded] = load_method) -> None:
        self.guard = Guard()
        self.answering = Answering(workers, load, Sparing(self.guard))
        self.include = True
        self.classes = Classes()
        self._viewer = viewer
        self._closed = False
        self.opened = OpenImages(viewer, lambda: self.answering.choice)
        self.objects = ObjectEdits(self, self._edited)
        self.undoing = Undoing(self, viewer, self._edited)
        self.accepting = Accepting(self, self._edited)
        self.slices = Slices(self, workers, self._edited)
        self.getting_ready = GettingReady(self, workers)
        self.putting_back = PuttingBack(self, workers)
        self.answering.changed.connect(self.changed.emit)
        self.answering.failed.connect(self.failed.emit)
        self.answering.answered.connect(self._on_answered)
        self.opened.begun.connect(self._on_begun)
        self.opened.listed.connect(self.images_changed.emit)
        self.opened.changed.connect(self.changed.emit)
        self.opened.chosen.connect(self._on_chosen)
        self.opened.said.connect(self.said.emit)
        viewer.dims.events.connect(self._on_dims)
        self.opened.choose_first()

    @property
    def images(self) -> list[Any]:
        """The Image layers, topmost first."""
        return self.opened.layers

    @property
    def image(self) -> Any:
        """The chosen Image layer, or None."""
        return self.project.image if self.project is not None else None

    @property
    def project(self) -> Project | None:
        """The work on the chosen image, or None."""
        return self.opened.project

    @property
    def projects(self) -> list[Project]:
        """The work on every image that is open and was chosen once."""
        return list(self.opened.projects)

    def shown_at(self) -> tuple[Any, ...]:
        """Return a value that changes when another plane is shown."""
        dims = self._viewer.dims
        return tuple(dims.point), tuple(dims.order), dims.ndisplay

    @property
    def work(self) -> PlaneWork | None:
        """The unfinished object on the plane that is shown, or None where there is no such plane."""
        if self.project is None:
            return None
        plane = self.project.plane
        return self.project.work_on(plane) if plane is not None else None

    @property
    def state(self) -> State:
        """What the dock can do now."""
        if self.project is None:
            return State.NO_IMAGE
        work = self.work
        if work is None:
            return State.NO_PLANE
        if self.restoring:
            return State.RESTORING
        if self.preparing:
            return State.PREPARING
        if self.answering.failure:
            return State.FAILED
        if work.accept_on_answer:
            return State.ACCEPTING
        if work.job is not None:
            return State.COMPUTING
        return State.EDITING if work.prompts else State.READY

    @property
    def preparing(self) -> bool:
        """Whether the method, a plane or the layers are not ready yet."""
        return self.answering.preparing or self.getting_ready.busy

    @property
    def restoring(self) -> bool:
        """Whether saved objects are being put back."""
        return self.putting_back.is_active

    @property
    def finished(self) -> list[FinishedObject]:
        """The finished objects of the chosen image, oldest first."""
        return self.project.finished.records if self.project is not None else []

    @property
    def can_undo(self) -> bool:
        """Whether undo has something of the plugin's own to take back."""
        return self.undoing.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is a step forward."""
        return self.undoing.can_redo

    @property
    def busy_tool(self) -> str:
        """The name of the active layer if one of its own tools has the mouse, else an empty text."""
        active = self._viewer.layers.selection.active
        return "" if active is None or str(active.mode) == "pan_zoom" else str(active.name)

    def choose_image(self, image: Any) -> None:
        """Work on another image, or on none; what was begun on the present one is kept until it is chosen again."""
        self.opened.choose(image)

    def let_go(self, project: Project) -> None:
        """Forget the work on an image, which was saved; its layers stay as they are."""
        self.opened.let_go(project)

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
        for project in self.opened.projects:
            for work in project.works:
                work.close()
        self.prepare()

    def prepare(self) -> None:
        """Load the method and read the plane, in a thread, and make the layers, so that the first click is quick."""
        project = self.project
        if project is not None and self.work is not None and not self._closed and not self.getting_ready.busy:
            project.layers.prepare()
        self.ask_all()
        self.changed.emit()

    def ask_all(self) -> None:
        """Have the waiting prompts of the chosen image answered; the method and the shown plane are loaded for it."""
        project, work = self.project, self.work
        if project is not None and work is not None and not self._closed:
            for each in project.works:
                if each is work or each.pending:
                    self.answering.ask(project, each)

    def set_threshold(self, value: float) -> None:
        """Set the probability above which a pixel belongs to the mask, in (0, 1); the masks follow at once."""
        self.answering.threshold = value
        self._set_in_sessions("threshold", value)

    def set_refinement(self, value: MaskRefinement) -> None:
        """Set what is done to the mask after the threshold; the masks follow at once."""
        self.answering.refinement = value
        self._set_in_sessions("refinement", value)

    def _set_in_sessions(self, name: str, value: Any) -> None:
        for project in self.opened.projects:
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
        project, work = self.project, self.work
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
        project, work = self.project, work or self.work
        if project is None or work is None or not project.owns(work):
            return
        check_inside(prompt, work.shape)
        work = self.slices.opened(work)
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
        project = self.project
        if project is not None and project.owns(work) and not work.accept_on_answer:
            self.answering.failure = ""
            work.edit(prompts)
            work.taken_back = None
            self._edited(project, work)

    def run(self) -> None:
        """Have the waiting prompts answered now, where they are not answered by themselves."""
        project, work = self.project, self.work
        if project is not None and work is not None and work.pending and work.job is None:
            self.answering.ask(project, work, wanted=True)

    @property
    def shows_volume(self) -> bool:
        """Whether the canvas shows the chosen image in 3-D."""
        return self._viewer.dims.ndisplay == 3 and self.project is not None and len(self.project.shape) > 2

    @property
    def no_plane_reason(self) -> str:
        """Why nothing can be clicked although an image is chosen."""
        if self._viewer.dims.ndisplay == 3:
            return "Clicking works on one plane at a time: switch the display back to 2D (Ctrl+Y)."
        return "The chosen image does not lie on the plane that is shown; move the sliders to it."

    def choose_proposal(self, index: int) -> None:
        """Make one of the proposals the answer, as one step that undo takes back."""
        project, work = self.project, self.work
        if project is not None and work is not None and not work.pending:
            self.change(with_choice(work.prompts, index), work)

    def undo(self) -> None:
        """Take back what was done last; see :class:`Undoing`."""
        self.slices.stop()
        self.undoing.undo()

    def redo(self) -> None:
        """Do again what undo took back."""
        self.undoing.redo()

    def accept(self) -> None:
        """Write the unfinished object into the Objects layer and begin the next one; see :class:`Accepting`.

        Raises
        ------
        PromptError
            If there is no object yet, or finished objects cover all of it.
        """
        if self.slices.active is not None and (self.work is None or not self.work.prompts):
            self.slices.done()
        else:
            self.accepting.accept()

    def cancel(self) -> None:
        """Give up what is being put back, else what is being computed, and take back its click; redo asks again."""
        if self.putting_back.can_cancel:
            self.putting_back.cancel()
            return
        self.slices.stop()
        project, work = self.project, self.work
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
        project = self.project
        record = project.finished.find(label) if project is not None else None
        if project is not None and record is not None and project.layers.has_objects:
            project.layers.objects.selected_label = label
            self.go_to_plane(record.plane)

    def go_to_plane(self, plane: PlaneAddress) -> None:
        """Show a plane of the chosen image."""
        if self.project is not None:
            show_plane(self._viewer, self.project.image, plane)

    def look_at(self, point: Sequence[float]) -> None:
        """Move the camera to a point, in pixels of the image along every axis, if that is out of sight."""
        if self.project is not None:
            look_at(self._viewer, self.project.image, point)

    def close(self) -> None:
        """Let go of the viewer; nothing of what was made is changed."""
        self._closed = True
        self.getting_ready.stop()
        self.opened.close()
        self.undoing.close()
        self._viewer.dims.events.disconnect(self._on_dims)

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
            self.accepting.finish_or_go_on(project, work)
        else:
            self.slices.answered(project, work)
        self.changed.emit()

    def _on_begun(self, project: Project) -> None:
        follow_pixels(self, project)

    def _on_chosen(self) -> None:
        self.answering.failure = ""
        self.images_changed.emit()
        self.changed.emit()

    def _on_dims(self, _event: Any) -> None:
        self.changed.emit()
